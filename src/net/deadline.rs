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
    /// The least bytes a second that a body must come with, averaged, after the grace; 408 below it. Read timeouts alone let 860 of
    /// 1,000 slow senders stay for ever.
    pub body_rate: u64,
    /// How long a body may be slower than that.
    pub body_grace: Duration,
    /// The least bytes a second that a client must read with, averaged, after the grace; reset below it.
    pub write_rate: u64,
    /// How long a client may read slower than that.
    pub write_grace: Duration,
    /// Between two requests. Node chose 5 s, nginx 75 s.
    pub keep_alive: Duration,
    /// Between two requests, when over three quarters of the connections are taken.
    pub keep_alive_crowded: Duration,
    /// How long a connection is kept at most; the next answer then says `Connection: close`.
    pub max_age: Duration,
    /// After our FIN, for the peer's (RFC 9112 §9.6).
    pub linger: Duration,
    /// On a quiet event stream, until a sign of life. Proxies cut after 60 s of silence.
    pub heartbeat: Duration,
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
            keep_alive_crowded: seconds(5),
            max_age: seconds(3600),
            linger: seconds(2),
            heartbeat: seconds(15),
            drain_idle: seconds(2),
            shutdown: seconds(30),
        }
    }
}

/// A transfer under way: when it began, when it last moved, and how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) since: Millis,
    pub(crate) last: Millis,
    pub(crate) bytes: u64,
}

impl Transfer {
    /// When patience ends if nothing more moves: too long a pause, or the first moment at which the average is below the least
    /// rate. That moment is known in advance, so no timer has to look in between.
    pub(crate) fn deadline(&self, idle: Duration, rate: u64, grace: Duration) -> Millis {
        let pause = self.last + millis(idle);
        let earned = self.bytes.saturating_mul(1000).checked_div(rate).unwrap_or(u64::MAX);
        pause.min(self.since.saturating_add(earned.max(millis(grace))))
    }
}

pub(crate) fn millis(duration: Duration) -> Millis {
    duration.as_millis() as Millis
}

/// One slot's width: deadlines fire up to this much late, never early.
pub(crate) const SLOT: Millis = 250;
/// 64 s in all; a later deadline is looked at when the wheel has turned once, and put back.
const SLOTS: u64 = 256;

/// Slots of the table of connections (`slots.rs`) by the time at which to look at them. Who sits there then is seen then: a
/// newcomer in the slot of somebody who left is looked at once too often, no more.
pub(crate) struct Wheel {
    slots: Vec<Vec<u32>>,
    /// The slot that was looked at last, counted from the beginning of time.
    turned: u64,
    /// The first slot that is not empty; none: `u64::MAX`. The loop asks every turn, so it is known and not searched.
    soonest: u64,
}

impl Wheel {
    pub(crate) fn new() -> Wheel {
        Wheel { slots: (0..SLOTS).map(|_| Vec::new()).collect(), turned: 0, soonest: u64::MAX }
    }

    /// Wakes the connection in this slot up at `at` or a little later; gives the time at which it will really be.
    pub(crate) fn schedule(&mut self, index: u32, at: Millis) -> Millis {
        let slot = at.div_ceil(SLOT).clamp(self.turned + 1, self.turned + SLOTS - 1);
        self.slots[(slot % SLOTS) as usize].push(index);
        self.soonest = self.soonest.min(slot);
        slot * SLOT
    }

    /// Moves all whose time has come into `due`.
    pub(crate) fn turn(&mut self, now: Millis, due: &mut Vec<u32>) {
        let until = now / SLOT;
        while self.soonest <= until {
            self.turned = self.soonest;
            // Taken, not drained: what a crowd needed goes back when the crowd has left.
            due.extend(std::mem::take(&mut self.slots[(self.turned % SLOTS) as usize]));
            let busy = |slot: &u64| !self.slots[(slot % SLOTS) as usize].is_empty();
            self.soonest = (self.turned + 1..self.turned + SLOTS).find(busy).unwrap_or(u64::MAX);
        }
        self.turned = self.turned.max(until);
    }

    /// Forgets those who left early, and gives their memory back.
    pub(crate) fn retain(&mut self, mut lives: impl FnMut(u32) -> bool) {
        for slot in &mut self.slots {
            slot.retain(|&index| lives(index));
            slot.shrink_to_fit();
        }
    }

    /// When to look next; never, when nothing waits.
    #[inline]
    pub(crate) fn next(&self) -> Option<Millis> {
        (self.soonest != u64::MAX).then(|| self.soonest * SLOT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wheel: &mut Wheel, now: Millis) -> Vec<u32> {
        let mut due = Vec::new();
        wheel.turn(now, &mut due);
        due
    }

    #[test]
    fn a_key_is_due_at_its_time_and_never_before() {
        for at in [1, 249, 250, 251, 10_000, 63_000] {
            let mut wheel = Wheel::new();
            let real = wheel.schedule(1, at);
            assert!(real >= at && real < at + SLOT, "{at} became {real}");
            assert_eq!(wheel.next(), Some(real));
            assert!(due(&mut wheel, real - 1).is_empty());
            assert_eq!(due(&mut wheel, real), [1]);
            assert_eq!(wheel.next(), None);
        }
    }

    #[test]
    fn a_time_beyond_the_wheel_is_looked_at_once_a_turn() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.schedule(1, 3_600_000), 255 * SLOT);
    }

    #[test]
    fn a_time_that_has_passed_is_due_at_the_next_slot() {
        let mut wheel = Wheel::new();
        assert!(due(&mut wheel, 10_000).is_empty());
        let real = wheel.schedule(1, 9_000);
        assert_eq!(due(&mut wheel, real), [1]);
    }

    #[test]
    fn a_long_sleep_loses_nothing() {
        let mut wheel = Wheel::new();
        for n in 0..100 {
            wheel.schedule(n, Millis::from(n) * 600);
        }
        assert_eq!(due(&mut wheel, 10_000_000).len(), 100);
    }

    #[test]
    fn a_transfer_ends_by_pause_or_by_rate() {
        let (idle, grace) = (Duration::from_secs(10), Duration::from_secs(5));
        let transfer = |since, last, bytes| Transfer { since, last, bytes }.deadline(idle, 500, grace);
        assert_eq!(transfer(0, 0, 0), 5_000, "nothing came: the grace");
        assert_eq!(transfer(0, 4_000, 10_000), 14_000, "fast, then a pause");
        assert_eq!(transfer(0, 19_000, 10_000), 20_000, "10,000 bytes are good for 20 s");
        assert_eq!(Transfer { since: 0, last: 0, bytes: 0 }.deadline(idle, 0, grace), 10_000, "no least rate");
    }
}
