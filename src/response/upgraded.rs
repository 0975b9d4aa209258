//! The connection that a handler gets after an upgrade.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use super::duplex::Duplex;
use super::upgraded_connections::UpgradeSlot;

/// A connection after an upgrade, over TCP, a unix socket or TLS. From
/// [`Response::upgrade`](crate::Response::upgrade).
///
/// A clone is the same connection: one thread may read while another writes. It closes when the
/// last clone is dropped; TLS sends a close_notify.
#[derive(Clone)]
pub struct Upgraded {
    duplex: Arc<dyn Duplex>,
    /// The place of the connection among the server's upgraded connections.
    slot: Option<Arc<UpgradeSlot>>,
}

impl Upgraded {
    pub(crate) fn new(duplex: impl Duplex + 'static) -> Upgraded {
        Upgraded { duplex: Arc::new(duplex), slot: None }
    }

    /// Keeps the connection's place in the count until its last clone is dropped.
    pub(crate) fn occupy(&mut self, slot: Arc<UpgradeSlot>) {
        slot.open(&self.duplex);
        self.slot = Some(slot);
    }

    /// Returns whether the server is stopping. The connection may then end when its protocol allows
    /// it.
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

    /// Shuts down one direction or both, as [`TcpStream::shutdown`](std::net::TcpStream::shutdown)
    /// does.
    ///
    /// # Errors
    /// If the connection has ended already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.duplex.shutdown(how)
    }

    /// Sets the timeout of reads ([`io::ErrorKind::WouldBlock`]); `None` waits forever. The default
    /// is [`Timeouts::upgraded_read`](crate::Timeouts::upgraded_read).
    ///
    /// # Errors
    /// If the time is zero.
    pub fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.duplex.socket().set_read_timeout(time)
    }

    /// Sets the timeout of writes; `None` waits forever. The default is
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
