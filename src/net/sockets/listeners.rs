//! Accepts connections from the listeners of one worker.
//!
//! mio is edge-triggered: a listener stays `ready` until accept would block. An accept that fails
//! for lack of descriptors is retried after a delay and after every close, not at the next edge.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex};

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use crate::net::millis::Millis;
use crate::net::sockets::listen::{self, SocketFile};
use crate::net::sockets::raw_stream::RawStream;
use crate::sync::lock;

/// Delay after an accept that failed for lack of descriptors or memory: no edge follows.
pub(crate) const RETRY: Millis = 10;

/// A listening socket. It is `shared` if another process (systemd) may keep it open.
pub(crate) enum Listener {
    Tcp {
        listener: TcpListener,
        shared: bool,
    },
    Unix {
        listener: UnixListener,
        file: SocketFile,
        shared: bool,
    },
    /// Connections that another thread of the program hands over. It wakes the workers.
    Incoming(Arc<Mutex<Receiver<Accepted>>>),
}

/// An accepted socket and its peer's address; a unix socket has none.
pub(crate) type Accepted = (RawStream, Option<SocketAddr>);

/// The listeners of a worker.
pub(crate) struct Listeners {
    listeners: Vec<ListenerState>,
    /// The listener that is tried next, so that a busy one does not starve the others.
    next: usize,
    /// Accepted at the connection limit: it gets the next slot.
    pending: Option<Accepted>,
    /// When to accept again after a failure.
    retry_at: Millis,
    last_warned: Millis,
}

struct ListenerState {
    listener: Listener,
    /// Clients may be waiting.
    ready: bool,
}

impl Listener {
    /// Duplicates the listener: both share one accept queue.
    pub(crate) fn try_clone(&self) -> io::Result<Listener> {
        Ok(match self {
            Listener::Tcp { listener, shared } => {
                let listener = TcpListener::from_std(SockRef::from(listener).try_clone()?.into());
                Listener::Tcp { listener, shared: *shared }
            }
            Listener::Unix { listener, file, shared } => {
                let listener = UnixListener::from_std(SockRef::from(listener).try_clone()?.into());
                Listener::Unix { listener, file: file.clone(), shared: *shared }
            }
            Listener::Incoming(receiver) => Listener::Incoming(receiver.clone()),
        })
    }

    /// Duplicates the socket, if it has one, for a successor process.
    #[cfg(feature = "restart")]
    pub(crate) fn socket(&self) -> Option<io::Result<socket2::Socket>> {
        match self {
            Listener::Tcp { listener, .. } => Some(SockRef::from(listener).try_clone()),
            Listener::Unix { listener, .. } => Some(SockRef::from(listener).try_clone()),
            Listener::Incoming(_) => None,
        }
    }

    /// Returns whether another process may keep it open.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Listener::Tcp { shared: true, .. } | Listener::Unix { shared: true, .. })
    }

    fn accept(&self) -> io::Result<Accepted> {
        match self {
            Listener::Tcp { listener, .. } => {
                listener.accept().map(|(stream, peer)| (RawStream::Tcp(stream), Some(peer)))
            }
            Listener::Unix { listener, .. } => listener.accept().map(|(stream, _)| (RawStream::Unix(stream), None)),
            Listener::Incoming(receiver) => lock(receiver).try_recv().map_err(|error| match error {
                TryRecvError::Empty => ErrorKind::WouldBlock.into(),
                TryRecvError::Disconnected => ErrorKind::NotConnected.into(),
            }),
        }
    }

    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Listener::Tcp { listener, .. } => registry.register(listener, token, Interest::READABLE),
            Listener::Unix { listener, .. } => registry.register(listener, token, Interest::READABLE),
            Listener::Incoming(_) => Ok(()),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Listener::Tcp { listener, .. } => registry.deregister(listener),
            Listener::Unix { listener, .. } => registry.deregister(listener),
            Listener::Incoming(_) => Ok(()),
        }
    }

    /// Stops new connections; those in the accept queue stay. A shared listener is left alone.
    fn reject_new(&self) {
        match self {
            _ if self.is_shared() => {}
            Listener::Tcp { listener, .. } => listen::reject_new(listener),
            Listener::Unix { file, .. } => file.remove(),
            Listener::Incoming(_) => {}
        }
    }
}

