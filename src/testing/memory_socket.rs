//! Implements a socket for tests with two buffers in memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;

use crate::net::sockets::socket::Socket;

/// Two buffers and the state of the connection.
pub(crate) struct MemorySocket {
    /// What the client sent and the server has not read.
    pub(crate) incoming: Vec<u8>,
    pub(crate) outgoing: Vec<u8>,
    /// Bytes that can still be written.
    pub(crate) write_capacity: usize,
    /// The client's FIN follows `incoming`.
    pub(crate) fin: bool,
    /// The client has closed both directions: reads and writes fail.
    pub(crate) closed: bool,
    /// The server's FIN follows `outgoing`.
    pub(crate) finished: bool,
    pub(crate) reset: bool,
}

impl MemorySocket {
    pub(crate) fn new() -> MemorySocket {
        MemorySocket {
            incoming: Vec::new(),
            outgoing: Vec::new(),
            write_capacity: usize::MAX,
            fin: false,
            closed: false,
            finished: false,
            reset: false,
        }
    }
}

impl Read for MemorySocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.closed {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if self.incoming.is_empty() {
            return if self.fin { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let n = self.incoming.as_slice().read(buffer)?;
        self.incoming.drain(..n);
        Ok(n)
    }
}

impl Write for MemorySocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.write_capacity == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = bytes.len().min(self.write_capacity);
        self.outgoing.extend_from_slice(bytes.get(..n).unwrap_or_default());
        self.write_capacity -= n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for MemorySocket {
    fn send_file(&mut self, file: &File, offset: u64, length: usize) -> io::Result<usize> {
        let mut bytes = vec![0; length.min(self.write_capacity.max(1))];
        let n = file.read_at(&mut bytes, offset)?;
        match bytes.get(..n) {
            Some(bytes) if n > 0 => self.write(bytes),
            _ => Ok(0),
        }
    }

    fn shutdown_write(&mut self) {
        self.finished = true;
    }

    fn reset_on_close(&mut self) {
        self.reset = true;
    }
}
