//! What a connection needs of its socket: reading, writing, and the two ways to end; knows no protocol.

use std::io::{Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

/// A non-blocking byte stream.
pub(crate) trait Socket: Read + Write {
    /// Sends FIN: nothing more will be written, reading goes on (RFC 9112 §9.6).
    fn finish_writing(&mut self);

    /// Makes the close that follows a reset: the kernel drops what it still had to send (SO_LINGER 0).
    fn reset_on_close(&mut self);
}

impl Socket for TcpStream {
    fn finish_writing(&mut self) {
        // An error means that the peer is gone already, and the read that follows will say so.
        let _ = self.shutdown(Shutdown::Write);
    }

    fn reset_on_close(&mut self) {
        let _ = socket2::SockRef::from(&*self).set_linger(Some(std::time::Duration::ZERO));
    }
}
