//! How long the pipelined requests of one connection may keep the loop; knows nothing of what they ask for.

use std::time::{Duration, Instant};

/// Requests between two looks at the clock: cheap handlers must not pay for it.
const BETWEEN: usize = 8;
/// What handlers may take before the other connections get their turn.
const LONG: Duration = Duration::from_micros(500);

/// Bounds a burst of requests by time, beside the bounds by number and by bytes: handlers may take long.
#[derive(Default)]
pub(super) struct Pace(Option<Instant>);

impl Pace {
    /// Whether the burst has lasted long enough after its request number `number`, counted from 1.
    #[inline]
    pub(super) fn is_over(&mut self, number: usize) -> bool {
        number.is_multiple_of(BETWEEN) && self.look()
    }

    #[cold]
    fn look(&mut self) -> bool {
        let now = Instant::now();
        now.duration_since(*self.0.get_or_insert(now)) >= LONG
    }
}
