//! Where a server listens: asked for, inherited or bound, then dealt out to the workers; knows no loop.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use log::Level;
use mio::net::TcpListener;

use super::inherit;
use crate::net::sockets::listen;
use crate::net::sockets::listeners::Listener;

/// What a client connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address and its listeners: one for now, or as many as a predecessor had.
pub(super) struct Place {
    pub(super) address: Address,
    listeners: Vec<Listener>,
    inherited: bool,
}

impl Place {
    /// Returns the first of these addresses that was inherited or that can be bound.
    pub(super) fn tcp(addresses: impl ToSocketAddrs + fmt::Debug) -> io::Result<Place> {
        let resolved = addresses.to_socket_addrs().map_err(|error| unresolved(&addresses, &error))?;
        let mut failure = unresolved(&addresses, &io::Error::new(io::ErrorKind::InvalidInput, "it names no address"));
        for asked in resolved {
            if let Some(place) = Place::heir(&Address::Tcp(asked)) {
                return Ok(place);
            }
            match bind(asked) {
                Ok(listener) => {
                    let address = Address::Tcp(listener.local_addr()?);
                    return Ok(Place::new(address, vec![Listener::Tcp { listener, lent: false }], false));
                }
                Err(error) => failure = explained(asked, &error),
            }
        }
        Err(failure)
    }

    /// A socket that is a file.
    pub(super) fn unix(path: &Path) -> io::Result<Place> {
        let address = Address::Unix(path.to_owned());
        if let Some(place) = Place::heir(&address) {
            return Ok(place);
        }
        match listen::unix_listener(path) {
            Ok(listener) => {
                let listener = Listener::Unix { listener, path: path.to_owned(), lent: false };
                Ok(Place::new(address, vec![listener], false))
            }
            Err(error) => {
                let reason = match error.kind() {
                    io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
                    _ => error.to_string(),
                };
                Err(io::Error::new(error.kind(), format!("cannot listen on {address}: {reason}")))
            }
        }
    }

    fn new(address: Address, listeners: Vec<Listener>, inherited: bool) -> Place {
        Place { address, listeners, inherited }
    }

    fn heir(asked: &Address) -> Option<Place> {
        let (address, listeners) = inherit::take(asked)?;
        info!("steps 1 to 3, socket, bind, listen: inherited for {address}");
        Some(Place::new(address, listeners, true))
    }

    /// Gives every worker a listener. On a port each has its own (SO_REUSEPORT), and the kernel deals the clients out; what is
    /// inherited or a file is shared, since its queue must not be split now.
    pub(super) fn deal(mut self, workers: &mut [Vec<Listener>]) -> io::Result<()> {
        while self.listeners.len() < workers.len()
            && let Some(first) = self.listeners.first()
        {
            let another = match self.address {
                Address::Tcp(address) if !self.inherited => {
                    let listener = listen::listener(address, true, Level::Debug);
                    Listener::Tcp { listener: listener.map_err(|error| explained(address, &error))?, lent: false }
                }
                _ => first.try_clone()?,
            };
            self.listeners.push(another);
        }
        let mut listeners = self.listeners.into_iter().peekable();
        while listeners.peek().is_some() {
            workers.iter_mut().zip(&mut listeners).for_each(|(worker, listener)| worker.push(listener));
        }
        Ok(())
    }
}

/// Shared from the beginning, since the number of workers is said later; so somebody else's claim is asked for first.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    listen::ensure_free(address)?;
    listen::listener(address, true, Level::Info)
}

/// What was asked for is no address; the sentence shows it as the program wrote it.
fn unresolved(asked: &impl fmt::Debug, error: &io::Error) -> io::Error {
    let hint = match error.kind() {
        io::ErrorKind::InvalidInput => "; write a host and a port, such as \"127.0.0.1:8000\"",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot listen on {asked:?}: {error}{hint}"))
}

fn explained(address: SocketAddr, error: &io::Error) -> io::Error {
    let reason = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "ports below 1024 need more rights".to_owned(),
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {reason}"))
}
