//! Handles the signals of a server, and ends the process if its workers do not stop in time.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

use super::stop;
use crate::net::threads::shutdown::{Phase, ShutdownControl};
use crate::net::threads::signals::Signals;

/// How long workers may take to exit after the order to stop at once.
const EXIT_GRACE: Duration = Duration::from_millis(500);
/// How long the last log line may take: the workers may be blocked in the logger.
const LOG_TIMEOUT: Duration = Duration::from_millis(100);
/// The exit code if workers did not stop.
const FAILURE: i32 = 1;

/// Stops on TERM and INT: the first stops gracefully, within `limit`, the second at once. If a
/// handler does not return, its worker cannot stop, and this thread ends the process. If no loop
/// handles the first signal, the second one ends the process.
pub(super) fn on_stop(signals: &mut Signals, control: &Arc<ShutdownControl>, limit: Duration) -> io::Result<()> {
    let control = control.clone();
    let mut deadline = StopDeadline::new(limit);
    let mut handled = false;
    let unhandled = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: a signal ends the process if the previous one was not handled.
        signals.keep(flag::register_conditional_shutdown(signal, FAILURE, unhandled.clone())?);
        signals.keep(flag::register(signal, unhandled.clone())?);
    }
    signals.register(&[SIGTERM, SIGINT], move |count| {
        unhandled.store(false, Ordering::SeqCst);
        for _ in 0..count {
            let first = !std::mem::replace(&mut handled, true);
            match next_phase(control.phase(), first && control.has_successor()) {
                Phase::Draining => stop(&control),
                phase => control.advance(phase),
            }
        }
        deadline.left(control.phase()).map(|left| if left.is_zero() { end_process() } else { left })
    })
}

/// Returns the phase that follows a TERM or INT. `handed_over`: it is the first signal to a process
/// that stops gracefully already, since a successor serves.
fn next_phase(phase: Phase, handed_over: bool) -> Phase {
    match phase {
        Phase::Running => Phase::Draining,
        Phase::Draining if handed_over => Phase::Draining,
        Phase::Draining | Phase::Aborting | Phase::Ended => Phase::Aborting,
    }
}

/// Calls `reopen` on USR1.
pub(super) fn on_reopen(signals: &mut Signals, mut reopen: impl FnMut() + Send + 'static) -> io::Result<()> {
    signals.register(&[SIGUSR1], move |count| {
        (0..count).for_each(|_| reopen());
        None
    })
}

/// Ends the process if this server, which is stopping, takes longer than `limit`.
#[cfg(feature = "restart")]
pub(super) fn enforce_stop(control: &ShutdownControl, limit: Duration) {
    let mut deadline = StopDeadline::new(limit);
    while let Some(left) = deadline.left(control.phase()) {
        if left.is_zero() {
            end_process();
        }
        std::thread::sleep(left.min(EXIT_GRACE));
    }
}

/// Measures how long the workers may still take to stop.
struct StopDeadline {
    limit: Duration,
    /// How the server stops, and since when.
    since: Option<(Phase, Instant)>,
}

impl StopDeadline {
    fn new(limit: Duration) -> StopDeadline {
        StopDeadline { limit, since: None }
    }

    /// Returns the time left; `None` if the server is not stopping.
    fn left(&mut self, phase: Phase) -> Option<Duration> {
        let limit = match phase {
            Phase::Running | Phase::Ended => return None,
            Phase::Draining => self.limit.saturating_add(EXIT_GRACE),
            Phase::Aborting => EXIT_GRACE,
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
            "a handler does not return, so the process exits; .blocking() runs such a handler on a thread of its own"
        );
        _ = done.send(()); // fails after the timeout
    });
    if last.is_ok() {
        _ = line.recv_timeout(LOG_TIMEOUT);
    }
    std::process::exit(FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_after_a_restart_cuts_nothing() {
        use Phase::{Aborting, Draining, Ended, Running};
        for (phase, handed_over, next) in [
            (Running, false, Draining),
            (Draining, false, Aborting),
            (Draining, true, Draining),
            (Aborting, true, Aborting),
            (Ended, true, Aborting),
        ] {
            assert_eq!(next_phase(phase, handed_over), next, "{phase:?} {handed_over}");
        }
    }

    #[test]
    fn a_graceful_stop_has_its_limit_and_an_immediate_one_half_a_second() {
        let mut deadline = StopDeadline::new(Duration::from_secs(30));
        assert_eq!(deadline.left(Phase::Running), None);
        assert!(deadline.left(Phase::Draining).is_some_and(|left| left > Duration::from_secs(20)));
        assert!(deadline.left(Phase::Aborting).is_some_and(|left| left <= EXIT_GRACE));
        assert_eq!(deadline.left(Phase::Ended), None);
        for limit in [Duration::ZERO, Duration::MAX] {
            assert!(StopDeadline::new(limit).left(Phase::Draining).is_some_and(|left| !left.is_zero()));
        }
    }
}
