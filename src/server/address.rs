//! Defines the address of a listener, and finds that of a socket which was bound elsewhere.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, UnixListener};
use socket2::Socket;

use crate::net::sockets::listen::{self, SocketFile};
use crate::net::sockets::listeners::Listener;

/// An address that clients connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
    /// Connections that the program hands over: it knows their address.
    Incoming,
}

/// Returns the address of a socket that listens, and its listener.
pub(super) fn adopt(socket: Socket, shared: bool) -> io::Result<(Address, Listener)> {
    let local = socket.local_addr()?;
    if let Some(address) = local.as_socket() {
        listen::set_connection_options(&socket)?;
        let listener = TcpListener::from_std(socket.into());
        return Ok((Address::Tcp(address), Listener::Tcp { listener, shared }));
    }
    if !local.is_unix() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a TCP nor a unix socket"));
    }
    socket.set_nonblocking(true)?;
    let path = local.as_pathname().unwrap_or(Path::new("(abstract)")).to_owned();
    let listener = UnixListener::from_std(socket.into());
    let file = SocketFile::new(&path);
    Ok((Address::Unix(path), Listener::Unix { listener, file, shared }))
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Incoming => f.write_str("connections that the program accepts"),
        }
    }
}
