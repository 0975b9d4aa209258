//! Defines what a connection needs of its socket: reading, writing, and two ways to end.

use std::io::{Read, Write};

/// A non-blocking byte stream.
pub(crate) trait Socket: Read + Write {
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

    /// Returns whether there may be more to read although the last read was short or empty.
    fn may_have_more(&self) -> bool {
        false
    }
}
