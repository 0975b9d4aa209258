//! Leaving HTTP (RFC 9110 §7.8): who asked for another protocol gets 101, and a thread gets the socket; speaks no such protocol.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::body::{BodySource, Pull, Switch};
use super::error::{Error, Result};
use super::request::Request;
use super::response::Response;
use crate::http1::status::StatusCode;
use crate::http1::version::Version;

impl Response {
    /// Answers 101 and hands the socket to `run`, on a thread of its own, with the bytes that the client sent behind its request.
    /// The socket blocks, and its timeouts are off: from here on it is the program's, and a graceful stop does not wait for it.
    ///
    /// What the protocol wants in the head, such as `Sec-WebSocket-Accept`, is set with [`header`](Response::header).
    ///
    /// # Errors
    /// 426 when the request does not ask for this protocol (RFC 9110 §15.5.22), or asks in HTTP/1.0, which cannot.
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
        if !asks_for(request, protocol) {
            let message = format!("This resource speaks {protocol}, which the request must ask for.");
            return Err(Error::new(StatusCode::UPGRADE_REQUIRED, message).with_header("Upgrade", protocol));
        }
        let mut response = Response::new(StatusCode::SWITCHING_PROTOCOLS);
        response.set_source(Box::new(Upgrade(Some(Box::new(run)))), None);
        response.remove_header("content-type");
        response.header("Upgrade", protocol);
        response.append_line("Connection", b"Upgrade"); // ours to say, with this status alone
        Ok(response)
    }
}

/// A connection that has left HTTP, over TCP, a unix socket or TLS. From [`Response::upgrade`].
///
/// A clone is the same connection: one thread may read while another writes. It closes when the last clone is dropped, under TLS with a
/// close_notify.
#[derive(Clone)]
pub struct Upgraded(Arc<dyn Duplex>);

/// Bytes both ways, from any thread, each call waiting as long as it takes.
pub(crate) trait Duplex: Send + Sync {
    fn read(&self, into: &mut [u8]) -> io::Result<usize>;

    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Sends what `write` took and could not send within its time.
    fn flush(&self) -> io::Result<()>;

    fn shutdown(&self, how: Shutdown) -> io::Result<()>;

    /// What is under it. A unix socket is one without addresses.
    fn socket(&self) -> &TcpStream;
}

impl Upgraded {
    pub(crate) fn new(duplex: impl Duplex + 'static) -> Upgraded {
        Upgraded(Arc::new(duplex))
    }

    /// Ends one direction or both, as [`TcpStream::shutdown`] does.
    ///
    /// # Errors
    /// When the connection has ended already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// How long a read waits before it fails ([`io::ErrorKind::WouldBlock`]); without end by default.
    ///
    /// # Errors
    /// When the time is zero.
    pub fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.0.socket().set_read_timeout(time)
    }

    /// How long a write waits before it fails; without end by default.
    ///
    /// # Errors
    /// When the time is zero.
    pub fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.0.socket().set_write_timeout(time)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgraded")
    }
}

impl Read for Upgraded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Upgraded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Duplex for TcpStream {
    fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut socket = self;
        Read::read(&mut socket, into)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut socket = self;
        Write::write(&mut socket, bytes)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        TcpStream::shutdown(self, how)
    }

    fn socket(&self) -> &TcpStream {
        self
    }
}

fn asks_for(request: &Request<'_>, protocol: &str) -> bool {
    let lists = |name: &'static str, token: &str| {
        request.header_all(name).flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
    };
    request.version() == Version::Http11 && lists("connection", "upgrade") && lists("upgrade", protocol)
}

/// The socket's new owner, travelling in the place of a body.
struct Upgrade(Option<Switch>);

impl BodySource for Upgrade {
    /// A hook made another status out of the 101: there is no body to send.
    fn pull(&mut self, _: &mut Vec<u8>, _: usize) -> io::Result<Pull> {
        Err(io::Error::other("an upgrade whose status is not 101"))
    }

    fn switch(&mut self) -> Option<Switch> {
        self.0.take()
    }
}
