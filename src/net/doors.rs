//! The listeners of one worker, and who comes in next; knows neither the connections nor what becomes of them.
//!
//! mio is edge-triggered: that clients wait is said once. So a door stays `rung` until its listener says "would block", and an
//! accept that failed for want of descriptors is tried again after a while and after every close, not at the next edge.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use super::deadline::Millis;
use super::listen;
use super::queue::Queues;
use super::socket::Stream;

/// After an accept that failed for want of descriptors or memory: mio will not tell us again, so we look again.
pub(crate) const RETRY: Millis = 10;

/// Where clients come from. Whoever opened it outside of this process (systemd, say) may have it still: then it is `lent`.
pub(crate) enum Listener {
    Tcp { listener: TcpListener, lent: bool },
    Unix { listener: UnixListener, path: PathBuf, lent: bool },
}

/// A client that has come in, and its address if it has one.
pub(crate) type Newcomer = (Stream, Option<SocketAddr>);

/// All listeners of a worker.
pub(crate) struct Doors {
    doors: Vec<Door>,
    /// Which one is asked next: a busy one does not starve the others.
    turn: usize,
    /// Who came when all places were taken and nobody could be sent away: the next place is theirs.
    guest: Option<Newcomer>,
    /// When to try again, after it failed.
    retry: Millis,
    complained: Millis,
}

struct Door {
    listener: Listener,
    /// Clients may wait here.
    rung: bool,
}

impl Listener {
    /// The same listener once more: clients of one queue, whoever asks first.
    pub(crate) fn try_clone(&self) -> io::Result<Listener> {
        Ok(match self {
            Listener::Tcp { listener, lent } => {
                let listener = TcpListener::from_std(SockRef::from(listener).try_clone()?.into());
                Listener::Tcp { listener, lent: *lent }
            }
            Listener::Unix { listener, path, lent } => {
                let listener = UnixListener::from_std(SockRef::from(listener).try_clone()?.into());
                Listener::Unix { listener, path: path.clone(), lent: *lent }
            }
        })
    }

    /// The bare socket, for a successor.
    #[cfg(feature = "restart")]
    pub(crate) fn socket(&self) -> io::Result<socket2::Socket> {
        match self {
            Listener::Tcp { listener, .. } => SockRef::from(listener).try_clone(),
            Listener::Unix { listener, .. } => SockRef::from(listener).try_clone(),
        }
    }

    /// Whether somebody outside of this server has it too.
    pub(crate) fn is_lent(&self) -> bool {
        matches!(self, Listener::Tcp { lent: true, .. } | Listener::Unix { lent: true, .. })
    }

    fn accept(&self) -> io::Result<Newcomer> {
        match self {
            Listener::Tcp { listener, .. } => listener.accept().map(|(stream, peer)| (Stream::Tcp(stream), Some(peer))),
            Listener::Unix { listener, .. } => listener.accept().map(|(stream, _)| (Stream::Unix(stream), None)),
        }
    }

    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Listener::Tcp { listener, .. } => registry.register(listener, token, Interest::READABLE),
            Listener::Unix { listener, .. } => registry.register(listener, token, Interest::READABLE),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Listener::Tcp { listener, .. } => registry.deregister(listener),
            Listener::Unix { listener, .. } => registry.deregister(listener),
        }
    }

    /// Nobody comes any more, except who is in the queue already. What somebody else owns too is left as it is.
    fn close_queue(&self) {
        match self {
            _ if self.is_lent() => {}
            Listener::Tcp { listener, .. } => listen::close_queue(listener),
            Listener::Unix { path, .. } => listen::remove_file(path),
        }
    }
}

impl Doors {
    pub(crate) fn new(listeners: Vec<Listener>) -> Doors {
        let doors = listeners.into_iter().map(|listener| Door { listener, rung: true }).collect();
        Doors { doors, turn: 0, guest: None, retry: 0, complained: 0 }
    }

    /// Waits at all doors; one token does for all, since whoever waits longest need not be at the door that rang last.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.doors.iter_mut().try_for_each(|door| door.listener.register(registry, token))
    }

    /// Takes the listeners out of a loop that died, for the next one.
    pub(crate) fn rescue(mut self, registry: &Registry) -> Vec<Listener> {
        for door in &mut self.doors {
            if let Err(error) = door.listener.deregister(registry) {
                debug!("cannot take a listener out of a dead loop: {error}");
            }
        }
        self.doors.into_iter().map(|door| door.listener).collect()
    }

    /// Somebody waits, at one of the doors.
    pub(crate) fn ring(&mut self) {
        self.doors.iter_mut().for_each(|door| door.rung = true);
    }

    /// When to open: now, later, or not before somebody rings.
    pub(crate) fn due(&self) -> Option<Millis> {
        (self.guest.is_some() || self.doors.iter().any(|door| door.rung)).then_some(self.retry)
    }

    /// The next client, if one waits.
    pub(crate) fn next(&mut self) -> io::Result<Option<Newcomer>> {
        if let Some(guest) = self.guest.take() {
            return Ok(Some(guest));
        }
        for _ in 0..self.doors.len() {
            self.turn = (self.turn + 1) % self.doors.len();
            let Some(door) = self.doors.get_mut(self.turn).filter(|door| door.rung) else { continue };
            match door.listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => door.rung = false,
                result => return result.map(Some),
            }
        }
        Ok(None)
    }

    /// How many clients wait in the kernel at the door where the last one came in.
    pub(crate) fn waiting(&self, queues: &Queues) -> Option<u32> {
        match &self.doors.get(self.turn)?.listener {
            Listener::Tcp { listener, .. } => queues.length(listener.as_raw_fd(), listener.local_addr().ok()?),
            Listener::Unix { .. } => None,
        }
    }

    /// There is no place for this one: it waits inside, and the others outside.
    pub(crate) fn keep_waiting(&mut self, guest: Newcomer, now: Millis) {
        (self.guest, self.retry) = (Some(guest), now + RETRY);
    }

    /// EMFILE and its like: no new edge will come for the clients that wait.
    pub(crate) fn failed(&mut self, error: &io::Error, now: Millis) {
        if self.complained == 0 || now >= self.complained + 1000 {
            self.complained = now.max(1);
            warn!("cannot accept: {error}; the clients wait in the kernel's queue");
        }
        self.retry = now + RETRY;
    }

    /// A connection ended: a descriptor and a place are free again.
    pub(crate) fn try_again(&mut self) {
        self.retry = 0;
    }

    /// The last call. `alone`: no successor takes over; then the queues take nobody else, and what is in them is all there is.
    pub(crate) fn last_call(&mut self, alone: bool) {
        if alone {
            self.doors.iter().for_each(|door| door.listener.close_queue());
        }
        self.ring();
        self.try_again();
    }

    /// Closes all doors.
    pub(crate) fn close(&mut self) {
        self.doors.clear();
    }
}
