//! How a worker stops without losing a request: who is connected is let in and answered, then the doors close; decides not when.

use crate::net::conn::Conn;
use crate::net::millis::{Millis, after, millis};
use crate::net::sockets::socket::Socket;
use crate::net::threads::shutdown::Phase;
use crate::net::tick::{Context, LoopTime};
use crate::net::worker::entry::Entry;
use crate::net::worker::slab::Key;
use crate::trace::probe::Probe;

use super::Worker;

/// How far the graceful stop is.
#[derive(Default)]
pub(super) struct Drain {
    /// Since when load balancers have been told, while everything goes on.
    announced: Option<Millis>,
    /// Idle connections have had their time.
    idle_closed: bool,
    /// Those of them that still get their last look.
    idle: Vec<Key>,
}

/// Idle connections that get their last look before the others get their turn.
const MAX_CLOSES_PER_TICK: usize = 64;

impl<P: Probe> Worker<P> {
    /// The graceful stop: first everyone who is connected already is let in, then no new ones; connections end by themselves, each
    /// behind an answer that says so. `true`: nothing is left, or the time for it is over.
    pub(super) fn stopping(&mut self) -> bool {
        match (self.control.phase(), self.time.draining) {
            (Phase::Running, _) => return false,
            (Phase::Aborting | Phase::Ended, _) => return true,
            (Phase::Draining, None) if self.is_lame_duck() => return false,
            (Phase::Draining, None) => self.begin_drain(),
            (Phase::Draining, Some(_)) => self.close_idle(),
        }
        let closed = self.close_listeners();
        let limit = after(self.time.draining.unwrap_or_default(), self.config.timeouts.shutdown);
        let over = closed && self.conns.len() == 0 && self.upgraded().count() == 0;
        over || self.time.now >= limit
    }

    /// What the loop must not sleep beyond.
    pub(super) fn drain_due(&self) -> Option<Millis> {
        let timeouts = &self.config.timeouts;
        match (self.time.draining, self.drain.announced) {
            (Some(_), _) if !self.drain.idle.is_empty() => Some(self.time.now),
            (Some(began), _) if self.drain.idle_closed => Some(after(began, timeouts.shutdown)),
            (Some(began), _) => Some(after(began, timeouts.drain_idle.min(timeouts.shutdown))),
            (None, announced) => announced.map(|announced| after(announced, self.config.lame_duck)),
        }
    }

    /// Resets whatever is left, and gives its number. A connection whose last answer is out loses nothing.
    pub(super) fn abort_all(&mut self) -> usize {
        if self.time.draining.is_none() {
            self.listeners.begin_shutdown(!self.control.has_successor());
        }
        let lingers = |entry: &Entry| entry.conn.is_lingering();
        let keys: Vec<Key> = self.conns.iter().filter(|(_, entry)| !lingers(entry)).map(|(key, _)| key).collect();
        for key in &keys {
            if let Some(entry) = self.conns.get_mut(*key) {
                entry.conn.socket().reset_on_close();
                let (app, offload, config) = (&self.app, &self.offload, &self.config);
                entry.conn.end(&Context { app, key: *key, offload, config, time: &self.time });
            }
        }
        self.conns = crate::net::worker::slab::Slab::new();
        keys.len() + self.upgraded().shutdown_all()
    }

    /// Load balancers ask `/health` now and then: until they have heard, everything goes on. A successor makes that needless.
    fn is_lame_duck(&mut self) -> bool {
        let announced = *self.drain.announced.get_or_insert(self.time.now);
        !self.control.has_successor() && self.time.now < announced.saturating_add(millis(self.config.lame_duck))
    }

    fn begin_drain(&mut self) {
        // First: what newcomers ask is answered with the close already.
        self.time = LoopTime::at(self.time.now, Some(self.time.now), false, &self.config.timeouts);
        self.listeners.begin_shutdown(!self.control.has_successor());
        let keys: Vec<Key> = self.conns.iter().map(|(key, _)| key).collect();
        let (app, offload, config, time) = (&self.app, &self.offload, &self.config, &self.time);
        for key in keys {
            let Some(entry) = self.conns.get_mut(key) else { continue };
            entry.update_timer(&Context { app, key, offload, config, time }, &mut self.wheel);
            entry.queue(key, &mut self.runnable); // event streams end in their turn
        }
    }

    /// Clients in the kernel's queue are connected: closing the listener would reset them. The loop accepts them, a few a turn; then
    /// the doors close. Returns whether they have.
    fn close_listeners(&mut self) -> bool {
        if self.listeners.accept_at().is_some_and(|due| due <= self.time.now) {
            return false;
        }
        if let Ok(Some(accepted)) = self.listeners.next() {
            self.add_connection(accepted); // one connection more than there are places is less harm than one request lost
        }
        self.listeners.close();
        true
    }

    /// All idle connections end at one moment: it need not wait for the wheel, which is a slot's width late. The clients of upgraded
    /// ones are not heard any more.
    fn close_idle(&mut self) {
        let due = |worker: &Self| worker.drain_due().is_some_and(|due| due <= worker.time.now);
        if !self.drain.idle_closed && due(self) {
            self.drain.idle_closed = true;
            self.upgraded().end_reading();
            let now = self.time.now;
            let idle = self.conns.iter().filter(|(_, entry)| entry.deadline <= now);
            self.drain.idle = idle.map(|(key, _)| key).collect();
        }
        for _ in 0..MAX_CLOSES_PER_TICK {
            let Some(key) = self.drain.idle.pop() else { return };
            self.with_connection(key, Conn::expire::<P>);
        }
    }
}
