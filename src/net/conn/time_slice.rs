//! Bounds how long the pipelined requests of one connection keep the event loop.

use std::time::{Duration, Instant};

/// Requests between two readings of the clock.
const CHECK_EVERY: usize = 8;
/// Time of handlers before other connections run.
const TIME_SLICE: Duration = Duration::from_micros(500);

/// The time used by a burst of requests.
#[derive(Default)]
pub(super) struct TimeSlice(Option<Instant>);

impl TimeSlice {
    /// Returns whether the slice is used up after request `number`, counted from 1.
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
