//! Encrypts and decrypts between a socket and its connection (RFC 8446).

mod blocking;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::raw_stream::RawStream;
use super::socket::Socket;
use crate::response::upgraded::Upgraded;
use blocking::Blocking;

/// Bytes encrypted at once: one record (RFC 8446 §5.1).
const MAX_RECORD: usize = 16 * 1024;

/// Socket reads for one read of plaintext. A record may carry one byte or none and costs as much as
/// a full one: 32 KiB of such are 32,768 records.
const MAX_RECEIVES_PER_READ: usize = 16;

/// Sent to a client that speaks HTTP without TLS, as nginx does.
const PLAINTEXT_REPLY: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 45\r\nConnection: close\r\n\r\n\
    This port speaks TLS: ask again with https.\r\n";

/// A certificate and its key, for [`Server::tls`](crate::Server::tls).
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// Reads a certificate chain, its own certificate first, and the private key (PKCS #8, PKCS #1
    /// or SEC 1), from PEM files.
    ///
    /// Speaks TLS 1.2 and 1.3 with rustls' default suites, and negotiates `http/1.1` (ALPN).
    ///
    /// # Errors
    ///
    /// If a file cannot be read or has no certificate or key, or if the two do not match; the
    /// message names the file.
    pub fn from_pem(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> io::Result<Tls> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| unusable(certificate, &error))?;
        if chain.is_empty() {
            return Err(unusable(certificate, &"there is no certificate in it"));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let mut config = config
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(|error| unusable(key, &format_args!("as the key of {}: {error}", certificate.display())))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls(Arc::new(config)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

fn unusable(path: &Path, why: &dyn fmt::Display) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("cannot use {}: {why}", path.display()))
}

/// TLS for accepted sockets, if configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsAcceptor(pub(crate) Option<Tls>);

impl TlsAcceptor {
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Starts the TLS session of a new connection, if TLS is configured.
    pub(crate) fn session(&self) -> io::Result<Option<ServerConnection>> {
        let session = self.0.as_ref().map(|Tls(config)| ServerConnection::new(Arc::clone(config)));
        session.transpose().map_err(io::Error::other)
    }
}

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
    /// The last read ended at its budget or before the close_notify, not because the socket was
    /// empty.
    more: bool,
    /// Bytes received from and sent to the network since the last query.
    arrived: usize,
    departed: usize,
}

impl TlsStream {
    pub(crate) fn new(socket: RawStream, tls: ServerConnection) -> TlsStream {
        TlsStream(Box::new(Inner {
            socket,
            tls,
            unacked: 0,
            first_read: true,
            closed: false,
            partial_record: false,
            more: false,
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
    /// A short read means that neither the socket nor the session holds more, unless it ended early
    /// ([`Socket::may_have_more`]).
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (mut n, mut receives) = (0, 0);
        self.0.more = false;
        while let Some(room) = into.get_mut(n..).filter(|room| !room.is_empty()) {
            match self.0.tls.reader().read(room) {
                // The close_notify came with the last bytes: the next read reports it.
                Ok(0) => {
                    self.0.more = n > 0;
                    break;
                }
                Ok(more) => (n, self.0.partial_record) = (n + more, false),
                Err(error) if error.kind() == ErrorKind::WouldBlock && receives == MAX_RECEIVES_PER_READ => {
                    self.0.more = true;
                    return if n > 0 { Ok(n) } else { Err(error) };
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => match self.0.receive() {
                    Ok(()) => receives += 1,
                    Err(_) if n > 0 => break,
                    Err(error) => return Err(error),
                },
                // Without close_notify: many clients omit it, and a request has its own end (RFC
                // 9112 §9.8).
                Err(_) => break,
            }
        }
        Ok(n)
    }
}

impl Write for TlsStream {
    /// Encrypted bytes cannot be taken back, and do not count as written before they are sent: the
    /// caller is told "would block" and writes the same bytes again.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut n = 0;
        loop {
            match self.0.send() {
                Ok(()) => n += std::mem::take(&mut self.0.unacked),
                Err(error) if error.kind() == ErrorKind::WouldBlock && n > 0 => return Ok(n),
                Err(error) => return Err(error),
            }
            let rest = bytes.get(n..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(bytes.len());
            }
            self.0.unacked = self.0.tls.writer().write(rest.get(..MAX_RECORD).unwrap_or(rest))?;
            if self.0.unacked == 0 {
                return if n > 0 { Ok(n) } else { Err(ErrorKind::WouldBlock.into()) }; // the handshake is not through
            }
        }
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
    /// Receives for one read, and sends what the handshake needs.
    fn receive(&mut self) -> io::Result<()> {
        self.detect_plaintext()?;
        loop {
            match self.tls.read_tls(&mut self.socket) {
                Ok(n) => break (self.arrived, self.partial_record) = (self.arrived + n, true),
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Err(_) => {}
            }
        }
        let state = self.tls.process_new_packets();
        // A flight of some kilobytes fits any send buffer; otherwise it goes with the next write.
        // On failure it is the alert.
        let _ = self.send();
        state.map(drop).map_err(|error| {
            debug!("a TLS connection failed: {error}");
            io::Error::new(ErrorKind::InvalidData, error)
        })
    }

    /// A handshake record starts with 22, a request with a letter.
    fn detect_plaintext(&mut self) -> io::Result<()> {
        let mut first = [0];
        if !self.first_read || self.socket.unread(&mut first) == 0 {
            return Ok(());
        }
        self.first_read = false;
        if !first[0].is_ascii_alphabetic() {
            return Ok(());
        }
        info!("a client speaks HTTP without TLS: answered 400");
        let _ = self.socket.read(&mut vec![0; MAX_RECORD]); // what stays unread would make the close a reset
        let _ = self.socket.write(PLAINTEXT_REPLY);
        self.socket.shutdown_write();
        self.closed = true;
        Err(ErrorKind::InvalidData.into())
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
