//! What happens when a worker's loop dies: another one takes its place and its listeners; knows not why it died.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::net::doors::Listener;
use crate::net::signal::Signals;
use crate::net::worker::Worker;
use crate::wire::probe::Probe;

/// Before the first replacement, doubled for each that follows closely: a loop that dies at once must not become a storm of them.
const BRAKE: Duration = Duration::from_millis(50);
const BRAKE_MOST: Duration = Duration::from_secs(5);
/// A worker that lived this long died of something new.
const CALM: Duration = Duration::from_secs(10);

/// Runs a worker, and its successors, until one ends as it should; gives the connections that had to be cut. Clients that wait in
/// the listeners' queues are served by the next one; the connections of the dead are lost.
pub(super) fn keep<P: Probe>(
    mut worker: Worker<P>,
    renew: impl Fn(Vec<Listener>, Signals, P) -> io::Result<Worker<P>>,
) -> io::Result<usize> {
    let mut brake = BRAKE;
    loop {
        let began = Instant::now();
        let reason = match catch_unwind(AssertUnwindSafe(|| worker.run())) {
            Ok(Ok(cut)) => return Ok(cut),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it panicked".to_owned(),
        };
        if began.elapsed() > CALM {
            brake = BRAKE;
        }
        log::error!("a worker died ({reason}); another takes its place in {} ms", brake.as_millis());
        let (listeners, signals, probe) = worker.rescue();
        std::thread::sleep(brake);
        brake = (2 * brake).min(BRAKE_MOST);
        worker = renew(listeners, signals, probe)?;
    }
}
