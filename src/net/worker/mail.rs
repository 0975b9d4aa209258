//! What a worker gets from other threads, and what it gives away to one: results for its connections, and whole sockets.

use std::time::Duration;

use super::Worker;
use crate::net::conn::Conn;
use crate::net::office::Letter;
use crate::net::slots::Key;
use crate::wire::probe::{Ending, Probe};

impl<P: Probe> Worker<P> {
    /// What other threads have for our connections. Those that have ended meanwhile get nothing.
    pub(super) fn read_mail(&mut self) {
        for letter in self.office.mailbox.take() {
            match letter {
                Letter::Answer(key, number, answer) => {
                    self.turn(key, |conn, desk, context, probe| conn.answered(number, *answer, desk, context, probe));
                }
                Letter::More(key) => self.turn(key, Conn::turn::<P>),
            }
        }
    }

    /// The connection speaks another protocol from now on: its new owner gets the socket, and a thread.
    pub(super) fn let_go(&mut self, key: Key) {
        let Some(mut entry) = self.conns.remove(key) else { return };
        self.tell_close(&mut entry, Ending::Switched);
        self.doors.try_again();
        if let Err(error) = self.poll.registry().deregister(entry.conn.socket()) {
            log::debug!("connection {} was not registered: {error}", entry.conn.id);
        }
        let Some((socket, early, run)) = entry.conn.switched() else { return };
        let timeouts = &self.settings.timeouts;
        let started = socket.hand_over().and_then(|socket| {
            socket.set_read_timeout(patience(timeouts.upgraded_read))?;
            socket.set_write_timeout(patience(timeouts.upgraded_write))?;
            std::thread::Builder::new().name("wirelight-upgrade".into()).spawn(move || run(socket, early))
        });
        if let Err(error) = started {
            log::error!("cannot hand an upgraded connection to a thread: {error}");
        }
    }
}

/// What a socket takes for a timeout: none for times that nobody lives to see, and never zero, which it refuses.
fn patience(time: Duration) -> Option<Duration> {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    (time < CENTURY).then_some(time.max(Duration::from_millis(1)))
}
