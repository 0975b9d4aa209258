//! Encrypts and decrypts between a socket and its connection (RFC 8446).

mod blocking;
mod config;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, Read, Write};

use rustls::{ProtocolVersion, ServerConnection};

use super::raw_stream::RawStream;
use super::socket::Socket;
use crate::response::upgraded::Upgraded;
use blocking::Blocking;
pub use config::Tls;
pub(crate) use config::TlsAcceptor;

/// Plaintext bytes of the largest record (RFC 8446 §5.1).
const MAX_RECORD: usize = 16 * 1024;

/// Plaintext bytes that are encrypted for one write of the socket: a piece of a streamed body with
/// its framing. The ciphertext stays in memory while the client does not read.
const MAX_BATCH: usize = 5 * MAX_RECORD;

/// Sent to a client that speaks HTTP without TLS, as nginx does.
const PLAINTEXT_REPLY: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 45\r\nConnection: close\r\n\r\n\
    This port speaks TLS: ask again with https.\r\n";

/// A socket under TLS; boxed, so that it does not enlarge plain ones.
pub(crate) struct TlsStream(Box<Inner>);

struct Inner {
    socket: RawStream,
    tls: ServerConnection,
    /// Plaintext bytes that are encrypted but not sent: their writer was told "would block" and
    /// writes them again.
    unacked: usize,
    /// Nothing was received yet.
    first_read: bool,
    /// close_notify was sent, or must not be.
    closed: bool,
    /// Bytes follow the last complete record.
    partial_record: bool,
    /// The last read ended without the socket being empty.
    more: bool,
    /// The session failed after the bytes of the last read.
    failed: bool,
    /// Bytes received from and sent to the network since the last query.
    arrived: usize,
    departed: usize,
}

impl TlsStream {
    pub(crate) fn new(socket: RawStream, mut tls: ServerConnection) -> TlsStream {
        tls.set_buffer_limit(Some(MAX_BATCH));
        TlsStream(Box::new(Inner {
            socket,
            tls,
            unacked: 0,
            first_read: true,
            closed: false,
            partial_record: false,
            more: false,
            failed: false,
            arrived: 0,
            departed: 0,
        }))
    }

    pub(crate) fn inner(&self) -> &RawStream {
        &self.0.socket
    }

    pub(crate) fn inner_mut(&mut self) -> &mut RawStream {
        &mut self.0.socket
    }

    /// Turns it into a blocking stream, with the bytes that are received already.
    pub(crate) fn into_upgraded(self) -> io::Result<Upgraded> {
        Blocking::new(*self.0).map(Upgraded::new)
    }
}

impl Read for TlsStream {
    /// Reads the socket once. A short read means that neither the socket nor the session holds
    /// more, unless [`Socket::may_have_more`] returns true.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let inner = &mut *self.0;
        inner.more = false;
        if inner.failed {
            return Err(ErrorKind::InvalidData.into());
        }
        match inner.tls.reader().read(into) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // Left by the last read. `Ok(0)` is a close_notify.
            left => {
                inner.more = matches!(left, Ok(1..));
                return left;
            }
        }
        let received = inner.receive(into)?;
        match inner.decrypt(into, received) {
            // A FIN without close_notify: many clients omit it, and a request has its own end (RFC
            // 9112 §9.8).
            0 if received == 0 => Ok(0),
            0 if inner.failed => Err(ErrorKind::InvalidData.into()),
            0 => inner.tls.reader().read(into), // "would block", or a close_notify
            n => Ok(n),
        }
    }
}

