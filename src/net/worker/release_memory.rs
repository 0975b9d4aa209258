//! Returns the memory of connections that have closed to the system.
//!
//! What is allocated while many connections are open, and outlives them, keeps their memory (see
//! [`allocator_cache`]). So the worker's own buffers have their capacity from the start, and are
//! replaced when most connections have closed.

use crate::net::tick::Buffers;
use crate::net::worker::{Worker, allocator_cache};
use crate::trace::probe::Probe;

/// Initial capacity of a queue.
pub(super) const QUEUE_CAPACITY: usize = 256;
/// Capacity that a queue keeps while the connections are open.
const MAX_QUEUE_CAPACITY: usize = 1024;

impl<P: Probe> Worker<P> {
    /// Called once a second, while no connection runs.
    pub(super) fn shrink(&mut self) {
        self.runnable.shrink_to(MAX_QUEUE_CAPACITY);
        self.completions.shrink_to(MAX_QUEUE_CAPACITY);
        self.buffers.read.spare.shrink();
        if self.conns.is_sparse() {
            self.release_memory();
        }
    }

    #[cold]
    pub(super) fn release_memory(&mut self) {
        self.conns.shrink();
        let conns = &self.conns;
        self.wheel.retain(|index| conns.key(index).is_some());
        self.buffers = Buffers::empty();
        self.runnable.shrink_to_fit();
        self.completions.shrink_to_fit();
        allocator_cache::free_cached_chunks();
        // Allocated last: before, they would be placed above the memory that is returned.
        self.buffers = Buffers::new();
        self.runnable.reserve(QUEUE_CAPACITY);
        self.completions.reserve(QUEUE_CAPACITY);
    }
}
