//! Enforces a minimum transfer rate and a longest pause, with a deadline that is known in advance.

use std::time::Duration;

use super::millis::{Millis, millis};

/// How fast a transfer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransferLimits {
    /// The longest pause. A burst saves up for no more than this: otherwise a minimum rate could be
    /// paid in advance.
    pub(crate) idle: Duration,
    /// Minimum bytes a second.
    pub(crate) rate: u64,
    /// How long the rate is not enforced.
    pub(crate) grace: Duration,
}

/// A transfer in progress: its start, its last progress, and the bytes that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) since: Millis,
    pub(crate) last: Millis,
    pub(crate) bytes: u64,
}

impl Transfer {
    /// Starts a transfer with bytes that arrived already.
    pub(crate) fn begin(bytes: u64, now: Millis, limits: TransferLimits) -> Transfer {
        let mut transfer = Transfer { since: now, last: now, bytes: 0 };
        transfer.advance(bytes, now, limits);
        transfer
    }

    /// Counts `bytes` now. They pay for one pause at most.
    pub(crate) fn advance(&mut self, bytes: u64, now: Millis, limits: TransferLimits) {
        let window = now.saturating_sub(self.since).saturating_add(millis(limits.idle));
        let most = limits.rate.saturating_mul(window).div_ceil(1000);
        (self.last, self.bytes) = (now, self.bytes.saturating_add(bytes).min(most));
    }

    /// Returns the deadline if nothing more moves: the longest pause, or when the counted bytes no
    /// longer pay for the time.
    pub(crate) fn deadline(&self, limits: TransferLimits) -> Millis {
        let pause = self.last.saturating_add(millis(limits.idle));
        let paid = self.bytes.saturating_mul(1000).checked_div(limits.rate).unwrap_or(u64::MAX);
        pause.min(self.since.saturating_add(paid.max(millis(limits.grace))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::millis::NEVER;

    #[test]
    fn a_transfer_ends_by_pause_or_by_rate() {
        let limits = TransferLimits { idle: Duration::from_secs(10), rate: 500, grace: Duration::from_secs(5) };
        let transfer = |since, last, bytes| Transfer { since, last, bytes }.deadline(limits);
        assert_eq!(transfer(0, 0, 0), 5_000, "nothing came: the grace");
        assert_eq!(transfer(0, 4_000, 10_000), 14_000, "fast, then a pause");
        assert_eq!(transfer(0, 19_000, 10_000), 20_000, "10,000 bytes are good for 20 s");
        let free = TransferLimits { rate: 0, ..limits };
        assert_eq!(Transfer { since: 0, last: 0, bytes: 0 }.deadline(free), 10_000, "no least rate");
    }

    #[test]
    fn a_burst_pays_for_one_pause_and_no_more() {
        let limits = TransferLimits { idle: Duration::from_secs(10), rate: 500, grace: Duration::from_secs(5) };
        let mut transfer = Transfer::begin(1_000_000, 1_000, limits);
        assert_eq!(transfer.deadline(limits), 11_000);
        transfer.advance(1, 10_900, limits);
        assert_eq!(transfer.deadline(limits), 11_002, "one byte at the end of a pause is good for 2 ms");
        transfer.advance(1_000, 11_000, limits);
        assert_eq!(transfer.deadline(limits), 13_002);
        transfer.advance(1 << 40, 13_000, limits);
        assert_eq!(transfer.deadline(limits), 23_000);
    }

    #[test]
    fn the_ends_of_numbers_are_no_ends_of_time() {
        let largest = TransferLimits { idle: Duration::MAX, rate: u64::MAX, grace: Duration::MAX };
        assert!(Transfer::begin(u64::MAX, 1000, largest).deadline(largest) >= NEVER);
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
