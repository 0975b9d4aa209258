//! Frees the chunks of memory that glibc caches for a thread.
//!
//! glibc returns memory to the system only from the top of its heap. Each thread caches the small
//! chunks that it frees first (the "tcache"), and a cached chunk counts as used: one at the top of
//! the heap keeps all memory below it. The order in which connections close decides which chunks
//! are cached. `malloc_trim` would return the memory too, but needs unsafe code.

use std::cmp::Reverse;

/// Sizes that are cached: up to 1,032 bytes (`tcache_max_bytes`), in steps of 16.
const STEP: usize = 16;
const MAX_CACHED_SIZE: usize = 1032;
/// Maximum number of cached chunks of one size (`tcache_count`): 7, and 16 in later versions.
const MAX_CACHED_CHUNKS: usize = 16;

/// Frees this thread's cached chunks: allocates them again, and grows each to a size that is not
/// cached before freeing it. With another allocator this is useless and harmless.
#[cold]
pub(super) fn free_cached_chunks() {
    let mut chunks: Vec<Vec<u8>> = Vec::with_capacity(MAX_CACHED_SIZE / STEP * MAX_CACHED_CHUNKS);
    for size in (STEP..=MAX_CACHED_SIZE).step_by(STEP) {
        chunks.extend((0..MAX_CACHED_CHUNKS).map(|_| Vec::with_capacity(size)));
    }
    // From the top down, so that only free memory follows each, and it grows in place.
    chunks.sort_unstable_by_key(|chunk| Reverse(chunk.as_ptr().addr()));
    for chunk in &mut chunks {
        chunk.reserve_exact(MAX_CACHED_SIZE + 1);
        *chunk = Vec::new();
    }
}
