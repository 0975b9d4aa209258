//! Remembers when to check which connection: a timer wheel.
//!
//! A keep-alive request moves its deadline by writing one number. The wheel is not told: its entry
//! fires at the old time, finds that the deadline has moved, and is scheduled again. A request
//! costs nothing here, and a connection costs one entry.

use crate::net::millis::Millis;

/// Width of a slot: timers fire up to this much late, never early.
pub(crate) const SLOT_WIDTH: Millis = 250;
/// 64 s in all; a later deadline is checked after one turn, and scheduled again.
const SLOTS: u64 = 256;

/// Slots hold slab indices, not keys: a reused slot is checked once too often, which is harmless.
///
/// All entries are in one table, linked by slot. A vector a slot would fragment the heap while
/// connections arrive.
pub(crate) struct TimerWheel {
    slots: [SlotList; SLOTS as usize],
    entries: Vec<Entry>,
    /// The first free entry.
    free: u32,
    /// The slot checked last, counted from the start.
    current: u64,
    /// The first slot that is not empty, or `u64::MAX`. Known, since the loop asks every tick.
    next_slot: u64,
}

/// The entries of one slot, in order.
#[derive(Clone, Copy)]
struct SlotList {
    first: u32,
    last: u32,
}

/// One timer: a slab index, and the next entry.
struct Entry {
    index: u32,
    next: u32,
}

/// The end of a list.
const NIL: u32 = u32::MAX;
/// Initial capacity: 128 KiB, which the allocator maps by itself. Pages cost nothing until they are
/// written.
const INITIAL_CAPACITY: usize = 16 * 1024;

impl TimerWheel {
    pub(crate) fn new() -> TimerWheel {
        let entries = Vec::with_capacity(INITIAL_CAPACITY);
        let empty = SlotList { first: NIL, last: NIL };
        TimerWheel { slots: [empty; SLOTS as usize], entries, free: NIL, current: 0, next_slot: u64::MAX }
    }

    /// Schedules a timer at `at` or a little later; returns its time.
    pub(crate) fn schedule(&mut self, index: u32, at: Millis) -> Millis {
        let slot = at.div_ceil(SLOT_WIDTH).clamp(self.current + 1, self.current + SLOTS - 1);
        self.link(index, slot);
        self.next_slot = self.next_slot.min(slot);
        slot * SLOT_WIDTH
    }

    fn link(&mut self, index: u32, slot: u64) {
        let (entry, mut place) = (Entry { index, next: NIL }, self.free);
        if let Some(free) = self.entries.get_mut(place as usize) {
            self.free = std::mem::replace(free, entry).next;
        } else {
            place = self.entries.len() as u32;
            self.entries.push(entry);
        }
        let chain = &mut self.slots[(slot % SLOTS) as usize];
        match self.entries.get_mut(chain.last as usize) {
            Some(last) => last.next = place,
            None => chain.first = place,
        }
        chain.last = place;
    }

    /// Returns an expired timer.
    pub(crate) fn pop(&mut self, now: Millis) -> Option<u32> {
        let until = now / SLOT_WIDTH;
        while self.next_slot <= until {
            self.current = self.next_slot;
            if let Some(index) = self.unlink(self.current) {
                return Some(index);
            }
            let busy = |slot: &u64| self.slots[(slot % SLOTS) as usize].first != NIL;
            self.next_slot = (self.current + 1..self.current + SLOTS).find(busy).unwrap_or(u64::MAX);
        }
        self.current = self.current.max(until);
        None
    }

    fn unlink(&mut self, slot: u64) -> Option<u32> {
        let chain = &mut self.slots[(slot % SLOTS) as usize];
        let entry = self.entries.get_mut(chain.first as usize)?;
        (chain.first, entry.next, self.free) = (entry.next, self.free, chain.first);
        if chain.first == NIL {
            chain.last = NIL;
        }
        Some(entry.index)
    }

    /// Removes the timers of removed connections, and frees memory.
    pub(crate) fn retain(&mut self, mut lives: impl FnMut(u32) -> bool) {
        let mut kept = Vec::new();
        for slot in 0..SLOTS {
            let all = std::iter::from_fn(|| self.unlink(slot));
            kept.extend(all.filter(|index| lives(*index)).map(|index| (index, slot)));
        }
        self.entries.clear();
        self.entries.shrink_to(INITIAL_CAPACITY);
        self.free = NIL;
        kept.into_iter().for_each(|(index, slot)| self.link(index, slot));
    }

    /// Returns when the next timer fires.
    #[inline]
    pub(crate) fn next(&self) -> Option<Millis> {
        (self.next_slot != u64::MAX).then(|| self.next_slot * SLOT_WIDTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wheel: &mut TimerWheel, now: Millis) -> Vec<u32> {
        std::iter::from_fn(|| wheel.pop(now)).collect()
    }

    #[test]
    fn a_key_is_due_at_its_time_and_never_before() {
        for at in [1, 249, 250, 251, 10_000, 63_000] {
            let mut wheel = TimerWheel::new();
            let real = wheel.schedule(1, at);
            assert!(real >= at && real < at + SLOT_WIDTH, "{at} became {real}");
            assert_eq!(wheel.next(), Some(real));
            assert!(due(&mut wheel, real - 1).is_empty());
            assert_eq!(due(&mut wheel, real), [1]);
            assert_eq!(wheel.next(), None);
        }
    }

    #[test]
    fn a_time_beyond_the_wheel_is_looked_at_once_a_turn() {
        let mut wheel = TimerWheel::new();
        assert_eq!(wheel.schedule(1, 3_600_000), 255 * SLOT_WIDTH);
    }

    #[test]
    fn a_time_that_has_passed_is_due_at_the_next_slot() {
        let mut wheel = TimerWheel::new();
        assert!(due(&mut wheel, 10_000).is_empty());
        let real = wheel.schedule(1, 9_000);
        assert_eq!(due(&mut wheel, real), [1]);
    }

    #[test]
    fn a_long_sleep_loses_nothing() {
        let mut wheel = TimerWheel::new();
        for n in 0..100 {
            wheel.schedule(n, Millis::from(n) * 600);
        }
        assert_eq!(due(&mut wheel, 10_000_000).len(), 100);
    }

    #[test]
    fn entries_are_used_again_and_forgotten_with_those_who_left() {
        let mut wheel = TimerWheel::new();
        for round in 0..10 {
            for n in 0..300 {
                wheel.schedule(n, round * 10_000 + 1_000 + Millis::from(n % 3) * SLOT_WIDTH);
            }
            let in_order = (0..3).flat_map(|slot| (0..100).map(move |n| 3 * n + slot));
            assert!(due(&mut wheel, round * 10_000 + 5_000).into_iter().eq(in_order));
        }
        assert_eq!(wheel.entries.len(), 300);
        for n in 0..5000 {
            wheel.schedule(n, 120_000 + Millis::from(n));
        }
        wheel.retain(|index| index % 100 == 7);
        assert_eq!((wheel.entries.len(), wheel.entries.capacity()), (50, INITIAL_CAPACITY));
        assert!(due(&mut wheel, 200_000).into_iter().eq((7..5000).step_by(100)));
    }
}
