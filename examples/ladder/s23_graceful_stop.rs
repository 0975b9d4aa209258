//! Step 23: finish open requests before the program ends.
//!
//! Fails   SIGTERM ends step 22 in the middle of a response, so every update of the program loses
//!         requests.
//! New     The signal becomes a byte in a socket, which poll() reports. Then the server closes its
//!         listener, so that the kernel refuses new connections, closes the idle connections, and
//!         finishes the others. After the last response the program ends with 0.
//! Try     curl -sS -w '%{http_code}\n' 127.0.0.1:8000/slow
//! Stop    `GET /slow`
//! Expect  exit 0; prints `200`; stops with 0; logs `stopped: every response is sent`
//! On 22   exit 52
//!
//! Also    3 times: wirelight poke :8000 'GET /hello HTTP/1.1\r\nHost: a\r\n\r\n' --hold 60s
//! Try     curl -sS 127.0.0.1:8000/slow
//! Stop    `GET /slow`
//! Expect  exit 0; prints `done`; stops with 0; logs `stopped: every response is sent`
//! On 22   exit 52
//! Break   One client does not read its response. How long does the stop take, and which deadline
//!         ends it?

use std::io;
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::Duration;

use client::App;
use message::{Request, Response};
use readiness::Readiness;
use router::Route;

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
#[path = "router.rs"]
mod router;
#[path = "states.rs"]
mod states;

type Handler = fn(&Request) -> String;

const ROUTES: &[Route<Handler>] = &[
    ("GET", "/hello", |_| "hello\n".to_owned()),
    ("POST", "/", |request| format!("{} bytes\n", request.body.len())),
    ("GET", "/slow", |_| {
        // It holds the loop; the library has a pool for such handlers.
        sleep(Duration::from_secs(2));
        "done\n".to_owned()
    }),
];

struct Routes;

impl App for Routes {
    fn refuse(&self, input: &[u8]) -> Option<Response> {
        limits::refuse(input)
    }

    fn handle(&self, request: &Request) -> Response {
        match router::find(ROUTES, request) {
            Ok((handler, _)) => Response::text("200 OK", handler(request)),
            Err(response) => response,
        }
    }
}

pub fn main() -> io::Result<()> {
    let mut readiness = Readiness::bind(&std::env::var("PORT").unwrap_or("8000".into()))?;
    println!("listening on {}", readiness.address()?);
    println!("to stop it: kill -TERM {}", std::process::id());
    // A signal handler may do next to nothing. This one writes a byte to a socket (the self-pipe).
    let (receiver, sender) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, sender)?;
    receiver.set_nonblocking(true)?;
    let mut receiver = mio::net::UnixStream::from_std(receiver);
    let stop = readiness.watch(&mut receiver)?;
    event_loop::serve(readiness, Some(stop), &Routes)?;
    println!("stopped: every response is sent");
    Ok(())
}
