//! Counts the bytes of request bodies that a worker holds in memory; holds none itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The sum over all requests of a worker, those included that its pool has.
#[derive(Default)]
pub(crate) struct Bodies(AtomicU64);

/// What one request has in the sum, until this is dropped.
pub(crate) struct Share {
    all: Arc<Bodies>,
    bytes: u64,
}

impl Bodies {
    /// How many bytes are held.
    pub(crate) fn held(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Share {
    /// Nothing yet.
    pub(crate) fn of(all: &Arc<Bodies>) -> Share {
        Share { all: all.clone(), bytes: 0 }
    }

    /// The request has so many bytes now. Whether the sum is within `most`: a request that is alone always is, since the bound of its
    /// own body is another.
    pub(crate) fn set(&mut self, bytes: u64, most: u64) -> bool {
        // The sum never goes below zero: what is subtracted was added before.
        let others = self.all.0.fetch_sub(self.bytes, Ordering::Relaxed) - self.bytes;
        self.all.0.fetch_add(bytes, Ordering::Relaxed);
        self.bytes = bytes;
        others == 0 || others.saturating_add(bytes) <= most
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_living() {
        let all = Arc::<Bodies>::default();
        let mut first = Share::of(&all);
        assert!(first.set(500, 100), "alone");
        let mut second = Share::of(&all);
        assert!(!second.set(1, 100));
        assert_eq!(all.held(), 501);
        assert!(first.set(99, 100) && second.set(1, 100) && !second.set(2, 100));
        drop(first);
        assert_eq!(all.held(), 2);
        assert!(second.set(500, 100));
        drop(second);
        assert_eq!(all.held(), 0);
    }
}
