//! Counts upgraded connections, and shuts them down when the server stops.

use std::collections::HashMap;
use std::fmt;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use crate::response::duplex::Duplex;
use crate::response::sparse_map::shrink_if_sparse;
use crate::sync::lock;

/// The upgraded connections of one server. Each has a thread and a descriptor, so their number is
/// limited.
pub(crate) struct UpgradedConnections {
    max: usize,
    count: AtomicUsize,
    open: Mutex<OpenSockets>,
    /// Whether the server is stopping.
    stopping: Box<dyn Fn() -> bool + Send + Sync>,
    /// Called when a connection ends: a worker may wait for the last one.
    ended: Box<dyn Fn() + Send + Sync>,
}

/// The open sockets, and how they were shut down.
#[derive(Default)]
struct OpenSockets {
    sockets: HashMap<u64, Weak<dyn Duplex>>,
    next: u64,
    shut: Option<Shutdown>,
}

/// A place in the count, freed when it is dropped.
pub(crate) struct UpgradeSlot {
    all: Arc<UpgradedConnections>,
    number: u64,
}

impl UpgradedConnections {
    /// Allows `max` connections at the same time.
    pub(crate) fn new(
        max: usize,
        stopping: impl Fn() -> bool + Send + Sync + 'static,
        ended: impl Fn() + Send + Sync + 'static,
    ) -> UpgradedConnections {
        let (stopping, ended) = (Box::new(stopping), Box::new(ended));
        UpgradedConnections { max, count: AtomicUsize::new(0), open: Mutex::default(), stopping, ended }
    }

    /// Reserves a place, if one is free.
    pub(crate) fn reserve(self: &Arc<Self>) -> Option<UpgradeSlot> {
        let one_more = |count| (count < self.max).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        let mut open = self.lock();
        open.next += 1;
        Some(UpgradeSlot { all: self.clone(), number: open.next })
    }

    /// Returns their number. A connection counts from the handler's `Response::upgrade` until its
    /// thread has ended and its last clone is dropped.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Shuts down reading on all of them: a thread that reads gets end of file, and may still
    /// write.
    pub(crate) fn end_reading(&self) {
        let mut open = self.lock();
        let left: Vec<_> = open.sockets.values().filter_map(Weak::upgrade).collect();
        open.shut_all(Shutdown::Read, &left);
    }

    /// Shuts down all open connections and returns their number. Counts each once.
    pub(crate) fn shutdown_all(&self) -> usize {
        let mut open = self.lock();
        let left: Vec<_> =
            std::mem::take(&mut open.sockets).into_values().filter_map(|socket| socket.upgrade()).collect();
        open.shut_all(Shutdown::Both, &left);
        left.len()
    }

    fn lock(&self) -> MutexGuard<'_, OpenSockets> {
        lock(&self.open)
    }
}

impl OpenSockets {
    /// Shuts these sockets down, and those that are opened later.
    fn shut_all(&mut self, how: Shutdown, sockets: &[Arc<dyn Duplex>]) {
        self.shut = Some(how);
        for socket in sockets {
            shut(&**socket, how);
        }
    }
}

/// Shuts a socket down without waiting for its client: the last words of TLS are left out.
fn shut(socket: &dyn Duplex, how: Shutdown) {
    // Fails if the client has disconnected.
    let _ = match how {
        Shutdown::Read => socket.shutdown(how),
        Shutdown::Write | Shutdown::Both => socket.socket().shutdown(how),
    };
}

/// For tests: no limit, never stopping.
impl Default for UpgradedConnections {
    fn default() -> Self {
        UpgradedConnections::new(usize::MAX, || false, || ())
    }
}

impl fmt::Debug for UpgradedConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} upgraded connections of {}", self.count(), self.max)
    }
}

impl UpgradeSlot {
    /// Registers the socket of this place. If the server has shut down the others, shuts it down
    /// too.
    pub(crate) fn open(&self, socket: &Arc<dyn Duplex>) {
        let mut open = self.all.lock();
        open.sockets.insert(self.number, Arc::downgrade(socket));
        if let Some(how) = open.shut {
            shut(&**socket, how);
        }
    }

    /// Whether the server is stopping.
    pub(crate) fn is_stopping(&self) -> bool {
        (self.all.stopping)()
    }
}

impl Drop for UpgradeSlot {
    fn drop(&mut self) {
        let mut open = self.all.lock();
        open.sockets.remove(&self.number);
        shrink_if_sparse(&mut open.sockets);
        drop(open);
        self.all.count.fetch_sub(1, Ordering::AcqRel);
        (self.all.ended)();
    }
}
