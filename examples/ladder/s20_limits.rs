//! Step 20: a limit has a status.
//!
//! Fails   Step 19 accepts any request up to four megabytes, and closes the connection of a larger
//!         one without a response.
//! New     The request line, the head and the body have limits, and each limit has a status. They are
//!         checked while bytes arrive: the first byte beyond a limit is refused, and a body with a
//!         Content-Length before it is sent. The code is `limits.rs`.
//! Try     curl -sS -w '%{http_code}\n' -o /dev/null 127.0.0.1:8000/$(head -c 9000 /dev/zero | tr '\0' a)
//! Expect  exit 0; prints `414`
//! On 19   exit 0; prints `200`
//!
//! Try     curl -sS -w '%{http_code}\n' -o /dev/null -H "A: $(head -c 20000 /dev/zero | tr '\0' a)"
//!         127.0.0.1:8000/
//! Expect  exit 0; prints `431`
//! On 19   exit 0; prints `200`
//!
//! Try     head -c 2000000 /dev/zero | curl -sS -i --data-binary @- 127.0.0.1:8000/
//! Expect  exit 0; prints `413 Content Too Large`; prints no `2000000 bytes`
//! On 19   exit 0; prints `2000000 bytes`
//!
//! Try     wirelight poke :8000 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n'
//! Expect  prints `413 Content Too Large`; prints `server FIN`
//! On 19   prints `nothing came`
//! Break   curl -sS -i -X DELETE 127.0.0.1:8000/no-such-path
//!         The response is 200.

use std::io;

use client::App;
use message::{Request, Response};
use readiness::Readiness;

#[path = "client.rs"]
mod client;
#[path = "event_loop.rs"]
mod event_loop;
#[path = "limits.rs"]
mod limits;
#[path = "message.rs"]
mod message;
#[path = "readiness.rs"]
mod readiness;
#[path = "states.rs"]
mod states;

struct Echo;

impl App for Echo {
    fn refuse(&self, input: &[u8]) -> Option<Response> {
        limits::refuse(input)
    }

    fn handle(&self, request: &Request) -> Response {
        Response::text("200 OK", format!("{} bytes\n", request.body.len()))
    }
}

pub fn main() -> io::Result<()> {
    let readiness = Readiness::bind(&std::env::var("PORT").unwrap_or("8000".into()))?;
    println!("listening on {}", readiness.address()?);
    event_loop::serve(readiness, None, &Echo)
}
