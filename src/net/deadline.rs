//! When a connection's patience ends, and a wheel that remembers to look; knows neither sockets nor clocks: time comes in as numbers.
//!
//! A keep-alive request moves its connection's deadline by writing one number. The wheel is not told: its entry wakes up at the old
//! time, sees that the deadline has moved, and goes to sleep again. So a request costs nothing here, and a connection one entry.

use std::time::Duration;

/// Milliseconds since the worker began.
pub(crate) type Millis = u64;

/// When nobody is in a hurry. Far enough from the end of numbers that a little can be added.
pub(crate) const NEVER: Millis = Millis::MAX / 2;

/// How long to wait for what. Every one is on by default: an absent deadline is a denial of service.
///
/// ```
/// use std::time::Duration;
/// use wirelight::Timeouts;
///
/// let patient = Timeouts { keep_alive: Duration::from_secs(60), ..Timeouts::default() };
/// assert_eq!(patient.head, Duration::from_secs(10));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a whole head, from its first byte; for a new connection's first byte too. 408 after it. h2o chose 10 s, nginx 60 s.
    pub head: Duration,
    /// For the next bytes of a body. 408 after it.
    pub body_idle: Duration,
    /// For the next bytes of an answer to leave. The connection is reset after it.
    pub write_idle: Duration,
    /// The least bytes a second at which a body must arrive after the grace; 408 below it. Counted at the socket, under TLS too. A
    /// fast start saves up for one `body_idle` at most. Read timeouts alone let 860 of 1,000 slow senders stay for ever.
    pub body_rate: u64,
    /// How long a body may be slower than that.
    pub body_grace: Duration,
    /// The least bytes a second at which a client must read after the grace; reset below it. A fast start saves up for one
    /// `write_idle` at most.
    pub write_rate: u64,
    /// How long a client may read slower than that.
    pub write_grace: Duration,
    /// Between two requests. Node chose 5 s, nginx 75 s.
    pub keep_alive: Duration,
    /// Between two requests, when over three quarters of the connections are taken.
    pub keep_alive_near_limit: Duration,
    /// How long a connection is kept at most; the next answer then says `Connection: close`.
    pub max_age: Duration,
    /// After the server's FIN, for the client's (RFC 9112 §9.6): how long the server reads and discards what a client still sends,
    /// at `body_rate` at least. A client that uploads gets to read an early answer only while the server reads on. nginx chose 30 s.
    pub linger: Duration,
    /// The longest pause of such a client, after which the connection is closed. nginx chose 5 s.
    pub linger_idle: Duration,
    /// On a quiet event stream, until a sign of life. Proxies cut after 60 s of silence.
    pub heartbeat: Duration,
    /// On an upgraded connection, how long a read waits for its client. nginx chose 60 s between two reads of a tunnel.
    pub upgraded_read: Duration,
    /// On an upgraded connection, how long a write waits for room.
    pub upgraded_write: Duration,
    /// At a graceful stop, how long idle connections may still begin a request.
    pub drain_idle: Duration,
    /// At a graceful stop, how long everything may take; the rest is cut.
    pub shutdown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Timeouts {
            head: seconds(10),
            body_idle: seconds(10),
            write_idle: seconds(10),
            body_rate: 500,
            body_grace: seconds(5),
            write_rate: 500,
            write_grace: seconds(10),
            keep_alive: seconds(15),
            keep_alive_near_limit: seconds(5),
            max_age: seconds(3600),
            linger: seconds(30),
            linger_idle: seconds(2),
            heartbeat: seconds(15),
            upgraded_read: seconds(300),
            upgraded_write: seconds(30),
            drain_idle: seconds(2),
            shutdown: seconds(30),
        }
    }
}

/// How fast a transfer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransferLimits {
    /// The longest pause. No burst saves up for more than this: a rate over the whole transfer could be paid in advance.
    idle: Duration,
    /// The least bytes a second.
    rate: u64,
    /// How long the rate is not asked for.
    grace: Duration,
}

