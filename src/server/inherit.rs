//! Listening sockets that whoever started this process left open for it: systemd, or this server's predecessor; binds nothing.
//!
//! systemd's protocol (sd_listen_fds(3)): descriptors from 3 on, their number in `LISTEN_FDS`, and in `LISTEN_PID` for whom they are
//! meant. A predecessor cannot choose its descriptors' numbers, so it says in `WIRELIGHT_FDS` which of them are the listeners.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{LazyLock, Mutex, PoisonError};

use listenfd::ListenFd;
use mio::net::{TcpListener, UnixListener};
use socket2::Socket;

use super::places::Address;
use crate::net::sockets::listeners::Listener;

/// The descriptors, counted from the first, in the environment of a successor.
pub(super) const FDS: &str = "WIRELIGHT_FDS";
/// The one on which the predecessor waits for a byte.
pub(super) const READY: &str = "WIRELIGHT_READY";
/// Set when the listeners belong to somebody else still: the predecessor had them from systemd.
pub(super) const LENT: &str = "WIRELIGHT_LENT";

/// What was left to this process: there is one environment, and it is read once.
static ESTATE: LazyLock<Mutex<Estate>> = LazyLock::new(|| Mutex::new(Estate::from_env()));

struct Estate {
    listeners: Vec<(Address, Socket)>,
    lent: bool,
    ready: Option<UnixStream>,
}

/// The listeners on `asked`, if any were left. Port 0 takes the first on its address, whatever its port.
pub(super) fn take(asked: &Address) -> Option<(Address, Vec<Listener>)> {
    let mut estate = ESTATE.lock().unwrap_or_else(PoisonError::into_inner);
    let found = estate.listeners.iter().find(|(address, _)| fits(asked, address))?.0.clone();
    let lent = estate.lent;
    let taken = estate.listeners.extract_if(.., |(address, _)| *address == found);
    let listeners = taken.map(|(address, socket)| match address {
        Address::Tcp(_) => Listener::Tcp { listener: TcpListener::from_std(socket.into()), lent },
        Address::Unix(path) => Listener::Unix { listener: UnixListener::from_std(socket.into()), path, lent },
    });
    let listeners = listeners.collect();
    Some((found, listeners))
}

/// We serve: the predecessor may go.
pub(super) fn tell_ready() {
    let ready = ESTATE.lock().unwrap_or_else(PoisonError::into_inner).ready.take();
    if let Some(Err(error)) = ready.map(|mut ready| ready.write_all(b"1")) {
        warn!("cannot tell the server before this one that it may stop: {error}");
    }
}

fn fits(asked: &Address, there: &Address) -> bool {
    match (asked, there) {
        (Address::Tcp(asked), Address::Tcp(there)) if asked.port() == 0 => asked.ip() == there.ip(),
        _ => asked == there,
    }
}

impl Estate {
    fn from_env() -> Estate {
        let mut fds = ListenFd::from_env();
        let told = std::env::var(FDS).ok();
        let numbers: Vec<usize> = match &told {
            Some(told) => told.split(',').filter_map(|number| number.parse().ok()).collect(),
            None => (0..fds.len()).collect(),
        };
        let listeners = numbers.iter().filter_map(|number| listener(&mut fds, *number)).collect();
        let ready = std::env::var(READY).ok().and_then(|number| stream(&mut fds, number.parse().ok()?));
        Estate { listeners, lent: told.is_none() || std::env::var_os(LENT).is_some(), ready }
    }
}

fn listener(fds: &mut ListenFd, number: usize) -> Option<(Address, Socket)> {
    let tcp = fds.take_tcp_listener(number).ok().flatten().map(Socket::from);
    let socket = tcp.or_else(|| fds.take_unix_listener(number).ok().flatten().map(Socket::from))?;
    let local = socket.local_addr().ok()?;
    let tcp = local.as_socket().map(Address::Tcp);
    let address = tcp.or_else(|| Some(Address::Unix(local.as_pathname()?.to_owned())))?;
    socket.set_nonblocking(true).ok()?;
    Some((address, socket))
}

/// To the descriptors' owner one stream socket is like another; what it is used for shows in the type.
fn stream(fds: &mut ListenFd, number: usize) -> Option<UnixStream> {
    fds.take_unix_listener(number).ok().flatten().map(|socket| OwnedFd::from(socket).into())
}
