//! Stops the workers of a server, from any thread.

use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use mio::Waker;
use socket2::Socket;

use crate::net::threads::mailbox::wake;
use crate::sync::lock;

/// What all workers check once a tick.
#[derive(Debug, Default)]
pub(crate) struct ShutdownControl {
    phase: AtomicU8,
    /// Another process serves the same listeners.
    successor: AtomicBool,
    wakers: Mutex<Vec<Arc<Waker>>>,
    /// Kept open for a successor, and closed when the server stops: otherwise clients would wait in
    /// their queues.
    listeners: Mutex<Vec<Socket>>,
    /// The process that is to take over, until it serves.
    successor_starting: Mutex<Option<Child>>,
}

/// The phase of the server. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    Draining,
    Aborting,
    /// All workers have ended.
    Ended,
}

impl ShutdownControl {
    /// Adds a worker's waker, and wakes it if the server is stopping.
    pub(crate) fn add(&self, waker: Arc<Waker>) {
        lock(&self.wakers).push(waker);
        if self.phase() != Phase::Running {
            self.advance(self.phase());
        }
    }

    /// Removes the waker of a dead worker.
    pub(crate) fn remove(&self, waker: &Arc<Waker>) {
        let mut wakers = lock(&self.wakers);
        wakers.retain(|other| !Arc::ptr_eq(other, waker));
    }

    #[cfg(test)]
    pub(crate) fn wakers(&self) -> usize {
        lock(&self.wakers).len()
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Draining,
            2 => Phase::Aborting,
            _ => Phase::Ended,
        }
    }

    pub(crate) fn has_successor(&self) -> bool {
        self.successor.load(Ordering::Relaxed)
    }

    /// The listeners for a successor.
    pub(crate) fn listeners(&self) -> MutexGuard<'_, Vec<Socket>> {
        lock(&self.listeners)
    }

    pub(crate) fn advance(&self, phase: Phase) {
        self.listeners().clear();
        self.phase.fetch_max(phase as u8, Ordering::Release);
        self.end_successor();
        self.wake();
        if phase == Phase::Ended {
            lock(&self.wakers).clear(); // descriptors, which a handle would keep open
        }
    }

    /// Returns the successor that does not serve yet; `None` if a stop has ended it.
    pub(crate) fn take_starting(&self) -> Option<Child> {
        lock(&self.successor_starting).take()
    }

    fn end_successor(&self) {
        if let Some(mut successor) = self.take_starting()
            && let Err(error) = successor.kill().and_then(|()| successor.wait())
        {
            warn!("cannot end process {}, which was to take over: {error}", successor.id());
        }
    }

    /// Wakes every worker.
    pub(crate) fn wake(&self) {
        for waker in lock(&self.wakers).iter() {
            wake(waker);
        }
    }
}

#[cfg(feature = "restart")]
impl ShutdownControl {
    /// Keeps these listeners open until the server stops.
    pub(crate) fn keep(&self, listeners: Vec<Socket>) {
        *self.listeners() = listeners;
    }

    /// Keeps a successor that does not serve yet. A stop ends it: it would serve on, with listeners
    /// that the stop has shut.
    pub(crate) fn set_starting(&self, successor: Child) {
        *lock(&self.successor_starting) = Some(successor);
        if self.phase() != Phase::Running {
            self.end_successor();
        }
    }

    /// Hands over to a successor process: drains without closing the shared listeners.
    pub(crate) fn hand_over(&self) {
        self.successor.store(true, Ordering::Relaxed);
        self.advance(Phase::Draining);
    }
}
