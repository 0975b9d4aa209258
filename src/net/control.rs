//! How a server is told to stop, from any thread; knows no connection.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

/// What all workers of a server look at once a turn.
#[derive(Debug, Default)]
pub(crate) struct Control {
    phase: AtomicU8,
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
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Now,
        }
    }

    /// TERM or INT: the first asks politely, the second does not.
    pub(crate) fn signal(&self) {
        match self.phase() {
            Phase::Running => self.advance(Phase::Draining),
            Phase::Draining | Phase::Now => self.advance(Phase::Now),
        }
    }

    pub(crate) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::Relaxed);
        for waker in self.wakers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Err(error) = waker.wake() {
                log::error!("cannot wake a worker: {error}");
            }
        }
    }
}
