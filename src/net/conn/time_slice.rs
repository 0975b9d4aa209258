//! How long the pipelined requests of one connection may keep the loop; knows nothing of what they ask for.

use std::time::{Duration, Instant};

/// Requests between two looks at the clock: cheap handlers must not pay for it.
const CHECK_EVERY: usize = 8;
/// What handlers may take before the other connections get their turn.
const TIME_SLICE: Duration = Duration::from_micros(500);

/// Bounds a burst of requests by time, beside the bounds by number and by bytes: handlers may take long.
#[derive(Default)]
pub(super) struct TimeSlice(Option<Instant>);

impl TimeSlice {
    /// Whether the burst has lasted long enough after its request number `number`, counted from 1.
    #[inline]
    pub(super) fn is_used_up(&mut self, number: usize) -> bool {
        number.is_multiple_of(CHECK_EVERY) && self.check_clock()
    }

    #[cold]
    fn check_clock(&mut self) -> bool {
        let now = Instant::now();
        now.duration_since(*self.0.get_or_insert(now)) >= TIME_SLICE
    }
}
