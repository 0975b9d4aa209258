//! The HTTP/1.1 server you can see through.
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
#![forbid(unsafe_code)]

mod app;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod http1;
pub mod middleware;
mod net;
mod server;
mod testing;
pub mod wire;

pub use app::app::App;
pub use app::client::TrustedProxies;
pub use app::cookie::{Cookie, SameSite};
pub use app::error::{Error, Result, abort};
pub use app::files::Files;
pub use app::into_response::{Html, IntoResponse, Json, Redirect};
pub use app::page::Page;
pub use app::request::Request;
pub use app::response::Response;
pub use app::router::{Route, Router};
pub use app::slashes::Slashes;
pub use app::table::{RouteInfo, Routes};
pub use app::validate::Checks;
pub use http1::fault::{FAULTS, Fault, FaultRow, Reject};
pub use http1::limits::Limits;
pub use http1::method::{InvalidMethod, Method};
pub use http1::status::{InvalidStatusCode, StatusCode};
pub use http1::version::Version;
pub use net::deadline::Timeouts;
pub use serde_json::json;
pub use server::{Handle, Server};
pub use testing::{TestClient, TestConnection, TestRequest, TestResponse};
