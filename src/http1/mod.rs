//! The HTTP/1.1 protocol without I/O: bytes in, events and bytes out. No socket, clock or thread.
//!
//! [`Server`](crate::Server) drives it for each connection. It is public for tools that bring their own I/O.
//!
//! ```text
//!               ┌──────────────────── Connection ────────────────────┐
//!  input ──────►│ receive ─► Event::Head ─► Event::End               │
//!  bytes        │    │          │             body(): range in input │
//!               │    │          └ set_body_limit: 413               │
//!               │    └ ProtocolError: status, offset, RFC section    │
//!               │                                                    │
//!  output ◄─────│ respond ─► ResponseFraming, Persistence            │
//!  bytes        │              └ response_head writes them           │
//!               │ finish_response ─► bytes to remove from the input  │
//!               └────────────────────────────────────────────────────┘
//! ```
//!
//! The caller owns the buffers. It appends received bytes to the input, calls [`Connection::receive`] until that returns
//! [`Event::NeedData`], and responds to each complete request in order. A server in 30 lines:
//!
//! ```
//! use std::time::UNIX_EPOCH;
//!
//! use wirelight::http1::{Connection, Content, Event, Head, ResponseHead, ResponsePrefix, response_head};
//! use wirelight::{Limits, StatusCode};
//!
//! let (mut connection, mut head, limits) = (Connection::new(), Head::default(), Limits::default());
//! let prefix = ResponsePrefix::at(UNIX_EPOCH);
//! let (mut input, mut output) = (Vec::new(), Vec::new());
//!
//! let received = [
//!     &b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel"[..],
//!     b"loGET / HTTP/1.1\r\nHost : a\r\n\r\n",
//! ];
//! for bytes in received {
//!     input.extend_from_slice(bytes);
//!     loop {
//!         let (status, body) = match connection.receive(&mut input, &mut head, &limits) {
//!             Ok(Event::Head) if connection.expects_body() => match connection.set_body_limit(limits.body, &head) {
//!                 Ok(()) => continue,
//!                 Err(error) => (error.fault.info().status, 0..0),
//!             },
//!             Ok(Event::Head | Event::End) => (StatusCode::OK, connection.body()),
//!             Ok(_) => break,
//!             Err(error) => (error.fault.info().status, 0..0),
//!         };
//!         let (framing, persistence) = connection.respond(status, Content::Length(body.len() as u64), false);
//!         let response = ResponseHead { status, fields: b"", media_type: "", framing, persistence };
//!         response_head(&mut output, &response, &prefix);
//!         output.extend_from_slice(&input[body]);
//!         match connection.finish_response() {
//!             Some(consumed) => drop(input.drain(..consumed)),
//!             None => break, // close the connection
//!         }
//!     }
//! }
//!
//! let output = String::from_utf8(output)?;
//! assert!(output.starts_with("HTTP/1.1 200 OK\r\n") && output.contains("Content-Length: 5\r\n\r\nhello"));
//! assert!(output.contains("HTTP/1.1 400 Bad Request\r\n") && output.ends_with("Connection: close\r\n\r\n"));
//! # Ok::<(), std::string::FromUtf8Error>(())
//! ```

pub(crate) mod chunked;
pub(crate) mod connection;
pub(crate) mod date;
pub(crate) mod encode;
pub(crate) mod fault;
pub(crate) mod field_value;
pub(crate) mod framing;
pub(crate) mod grammar;
pub(crate) mod head;
#[cfg(feature = "http")]
mod http_crate;
pub(crate) mod limits;
pub(crate) mod method;
pub(crate) mod span;
pub(crate) mod states;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod version;

pub use connection::{Connection, Event};
pub use encode::{Content, Persistence, ResponseFraming, ResponseHead, ResponsePrefix, response_head};
pub use head::{Field, Head};
pub use span::Span;
pub use target::{Target, TargetForm};
