//! A TLS stream for the threads of an upgraded connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Inner, MAX_RECORD};
use crate::response::duplex::Duplex;
use crate::sync::lock;

/// The session is locked while it encrypts or decrypts, never while a thread waits for the network:
/// reading does not block writing.
pub(super) struct Blocking {
    /// A second descriptor of the same socket: the first is inside the lock.
    socket: TcpStream,
    session: Mutex<Inner>,
    received: Mutex<Ciphertext>,
    /// Ciphertext that is not sent. Lock order: this or `received`, then `session`.
    unsent: Mutex<Vec<u8>>,
    /// This side has ended reading: the end of the stream is then not a truncation.
    reading_ended: AtomicBool,
}

/// Ciphertext that is not decrypted.
struct Ciphertext {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Blocking {
    pub(super) fn new(inner: Inner) -> io::Result<Blocking> {
        let socket = inner.socket.try_clone()?;
        socket.set_nonblocking(false)?;
        let arrived = Ciphertext { bytes: vec![0; MAX_RECORD].into_boxed_slice(), start: 0, end: 0 };
        Ok(Blocking {
            socket,
            session: Mutex::new(inner),
            received: Mutex::new(arrived),
            unsent: Mutex::default(),
            reading_ended: AtomicBool::new(false),
        })
    }

    /// Sends ciphertext; what does not leave within the socket's timeout is kept.
    fn send(&self, owed: &mut Vec<u8>) -> io::Result<()> {
        while !owed.is_empty() {
            match self.socket.write(owed) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => drop(owed.drain(..n)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Duplex for Blocking {
    fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut arrived = lock(&self.received);
        loop {
            match lock(&self.session).tls.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            if arrived.start == arrived.end {
                (arrived.start, arrived.end) = (0, self.socket.read(&mut arrived.bytes)?);
                if arrived.end == 0 && self.reading_ended.load(Ordering::Acquire) {
                    return Ok(0);
                }
            }
            let mut rest = arrived.bytes.get(arrived.start..arrived.end).unwrap_or_default();
            let mut cipher = lock(&self.session);
            arrived.start += cipher.tls.read_tls(&mut rest)?;
            // Key updates go with the next write; on failure this is the alert.
            let failure = cipher.tls.process_new_packets().err();
            drop(cipher);
            if let Some(failure) = failure {
                let _ = self.flush();
                return Err(io::Error::new(ErrorKind::InvalidData, failure));
            }
        }
    }

    /// Encrypted bytes count as written: they cannot be taken back, and are sent before anything
    /// else.
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut owed = lock(&self.unsent);
        self.send(&mut owed)?;
        let mut cipher = lock(&self.session);
        let n = cipher.tls.writer().write(bytes.get(..MAX_RECORD).unwrap_or(bytes))?;
        cipher.drain_ciphertext(&mut owed)?;
        drop(cipher);
        match self.send(&mut owed) {
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(error),
            _ => Ok(n),
        }
    }

    fn flush(&self) -> io::Result<()> {
        let mut owed = lock(&self.unsent);
        lock(&self.session).drain_ciphertext(&mut owed)?;
        self.send(&mut owed)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Write {
            self.reading_ended.store(true, Ordering::Release);
        }
        if how != Shutdown::Read {
            lock(&self.session).queue_close_notify();
            self.flush()?;
        }
        self.socket.shutdown(how)
    }

    fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

impl Drop for Blocking {
    /// Sends close_notify if there is space: never waits for a client that does not read.
    fn drop(&mut self) {
        if self.socket.set_nonblocking(true).is_ok() && self.flush().is_err() {
            lock(&self.session).closed = true; // after half a record it would be noise
        }
    }
}
