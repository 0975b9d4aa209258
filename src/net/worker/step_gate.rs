//! Holds connections that are stepped by hand. Each waits outside of the queue of runnable ones, and
//! the others go on.

use super::Worker;
use crate::net::millis::NEVER;
use crate::net::worker::entry::Turn;
use crate::net::worker::slab::Key;
use crate::trace::lab::LabEvent;
use crate::trace::probe::{Event, Probe};

impl<P: Probe> Worker<P> {
    /// Keeps a connection before its next stage. Its deadlines do not fire meanwhile, and what the
    /// kernel reports of its socket is remembered. While the server stops, it goes on.
    #[cold]
    pub(super) fn park(&mut self, key: Key) {
        let Some(entry) = self.conns.get_mut(key) else { return };
        if self.time.draining.is_some() {
            return entry.queue(key, &mut self.runnable);
        }
        if entry.turn == Turn::None {
            (entry.turn, entry.deadline) = (Turn::Parked, NEVER);
            self.parked.push(key);
            let before = entry.conn.next_stage().name();
            self.probe.emit(entry.conn.id, || Event::Lab(LabEvent::Held { before }));
        }
    }

    /// Queues those that may go on; all of them if the server stops.
    pub(super) fn release_parked(&mut self) {
        if self.parked.is_empty() {
            return;
        }
        for key in std::mem::take(&mut self.parked) {
            let Some(entry) = self.conns.get_mut(key) else { continue };
            if self.probe.may_step(entry.conn.id) || self.time.draining.is_some() {
                entry.turn = Turn::Runnable;
                self.runnable.push_back(key);
            } else {
                self.parked.push(key);
            }
        }
    }
}
