//! Middleware: what surrounds the routes of an application, one value a file; knows no socket and no connection.
//!
//! Every file has the same shape: a value is configured by chaining, and `add_to(&mut app)` installs it. A middleware is mostly a pair
//! of hooks that only work together, so one call adds both; the call is the value's, not the app's, so that a list of methods does
//! not grow with every idea and your own middleware looks like ours. `add_to` takes a [`Router`](crate::Router), which an
//! [`App`](crate::App) is too: added to a router, hooks hold for its own routes and what is nested in it, also when one of its
//! paths is asked with a wrong method. What has one place instead of surrounding many is handed to the route: a handler
//! (`app.get("/health", health())`) or a guard (`route.require(keys.guard())`).
//!
//! # Order
//! Hooks run in the order added, before hooks and after hooks alike. So: [`RequestId`] first, that everything later has the id and a
//! start to count from; [`AccessLog`] last, that it sees the answer as it leaves. Answers to what was no request (a broken head, a
//! body too long) pass the after hooks of the app too, with a request that has no target and no fields.
//!
//! ```
//! use wirelight::App;
//! use wirelight::middleware::{RequestId, ResponseTime};
//!
//! let mut app = App::new();
//! RequestId::new().add_to(&mut app);
//! ResponseTime::new().add_to(&mut app);
//! app.get("/hello", |req| format!("Hello, this is request {}.", req.id().unwrap_or("?")));
//!
//! let reply = app.test().get("/hello").send();
//! assert_eq!(reply.header("X-Request-ID").map(str::len), Some(36));
//! assert!(reply.header("X-Response-Time").is_some_and(|time| time.ends_with("ms")));
//! ```

mod access_log;
mod api_key;
mod clock;
mod cors;
mod health;
mod metrics;
mod request_id;
mod response_time;

use std::fmt;

use crate::app::request::Request;
use crate::app::response::Response;
use crate::http1::method::Method;

pub use access_log::{AccessLog, Format};
pub use api_key::{ApiKey, ApiUser};
pub use cors::Cors;
pub(crate) use health::Draining;
pub use health::health;
pub use metrics::Metrics;
pub use request_id::RequestId;
pub use response_time::ResponseTime;

/// Stops a program that asks for what cannot work, at start-up, naming its own line.
#[track_caller]
#[cold]
fn mistake(what: fmt::Arguments<'_>) -> ! {
    #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
    {
        panic!("{what}")
    }
}

/// Whether the request could not be read: its answer goes through the after hooks alone, with a request that has not even a target.
fn is_refused(request: &Request<'_>) -> bool {
    request.target().is_empty()
}

/// The value of a field that a request has once. Two are none: what stands in front of us may have looked at the other.
fn only_header<'r>(request: &'r Request<'_>, name: &str) -> Option<&'r str> {
    let mut values = request.headers().filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let only = values.next().filter(|_| values.next().is_none())?;
    std::str::from_utf8(only).ok()
}

/// Bytes of the body that leave.
fn sent_bytes(request: &Request<'_>, response: &Response) -> u64 {
    match request.method() == Method::HEAD || response.status().forbids_body() {
        true => 0,
        false => response.body().len() as u64,
    }
}
