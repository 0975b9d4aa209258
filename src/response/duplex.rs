//! A connection without HTTP: bytes both ways, from any thread.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// A byte stream in both directions that any thread may use. Calls block.
pub(crate) trait Duplex: Send + Sync {
    fn read(&self, into: &mut [u8]) -> io::Result<usize>;

    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Sends what `write` has accepted and could not send in time.
    fn flush(&self) -> io::Result<()>;

    fn shutdown(&self, how: Shutdown) -> io::Result<()>;

    /// Returns the socket below. A unix socket is one without addresses.
    fn socket(&self) -> &TcpStream;
}

impl Duplex for TcpStream {
    fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut socket = self;
        Read::read(&mut socket, into)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut socket = self;
        Write::write(&mut socket, bytes)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        TcpStream::shutdown(self, how)
    }

    fn socket(&self) -> &TcpStream {
        self
    }
}