impl Write for TlsStream {
    /// Encrypted bytes cannot be taken back, and do not count as written before they are sent: the
    /// caller is told "would block" and writes the same bytes again.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (inner, mut n) = (&mut *self.0, 0);
        while let Some(rest) = bytes.get(n..).filter(|rest| !rest.is_empty()) {
            if inner.unacked == 0 {
                inner.unacked = inner.tls.writer().write(rest)?; // at most `MAX_BATCH`
            }
            match inner.send() {
                Ok(()) if inner.unacked == 0 => break, // the handshake is not complete
                Ok(()) => n += std::mem::take(&mut inner.unacked),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if n > 0 { Ok(n.min(bytes.len())) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for TlsStream {
    fn shutdown_write(&mut self) {
        self.0.close_notify();
        self.0.socket.shutdown_write();
    }

    fn reset_on_close(&mut self) {
        self.0.closed = true;
        self.0.socket.reset_on_close();
    }

    fn take_received(&mut self, _: usize) -> usize {
        std::mem::take(&mut self.0.arrived)
    }

    fn take_sent(&mut self, _: usize) -> usize {
        std::mem::take(&mut self.0.departed)
    }

    fn has_partial_record(&self) -> bool {
        self.0.partial_record
    }

    fn may_have_more(&self) -> bool {
        self.0.more
    }
}

impl Inner {
    /// Receives ciphertext into `stage`, once.
    fn receive(&mut self, stage: &mut [u8]) -> io::Result<usize> {
        let received = self.socket.read(stage)?;
        self.arrived += received;
        self.more = received == stage.len();
        if received > 0 && std::mem::take(&mut self.first_read) && stage.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err(self.reject_plaintext());
        }
        Ok(received)
    }

    /// Decrypts the first `received` bytes of `stage` and moves the plaintext to its start. Returns
    /// the length of the plaintext, which cannot overtake the ciphertext: a record is longer than
    /// its content. Only a record that began in an earlier read can, and its rest stays in the
    /// session.
    fn decrypt(&mut self, stage: &mut [u8], received: usize) -> usize {
        let (mut taken, mut n) = (0, 0);
        while taken < received && !self.failed {
            let mut rest = stage.get(taken..received).unwrap_or_default();
            match self.tls.read_tls(&mut rest) {
                Ok(0) => break, // bytes after a close_notify
                Ok(more) => taken += more,
                Err(error) => self.fail(&error),
            }
            match self.tls.process_new_packets() {
                Ok(state) => self.more |= state.peer_has_closed(),
                Err(error) => self.fail(&error),
            }
            let plaintext = self.tls.reader().read(stage.get_mut(n..taken).unwrap_or_default()).unwrap_or_default();
            self.partial_record = plaintext == 0;
            n += plaintext;
        }
        self.more |= n > 0 && (n == taken || self.failed);
        self.send_handshake(n);
        n
    }

    fn fail(&mut self, error: &dyn std::error::Error) {
        debug!("a TLS connection failed: {error}");
        self.failed = true;
    }

    /// Sends what the client waits for: a flight of the handshake, or the alert of a failure. A
    /// flight of some kilobytes fits any send buffer; otherwise the rest leaves with the next
    /// write. After a handshake of TLS 1.3 there are only tickets and key updates, which leave with
    /// the response (RFC 8446 §4.6) if a request has come with them. Else they leave now: they
    /// acknowledge the end of the handshake, and a client with Nagle's algorithm holds its request
    /// back until then, 40 ms.
    fn send_handshake(&mut self, plaintext: usize) {
        let is_tls13 = self.tls.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        if self.failed || self.tls.is_handshaking() || !is_tls13 || plaintext == 0 {
            let _ = self.send();
        }
    }

    /// Responds to a client that speaks HTTP without TLS: a handshake record starts with 22, a
    /// request with a letter.
    #[cold]
    fn reject_plaintext(&mut self) -> io::Error {
        info!("a client speaks HTTP without TLS: answered 400");
        let _ = self.socket.write(PLAINTEXT_REPLY);
        self.socket.shutdown_write();
        self.closed = true;
        ErrorKind::InvalidData.into()
    }

    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.departed += n,
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Sends close_notify. Without it a client cannot tell the end from truncation (RFC 8446 §6.1).
    fn close_notify(&mut self) {
        self.queue_close_notify();
        let _ = self.send();
    }

    /// Queues close_notify, once.
    fn queue_close_notify(&mut self) {
        if !std::mem::replace(&mut self.closed, true) {
            self.tls.send_close_notify();
        }
    }

    /// Appends pending ciphertext to `out`.
    fn drain_ciphertext(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(out)?;
        }
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close_notify();
    }
}
