//! The HTTP/1.1 server you can see through.
//!
//! A handler takes a [`&Request`](Request) and returns a value; that value is the response. No async, no macros to learn, 20 crates,
//! strict on the wire, with limits and deadlines on by default.
//!
//! ```no_run
//! use wirelight::{App, json};
//!
//! fn main() -> std::io::Result<()> {
//!     let mut app = App::new();
//!     app.get("/hello", |req| {
//!         let name = req.query("name").unwrap_or("World".into());
//!         json!({ "message": format!("Hello, {name}!") })
//!     });
//!     app.run("127.0.0.1:8000")
//! }
//! ```
//!
//! # The layers
//!
//! ```text
//!               your program
//!      ┌─────────────┴──────────────┐
//!    Server                        App  ◄── Router, hooks, guards, error handlers, middleware
//!    sockets, threads, time         ▲
//!      │                            │ Request in, value out
//!      └──► bytes ──► http1 ────────┘
//!                     framing, limits, faults: no socket, no clock
//! ```
//!
//! A readable socket's bytes go to the protocol, which knows nothing but bytes; what it finds becomes a [`Request`], a borrowed view of
//! them; the [`App`] finds the route and runs what surrounds it; what the handler returns is written into a
//! [`Response`], and the responses to all requests that were read together are sent in one write.
//!
//! # Ten names
//!
//! | name | what it is |
//! | --- | --- |
//! | [`App`] | routes, hooks, error handlers and state: the whole program |
//! | [`Router`] | the same for a part of it, to nest under a prefix |
//! | [`Route`] | one route; its options are set on its line: `.require(…)`, `.limit(…)`, `.max_body(…)`, `.blocking()` |
//! | [`Request`] | what the client sent: path, query, JSON, form, fields, addresses, state |
//! | [`IntoResponse`] | what may be returned: text, JSON, a tuple with a status, `Option`, `Result`, … |
//! | [`Json`], [`json!`] | JSON to return |
//! | [`Error`], [`Result`], [`abort`] | a status and a message for the client, a cause for the log |
//! | [`StatusCode`] | statuses by the names of RFC 9110 |
//! | [`Response`] | for after hooks, and for what a value cannot say |
//! | [`Server`] | workers, [`Limits`], [`Timeouts`], a [`Handle`] to stop it |
//!
//! # Read in this order
//!
//! 1. [`App`] and [`Router`]: routes, and the patterns in them.
//! 2. [`Request`]: its methods are what Flask's `request` has.
//! 3. [`IntoResponse`]: the table of return values.
//! 4. [`Error`] and [`Router::on_error`]: one place for everything that goes wrong.
//! 5. [`middleware`]: request ids, logs, API keys, passwords, tokens, CORS, CSRF, rate limits, metrics, health, gzip.
//! 6. [`App::test`]: tests through the real parser, without sockets.
//! 7. [`Server`]: what to change before production.
//!
//! The repository has more to read: `examples/` is a set of small programs with the commands to try on their first lines; in `docs/`,
//! `coming-from-flask.md`, `coming-from-axum.md` and `coming-from-tiny_http-and-rouille.md` translate, `errors.md` describes how errors are handled, `compile-errors.md` what the compiler says of a wrong handler,
//! `defaults.md` lists what is on and how to change it, `embedding.md` says where a server listens and in which program, `readers.md` what each reader of a request accepts and costs, `tour.md` quotes six
//! functions of the source, and `architecture.md` is its map.
//!
//! # Features and versions
//!
//! No feature is on by default. `gzip` adds `middleware::Gzip`; `http` converts from and to the types of the http crate; `openapi` adds a document of the API and a page that shows it; `redis` counts rate limits in a Redis that several machines share;
//! `restart` replaces the process without refusing a connection; `sessions` adds `middleware::Sessions` and `Keyring`;
//! `tls` adds [`Server`]'s TLS; `wire` adds `Server::wire_view`. Rust 1.88 is the oldest that will do.
#![forbid(unsafe_code)]

#[macro_use]
mod logging;

mod app;
mod bytes;
mod content;
pub mod explain;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod http1;
pub mod middleware;
mod net;
#[cfg(feature = "openapi")]
mod openapi;
mod panics;
mod request;
mod response;
mod routing;
mod server;
mod sync;
pub mod terminal;
mod testing;
mod trace;
#[cfg(feature = "wire")]
mod wire;

/// Server-Sent Events (WHATWG HTML §9.2).
pub mod events {
    pub use crate::content::events::{Broadcast, Event, EventStream, SlowSubscriber};
}

pub use app::App;
pub use app::route::Route;
pub use app::route_table::{RouteInfo, Routes};
pub use app::router::{Router, TrailingSlash};
pub use content::files::Files;
pub use http1::fault::{FAULTS, Fault, FaultInfo, ProtocolError};
pub use http1::limits::Limits;
pub use http1::method::{InvalidMethod, Method};
pub use http1::status::{InvalidStatusCode, StatusCode};
pub use http1::version::Version;
#[cfg(feature = "tls")]
pub use net::sockets::tls::Tls;
pub use net::timeouts::Timeouts;
#[cfg(feature = "openapi")]
pub use openapi::OpenApi;
pub use request::Request;
pub use request::body_reader::BodyReader;
pub use request::client_addr::TrustedProxies;
pub use request::cookie::{Cookie, SameSite};
pub use request::multipart::Part;
pub use request::multipart::streamed::{Multipart, PartReader};
pub use request::pagination::Page;
pub use request::validator::Validator;
pub use response::Response;
pub use response::channel::{Sender, stream};
pub use response::error::{Error, Result, abort};
pub use response::into_response::{Html, IntoResponse, Json};
pub use response::redirect::Redirect;
pub use response::sent::Sent;
pub use response::upgraded::Upgraded;
pub use serde_json::{Value, json};
pub use server::{Handle, RunningServer, Server};
pub use testing::{TestClient, TestConnection, TestRequest, TestResponse};
pub use trace::config::Trace;

/// The pages of `docs/`, so that `cargo test` runs what they show.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../docs/coming-from-axum.md")]
    mod coming_from_axum {}
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/coming-from-flask.md")]
    mod coming_from_flask {}
    #[doc = include_str!("../docs/coming-from-tiny_http-and-rouille.md")]
    mod coming_from_tiny_http_and_rouille {}
    #[doc = include_str!("../docs/defaults.md")]
    mod defaults {}
    #[doc = include_str!("../docs/embedding.md")]
    mod embedding {}
    #[doc = include_str!("../docs/errors.md")]
    mod errors {}
    #[doc = include_str!("../docs/openapi.md")]
    #[cfg(feature = "openapi")]
    mod openapi {}
}