impl Timeouts {
    /// Of a request body.
    pub(crate) fn body_limits(&self) -> TransferLimits {
        TransferLimits { idle: self.body_idle, rate: self.body_rate, grace: self.body_grace }
    }

    /// Of an answer.
    pub(crate) fn write_limits(&self) -> TransferLimits {
        TransferLimits { idle: self.write_idle, rate: self.write_rate, grace: self.write_grace }
    }

    /// Of what a client sends after its last answer.
    pub(crate) fn linger_limits(&self) -> TransferLimits {
        TransferLimits { idle: self.linger_idle, rate: self.body_rate, grace: self.linger_idle }
    }
}

/// A transfer under way: when it began, when it last moved, and the bytes that count, those beyond one pause's worth being forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) since: Millis,
    pub(crate) last: Millis,
    pub(crate) bytes: u64,
}

impl Transfer {
    /// A transfer that begins, with the bytes that are here already.
    pub(crate) fn begin(bytes: u64, now: Millis, pace: TransferLimits) -> Transfer {
        let mut transfer = Transfer { since: now, last: now, bytes: 0 };
        transfer.advance(bytes, now, pace);
        transfer
    }

    /// Counts `bytes` that moved now. They pay for one pause from now at most.
    pub(crate) fn advance(&mut self, bytes: u64, now: Millis, pace: TransferLimits) {
        let window = now.saturating_sub(self.since).saturating_add(millis(pace.idle));
        let most = pace.rate.saturating_mul(window).div_ceil(1000);
        (self.last, self.bytes) = (now, self.bytes.saturating_add(bytes).min(most));
    }

    /// When patience ends if nothing more moves: too long a pause, or the first moment at which the bytes that count no longer pay
    /// for the time. That moment is known in advance, so no timer has to look in between.
    pub(crate) fn deadline(&self, pace: TransferLimits) -> Millis {
        let pause = self.last.saturating_add(millis(pace.idle));
        let paid = self.bytes.saturating_mul(1000).checked_div(pace.rate).unwrap_or(u64::MAX);
        pause.min(self.since.saturating_add(paid.max(millis(pace.grace))))
    }
}

/// Milliseconds, rounded up; what is beyond [`NEVER`] is never.
pub(crate) fn millis(duration: Duration) -> Millis {
    let parts = Millis::from(duration.subsec_nanos()).div_ceil(1_000_000);
    duration.as_secs().saturating_mul(1000).saturating_add(parts).min(NEVER)
}

/// When `wait` from `now` on is over: later than now even if it is zero, so that time goes on, and never later than [`NEVER`].
#[inline]
pub(crate) fn after(now: Millis, wait: Duration) -> Millis {
    now.saturating_add(millis(wait).max(1)).min(NEVER)
}

/// One slot's width: deadlines fire up to this much late, never early.
pub(crate) const SLOT_WIDTH: Millis = 250;
/// 64 s in all; a later deadline is looked at when the wheel has turned once, and put back.
const SLOTS: u64 = 256;

/// Slots of the table of connections (`slots.rs`) by the time at which to look at them. Who sits there then is seen then: a
/// newcomer in the slot of somebody who left is looked at once too often, no more.
///
/// All entries lie in one table, chained by their time. A vector a time would be 256 that grow while connections come, in small pieces
/// between the connections' own memory, and none of that could go back to the system when a crowd has left.
pub(crate) struct TimerWheel {
    slots: [SlotList; SLOTS as usize],
    entries: Vec<Entry>,
    /// The first of the entries that nobody uses.
    free: u32,
    /// The slot that was looked at last, counted from the beginning of time.
    current: u64,
    /// The first slot that is not empty; none: `u64::MAX`. The loop asks every turn, so it is known and not searched.
    next_slot: u64,
}

/// The entries of one time, first come, first served.
#[derive(Clone, Copy)]
struct SlotList {
    first: u32,
    last: u32,
}

