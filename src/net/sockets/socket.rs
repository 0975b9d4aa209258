//! What a connection needs of its socket: reading, writing, and the two ways to end.

use std::io::{Read, Write};

/// A non-blocking byte stream.
pub(crate) trait Socket: Read + Write {
    /// Sends FIN: nothing more will be written, reading goes on (RFC 9112 §9.6).
    fn shutdown_write(&mut self);

    /// Makes the close that follows a reset: the kernel drops what it still had to send (SO_LINGER 0).
    fn reset_on_close(&mut self);

    /// How many bytes came off the network since this was asked last, when `read` of them could be handed on.
    fn take_received(&mut self, read: usize) -> usize {
        read
    }

    /// How many bytes went to the network since this was asked last, when `written` of them are done with.
    fn take_sent(&mut self, written: usize) -> usize {
        written
    }

    /// Whether bytes came that cannot be handed on before more come.
    fn has_partial_record(&self) -> bool {
        false
    }

    /// Whether there may be more to read, although the last read came back short or empty.
    fn may_have_more(&self) -> bool {
        false
    }
}
