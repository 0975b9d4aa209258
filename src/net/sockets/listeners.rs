//! The listeners of one worker, and who comes in next; knows neither the connections nor what becomes of them.
//!
//! mio is edge-triggered: that clients wait is said once. So a door stays `rung` until its listener says "would block", and an
//! accept that failed for want of descriptors is tried again after a while and after every close, not at the next edge.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use crate::net::millis::Millis;
use crate::net::sockets::listen;
use crate::net::sockets::raw_stream::RawStream;

/// After an accept that failed for want of descriptors or memory: mio will not tell us again, so we look again.
pub(crate) const RETRY: Millis = 10;

/// A listening socket. It is `shared` if another process (systemd) may keep it open.
pub(crate) enum Listener {
    Tcp { listener: TcpListener, shared: bool },
    Unix { listener: UnixListener, path: PathBuf, shared: bool },
}

/// A client that has come in, and its address if it has one.
pub(crate) type Accepted = (RawStream, Option<SocketAddr>);

/// All listeners of a worker.
pub(crate) struct Listeners {
    listeners: Vec<ListenerState>,
    /// Which one is asked next: a busy one does not starve the others.
    next: usize,
    /// Who came when all places were taken and nobody could be sent away: the next place is theirs.
    pending: Option<Accepted>,
    /// When to try again, after it failed.
    retry_at: Millis,
    last_warned: Millis,
}

struct ListenerState {
    listener: Listener,
    /// Clients may wait here.
    ready: bool,
}

impl Listener {
    /// The same listener once more: clients of one queue, whoever asks first.
    pub(crate) fn try_clone(&self) -> io::Result<Listener> {
        Ok(match self {
            Listener::Tcp { listener, shared } => {
                let listener = TcpListener::from_std(SockRef::from(listener).try_clone()?.into());
                Listener::Tcp { listener, shared: *shared }
            }
            Listener::Unix { listener, path, shared } => {
                let listener = UnixListener::from_std(SockRef::from(listener).try_clone()?.into());
                Listener::Unix { listener, path: path.clone(), shared: *shared }
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
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Listener::Tcp { shared: true, .. } | Listener::Unix { shared: true, .. })
    }

    fn accept(&self) -> io::Result<Accepted> {
        match self {
            Listener::Tcp { listener, .. } => {
                listener.accept().map(|(stream, peer)| (RawStream::Tcp(stream), Some(peer)))
            }
            Listener::Unix { listener, .. } => listener.accept().map(|(stream, _)| (RawStream::Unix(stream), None)),
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
    fn reject_new(&self) {
        match self {
            _ if self.is_shared() => {}
            Listener::Tcp { listener, .. } => listen::reject_new(listener),
            Listener::Unix { path, .. } => listen::remove_file(path),
        }
    }
}

impl Listeners {
    pub(crate) fn new(listeners: Vec<Listener>) -> Listeners {
        let listeners = listeners.into_iter().map(|listener| ListenerState { listener, ready: true }).collect();
        Listeners { listeners, next: 0, pending: None, retry_at: 0, last_warned: 0 }
    }

    /// Waits at all doors; one token does for all, since whoever waits longest need not be at the door that rang last.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.listeners.iter_mut().try_for_each(|state| state.listener.register(registry, token))
    }

    /// Takes the listeners out of a loop that died, for the next one.
    pub(crate) fn into_listeners(mut self, registry: &Registry) -> Vec<Listener> {
        for state in &mut self.listeners {
            if let Err(error) = state.listener.deregister(registry) {
                debug!("cannot take a listener out of a dead loop: {error}");
            }
        }
        self.listeners.into_iter().map(|state| state.listener).collect()
    }

    /// Somebody waits, at one of the doors.
    pub(crate) fn mark_ready(&mut self) {
        self.listeners.iter_mut().for_each(|state| state.ready = true);
    }

    /// When to open: now, later, or not before somebody rings.
    pub(crate) fn accept_at(&self) -> Option<Millis> {
        (self.pending.is_some() || self.listeners.iter().any(|state| state.ready)).then_some(self.retry_at)
    }

    /// The next client, if one waits.
    pub(crate) fn next(&mut self) -> io::Result<Option<Accepted>> {
        if let Some(accepted) = self.pending.take() {
            return Ok(Some(accepted));
        }
        for _ in 0..self.listeners.len() {
            self.next = (self.next + 1) % self.listeners.len();
            let Some(state) = self.listeners.get_mut(self.next).filter(|state| state.ready) else { continue };
            match state.listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => state.ready = false,
                result => return result.map(Some),
            }
        }
        Ok(None)
    }

    /// There is no place for this one: it waits inside, and the others outside.
    pub(crate) fn park(&mut self, accepted: Accepted, now: Millis) {
        (self.pending, self.retry_at) = (Some(accepted), now + RETRY);
    }

    /// EMFILE and its like: no new edge will come for the clients that wait.
    pub(crate) fn failed(&mut self, error: &io::Error, now: Millis) {
        if self.last_warned == 0 || now >= self.last_warned + 1000 {
            self.last_warned = now.max(1);
            warn!("cannot accept: {error}; the clients wait in the kernel's queue");
        }
        self.retry_at = now + RETRY;
    }

    /// A connection ended: a descriptor and a place are free again.
    pub(crate) fn retry_now(&mut self) {
        self.retry_at = 0;
    }

    /// The last call. `alone`: no successor takes over; then the queues take nobody else, and what is in them is all there is.
    pub(crate) fn begin_shutdown(&mut self, alone: bool) {
        if alone {
            self.listeners.iter().for_each(|state| state.listener.reject_new());
        }
        self.mark_ready();
        self.retry_now();
    }

    /// Closes all doors.
    pub(crate) fn close(&mut self) {
        self.listeners.clear();
    }
}
