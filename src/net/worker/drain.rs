//! How a worker stops without losing a request: who is connected is let in and answered, then the doors close; decides not when.

use crate::net::conn::Conn;
use crate::net::control::Phase;
use crate::net::deadline::{Millis, after, millis};
use crate::net::desk::{Context, Moment};
use crate::net::entry::Entry;
use crate::net::slots::Key;
use crate::net::socket::Socket;
use crate::wire::probe::Probe;

use super::Worker;

/// How far the graceful stop is.
#[derive(Default)]
pub(super) struct Drain {
    /// Since when load balancers have been told, while everything goes on.
    announced: Option<Millis>,
    /// Idle connections have had their time.
    looked: bool,
    /// Those of them that still get their last look.
    idle: Vec<Key>,
}

/// Idle connections that get their last look before the others get their turn.
const LOOKS_A_TURN: usize = 64;

impl<P: Probe> Worker<P> {
    /// The graceful stop: first everyone who is connected already is let in, then no new ones; connections end by themselves, each
    /// behind an answer that says so. `true`: nothing is left, or the time for it is over.
    pub(super) fn stopping(&mut self) -> bool {
        match (self.control.phase(), self.moment.draining) {
            (Phase::Running, _) => return false,
            (Phase::Now | Phase::Ended, _) => return true,
            (Phase::Draining, None) if self.is_lame_duck() => return false,
            (Phase::Draining, None) => self.begin_drain(),
            (Phase::Draining, Some(_)) => self.look_a_last_time(),
        }
        let closed = self.close_doors();
        let limit = after(self.moment.draining.unwrap_or_default(), self.settings.timeouts.shutdown);
        let over = closed && self.conns.len() == 0 && self.upgraded().count() == 0;
        over || self.moment.now >= limit
    }

    /// What the loop must not sleep beyond.
    pub(super) fn drain_due(&self) -> Option<Millis> {
        let timeouts = &self.settings.timeouts;
        match (self.moment.draining, self.drain.announced) {
            (Some(_), _) if !self.drain.idle.is_empty() => Some(self.moment.now),
            (Some(began), _) if self.drain.looked => Some(after(began, timeouts.shutdown)),
            (Some(began), _) => Some(after(began, timeouts.drain_idle.min(timeouts.shutdown))),
            (None, announced) => announced.map(|announced| after(announced, self.settings.lame_duck)),
        }
    }

    /// Resets whatever is left, and gives its number. A connection whose last answer is out loses nothing.
    pub(super) fn cut(&mut self) -> usize {
        if self.moment.draining.is_none() {
            self.doors.last_call(!self.control.has_successor());
        }
        let lingers = |entry: &Entry| entry.conn.is_lingering();
        let keys: Vec<Key> = self.conns.iter().filter(|(_, entry)| !lingers(entry)).map(|(key, _)| key).collect();
        for key in &keys {
            if let Some(entry) = self.conns.get_mut(*key) {
                entry.conn.socket().reset_on_close();
                let (app, office, settings) = (&self.app, &self.office, &self.settings);
                entry.conn.end(&Context { app, key: *key, office, settings, moment: &self.moment });
            }
        }
        self.conns = crate::net::slots::Slots::new();
        keys.len() + self.upgraded().shutdown_all()
    }

    /// Load balancers ask `/health` now and then: until they have heard, everything goes on. A successor makes that needless.
    fn is_lame_duck(&mut self) -> bool {
        let announced = *self.drain.announced.get_or_insert(self.moment.now);
        !self.control.has_successor() && self.moment.now < announced.saturating_add(millis(self.settings.lame_duck))
    }

    fn begin_drain(&mut self) {
        // First: what newcomers ask is answered with the close already.
        self.moment = Moment::at(self.moment.now, Some(self.moment.now), false, &self.settings.timeouts);
        self.doors.last_call(!self.control.has_successor());
        let keys: Vec<Key> = self.conns.iter().map(|(key, _)| key).collect();
        let (app, office, settings, moment) = (&self.app, &self.office, &self.settings, &self.moment);
        for key in keys {
            let Some(entry) = self.conns.get_mut(key) else { continue };
            entry.set_alarm(&Context { app, key, office, settings, moment }, &mut self.wheel);
            entry.queue(key, &mut self.again); // event streams end in their turn
        }
    }

    /// Clients in the kernel's queue are connected: closing the listener would reset them. The loop accepts them, a few a turn; then
    /// the doors close. Returns whether they have.
    fn close_doors(&mut self) -> bool {
        if self.doors.due().is_some_and(|due| due <= self.moment.now) {
            return false;
        }
        if let Ok(Some(guest)) = self.doors.next() {
            self.open(guest); // one connection more than there are places is less harm than one request lost
        }
        self.doors.close();
        true
    }

    /// All idle connections end at one moment: it need not wait for the wheel, which is a slot's width late. The clients of upgraded
    /// ones are not heard any more.
    fn look_a_last_time(&mut self) {
        let due = |worker: &Self| worker.drain_due().is_some_and(|due| due <= worker.moment.now);
        if !self.drain.looked && due(self) {
            self.drain.looked = true;
            self.upgraded().end_reading();
            let now = self.moment.now;
            let idle = self.conns.iter().filter(|(_, entry)| entry.deadline <= now);
            self.drain.idle = idle.map(|(key, _)| key).collect();
        }
        for _ in 0..LOOKS_A_TURN {
            let Some(key) = self.drain.idle.pop() else { return };
            self.turn(key, Conn::expire::<P>);
        }
    }
}
