//! Step 21: first the path, then the method.
//!
//! Fails   Step 20 has the same response for every path and every method.
//! New     A table of routes. An unknown path is 404. A known path with another method is 405, and
//!         Allow lists its methods. HEAD is GET without the body, so every GET route has it. The code
//!         is `router.rs`.
//! Try     curl -sS -i -X DELETE 127.0.0.1:8000/hello
//! Expect  exit 0; prints `405 Method Not Allowed`; prints `Allow: GET, HEAD`
//! On 20   exit 0; prints `200 OK`
//!
//! Try     curl -sS -i 127.0.0.1:8000/hello/
//! Expect  exit 0; prints `404 Not Found`
//! On 20   exit 0; prints `200 OK`
//!
//! Try     curl -sS -I 127.0.0.1:8000/users/7
//! Expect  exit 0; prints `200 OK`; prints `Content-Length: 7`
//! On 20   exit 0; prints `Content-Length: 8`
//! Break   curl -sS 127.0.0.1:8000/users/x
//!         If users have numbers, x is not a user.

use std::io;

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

/// Gets the request, and the segments of the path that stand for `{}`.
type Handler = fn(&Request, &[&str]) -> Response;

const ROUTES: &[Route<Handler>] = &[
    ("GET", "/hello", |_, _| Response::text("200 OK", "hello\n")),
    ("GET", "/users/{}", |_, values| Response::text("200 OK", format!("user {}\n", values.concat()))),
    ("POST", "/", |request, _| Response::text("200 OK", format!("{} bytes\n", request.body.len()))),
];

struct Routes;

impl App for Routes {
    fn refuse(&self, input: &[u8]) -> Option<Response> {
        limits::refuse(input)
    }

    fn handle(&self, request: &Request) -> Response {
        match router::find(ROUTES, request) {
            Ok((handler, values)) => handler(request, &values),
            Err(response) => response,
        }
    }
}

pub fn main() -> io::Result<()> {
    let readiness = Readiness::bind(&std::env::var("PORT").unwrap_or("8000".into()))?;
    println!("listening on {}", readiness.address()?);
    event_loop::serve(readiness, None, &Routes)
}