/// One alarm: whose it is, and which is next in its chain.
struct Entry {
    index: u32,
    next: u32,
}

/// The end of a chain.
const NIL: u32 = u32::MAX;
/// Entries that there is room for from the start: 128 KiB, which the system maps for itself, apart from the heap. Pages cost nothing
/// until they are written.
const INITIAL_CAPACITY: usize = 16 * 1024;

impl TimerWheel {
    pub(crate) fn new() -> TimerWheel {
        let entries = Vec::with_capacity(INITIAL_CAPACITY);
        let empty = SlotList { first: NIL, last: NIL };
        TimerWheel { slots: [empty; SLOTS as usize], entries, free: NIL, current: 0, next_slot: u64::MAX }
    }

    /// Wakes the connection in this slot up at `at` or a little later; gives the time at which it will really be.
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

    /// One whose time has come, until there is none.
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

    /// Forgets those who left early, and gives their memory back.
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

    /// When to look next; never, when nothing waits.
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

    #[test]
    fn times_at_both_ends_keep_their_order() {
        let cases =
            [(Duration::ZERO, 0), (Duration::from_nanos(1), 1), (Duration::from_millis(7), 7), (Duration::MAX, NEVER)];
        for (duration, expected) in cases {
            assert_eq!(millis(duration), expected);
            for now in [0, 1000, NEVER] {
                assert!(after(now, duration) > now.min(NEVER - 1) && after(now, duration) <= NEVER);
            }
        }
        let pace = TransferLimits { idle: Duration::MAX, rate: u64::MAX, grace: Duration::MAX };
        assert!(Transfer::begin(u64::MAX, 1000, pace).deadline(pace) >= NEVER);
    }

    #[test]
    fn a_transfer_ends_by_pause_or_by_rate() {
        let pace = TransferLimits { idle: Duration::from_secs(10), rate: 500, grace: Duration::from_secs(5) };
        let transfer = |since, last, bytes| Transfer { since, last, bytes }.deadline(pace);
        assert_eq!(transfer(0, 0, 0), 5_000, "nothing came: the grace");
        assert_eq!(transfer(0, 4_000, 10_000), 14_000, "fast, then a pause");
        assert_eq!(transfer(0, 19_000, 10_000), 20_000, "10,000 bytes are good for 20 s");
        let free = TransferLimits { rate: 0, ..pace };
        assert_eq!(Transfer { since: 0, last: 0, bytes: 0 }.deadline(free), 10_000, "no least rate");
    }

    #[test]
    fn a_burst_pays_for_one_pause_and_no_more() {
        let pace = TransferLimits { idle: Duration::from_secs(10), rate: 500, grace: Duration::from_secs(5) };
        let mut transfer = Transfer::begin(1_000_000, 1_000, pace);
        assert_eq!(transfer.deadline(pace), 11_000);
        transfer.advance(1, 10_900, pace);
        assert_eq!(transfer.deadline(pace), 11_002, "one byte at the end of a pause is good for 2 ms");
        transfer.advance(1_000, 11_000, pace);
        assert_eq!(transfer.deadline(pace), 13_002);
        transfer.advance(1 << 40, 13_000, pace);
        assert_eq!(transfer.deadline(pace), 23_000);
    }

    #[test]
    fn the_ends_of_numbers_are_no_ends_of_time() {
        for rate in [0, 1, 500] {
            let never = TransferLimits { idle: Duration::from_millis(u64::MAX), rate, grace: Duration::ZERO };
            let mut transfer = Transfer::begin(u64::MAX, 5, never);
            transfer.advance(u64::MAX, 10, never);
            assert!(transfer.deadline(never) > 1 << 40, "{rate}");
        }
        let at_once = TransferLimits { idle: Duration::ZERO, rate: 1, grace: Duration::ZERO };
        assert_eq!(Transfer::begin(9, 5, at_once).deadline(at_once), 5);
    }
}
