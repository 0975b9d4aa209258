//! What signals ask of a server, and the end of one whose workers do not come back; blocks no loop.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

use super::stop;
use crate::net::threads::shutdown::{Phase, ShutdownControl};
use crate::net::threads::signals::Signals;

/// What workers that are not stuck need to come back, after they were told to do so at once.
const RETURN: Duration = Duration::from_millis(500);
/// How long the last line of a process may take: the logger can be what its workers are stuck in.
const LAST_LINE: Duration = Duration::from_millis(100);
/// The exit code of a process whose workers did not come back.
const FAILURE: i32 = 1;

/// TERM and INT stop: the first gracefully, within `limit`, the second at once. Workers that run a handler which does not return cannot
/// do either; then the process ends here. Where no loop is left to hear the first signal, the second one ends the process.
pub(super) fn on_stop(signals: &mut Signals, control: &Arc<ShutdownControl>, limit: Duration) -> io::Result<()> {
    let control = control.clone();
    let mut watch = StopWatch::new(limit);
    let unheard = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: a signal ends the process if the one before it was not heard.
        signals.keep(flag::register_conditional_shutdown(signal, FAILURE, unheard.clone())?);
        signals.keep(flag::register(signal, unheard.clone())?);
    }
    signals.register(&[SIGTERM, SIGINT], move |came| {
        unheard.store(false, Ordering::SeqCst);
        for _ in 0..came {
            match control.phase() {
                Phase::Running => stop(&control),
                Phase::Draining | Phase::Aborting | Phase::Ended => control.advance(Phase::Aborting),
            }
        }
        watch.left(control.phase()).map(|left| if left.is_zero() { end_process() } else { left })
    })
}

/// USR1: `reopen` opens logs anew.
pub(super) fn on_reopen(signals: &mut Signals, mut reopen: impl FnMut() + Send + 'static) -> io::Result<()> {
    signals.register(&[SIGUSR1], move |came| {
        (0..came).for_each(|_| reopen());
        None
    })
}

/// Ends the process when this server, whose stop has begun, takes longer than `limit` to end.
#[cfg(feature = "restart")]
pub(super) fn enforce_stop(control: &ShutdownControl, limit: Duration) {
    let mut watch = StopWatch::new(limit);
    while let Some(left) = watch.left(control.phase()) {
        if left.is_zero() {
            end_process();
        }
        std::thread::sleep(left.min(RETURN));
    }
}

/// How long the workers may still take to come back.
struct StopWatch {
    limit: Duration,
    /// Since when the server stops, and how.
    since: Option<(Phase, Instant)>,
}

impl StopWatch {
    fn new(limit: Duration) -> StopWatch {
        StopWatch { limit, since: None }
    }

    /// `None`: nothing to wait for.
    fn left(&mut self, phase: Phase) -> Option<Duration> {
        let limit = match phase {
            Phase::Running | Phase::Ended => return None,
            Phase::Draining => self.limit.saturating_add(RETURN),
            Phase::Aborting => RETURN,
        };
        let (_, began) = match self.since {
            Some(since) if since.0 == phase => since,
            _ => *self.since.insert((phase, Instant::now())),
        };
        Some(limit.saturating_sub(began.elapsed()))
    }
}

fn end_process() -> ! {
    let (done, line) = mpsc::channel();
    let last = std::thread::Builder::new().spawn(move || {
        error!(
            "a worker does not come back from a handler, so the process ends: .blocking() gives such a handler a thread"
        );
        _ = done.send(()); // nobody waits any more when the line took too long
    });
    if last.is_ok() {
        _ = line.recv_timeout(LAST_LINE);
    }
    std::process::exit(FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_has_its_limit_and_the_second_one_hardly_any() {
        let mut watch = StopWatch::new(Duration::from_secs(30));
        assert_eq!(watch.left(Phase::Running), None);
        assert!(watch.left(Phase::Draining).is_some_and(|left| left > Duration::from_secs(20)));
        assert!(watch.left(Phase::Aborting).is_some_and(|left| left <= RETURN));
        assert_eq!(watch.left(Phase::Ended), None);
        for limit in [Duration::ZERO, Duration::MAX] {
            assert!(StopWatch::new(limit).left(Phase::Draining).is_some_and(|left| !left.is_zero()));
        }
    }
}
