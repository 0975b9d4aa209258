//! A connection without HTTP: bytes both ways, from any thread.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// Bytes both ways, from any thread, each call waiting as long as it takes.
pub(crate) trait Duplex: Send + Sync {
    fn read(&self, into: &mut [u8]) -> io::Result<usize>;

    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Sends what `write` took and could not send within its time.
    fn flush(&self) -> io::Result<()>;

    fn shutdown(&self, how: Shutdown) -> io::Result<()>;

    /// What is under it. A unix socket is one without addresses.
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
