//! How a server is told to stop, from any thread; knows no connection.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Waker;
use socket2::Socket;

use crate::net::threads::mailbox::wake;

/// What all workers of a server look at once a turn.
#[derive(Debug, Default)]
pub(crate) struct ShutdownControl {
    phase: AtomicU8,
    /// Another process serves the same listeners.
    successor: AtomicBool,
    wakers: Mutex<Vec<Arc<Waker>>>,
    /// Closed when the server stops. Whoever keeps a listener open then keeps clients waiting who should be refused.
    listeners: Mutex<Vec<Socket>>,
}

/// Where in its life the server is. It only ever goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    Draining,
    Aborting,
    /// All workers have come back.
    Ended,
}

impl ShutdownControl {
    /// Adds a worker's waker. A server that was told to stop before it ran wakes up at once.
    pub(crate) fn add(&self, waker: Arc<Waker>) {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner).push(waker);
        if self.phase() != Phase::Running {
            self.advance(self.phase());
        }
    }

    /// Forgets the waker of a worker that has died, and its descriptor with it.
    pub(crate) fn remove(&self, waker: &Arc<Waker>) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.retain(|other| !Arc::ptr_eq(other, waker));
    }

    #[cfg(test)]
    pub(crate) fn wakers(&self) -> usize {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner).len()
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

    /// What a successor gets.
    pub(crate) fn listeners(&self) -> MutexGuard<'_, Vec<Socket>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn advance(&self, phase: Phase) {
        self.listeners().clear();
        self.phase.fetch_max(phase as u8, Ordering::Release);
        self.wake();
    }

    /// Lets every worker look again at what there is to do.
    pub(crate) fn wake(&self) {
        for waker in self.wakers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            wake(waker);
        }
    }
}

#[cfg(feature = "restart")]
impl ShutdownControl {
    /// Keeps these listeners open, beside the workers that have them, until the server stops.
    pub(crate) fn keep(&self, listeners: Vec<Socket>) {
        *self.listeners() = listeners;
    }

    /// Another process serves the same listeners now: ours stop, and theirs stay open.
    pub(crate) fn hand_over(&self) {
        self.successor.store(true, Ordering::Relaxed);
        self.advance(Phase::Draining);
    }
}
