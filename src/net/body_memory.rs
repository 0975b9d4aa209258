//! Counts the bytes of request bodies that a worker holds in memory; holds none itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The sum over all requests of a worker, those included that its pool has.
#[derive(Default)]
pub(crate) struct BodyMemory(AtomicU64);

/// What one request has in the sum, until this is dropped.
pub(crate) struct Reservation {
    total: Arc<BodyMemory>,
    bytes: u64,
}

impl BodyMemory {
    /// How many bytes are held.
    pub(crate) fn buffered(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Reservation {
    /// Nothing yet.
    pub(crate) fn of(all: &Arc<BodyMemory>) -> Reservation {
        Reservation { total: all.clone(), bytes: 0 }
    }

    /// The request has so many bytes now. Whether the sum is within `most`: a request that is alone always is, since the bound of its
    /// own body is another.
    pub(crate) fn resize(&mut self, bytes: u64, most: u64) -> bool {
        // The sum never goes below zero: what is subtracted was added before.
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
        assert_eq!(all.buffered(), 501);
        assert!(first.resize(99, 100) && second.resize(1, 100) && !second.resize(2, 100));
        drop(first);
        assert_eq!(all.buffered(), 2);
        assert!(second.resize(500, 100));
        drop(second);
        assert_eq!(all.buffered(), 0);
    }
}
