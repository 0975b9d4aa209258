//! What a worker gets from other threads, and what it gives away to one: results for its connections, and whole sockets.

use std::time::Duration;

use super::Worker;
use crate::guard::panics::catch;
use crate::net::office::Letter;
use crate::net::slots::Key;
use crate::wire::probe::{Ending, Probe};

/// Letters read before the others get their turn: an event for 10,000 subscribers is 10,000 letters.
const LETTERS_A_TURN: usize = 64;

impl<P: Probe> Worker<P> {
    /// The waker rang: takes over what other threads have sent.
    pub(super) fn fetch_mail(&mut self) {
        self.mail.extend(self.office.mailbox.take());
    }

    /// Delivers what other threads have for our connections, up to a budget. Those that have ended meanwhile get nothing.
    pub(super) fn read_mail(&mut self) {
        for _ in 0..LETTERS_A_TURN {
            match self.mail.pop_front() {
                Some(Letter::Answer(key, number, answer)) => {
                    self.turn(key, |conn, desk, context, probe| conn.answered(number, *answer, desk, context, probe));
                }
                Some(Letter::More(key)) => {
                    if let Some(entry) = self.conns.get_mut(key) {
                        entry.queue(key, &mut self.again);
                    }
                }
                None => return,
            }
        }
    }

    /// The connection speaks another protocol from now on: its new owner gets the socket, and a thread.
    pub(super) fn let_go(&mut self, key: Key) {
        let Some(mut entry) = self.conns.remove(key) else { return };
        self.tell_close(&mut entry, Ending::Switched);
        self.doors.try_again();
        if let Err(error) = self.poll.registry().deregister(entry.conn.socket()) {
            debug!("connection {} was not registered: {error}", entry.conn.id);
        }
        let Some((socket, early, mut switch)) = entry.conn.switched() else { return };
        let run = move |socket| {
            let Some(run) = switch.take() else { return };
            if let Err(panicked) = catch(|| run(socket, early)) {
                error!("the handler of an upgraded connection {panicked}");
            }
        };
        let timeouts = &self.settings.timeouts;
        let started = socket.hand_over().and_then(|socket| {
            socket.set_read_timeout(patience(timeouts.upgraded_read))?;
            socket.set_write_timeout(patience(timeouts.upgraded_write))?;
            std::thread::Builder::new().name("wirelight-upgrade".into()).spawn(move || run(socket))
        });
        if let Err(error) = started {
            error!("cannot hand an upgraded connection to a thread: {error}");
        }
    }
}

/// What a socket takes for a timeout: none for times that nobody lives to see, and never zero, which it refuses.
fn patience(time: Duration) -> Option<Duration> {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    (time < CENTURY).then_some(time.max(Duration::from_millis(1)))
}
