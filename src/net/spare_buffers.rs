//! Keeps the buffers of large request bodies for the next ones.
//!
//! The allocator returns large buffers to the kernel, and each of their pages then costs a page
//! fault again: more than the copy of the body.

/// Maximum number of bytes kept.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Smaller buffers are not kept: the allocator does not return them.
const MIN_CAPACITY: usize = 32 * 1024;

/// After so many seconds, buffers that were not used are freed.
const PERIOD: u32 = 10;

/// The buffers of a worker that hold no body.
#[derive(Default)]
pub(crate) struct SpareBuffers {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
    /// Buffers that were not used in the current period.
    unused: usize,
    /// Calls of [`shrink`](Self::shrink) in the current period.
    age: u32,
}

impl SpareBuffers {
    /// Returns a buffer for a body of `whole` bytes, if there is one, or a new one for the first
    /// `part` of them; it may contain bytes of an earlier body.
    pub(crate) fn take(&mut self, whole: usize, part: usize) -> Vec<u8> {
        // Among equals the last one: the processor still has it.
        let fitting = self.buffers.iter().enumerate().rev().filter(|(_, buffer)| buffer.capacity() >= whole);
        let Some((index, _)) = fitting.min_by_key(|(_, buffer)| buffer.capacity()) else {
            return Vec::with_capacity(part);
        };
        let buffer = self.buffers.remove(index);
        self.bytes -= buffer.capacity();
        self.unused = self.unused.min(self.buffers.len());
        buffer
    }

    /// Keeps a buffer, if it is worth it and there is room.
    pub(crate) fn put(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() >= MIN_CAPACITY && self.bytes + buffer.capacity() <= MAX_BYTES {
            self.bytes += buffer.capacity();
            self.buffers.push(buffer);
        }
    }

    /// Frees the buffers that were not used for a period. Called once a second.
    pub(crate) fn shrink(&mut self) {
        self.age += 1;
        if self.age < PERIOD {
            return;
        }
        for buffer in self.buffers.drain(..self.unused) {
            self.bytes -= buffer.capacity();
        }
        (self.unused, self.age) = (self.buffers.len(), 0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(capacity: usize) -> Vec<u8> {
        Vec::with_capacity(capacity)
    }

    #[test]
    fn the_smallest_that_fits_is_used_again() {
        let mut spare = SpareBuffers::default();
        for capacity in [100_000, 300_000, 200_000] {
            spare.put(buffer(capacity));
        }
        assert_eq!(spare.take(150_000, 50_000).capacity(), 200_000);
        assert_eq!(spare.take(150_000, 50_000).capacity(), 300_000);
        assert_eq!(spare.take(150_000, 50_000).capacity(), 50_000, "none fits: a new one for what is here");
        assert_eq!(spare.take(1, 1).capacity(), 100_000);
        assert!(spare.is_empty() && spare.bytes == 0);
    }

    #[test]
    fn no_more_is_kept_than_the_bound() {
        let mut spare = SpareBuffers::default();
        spare.put(buffer(MIN_CAPACITY - 1));
        spare.put(buffer(MAX_BYTES + 1));
        assert!(spare.is_empty());
        for _ in 0..9 {
            spare.put(buffer(MAX_BYTES / 4));
        }
        assert_eq!((spare.buffers.len(), spare.bytes), (4, MAX_BYTES));
    }

    #[test]
    fn what_is_not_used_is_freed() {
        let mut spare = SpareBuffers::default();
        for _ in 0..3 {
            spare.put(buffer(MIN_CAPACITY));
        }
        let period = |spare: &mut SpareBuffers| (0..PERIOD).for_each(|_| spare.shrink());
        period(&mut spare);
        let used = spare.take(MIN_CAPACITY, MIN_CAPACITY);
        spare.put(used);
        period(&mut spare);
        assert_eq!(spare.buffers.len(), 1);
        period(&mut spare);
        assert!(spare.is_empty() && spare.bytes == 0);
    }
}
