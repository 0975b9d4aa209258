//! Step 19: every state has a deadline.
//!
//! Fails   Step 18 keeps a silent connection indefinitely, and so one that sends a byte a minute (the
//!         Slowloris attack).
//! New     poll() sleeps until the next deadline at most. A request that is incomplete 2 s after its
//!         first byte gets 408. A connection without a request is closed after 3 s, a response
//!         without progress after 2 s, and Drain ends after 1 s. The code is landing B,
//!         `event_loop.rs` and `client.rs`: flight 2, with an application that it calls.
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
//! Break   Let each byte renew the deadline of a request: how slowly may a client send now? Then let
//!         one client send requests without a pause: which others are served meanwhile? The library
//!         limits the work for a connection in a turn (`run_runnable` in src/net/worker.rs).

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
