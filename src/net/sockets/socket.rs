//! Defines what a connection needs of its socket: reading, writing, sending files, and two ways to
//! end.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// A non-blocking byte stream.
pub(crate) trait Socket: Read + Write {
    /// Writes bytes that [`send_file`](Self::send_file) follows, so that both may share a segment.
    fn write_before_file(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    /// Sends up to `length` bytes of a file, from `offset`, without copying them through user
    /// space. Returns how many were sent; 0 at the end of the file.
    ///
    /// # Errors
    /// `Unsupported` if the bytes have to be read and written instead.
    fn send_file(&mut self, _file: &File, _offset: u64, _length: usize) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Returns another descriptor of the socket, which does not block either; `None` under TLS.
    fn duplicate(&self) -> Option<TcpStream> {
        None
    }

    /// Limits what the kernel holds unsent for the peer, or lifts the limit while
    /// [`send_file`](Self::send_file) fills the socket: such bytes are no copies, but references to
    /// the page cache.
    fn limit_unsent(&mut self, _limited: bool) {}

    /// Sends FIN. Reading goes on (RFC 9112 §9.6).
    fn shutdown_write(&mut self);

    /// Makes the close a reset: the kernel drops what it has not sent (SO_LINGER 0).
    fn reset_on_close(&mut self);

    /// Returns the bytes received from the network since the last call; `read` of them were
    /// decrypted.
    fn take_received(&mut self, read: usize) -> usize {
        read
    }

    /// Returns the bytes sent to the network since the last call; `written` of them were accepted.
    fn take_sent(&mut self, written: usize) -> usize {
        written
    }

    /// Returns whether bytes arrived that cannot be decrypted before more arrive.
    fn has_partial_record(&self) -> bool {
        false
    }

    /// Returns whether the peer sends bytes before it closes, whatever it sent before: the close_notify
    /// of TLS.
    fn expects_close_notify(&self) -> bool {
        false
    }

    /// Returns whether there may be more to read although the last read was short or empty.
    fn may_have_more(&self) -> bool {
        false
    }
}
