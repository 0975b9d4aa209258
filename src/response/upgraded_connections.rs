//! Counts upgraded connections, and shuts them down when the server stops.

use std::collections::HashMap;
use std::fmt;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::response::duplex::Duplex;

/// All upgraded connections of one server. Each has a thread and a descriptor, so their number is
/// bounded.
pub(crate) struct UpgradedConnections {
    max: usize,
    count: AtomicUsize,
    open: Mutex<OpenSockets>,
    /// Whether the server is stopping.
    stopping: Box<dyn Fn() -> bool + Send + Sync>,
    /// Called when a connection ends while the server is stopping: it may have been the last one.
    ended: Box<dyn Fn() + Send + Sync>,
}

/// The sockets, and what was done to all of them.
#[derive(Default)]
struct OpenSockets {
    sockets: HashMap<u64, Weak<dyn Duplex>>,
    next: u64,
    shut: Option<Shutdown>,
}

/// One place among them. It is free again when this is dropped.
pub(crate) struct UpgradeSlot {
    all: Arc<UpgradedConnections>,
    number: u64,
}

impl UpgradedConnections {
    /// At most `max` at the same time.
    pub(crate) fn new(
        max: usize,
        stopping: impl Fn() -> bool + Send + Sync + 'static,
        ended: impl Fn() + Send + Sync + 'static,
    ) -> UpgradedConnections {
        let (stopping, ended) = (Box::new(stopping), Box::new(ended));
        UpgradedConnections { max, count: AtomicUsize::new(0), open: Mutex::default(), stopping, ended }
    }

    /// A place for one more, if there is one.
    pub(crate) fn reserve(self: &Arc<Self>) -> Option<UpgradeSlot> {
        let one_more = |count| (count < self.max).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        let mut open = self.lock();
        open.next += 1;
        Some(UpgradeSlot { all: self.clone(), number: open.next })
    }

    /// How many there are: a connection counts from the handler's `Response::upgrade` until its
    /// thread and its last clone are gone.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Ends the reading side of all of them: a thread that waits for its client learns that nothing
    /// more will come, and may still say goodbye.
    pub(crate) fn end_reading(&self) {
        let mut open = self.lock();
        let left: Vec<_> = open.sockets.values().filter_map(Weak::upgrade).collect();
        open.shut_all(Shutdown::Read, &left);
    }

    /// Shuts down all that are left, and returns their number. Those that it returned once are not
    /// counted again.
    pub(crate) fn shutdown_all(&self) -> usize {
        let mut open = self.lock();
        let left: Vec<_> =
            std::mem::take(&mut open.sockets).into_values().filter_map(|socket| socket.upgrade()).collect();
        open.shut_all(Shutdown::Both, &left);
        left.len()
    }

    fn lock(&self) -> MutexGuard<'_, OpenSockets> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenSockets {
    /// Shuts these down, and those that come late.
    fn shut_all(&mut self, how: Shutdown, sockets: &[Arc<dyn Duplex>]) {
        self.shut = Some(how);
        for socket in sockets {
            let _ = socket.socket().shutdown(how); // fails where the client was faster
        }
    }
}

/// Outside of a server, in tests: no bound and no stop.
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
    /// The socket that has this place. One that comes late to a stop gets what the others got.
    pub(crate) fn open(&self, socket: &Arc<dyn Duplex>) {
        let mut open = self.all.lock();
        open.sockets.insert(self.number, Arc::downgrade(socket));
        if let Some(how) = open.shut {
            let _ = socket.socket().shutdown(how); // fails where the client was faster
        }
    }

    /// Whether the server is stopping.
    pub(crate) fn is_stopping(&self) -> bool {
        (self.all.stopping)()
    }
}

impl Drop for UpgradeSlot {
    fn drop(&mut self) {
        self.all.lock().sockets.remove(&self.number);
        self.all.count.fetch_sub(1, Ordering::AcqRel);
        if self.is_stopping() {
            (self.all.ended)();
        }
    }
}
