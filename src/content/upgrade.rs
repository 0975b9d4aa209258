//! Upgrades to another protocol (RFC 9110 §7.8): 101, then a thread gets the socket.

use std::io;
use std::sync::Arc;

use crate::http1::field_value::list;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::http1::version::Version;
use crate::request::Request;
use crate::request::body_pipe::BodyPipe;
use crate::response::Response;
use crate::response::body_source::{BodySource, Pull, UpgradeCallback};
use crate::response::error::{Error, Result};
use crate::response::upgraded::Upgraded;
use crate::response::upgraded_connections::UpgradeSlot;

impl Response {
    /// Responds with 101 and hands the socket to `run`, on a thread of its own, with the bytes that
    /// the client sent after its request. The socket blocks: a read fails after
    /// [`Timeouts::upgraded_read`](crate::Timeouts::upgraded_read) without a byte, a write after
    /// [`Timeouts::upgraded_write`](crate::Timeouts::upgraded_write); [`Upgraded`] changes both.
    ///
    /// An upgraded connection counts towards [`Server::max_upgraded`](crate::Server::max_upgraded)
    /// from this call until `run` has returned and the last clone is dropped.
    ///
    /// At a graceful stop the connection continues for
    /// [`Timeouts::drain_idle`](crate::Timeouts::drain_idle); then its reads return 0, as if the
    /// client had closed, and `run` may still write. Connections that are left at the end of the
    /// stop are shut down.
    ///
    /// Set the fields that the protocol needs, such as `Sec-WebSocket-Accept`, with
    /// [`header`](Response::header).
    ///
    /// Only a GET is upgraded. A HEAD gets 426 without content (RFC 9110 §9.3.2).
    ///
    /// # Errors
    /// 426 if the request does not ask for this protocol (RFC 9110 §15.5.22), is not a GET, is
    /// HTTP/1.0, or has a body that has not arrived ([`streaming`](crate::Route::streaming)); 503
    /// with `Retry-After` at the limit of upgraded connections.
    ///
    /// ```
    /// use std::io::Write;
    /// use wirelight::{App, Request, Response};
    ///
    /// let mut app = App::new();
    /// app.get("/echo", |req: &Request| {
    ///     Response::upgrade(req, "echo", |mut socket, early| {
    ///         let _ = socket.write_all(&early);
    ///         let _ = std::io::copy(&mut socket.clone(), &mut socket);
    ///     })
    /// });
    /// assert_eq!(app.test().get("/echo").send().status(), 426);
    /// let raw = app.test().raw(b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    /// assert!(raw.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
    /// ```
    pub fn upgrade(
        request: &Request<'_>,
        protocol: &str,
        run: impl FnOnce(Upgraded, Vec<u8>) + Send + 'static,
    ) -> Result<Response> {
        if !requests_upgrade(request, protocol) {
            let message = format!(
                "This resource speaks {protocol}. Send a GET with Connection: Upgrade and Upgrade: {protocol}."
            );
            return Err(Error::new(StatusCode::UPGRADE_REQUIRED, message).with_header("Upgrade", protocol));
        }
        let slot = request.app_state().upgraded.reserve().ok_or_else(too_many)?;
        let mut response = Response::new(StatusCode::SWITCHING_PROTOCOLS);
        response.set_source(UpgradeSource(Some(with_slot(slot, run))), None);
        response.remove_header("content-type");
        response.set_header("Upgrade", protocol);
        Ok(response)
    }
}

fn requests_upgrade(request: &Request<'_>, protocol: &str) -> bool {
    let lists = |name: &'static str, token: &str| {
        request.field_values(name).flat_map(list).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    };
    // The new protocol must not begin in the middle of a body.
    let whole = request.get::<Arc<BodyPipe>>().is_none();
    request.method() == Method::GET
        && request.version() == Version::Http11
        && whole
        && lists("connection", "upgrade")
        && lists("upgrade", protocol)
}

#[cold]
fn too_many() -> Error {
    let message = "The server has as many upgraded connections as it may have.";
    Error::new(StatusCode::SERVICE_UNAVAILABLE, message).with_header("Retry-After", "5")
}

/// Wraps `run` so that it holds its place until the thread has ended, even by a panic, and the last
/// clone is dropped.
fn with_slot(slot: UpgradeSlot, run: impl FnOnce(Upgraded, Vec<u8>) + Send + 'static) -> UpgradeCallback {
    UpgradeCallback::new(Box::new(move |mut socket, early| {
        let slot = Arc::new(slot);
        socket.occupy(slot.clone());
        run(socket, early);
        drop(slot);
    }))
}

/// The callback that takes the socket over, in place of a body source.
struct UpgradeSource(Option<UpgradeCallback>);

impl BodySource for UpgradeSource {
    /// Never called for a 101; [`Response::set_status`] drops the upgrade with its status.
    fn pull(&mut self, _: &mut Vec<u8>, _: usize) -> io::Result<Pull> {
        Err(io::Error::other("an upgrade has no body"))
    }

    fn take_upgrade(&mut self) -> Option<UpgradeCallback> {
        self.0.take()
    }

    fn is_upgrade(&self) -> bool {
        self.0.is_some()
    }
}
