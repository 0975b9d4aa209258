//! Stores values by key: an index and a generation.
//!
//! epoll can report an event for a descriptor that was closed and reused in the same batch. The
//! generation tells the two apart.

/// Identifies one value; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// A growing table with a free list.
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    /// The first free slot; each names the next.
    next_free: Option<u32>,
    live: usize,
    /// Maximum length since the last shrink.
    peak_len: usize,
    /// Length at the last shrink; below that, shrinking may free more.
    len_at_shrink: usize,
    /// The next generation. One counter for all slots, since a slot removed by shrinking must not
    /// restart at 0.
    next_generation: u32,
}

struct Slot<T> {
    generation: u32,
    content: Content<T>,
}

enum Content<T> {
    Occupied(T),
    Vacant(Option<u32>),
}

/// Initial capacity. A block of this size is mapped by itself, so it can shrink in place.
const INITIAL_CAPACITY: usize = 1024;
/// Capacity kept when shrinking.
const MIN_CAPACITY: usize = 64;
/// The table is sparse if its length is at most one in so many of the peak.
const SPARSE: usize = 4;

impl<T> Slab<T> {
    pub(crate) fn new() -> Slab<T> {
        Slab {
            slots: Vec::with_capacity(INITIAL_CAPACITY),
            next_free: None,
            live: 0,
            peak_len: MIN_CAPACITY,
            len_at_shrink: 0,
            next_generation: 0,
        }
    }

    pub(crate) fn insert(&mut self, occupant: T) -> Key {
        let generation = self.next_generation;
        self.next_generation = self.next_generation.wrapping_add(1);
        self.live += 1;
        if self.live > self.peak_len {
            (self.peak_len, self.len_at_shrink) = (self.live, usize::MAX);
        }
        let fresh = Slot { generation, content: Content::Occupied(occupant) };
        let hole = self.next_free.and_then(|index| self.slots.get_mut(index as usize).map(|slot| (index, slot)));
        let index = match hole {
            Some((index, slot)) => {
                if let Content::Vacant(next) = slot.content {
                    self.next_free = next;
                }
                *slot = fresh;
                index
            }
            None => {
                self.slots.push(fresh);
                (self.slots.len() - 1) as u32
            }
        };
        Key { index, generation }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.slots.get_mut(key.index as usize) {
            Some(Slot { generation, content: Content::Occupied(occupant) }) if *generation == key.generation => {
                Some(occupant)
            }
            _ => None,
        }
    }

    /// Returns the key of the value in this slot.
    pub(crate) fn key(&self, index: u32) -> Option<Key> {
        match self.slots.get(index as usize) {
            Some(Slot { generation, content: Content::Occupied(_) }) => Some(Key { index, generation: *generation }),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get_mut(key)?;
        let slot = self.slots.get_mut(key.index as usize)?;
        let Content::Occupied(occupant) = std::mem::replace(&mut slot.content, Content::Vacant(self.next_free)) else {
            return None;
        };
        self.next_free = Some(key.index);
        self.live -= 1;
        Some(occupant)
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| match &slot.content {
            Content::Occupied(occupant) => Some((Key { index: index as u32, generation: slot.generation }, occupant)),
            Content::Vacant(_) => None,
        })
    }

    /// Returns whether most values were removed since the peak, and some since the last shrink.
    pub(crate) fn is_sparse(&self) -> bool {
        self.live < self.len_at_shrink && self.live <= self.peak_len / SPARSE
    }

    /// Frees memory: truncates the table and rebuilds the free list.
    pub(crate) fn shrink(&mut self) {
        (self.peak_len, self.len_at_shrink) = ((self.live * SPARSE).max(MIN_CAPACITY), self.live);
        let occupied = |slot: &Slot<T>| matches!(slot.content, Content::Occupied(_));
        self.slots.truncate(self.slots.iter().rposition(occupied).map_or(0, |last| last + 1));
        self.slots.shrink_to(MIN_CAPACITY);
        self.next_free = None;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if let Content::Vacant(next) = &mut slot.content {
                *next = self.next_free.replace(index as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_former_occupant_finds_nothing() {
        let mut slots = Slab::new();
        let first = slots.insert("first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second");
        assert_eq!(first.index, second.index);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get_mut(second), Some(&mut "second"));
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn shrinking_keeps_the_living_and_forgets_no_generation() {
        let mut slots = Slab::new();
        let keys: Vec<Key> = (0..5000).map(|n| slots.insert(n)).collect();
        for key in &keys[1..] {
            slots.remove(*key);
        }
        assert!(slots.is_sparse());
        slots.shrink();
        assert!(!slots.is_sparse());
        assert_eq!(slots.get_mut(keys[0]), Some(&mut 0));
        let again = slots.insert(7);
        assert_eq!(again.index, 1);
        assert!(slots.get_mut(keys[1]).is_none());
        assert_eq!(slots.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [0, 7]);
    }

    #[test]
    fn a_table_is_sparse_until_all_of_many_values_are_removed() {
        let mut slots = Slab::new();
        let mut keys: Vec<Key> = (0..100).map(|n| slots.insert(n)).collect();
        let mut remove = |slots: &mut Slab<i32>, number: usize| {
            for key in keys.drain(..number) {
                slots.remove(key);
            }
        };
        remove(&mut slots, 74);
        assert!(!slots.is_sparse(), "26 of 100 are left");
        remove(&mut slots, 1);
        assert!(slots.is_sparse());
        slots.shrink();
        assert!(!slots.is_sparse(), "none was removed since");
        remove(&mut slots, 24);
        assert!(slots.is_sparse(), "one of 25 is left");
        slots.shrink();
        remove(&mut slots, 1);
        assert!(slots.is_sparse(), "none is left");
        slots.shrink();
        let few: Vec<Key> = (0..MIN_CAPACITY as i32).map(|n| slots.insert(n)).collect();
        for key in few {
            slots.remove(key);
            assert!(!slots.is_sparse(), "a few values come and go");
        }
    }

    #[test]
    fn every_hole_is_filled_before_the_table_grows() {
        let mut slots = Slab::new();
        let keys: Vec<Key> = (0..5000).map(|n| slots.insert(n)).collect();
        for key in keys.iter().filter(|key| key.index % 3 == 0 || key.index > 600) {
            slots.remove(*key);
        }
        slots.shrink();
        let filled: Vec<u32> = (0..200).map(|n| slots.insert(n).index).collect();
        assert!(filled.iter().all(|index| *index < 600 && index % 3 == 0), "{filled:?}");
    }
}
