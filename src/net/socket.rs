//! What a connection needs of its socket: reading, writing, and the two ways to end; knows no protocol.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use super::tls::TlsStream;
use crate::response::upgraded::Upgraded;

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

/// What a listener gave, under TLS or as it is. Two kinds in one type cost a predicted branch a call; a worker generic in its
/// sockets would cost two workers. Without the feature there is no `TlsStream`, and so no third kind.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(TlsStream),
}

impl Stream {
    /// Our address, where it has one that a client could type.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Stream::Tcp(stream) => stream.local_addr().ok(),
            Stream::Unix(_) => None,
            Stream::Tls(stream) => stream.inner().local_addr(),
        }
    }

    /// Another descriptor of the same socket.
    #[cfg(feature = "tls")]
    pub(crate) fn duplicate(&self) -> io::Result<std::net::TcpStream> {
        let socket = match self {
            Stream::Tcp(stream) => socket2::SockRef::from(stream).try_clone()?,
            Stream::Unix(stream) => socket2::SockRef::from(stream).try_clone()?,
            Stream::Tls(stream) => return stream.inner().duplicate(),
        };
        Ok(socket.into())
    }

    /// How many bytes could be read, as far as the socket tells without reading them.
    pub(crate) fn unread(&self, scratch: &mut [u8]) -> usize {
        match self {
            Stream::Tcp(stream) => stream.peek(scratch).unwrap_or_default(),
            Stream::Unix(_) => 0,
            Stream::Tls(stream) => stream.inner().unread(scratch),
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
            Stream::Tls(stream) => stream.inner().as_raw_fd(),
        }
    }
}

impl Stream {
    /// For a new owner who speaks another protocol, and waits.
    pub(crate) fn into_upgraded(self) -> io::Result<Upgraded> {
        let socket = match self {
            Stream::Tcp(stream) => OwnedFd::from(stream),
            Stream::Unix(stream) => OwnedFd::from(stream),
            Stream::Tls(stream) => return stream.into_upgraded(),
        };
        let socket = std::net::TcpStream::from(socket); // a unix socket reads and writes alike, and has no addresses
        socket.set_nonblocking(false)?;
        Ok(Upgraded::new(socket))
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(into),
            Stream::Unix(stream) => stream.read(into),
            Stream::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Stream {
    fn shutdown_write(&mut self) {
        // An error means that the peer is gone already, and the read that follows will say so.
        let _ = match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
            Stream::Tls(stream) => return stream.shutdown_write(),
        };
    }

    fn reset_on_close(&mut self) {
        match self {
            Stream::Tcp(stream) => {
                let _ = socket2::SockRef::from(&*stream).set_linger(Some(std::time::Duration::ZERO));
            }
            Stream::Unix(_) => {} // it has no reset: what its reader has not taken stays readable
            Stream::Tls(stream) => stream.reset_on_close(),
        }
    }

    fn take_received(&mut self, read: usize) -> usize {
        match self {
            Stream::Tls(stream) => stream.take_received(read),
            Stream::Tcp(_) | Stream::Unix(_) => read,
        }
    }

    fn take_sent(&mut self, written: usize) -> usize {
        match self {
            Stream::Tls(stream) => stream.take_sent(written),
            Stream::Tcp(_) | Stream::Unix(_) => written,
        }
    }

    fn has_partial_record(&self) -> bool {
        matches!(self, Stream::Tls(stream) if stream.has_partial_record())
    }

    fn may_have_more(&self) -> bool {
        matches!(self, Stream::Tls(stream) if stream.may_have_more())
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.register(registry, token, interests),
            Stream::Unix(stream) => stream.register(registry, token, interests),
            Stream::Tls(stream) => stream.inner_mut().register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.reregister(registry, token, interests),
            Stream::Unix(stream) => stream.reregister(registry, token, interests),
            Stream::Tls(stream) => stream.inner_mut().reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.deregister(registry),
            Stream::Unix(stream) => stream.deregister(registry),
            Stream::Tls(stream) => stream.inner_mut().deregister(registry),
        }
    }
}
