//! Shrinks hash maps from which many entries were removed.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

/// A map is sparse if its capacity is more than this many times its length.
const SPARSE: usize = 8;

/// Shrinks a sparse map to twice its length; to call after a removal. A map that has grown while
/// many connections were open otherwise keeps their memory from returning to the system.
pub(crate) fn shrink_if_sparse<K: Eq + Hash, V, S: BuildHasher>(map: &mut HashMap<K, V, S>) {
    if map.len() * SPARSE < map.capacity() {
        map.shrink_to(map.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capacity_follows_the_length() {
        let mut map: HashMap<u64, u64> = (0..10_000).map(|n| (n, n)).collect();
        for n in 0..10_000 {
            map.remove(&n);
            shrink_if_sparse(&mut map);
            assert!(map.capacity() <= SPARSE * map.len(), "capacity {}, length {}", map.capacity(), map.len());
        }
    }
}
