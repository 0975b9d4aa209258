//! Things by token: an index and a generation, so that an event for something that is gone finds nothing; knows not what they are.
//!
//! epoll can report an event for a descriptor that was closed and reused earlier in the same batch. The generation tells the two apart.

/// Names one occupant of one slot, ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// A growing table with holes.
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    live: usize,
    /// How many lived when the table was last shrunk; below that, shrinking again may give more back.
    shrunk: usize,
    /// The generation of the next occupant. One counter for all slots: a slot that shrinking took away must not start again at 0.
    next: u32,
}

struct Slot<T> {
    generation: u32,
    occupant: Option<T>,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Slots<T> {
        Slots { slots: Vec::new(), free: Vec::new(), live: 0, shrunk: usize::MAX, next: 0 }
    }

    pub(crate) fn insert(&mut self, occupant: T) -> Key {
        let generation = self.next;
        self.next = self.next.wrapping_add(1);
        self.live += 1;
        let slot = Slot { generation, occupant: Some(occupant) };
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index as usize] = slot; // free holds indices of the table only
                index
            }
            None => {
                self.slots.push(slot);
                self.shrunk = usize::MAX;
                (self.slots.len() - 1) as u32
            }
        };
        Key { index, generation }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation == key.generation { slot.occupant.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)?;
        let occupant = slot.occupant.take()?;
        self.live -= 1;
        self.free.push(key.index);
        Some(occupant)
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let key = |index: usize, generation| Key { index: index as u32, generation };
        self.slots.iter().enumerate().filter_map(move |(index, slot)| {
            slot.occupant.as_ref().map(|occupant| (key(index, slot.generation), occupant))
        })
    }

    /// Whether a crowd has left and its memory could go back.
    pub(crate) fn is_sparse(&self) -> bool {
        self.slots.capacity() >= 256 && self.live < self.slots.capacity() / 4 && self.live < self.shrunk
    }

    /// Gives memory back: drops the empty end of the table.
    pub(crate) fn shrink(&mut self) {
        self.shrunk = self.live;
        let used = self.slots.iter().rposition(|slot| slot.occupant.is_some()).map_or(0, |last| last + 1);
        self.slots.truncate(used);
        self.slots.shrink_to_fit();
        self.free.retain(|&index| (index as usize) < used);
        self.free.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_former_occupant_finds_nothing() {
        let mut slots = Slots::new();
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
        let mut slots = Slots::new();
        let keys: Vec<Key> = (0..1000).map(|n| slots.insert(n)).collect();
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
}
