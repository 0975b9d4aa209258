//! Delivers the results of other threads, and hands upgraded sockets to threads.

use std::time::Duration;

use super::Worker;
use crate::net::threads::mailbox::Completion;
use crate::net::worker::slab::Key;
use crate::panics::catch;
use crate::trace::probe::{CloseReason, Probe};

/// Completions a tick: an event for 10,000 subscribers is 10,000 of them.
const MAX_COMPLETIONS_PER_TICK: usize = 64;

impl<P: Probe> Worker<P> {
    /// Moves completions out of the mailbox. Another thread may also have handed over a connection,
    /// or stepped one.
    pub(super) fn fetch_completions(&mut self) {
        self.completions.extend(self.offload.mailbox.drain());
        self.listeners.mark_incoming_ready();
        self.release_parked();
    }

    /// Runs connections that have a completion, up to a budget. Those that ended are skipped.
    pub(super) fn run_completions(&mut self) {
        for _ in 0..MAX_COMPLETIONS_PER_TICK {
            match self.completions.pop_front() {
                Some(Completion::Response(key, number, answer)) => {
                    self.with_connection(key, |conn, _, tick| conn.pool_done(number, *answer, tick));
                }
                Some(Completion::BodyReady(key)) => {
                    if let Some(entry) = self.conns.get_mut(key) {
                        entry.queue(key, &mut self.runnable);
                    }
                }
                None => return,
            }
        }
    }

    /// Hands an upgraded connection to a thread.
    pub(super) fn hand_off(&mut self, key: Key) {
        let Some(mut entry) = self.conns.remove(key) else { return };
        self.trace_close(&mut entry, CloseReason::Switched);
        self.listeners.retry_now();
        if let Err(error) = self.poll.registry().deregister(entry.conn.socket()) {
            debug!("connection {} was not registered: {error}", entry.conn.id);
        }
        let Some((socket, early, mut switch)) = entry.conn.into_upgrade() else { return };
        let run = move |socket| {
            let Some(run) = switch.take() else { return };
            if let Err(panicked) = catch(|| run(socket, early)) {
                error!("the handler of an upgraded connection {panicked}");
            }
        };
        let timeouts = &self.config.timeouts;
        let started = socket.into_upgraded().and_then(|socket| {
            socket.set_read_timeout(socket_timeout(timeouts.upgraded_read))?;
            socket.set_write_timeout(socket_timeout(timeouts.upgraded_write))?;
            std::thread::Builder::new().name("wirelight-upgrade".into()).spawn(move || run(socket))
        });
        if let Err(error) = started {
            error!("cannot hand an upgraded connection to a thread: {error}");
        }
    }
}

/// Converts to a socket timeout: none for very long times, and never zero, which sockets refuse.
fn socket_timeout(time: Duration) -> Option<Duration> {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    (time < CENTURY).then_some(time.max(Duration::from_millis(1)))
}
