//! A TCP or unix socket without TLS.

#[cfg(target_os = "linux")]
use std::fs::File;
#[cfg(target_os = "linux")]
use std::io::ErrorKind;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
#[cfg(target_os = "linux")]
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{SockRef, Type};

use super::listen;
use super::socket::Socket;

/// Linux: more bytes follow at once, and a segment may wait for them.
#[cfg(target_os = "linux")]
const MSG_MORE: i32 = 0x8000;

/// An accepted socket.
pub(crate) enum RawStream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl RawStream {
    /// Takes a connected socket that the program passes; returns its peer's address too, which a unix
    /// socket does not have.
    ///
    /// # Errors
    /// Fails if it is not a TCP or unix stream, or not connected.
    pub(crate) fn from_fd(socket: OwnedFd) -> io::Result<(RawStream, Option<SocketAddr>)> {
        let socket = socket2::Socket::from(socket);
        let peer = socket.peer_addr()?;
        match (socket.r#type()?, peer.as_socket()) {
            (Type::STREAM, Some(peer)) => {
                listen::set_connection_options(&socket)?;
                Ok((RawStream::Tcp(TcpStream::from_std(socket.into())), Some(peer)))
            }
            (Type::STREAM, None) if peer.is_unix() => {
                socket.set_nonblocking(true)?;
                Ok((RawStream::Unix(UnixStream::from_std(socket.into())), None))
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a TCP nor a unix stream")),
        }
    }

    /// The local address of a TCP socket.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            RawStream::Tcp(stream) => stream.local_addr().ok(),
            RawStream::Unix(_) => None,
        }
    }

    /// Another descriptor of the same socket.
    pub(crate) fn try_clone(&self) -> io::Result<std::net::TcpStream> {
        let socket = match self {
            RawStream::Tcp(stream) => SockRef::from(stream).try_clone()?,
            RawStream::Unix(stream) => SockRef::from(stream).try_clone()?,
        };
        Ok(socket.into())
    }

    /// The bytes that can be peeked into `scratch`; 0 for a unix socket, which mio cannot peek.
    pub(crate) fn unread(&self, scratch: &mut [u8]) -> usize {
        match self {
            RawStream::Tcp(stream) => stream.peek(scratch).unwrap_or_default(),
            RawStream::Unix(_) => 0,
        }
    }

    /// A blocking socket for another protocol. A unix socket reads and writes like a TCP one and
    /// has no addresses.
    pub(crate) fn into_blocking(self) -> io::Result<std::net::TcpStream> {
        let socket = std::net::TcpStream::from(match self {
            RawStream::Tcp(stream) => OwnedFd::from(stream),
            RawStream::Unix(stream) => OwnedFd::from(stream),
        });
        socket.set_nonblocking(false)?;
        Ok(socket)
    }

    #[cfg(target_os = "linux")]
    fn socket(&self) -> SockRef<'_> {
        match self {
            RawStream::Tcp(stream) => SockRef::from(stream),
            RawStream::Unix(stream) => SockRef::from(stream),
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            RawStream::Tcp(stream) => stream,
            RawStream::Unix(stream) => stream,
        }
    }
}

impl AsRawFd for RawStream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            RawStream::Tcp(stream) => stream.as_raw_fd(),
            RawStream::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl Read for RawStream {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            RawStream::Tcp(stream) => stream.read(into),
            RawStream::Unix(stream) => stream.read(into),
        }
    }
}

impl Write for RawStream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            RawStream::Tcp(stream) => stream.write(bytes),
            RawStream::Unix(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            RawStream::Tcp(stream) => stream.write_vectored(parts),
            RawStream::Unix(stream) => stream.write_vectored(parts),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for RawStream {
    #[cfg(target_os = "linux")]
    fn write_before_file(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket().send_with_flags(bytes, MSG_MORE)
    }

    // Linux only: the calls of other systems return an error after some bytes were sent, and their
    // number is lost.
    #[cfg(target_os = "linux")]
    fn send_file(&mut self, file: &File, offset: u64, length: usize) -> io::Result<usize> {
        let Some(length) = NonZeroUsize::new(length) else { return Ok(0) };
        // Positions beyond 32 bits on a system of 32 bits.
        let offset = usize::try_from(offset).map_err(|_| ErrorKind::Unsupported)?;
        self.socket().sendfile(file, offset, Some(length))
    }

    fn duplicate(&self) -> Option<std::net::TcpStream> {
        self.try_clone().ok()
    }

    // An error is that of a socket which is gone, and the next call returns it.
    #[cfg(target_os = "linux")]
    fn limit_unsent(&mut self, limited: bool) {
        if let RawStream::Tcp(stream) = self {
            _ = SockRef::from(&*stream).set_tcp_notsent_lowat(if limited { listen::MAX_UNSENT } else { u32::MAX });
        }
    }

    fn shutdown_write(&mut self) {
        // An error means that the peer is gone, which the next read reports.
        _ = match self {
            RawStream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            RawStream::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }

    fn reset_on_close(&mut self) {
        // A unix socket has no reset: its peer can still read what it has not taken.
        if let RawStream::Tcp(stream) = self {
            _ = SockRef::from(&*stream).set_linger(Some(std::time::Duration::ZERO));
        }
    }
}

impl Source for RawStream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.source().register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.source().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }
}
