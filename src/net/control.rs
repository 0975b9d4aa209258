//! How a server is told to stop, from any thread; knows no connection.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

/// What all workers of a server look at once a turn.
#[derive(Debug, Default)]
pub(crate) struct Control {
    phase: AtomicU8,
    /// Another process serves the same listeners.
    successor: AtomicBool,
    wakers: Mutex<Vec<Arc<Waker>>>,
}

/// Where in its life the server is. It only ever goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    Draining,
    Now,
}

impl Control {
    /// Adds a worker's waker. A server that was told to stop before it ran wakes up at once.
    pub(crate) fn add(&self, waker: Arc<Waker>) {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner).push(waker);
        if self.phase() != Phase::Running {
            self.advance(self.phase());
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Now,
        }
    }

    /// Another process serves the same listeners now: ours stop, and theirs stay open.
    pub(crate) fn hand_over(&self) {
        self.successor.store(true, Ordering::Relaxed);
        self.advance(Phase::Draining);
    }

    pub(crate) fn has_successor(&self) -> bool {
        self.successor.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::Release);
        for waker in self.wakers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Err(error) = waker.wake() {
                log::error!("cannot wake a worker: {error}");
            }
        }
    }
}
