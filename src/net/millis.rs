//! Time as the event loop counts it: whole milliseconds since its worker started.

use std::time::Duration;

/// Milliseconds since the worker began.
pub(crate) type Millis = u64;

/// When nobody is in a hurry. Far enough from the end of numbers that a little can be added.
pub(crate) const NEVER: Millis = Millis::MAX / 2;

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
