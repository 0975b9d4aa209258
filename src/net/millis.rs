//! Time as the event loop counts it: whole milliseconds since its worker started.

use std::time::Duration;

/// Milliseconds since the worker started.
pub(crate) type Millis = u64;

/// No deadline. Half of `u64::MAX`, so adding a duration cannot overflow.
pub(crate) const NEVER: Millis = Millis::MAX / 2;

/// Converts to milliseconds, rounded up, at most [`NEVER`].
pub(crate) fn millis(duration: Duration) -> Millis {
    let parts = Millis::from(duration.subsec_nanos()).div_ceil(1_000_000);
    duration.as_secs().saturating_mul(1000).saturating_add(parts).min(NEVER)
}

/// Returns `now` plus `wait`: later than `now` even for zero, and at most [`NEVER`].
#[inline]
pub(crate) fn after(now: Millis, wait: Duration) -> Millis {
    now.saturating_add(millis(wait).max(1)).min(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
