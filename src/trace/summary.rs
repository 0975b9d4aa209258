//! Selects the events of the summary, about nine of the forty of a `GET`, and folds long runs of
//! reads and writes.

use super::probe::{Event, IoOutcome, ParseStatus, TimerChange};

/// Returns whether the summary includes this event. It omits what every request has (states,
/// timers, hooks that let it pass, parts of what another line reports as a whole) and includes what
/// only some requests have.
pub(crate) fn includes(event: &Event<'_>) -> bool {
    match event {
        Event::ConnOpen { .. } | Event::ConnHalfClose | Event::ConnClose { .. } | Event::Backpressure { .. } => true,
        Event::ConnRecv { outcome, .. } => *outcome != IoOutcome::WouldBlock,
        Event::ConnSend { .. } => true,
        Event::ConnTimer { change: due, .. } => *due == TimerChange::Expired,
        Event::ParseAttempt { status: found, .. } => *found == ParseStatus::Partial,
        Event::ParseHead { .. } | Event::BodyEnd { .. } => true,
        Event::ReqTolerated(_) | Event::ReqError { .. } | Event::ReqContinue { .. } => true,
        // Only candidates that may explain why no route matched.
        Event::RouteCandidate { in_summary: telling, .. } => *telling,
        Event::RouteMatch { .. } | Event::RouteMiss { .. } => true,
        Event::HookRun { short_circuited: stopped, .. } => *stopped,
        Event::HandlerStart { blocking, .. } => *blocking,
        Event::HandlerEnd { .. } => true,
        Event::KeepAlive { .. } | Event::Pipeline { .. } => true,
        Event::LimitHit { .. } | Event::RateLimited { .. } => true,
        _ => false,
    }
}

/// Number of large reads or writes in a run that are shown one by one.
const SHOWN: u64 = 3;
/// Transfers of at most this many bytes are always shown: their boundaries may be deliberate.
const LARGE: usize = 1024;
/// Nanoseconds of pause after which a new run begins.
const PAUSE: u64 = 100_000_000;

/// A run of large reads or writes of one connection, with no other event between them.
#[derive(Default)]
pub(crate) struct TransferRun {
    /// Connection and event name; `None` if the last event was not a large transfer.
    key: Option<(u64, &'static str)>,
    count: u64,
    /// Bytes of the transfers that were not shown.
    hidden: u64,
}

impl TransferRun {
    /// Adds the next event of a summary, `pause` nanoseconds after the last one. Returns whether to
    /// omit it, and a note to show before it about the ones omitted.
    pub(crate) fn push(&mut self, connection: u64, pause: u64, event: &Event<'_>) -> (bool, Option<String>) {
        let large = match event {
            Event::ConnRecv { outcome: IoOutcome::Bytes(n), .. }
            | Event::ConnSend { outcome: IoOutcome::Bytes(n), .. } => (*n > LARGE).then_some(*n as u64),
            _ => None,
        };
        let about = large.map(|_| (connection, event.name()));
        let ended = if about.is_none() || about != self.key || pause > PAUSE { self.end() } else { None };
        self.key = about;
        self.count += 1;
        let hides = large.filter(|_| self.count > SHOWN);
        self.hidden += hides.unwrap_or(0);
        (hides.is_some(), ended)
    }

    /// Ends the run. Returns a note about what was omitted, if anything was.
    pub(crate) fn end(&mut self) -> Option<String> {
        let TransferRun { key: about, count, hidden } = std::mem::take(self);
        let word = if about?.1 == "conn.recv" { "reads" } else { "writes" };
        (hidden > 0).then(|| format!("… {} more {word}, {hidden} bytes", count - SHOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(n: usize) -> Event<'static> {
        Event::ConnRecv { outcome: IoOutcome::Bytes(n), data: &[] }
    }

    #[test]
    fn a_row_of_large_reads_is_folded() {
        let mut row = TransferRun::default();
        let hidden: Vec<_> = (0..5).map(|_| row.push(1, 0, &read(30_000)).0).collect();
        assert_eq!(hidden, [false, false, false, true, true]);
        assert_eq!(row.push(1, 0, &Event::ConnHalfClose), (false, Some("… 2 more reads, 60000 bytes".to_owned())));
        assert_eq!(row.end(), None);
    }

    #[test]
    fn small_reads_pauses_and_other_connections_are_shown() {
        for (connection, pause, n) in [(1, 0, 1024), (1, 200_000_000, 30_000), (2, 0, 30_000)] {
            let mut row = TransferRun::default();
            for _ in 0..9 {
                row.push(1, 0, &read(30_000));
            }
            let (hidden, told) = row.push(connection, pause, &read(n));
            assert_eq!((hidden, told.as_deref()), (false, Some("… 6 more reads, 180000 bytes")));
        }
        let mut row = TransferRun::default();
        assert!((0..50).all(|_| row.push(1, 0, &read(1)) == (false, None)));
    }
}
