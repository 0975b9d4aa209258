//! Binds or inherits the addresses of a server, and distributes their listeners to the workers.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use log::Level;
use mio::net::TcpListener;

use super::address::Address;
use super::socket_activation;
use crate::net::sockets::listen;
use crate::net::sockets::listeners::Listener;

/// An address and its listeners: one if bound, or those of the predecessor.
pub(super) struct BoundAddress {
    pub(super) address: Address,
    listeners: Vec<Listener>,
    inherited: bool,
}

impl BoundAddress {
    /// Returns the first of these addresses that was inherited or that can be bound.
    pub(super) fn tcp(addresses: impl ToSocketAddrs + fmt::Debug) -> io::Result<BoundAddress> {
        let resolved = addresses.to_socket_addrs().map_err(|error| resolve_error(&addresses, &error))?;
        let mut failure =
            resolve_error(&addresses, &io::Error::new(io::ErrorKind::InvalidInput, "it names no address"));
        for requested in resolved {
            if let Some(bound) = BoundAddress::inherit(&Address::Tcp(requested)) {
                return Ok(bound);
            }
            match bind(requested) {
                Ok(listener) => {
                    let address = Address::Tcp(listener.local_addr()?);
                    return Ok(BoundAddress::new(address, vec![Listener::Tcp { listener, shared: false }], false));
                }
                Err(error) => failure = bind_error(requested, &error),
            }
        }
        Err(failure)
    }

    /// Returns the unix socket at `path`, inherited or bound.
    pub(super) fn unix(path: &Path) -> io::Result<BoundAddress> {
        let address = Address::Unix(path.to_owned());
        if let Some(bound) = BoundAddress::inherit(&address) {
            return Ok(bound);
        }
        match listen::unix_listener(path) {
            Ok(listener) => {
                let listener = Listener::Unix { listener, path: path.to_owned(), shared: false };
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

    fn new(address: Address, listeners: Vec<Listener>, inherited: bool) -> BoundAddress {
        BoundAddress { address, listeners, inherited }
    }

    fn inherit(requested: &Address) -> Option<BoundAddress> {
        let (address, listeners) = socket_activation::take(requested)?;
        info!("steps 1 to 3, socket, bind, listen: inherited for {address}");
        Some(BoundAddress::new(address, listeners, true))
    }

    /// Distributes the listeners. On a port each worker has its own (SO_REUSEPORT), and the kernel
    /// distributes the clients, with `incoming_cpu` by the CPU that receives their packets.
    /// Inherited and unix sockets are shared: their queue cannot be split.
    pub(super) fn distribute(mut self, workers: &mut [Vec<Listener>], incoming_cpu: bool) -> io::Result<()> {
        while self.listeners.len() < workers.len()
            && let Some(first) = self.listeners.first()
        {
            let another = match self.address {
                Address::Tcp(address) if !self.inherited => {
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
        if self.inherited {
            return unsupported("an inherited socket keeps the options that it was bound with");
        }
        self.listeners.iter().enumerate().try_for_each(|(cpu, listener)| match listener {
            Listener::Tcp { listener, .. } => listen::set_incoming_cpu(listener, cpu),
            Listener::Unix { .. } => unsupported("the workers share the queue of a unix socket"),
        })
    }
}

/// Binds with SO_REUSEPORT because the worker count is set later. That hides conflicts, so checks
/// for one first.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    listen::ensure_free(address)?;
    listen::listener(address, true, Level::Info)
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
        };
        let cpus = workers.iter().flatten().map(cpu);
        cpus.map(|cpu| Some(cpu).filter(|cpu| *cpu != -1_isize as usize)).collect()
    }

    #[test]
    fn each_worker_prefers_its_cpu_if_the_program_asks_for_it() {
        let bound = || BoundAddress::tcp("127.0.0.1:0").unwrap();
        assert_eq!(cpus(bound(), false), [None; 3]);
        assert_eq!(cpus(bound(), true), [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn a_queue_that_workers_share_prefers_no_cpu() {
        let listener = listen::listener(([127, 0, 0, 1], 0).into(), true, Level::Debug).unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        let inherited = BoundAddress::new(address, vec![Listener::Tcp { listener, shared: true }], true);
        assert_eq!(cpus(inherited, true), [None; 3]);
        let path = std::env::temp_dir().join(format!("wirelight-cpus-{}", std::process::id()));
        assert_eq!(cpus(BoundAddress::unix(&path).unwrap(), true), [None; 3]);
        std::fs::remove_file(path).unwrap();
    }
}
