//! A socket for tests that is two buffers in memory; knows no protocol and no time.

use std::io::{self, ErrorKind, Read, Write};

use crate::net::sockets::socket::Socket;

/// Two buffers, and what became of the connection.
pub(crate) struct Script {
    /// What the client sent and nobody read.
    pub(crate) incoming: Vec<u8>,
    pub(crate) outgoing: Vec<u8>,
    /// Bytes that `outgoing` may still grow by.
    pub(crate) room: usize,
    /// The client's FIN is behind `incoming`.
    pub(crate) fin: bool,
    /// The client is gone: reads and writes fail.
    pub(crate) gone: bool,
    /// The server's FIN is behind `outgoing`.
    pub(crate) finished: bool,
    pub(crate) reset: bool,
}

impl Script {
    pub(crate) fn new() -> Script {
        Script {
            incoming: Vec::new(),
            outgoing: Vec::new(),
            room: usize::MAX,
            fin: false,
            gone: false,
            finished: false,
            reset: false,
        }
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.gone {
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

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.room == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = bytes.len().min(self.room);
        self.outgoing.extend_from_slice(bytes.get(..n).unwrap_or_default());
        self.room -= n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Script {
    fn shutdown_write(&mut self) {
        self.finished = true;
    }

    fn reset_on_close(&mut self) {
        self.reset = true;
    }
}