impl Listeners {
    pub(crate) fn new(listeners: Vec<Listener>) -> Listeners {
        let listeners = listeners.into_iter().map(|listener| ListenerState { listener, ready: true }).collect();
        Listeners { listeners, next: 0, pending: None, retry_at: 0, last_warned: 0 }
    }

    /// Registers all listeners under one token, since they are tried in turn.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.listeners.iter_mut().try_for_each(|state| state.listener.register(registry, token))
    }

    /// Returns the listeners of a worker that died.
    pub(crate) fn into_listeners(mut self, registry: &Registry) -> Vec<Listener> {
        for state in &mut self.listeners {
            if let Err(error) = state.listener.deregister(registry) {
                debug!("cannot take a listener out of a dead loop: {error}");
            }
        }
        self.listeners.into_iter().map(|state| state.listener).collect()
    }

    /// Marks all listeners ready.
    pub(crate) fn mark_ready(&mut self) {
        self.listeners.iter_mut().for_each(|state| state.ready = true);
    }

    /// Marks those ready that have no socket: a thread has handed a connection over, or its last.
    pub(crate) fn mark_incoming_ready(&mut self) {
        for state in &mut self.listeners {
            state.ready |= matches!(state.listener, Listener::Incoming(_));
        }
    }

    /// Returns whether no connection can follow.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.listeners.is_empty() && self.pending.is_none()
    }

    /// Returns when to accept: now, later, or not before the next event.
    pub(crate) fn accept_at(&self) -> Option<Millis> {
        (self.pending.is_some() || self.listeners.iter().any(|state| state.ready)).then_some(self.retry_at)
    }

    /// Returns whether clients may wait in a queue that ends with this process, and that no further
    /// clients enter during a stop.
    pub(crate) fn has_queue(&self) -> bool {
        let is_own = |listener: &Listener| !listener.is_shared() && !matches!(listener, Listener::Incoming(_));
        self.listeners.iter().any(|state| state.ready && is_own(&state.listener))
    }

    /// Returns the next connection, if there is one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Accepted>> {
        if let Some(accepted) = self.pending.take() {
            return Ok(Some(accepted));
        }
        for _ in 0..self.listeners.len() {
            self.next = (self.next + 1) % self.listeners.len();
            let Some(state) = self.listeners.get_mut(self.next).filter(|state| state.ready) else { continue };
            match state.listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => state.ready = false,
                Err(error) if error.kind() == ErrorKind::NotConnected => {
                    self.listeners.remove(self.next); // the program has no more connections
                    return self.next();
                }
                result => return result.map(Some),
            }
        }
        Ok(None)
    }

    /// At the limit: keeps this accepted socket until a slot is free; the rest stay in the kernel's
    /// queue.
    pub(crate) fn park(&mut self, accepted: Accepted, now: Millis) {
        (self.pending, self.retry_at) = (Some(accepted), now + RETRY);
    }

    /// Handles EMFILE and the like: no edge follows for the clients that wait.
    pub(crate) fn failed(&mut self, error: &io::Error, now: Millis) {
        if self.last_warned == 0 || now >= self.last_warned + 1000 {
            self.last_warned = now.max(1);
            warn!("cannot accept: {error}; the clients wait in the kernel's queue");
        }
        self.retry_at = now + RETRY;
    }

    /// A connection has ended: a descriptor and a slot are free.
    pub(crate) fn retry_now(&mut self) {
        self.retry_at = 0;
    }

    /// Last accept before shutdown. Without a successor process, the kernel stops queueing new
    /// connections first.
    pub(crate) fn begin_shutdown(&mut self, alone: bool) {
        if alone {
            self.listeners.iter().for_each(|state| state.listener.reject_new());
        }
        self.mark_ready();
        self.retry_now();
    }

    /// Closes all listeners.
    pub(crate) fn close(&mut self) {
        self.listeners.clear();
    }
}
