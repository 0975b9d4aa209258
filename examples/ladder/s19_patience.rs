//! Step 19: patience ends.
//!
//! Fails   In step 18 a client that stays silent keeps its connection for ever. Nothing protects
//!         the server from clients that send nothing, or a byte a minute (Slowloris).
//! New     Every state has a deadline, and poll() sleeps until the next one at the latest. A request
//!         that is not complete 2 s after its first byte gets 408; a connection without a request
//!         is closed after 3 s; a response must make progress within 2 s, Drain ends after 1 s. The
//!         code is landing B, `event_loop.rs` and `client.rs`: flight 2, and an application that
//!         it calls.
//! Try     wirelight poke :8000 'GET / HTTP/1.1\r\nHost: a\r\n' --hold 4s
//! Expect  prints `408 Request Timeout`; prints `server FIN`
//! On 18   prints `nothing came`
//!
//! Try     wirelight poke :8000 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' --every 5 --gap 600ms --hold 4s
//! Expect  prints `408 Request Timeout`
//! On 18   prints `200 OK`
//!
//! Try     wirelight poke :8000 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' --hold 5s
//! Expect  prints `200 OK`; prints `server FIN`
//! On 18   prints `200 OK`; prints `the server kept the connection open`
//! Break   Let each byte renew the deadline of a request. How slowly may a client send now? And a
//!         client that sends request after request without a pause: who else is served meanwhile?

use std::io;

use client::App;
use message::{Request, Response};
use readiness::Readiness;

#[path = "client.rs"]
mod client;
#[path = "event_loop.rs"]
mod event_loop;
#[path = "message.rs"]
mod message;
#[path = "readiness.rs"]
mod readiness;
#[path = "states.rs"]
mod states;

struct Echo;

impl App for Echo {
    fn handle(&self, request: &Request) -> Response {
        Response::text("200 OK", format!("{} bytes\n", request.body.len()))
    }
}

pub fn main() -> io::Result<()> {
    let readiness = Readiness::bind(&std::env::var("PORT").unwrap_or("8000".into()))?;
    println!("listening on {}", readiness.address()?);
    event_loop::serve(readiness, None, &Echo)
}
