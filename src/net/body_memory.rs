//! Counts the bytes of request bodies that a worker holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The sum over a worker's requests, with those in its pool.
#[derive(Default)]
pub(crate) struct BodyMemory(AtomicU64);

/// The share of one request, until dropped.
pub(crate) struct Reservation {
    total: Arc<BodyMemory>,
    bytes: u64,
}

impl BodyMemory {
    /// Returns the bytes held.
    pub(crate) fn held(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Reservation {
    /// Reserves nothing yet.
    pub(crate) fn of(all: &Arc<BodyMemory>) -> Reservation {
        Reservation { total: all.clone(), bytes: 0 }
    }

    /// Sets the share to `bytes`. Returns whether the sum is within `most`; a single request always
    /// is, since its own limit applies.
    pub(crate) fn resize(&mut self, bytes: u64, most: u64) -> bool {
        // Never below zero: what is subtracted was added before.
        let others = self.total.0.fetch_sub(self.bytes, Ordering::Relaxed) - self.bytes;
        self.total.0.fetch_add(bytes, Ordering::Relaxed);
        self.bytes = bytes;
        others == 0 || others.saturating_add(bytes) <= most
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.total.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_living() {
        let all = Arc::<BodyMemory>::default();
        let mut first = Reservation::of(&all);
        assert!(first.resize(500, 100), "alone");
        let mut second = Reservation::of(&all);
        assert!(!second.resize(1, 100));
        assert_eq!(all.held(), 501);
        assert!(first.resize(99, 100) && second.resize(1, 100) && !second.resize(2, 100));
        drop(first);
        assert_eq!(all.held(), 2);
        assert!(second.resize(500, 100));
        drop(second);
        assert_eq!(all.held(), 0);
    }
}
