//! The connection that a handler gets after an upgrade.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use super::duplex::Duplex;
use super::upgraded_connections::UpgradeSlot;

/// A connection that has left HTTP, over TCP, a unix socket or TLS. From [`Response::upgrade`](crate::Response::upgrade).
///
/// A clone is the same connection: one thread may read while another writes. It closes when the
/// last clone is dropped, under TLS with a close_notify.
#[derive(Clone)]
pub struct Upgraded {
    duplex: Arc<dyn Duplex>,
    /// Its place among the server's upgraded connections.
    slot: Option<Arc<UpgradeSlot>>,
}

impl Upgraded {
    pub(crate) fn new(duplex: impl Duplex + 'static) -> Upgraded {
        Upgraded { duplex: Arc::new(duplex), slot: None }
    }

    /// Returns the connection its place in the count, which it holds until its last clone is gone.
    pub(crate) fn occupy(&mut self, slot: Arc<UpgradeSlot>) {
        slot.open(&self.duplex);
        self.slot = Some(slot);
    }

    /// Whether the server was told to stop. The connection may then end when its protocol lets it.
    ///
    /// ```
    /// use std::io::{ErrorKind, Read, Write};
    /// use std::time::Duration;
    /// use wirelight::Upgraded;
    ///
    /// fn serve(mut socket: Upgraded) -> std::io::Result<()> {
    ///     socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    ///     let mut bytes = [0; 1024];
    ///     while !socket.is_stopping() {
    ///         match socket.read(&mut bytes) {
    ///             Ok(0) => return Ok(()),
    ///             Ok(n) => socket.write_all(&bytes[..n])?,
    ///             Err(error) if error.kind() == ErrorKind::WouldBlock => {} // a second of silence
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    ///     socket.write_all(b"bye")
    /// }
    /// ```
    pub fn is_stopping(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.is_stopping())
    }

    /// Ends one direction or both, as [`TcpStream::shutdown`](std::net::TcpStream::shutdown) does.
    ///
    /// # Errors
    /// When the connection has ended already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.duplex.shutdown(how)
    }

    /// Sets how long a read waits before it fails ([`io::ErrorKind::WouldBlock`]); `None` is
    /// without end. The default is [`Timeouts::upgraded_read`](crate::Timeouts::upgraded_read).
    ///
    /// # Errors
    /// When the time is zero.
    pub fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.duplex.socket().set_read_timeout(time)
    }

    /// Sets how long a write waits before it fails; `None` is without end. The default is
    /// [`Timeouts::upgraded_write`](crate::Timeouts::upgraded_write).
    ///
    /// # Errors
    /// When the time is zero.
    pub fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.duplex.socket().set_write_timeout(time)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgraded")
    }
}

impl Read for Upgraded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.duplex.read(into)
    }
}

impl Write for Upgraded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.duplex.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.duplex.flush()
    }
}
