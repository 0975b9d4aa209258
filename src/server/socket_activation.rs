//! Takes over listening sockets from systemd or from the predecessor process.
//!
//! systemd's protocol (sd_listen_fds(3)): descriptors from 3 on, their count in `LISTEN_FDS`, and
//! the process they are for in `LISTEN_PID`. A predecessor cannot choose the numbers of its
//! descriptors, so it lists the listeners in `WIRELIGHT_FDS`.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{LazyLock, Mutex};

use listenfd::ListenFd;
use socket2::Socket;

use super::address::{Address, adopt};
use crate::net::sockets::listeners::Listener;
use crate::sync::lock;

/// Variable with the listeners' descriptors, minus 3, separated by commas.
pub(super) const FDS: &str = "WIRELIGHT_FDS";
/// Variable with the descriptor, minus 3, of the socket on which the predecessor waits for a byte.
pub(super) const READY: &str = "WIRELIGHT_READY";
/// Variable that is set if the listeners belong to systemd.
pub(super) const SHARED: &str = "WIRELIGHT_SHARED";

/// The inherited sockets; read once from the environment.
static INHERITED: LazyLock<Mutex<InheritedSockets>> = LazyLock::new(|| Mutex::new(InheritedSockets::from_env()));

struct InheritedSockets {
    listeners: Vec<(Address, Listener)>,
    ready: Option<UnixStream>,
}

/// Takes the inherited listeners on `requested`. Port 0 takes the first one on its address,
/// whatever its port.
pub(super) fn take(requested: &Address) -> Option<(Address, Vec<Listener>)> {
    let mut inherited = lock(&INHERITED);
    let found = inherited.listeners.iter().find(|(address, _)| matches(requested, address))?.0.clone();
    let taken = inherited.listeners.extract_if(.., |(address, _)| *address == found);
    let listeners = taken.map(|(_, listener)| listener).collect();
    Some((found, listeners))
}

/// Reports to the predecessor that this process serves, so that it stops.
pub(super) fn report_ready() {
    let ready = lock(&INHERITED).ready.take();
    if let Some(Err(error)) = ready.map(|mut ready| ready.write_all(b"1")) {
        warn!("cannot tell the previous process to stop: {error}");
    }
}

fn matches(requested: &Address, inherited: &Address) -> bool {
    match (requested, inherited) {
        (Address::Tcp(requested), Address::Tcp(inherited)) if requested.port() == 0 => requested.ip() == inherited.ip(),
        _ => requested == inherited,
    }
}

impl InheritedSockets {
    fn from_env() -> InheritedSockets {
        let mut fds = ListenFd::from_env();
        let listed = std::env::var(FDS).ok();
        let numbers: Vec<usize> = match &listed {
            Some(listed) => listed.split(',').filter_map(|number| number.parse().ok()).collect(),
            None => (0..fds.len()).collect(),
        };
        let shared = listed.is_none() || std::env::var_os(SHARED).is_some();
        let listeners = numbers.iter().filter_map(|number| listener(&mut fds, *number, shared)).collect();
        let ready = std::env::var(READY).ok().and_then(|number| stream(&mut fds, number.parse().ok()?));
        InheritedSockets { listeners, ready }
    }
}

fn listener(fds: &mut ListenFd, number: usize, shared: bool) -> Option<(Address, Listener)> {
    let tcp = fds.take_tcp_listener(number).ok().flatten().map(Socket::from);
    let socket = tcp.or_else(|| fds.take_unix_listener(number).ok().flatten().map(Socket::from))?;
    adopt(socket, shared).ok()
}

/// Takes a connected socket. `ListenFd` has no method for one, but does not check that a unix
/// socket listens.
fn stream(fds: &mut ListenFd, number: usize) -> Option<UnixStream> {
    fds.take_unix_listener(number).ok().flatten().map(|socket| OwnedFd::from(socket).into())
}
