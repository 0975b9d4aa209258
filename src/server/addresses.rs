//! Binds, inherits or is given the addresses of a server, and distributes their listeners to the
//! workers.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;

use log::Level;
use mio::net::TcpListener;
use socket2::Socket;

use super::address::{Address, adopt};
use super::socket_activation;
use crate::net::sockets::listen::{self, SocketFile};
use crate::net::sockets::listeners::Listener;

/// Ports tried for 0, until one is free in both families.
const PORTS_TRIED: usize = 16;

/// An address and its listeners: one if bound, or those of the predecessor.
pub(super) struct BoundAddress {
    pub(super) address: Address,
    listeners: Vec<Listener>,
    /// Bound by the program, by systemd or by a predecessor, not here: the workers share it.
    given: bool,
}

impl BoundAddress {
    /// Returns the first of these addresses that was inherited or that can be bound; for `localhost`
    /// both.
    pub(super) fn tcp(addresses: impl ToSocketAddrs + fmt::Debug) -> io::Result<Vec<BoundAddress>> {
        let resolved = addresses.to_socket_addrs().map_err(|error| resolve_error(&addresses, &error))?;
        let mut failure =
            resolve_error(&addresses, &io::Error::new(io::ErrorKind::InvalidInput, "it names no address"));
        for requested in resolved {
            if names_localhost(&addresses) {
                return BoundAddress::localhost(requested.port());
            }
            match BoundAddress::socket_addr(requested) {
                Ok(bound) => return Ok(vec![bound]),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn socket_addr(requested: SocketAddr) -> io::Result<BoundAddress> {
        if let Some(bound) = BoundAddress::inherit(&Address::Tcp(requested)) {
            return Ok(bound);
        }
        let listener = bind(requested).map_err(|error| bind_error(requested, &error))?;
        let address = Address::Tcp(listener.local_addr()?);
        Ok(BoundAddress::new(address, vec![Listener::Tcp { listener, shared: false }], false))
    }

    /// Returns 127.0.0.1 and ::1, which a client may both take for `localhost` (RFC 6761 §6.3),
    /// with the same port. A family that this machine does not have is left out.
    fn localhost(port: u16) -> io::Result<Vec<BoundAddress>> {
        let mut tries = if port == 0 { PORTS_TRIED } else { 1 };
        loop {
            tries -= 1;
            match BoundAddress::both_loopbacks(port) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
                result => return result,
            }
        }
    }

    fn both_loopbacks(mut port: u16) -> io::Result<Vec<BoundAddress>> {
        let (mut both, mut missing) = (Vec::new(), None);
        for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            match BoundAddress::socket_addr(SocketAddr::new(ip, port)) {
                Ok(bound) => {
                    if let Address::Tcp(address) = bound.address {
                        port = address.port();
                    }
                    both.push(bound);
                }
                Err(error) if listen::ensure_free(SocketAddr::new(ip, 0)).is_err() => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        missing.filter(|_| both.is_empty()).map_or(Ok(both), Err)
    }

    /// Takes a TCP or unix socket that the program has bound.
    pub(super) fn given(socket: OwnedFd) -> io::Result<BoundAddress> {
        let socket = Socket::from(socket);
        let refused =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on a given socket: {error}"));
        listen::listen(&socket).map_err(refused)?;
        let (address, listener) = adopt(socket, true).map_err(refused)?;
        info!("steps 1 to 3, socket, bind, listen: by the program for {address}");
        Ok(BoundAddress::new(address, vec![listener], true))
    }

    /// Takes what hands connections over.
    pub(super) fn incoming(listener: Listener) -> BoundAddress {
        BoundAddress::new(Address::Incoming, vec![listener], true)
    }

    /// Returns the unix socket at `path`, inherited or bound.
    pub(super) fn unix(path: &Path) -> io::Result<BoundAddress> {
        let address = Address::Unix(path.to_owned());
        if let Some(bound) = BoundAddress::inherit(&address) {
            return Ok(bound);
        }
        match listen::unix_listener(path) {
            Ok(listener) => {
                let listener = Listener::Unix { listener, file: SocketFile::new(path), shared: false };
                Ok(BoundAddress::new(address, vec![listener], false))
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

    fn new(address: Address, listeners: Vec<Listener>, given: bool) -> BoundAddress {
        BoundAddress { address, listeners, given }
    }

    fn inherit(requested: &Address) -> Option<BoundAddress> {
        let (address, listeners) = socket_activation::take(requested)?;
        info!("steps 1 to 3, socket, bind, listen: inherited for {address}");
        Some(BoundAddress::new(address, listeners, true))
    }

    /// Distributes the listeners. On a port each worker has its own (SO_REUSEPORT), and the kernel
    /// distributes the clients, with `incoming_cpu` by the CPU that receives their packets.
    /// Given and unix sockets are shared: their queue cannot be split.
    pub(super) fn distribute(mut self, workers: &mut [Vec<Listener>], incoming_cpu: bool) -> io::Result<()> {
        while self.listeners.len() < workers.len()
            && let Some(first) = self.listeners.first()
        {
            let another = match self.address {
                Address::Tcp(address) if !self.given => {
                    let listener = listen::listener(address, true, Level::Debug);
                    Listener::Tcp { listener: listener.map_err(|error| bind_error(address, &error))?, shared: false }
                }
                _ => first.try_clone()?,
            };
            self.listeners.push(another);
        }
        if incoming_cpu && let Err(error) = self.set_incoming_cpus() {
            warn!("{}: clients are not distributed by CPU: {error}", self.address);
        }
        let mut listeners = self.listeners.into_iter().peekable();
        while listeners.peek().is_some() {
            workers.iter_mut().zip(&mut listeners).for_each(|(worker, listener)| worker.push(listener));
        }
        Ok(())
    }

    /// Assigns a CPU to the listener of each worker: worker 0 gets CPU 0.
    fn set_incoming_cpus(&self) -> io::Result<()> {
        let unsupported = |why| Err(io::Error::new(io::ErrorKind::Unsupported, why));
        if self.given {
            return unsupported("a socket that was bound elsewhere keeps its options");
        }
        self.listeners.iter().enumerate().try_for_each(|(cpu, listener)| match listener {
            Listener::Tcp { listener, .. } => listen::set_incoming_cpu(listener, cpu),
            Listener::Unix { .. } | Listener::Incoming(_) => unsupported("the workers share one queue"),
        })
    }
}

/// Binds with SO_REUSEPORT because the worker count is set later. That hides conflicts, so checks
/// for one first.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    listen::ensure_free(address)?;
    listen::listener(address, true, Level::Info)
}

/// Returns whether the name is `localhost`. Only `Debug` shows it: `ToSocketAddrs` returns what it
/// resolves to, which is IPv4 alone where `/etc/hosts` has no more.
fn names_localhost(requested: &impl fmt::Debug) -> bool {
    let text = format!("{requested:?}").to_ascii_lowercase();
    let host = text.trim_start_matches('(').strip_prefix("\"localhost");
    host.is_some_and(|rest| rest.starts_with([':', '"']))
}

/// Returns the error for what is not an address; it shows `requested` as the program wrote it.
fn resolve_error(requested: &impl fmt::Debug, error: &io::Error) -> io::Error {
    let hint = match error.kind() {
        io::ErrorKind::InvalidInput => "; write a host and a port, such as \"127.0.0.1:8000\"",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot listen on {requested:?}: {error}{hint}"))
}

fn bind_error(address: SocketAddr, error: &io::Error) -> io::Error {
    let reason = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "ports below 1024 need more rights".to_owned(),
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {reason}"))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use socket2::SockRef;

    /// The CPU that each of the workers' listeners prefers. The kernel's -1 is none.
    fn cpus(address: BoundAddress, incoming_cpu: bool) -> Vec<Option<usize>> {
        let mut workers: Vec<Vec<Listener>> = (0..3).map(|_| Vec::new()).collect();
        address.distribute(&mut workers, incoming_cpu).unwrap();
        let cpu = |listener: &Listener| match listener {
            Listener::Tcp { listener, .. } => SockRef::from(listener).cpu_affinity().unwrap(),
            Listener::Unix { listener, .. } => SockRef::from(listener).cpu_affinity().unwrap(),
            Listener::Incoming(_) => -1_isize as usize,
        };
        let cpus = workers.iter().flatten().map(cpu);
        cpus.map(|cpu| Some(cpu).filter(|cpu| *cpu != -1_isize as usize)).collect()
    }

    #[test]
    fn each_worker_prefers_its_cpu_if_the_program_asks_for_it() {
        let bound = || BoundAddress::tcp("127.0.0.1:0").unwrap().remove(0);
        assert_eq!(cpus(bound(), false), [None; 3]);
        assert_eq!(cpus(bound(), true), [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn a_queue_that_workers_share_prefers_no_cpu() {
        let given = BoundAddress::given(std::net::TcpListener::bind("127.0.0.1:0").unwrap().into()).unwrap();
        assert_eq!(cpus(given, true), [None; 3]);
        let path = std::env::temp_dir().join(format!("wirelight-cpus-{}", std::process::id()));
        assert_eq!(cpus(BoundAddress::unix(&path).unwrap(), true), [None; 3]);
        std::fs::remove_file(path).unwrap();
    }
}
