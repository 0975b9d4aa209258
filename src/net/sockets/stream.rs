//! Defines an accepted socket as its connection uses it: plain or under TLS.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

use mio::event::Source;
use mio::{Interest, Registry, Token};

use super::raw_stream::RawStream;
use super::socket::Socket;
use super::tls::{TlsAcceptor, TlsStream};
use crate::response::upgraded::Upgraded;

/// A socket of any kind in one type: one predicted branch a call, where a worker generic over its
/// sockets would be compiled twice. Without the feature `tls` there is no `TlsStream`, and the
/// compiler removes the variant.
pub(crate) enum Stream {
    Plain(RawStream),
    Tls(TlsStream),
}

impl Stream {
    /// Wraps an accepted socket in TLS, if the server speaks it.
    pub(crate) fn new(socket: RawStream, tls: &TlsAcceptor) -> io::Result<Stream> {
        Ok(match tls.session()? {
            Some(session) => Stream::Tls(TlsStream::new(socket, session)),
            None => Stream::Plain(socket),
        })
    }

    /// The socket itself, below TLS.
    pub(crate) fn raw(&self) -> &RawStream {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.inner(),
        }
    }

    fn raw_mut(&mut self) -> &mut RawStream {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.inner_mut(),
        }
    }

    /// Turns it into a blocking stream, for another protocol and the thread that speaks it.
    pub(crate) fn into_upgraded(self) -> io::Result<Upgraded> {
        match self {
            Stream::Plain(stream) => stream.into_blocking().map(Upgraded::new),
            Stream::Tls(stream) => stream.into_upgraded(),
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.raw().as_raw_fd()
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.read(into),
            Stream::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Stream {
    fn write_before_file(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.write_before_file(bytes),
            Stream::Tls(stream) => stream.write_before_file(bytes),
        }
    }

    fn send_file(&mut self, file: &File, offset: u64, length: usize) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.send_file(file, offset, length),
            Stream::Tls(stream) => stream.send_file(file, offset, length),
        }
    }

    fn duplicate(&self) -> Option<TcpStream> {
        match self {
            Stream::Plain(stream) => stream.duplicate(),
            Stream::Tls(_) => None,
        }
    }

    fn limit_unsent(&mut self, limited: bool) {
        self.raw_mut().limit_unsent(limited);
    }

    fn shutdown_write(&mut self) {
        match self {
            Stream::Plain(stream) => stream.shutdown_write(),
            Stream::Tls(stream) => stream.shutdown_write(),
        }
    }

    fn reset_on_close(&mut self) {
        match self {
            Stream::Plain(stream) => stream.reset_on_close(),
            Stream::Tls(stream) => stream.reset_on_close(),
        }
    }

    fn take_received(&mut self, read: usize) -> usize {
        match self {
            Stream::Plain(_) => read,
            Stream::Tls(stream) => stream.take_received(read),
        }
    }

    fn take_sent(&mut self, written: usize) -> usize {
        match self {
            Stream::Plain(_) => written,
            Stream::Tls(stream) => stream.take_sent(written),
        }
    }

    fn has_partial_record(&self) -> bool {
        matches!(self, Stream::Tls(stream) if stream.has_partial_record())
    }

    fn expects_close_notify(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    fn may_have_more(&self) -> bool {
        matches!(self, Stream::Tls(stream) if stream.may_have_more())
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.raw_mut().register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.raw_mut().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.raw_mut().deregister(registry)
    }
}
