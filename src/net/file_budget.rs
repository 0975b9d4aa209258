//! Shares the bytes of files that a tick sends among the connections that send one.

/// Bytes of files in a tick, about a millisecond of the kernel's work. If more connections send
/// than this is enough for, each still sends [`MIN_PART`].
const BYTES_PER_TICK: usize = 4 * MAX_PART;
/// Largest part: a connection that sends alone gives others a turn every quarter of a millisecond.
const MAX_PART: usize = 1024 * 1024;
/// Smallest part. A call for each 256 KiB costs about 5 % more than one for each 1 MiB.
const MIN_PART: usize = 256 * 1024;

/// Counts the parts of this tick and of the last one: as many connections are expected to send.
#[derive(Default)]
pub(crate) struct FileBudget {
    last: usize,
    current: usize,
}

impl FileBudget {
    /// Begins a tick.
    #[inline]
    pub(crate) fn begin_tick(&mut self) {
        (self.last, self.current) = (self.current, 0);
    }

    /// Returns how many bytes of its file the next connection sends.
    pub(crate) fn next_part(&mut self) -> usize {
        self.current += 1;
        (BYTES_PER_TICK / self.current.max(self.last)).clamp(MIN_PART, MAX_PART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    #[test]
    fn connections_share_a_tick() {
        // Connections that send in each tick, and what each sends once the number is known.
        for (connections, part) in [(1, 1024), (4, 1024), (8, 512), (16, 256), (1_000, 256)] {
            let mut budget = FileBudget::default();
            for tick in 0..3 {
                budget.begin_tick();
                let parts: Vec<_> = (0..connections).map(|_| budget.next_part()).collect();
                assert!(parts.iter().sum::<usize>() <= (4096 + 4096 + connections * 256) * KIB, "{connections}");
                assert!(tick == 0 || parts.iter().all(|&sent| sent == part * KIB), "{connections}: {parts:?}");
            }
        }
    }

    #[test]
    fn a_connection_that_is_left_alone_sends_more_again() {
        let mut budget = FileBudget::default();
        budget.begin_tick();
        (0..100).for_each(|_| _ = budget.next_part());
        budget.begin_tick();
        assert_eq!(budget.next_part(), MIN_PART);
        budget.begin_tick();
        assert_eq!(budget.next_part(), MAX_PART);
    }
}
