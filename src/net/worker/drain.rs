//! Drains a worker: accepts and serves what is connected, then closes the listeners.

use crate::net::conn::Conn;
use crate::net::millis::{Millis, after, millis};
use crate::net::sockets::socket::Socket;
use crate::net::threads::shutdown::Phase;
use crate::net::tick::{Context, LoopTime};
use crate::net::worker::entry::Entry;
use crate::net::worker::slab::Key;
use crate::trace::probe::Probe;

use super::Worker;

/// Progress of a graceful stop.
#[derive(Default)]
pub(super) struct Drain {
    /// When load balancers could first notice, while requests are served.
    announced: Option<Millis>,
    /// The idle timeout of draining has passed.
    idle_closed: bool,
    /// Idle connections that are still to be closed.
    idle: Vec<Key>,
}

/// Idle connections closed in a tick.
const MAX_CLOSES_PER_TICK: usize = 64;

impl<P: Probe> Worker<P> {
    /// Advances the graceful stop: accepts what is connected, then closes the listeners;
    /// connections end with their next response. Returns whether nothing is left or the time is
    /// over.
    pub(super) fn stopping(&mut self) -> bool {
        match (self.control.phase(), self.time.draining) {
            (Phase::Running, _) => return self.is_finished(),
            (Phase::Aborting | Phase::Ended, _) => return true,
            (Phase::Draining, None) if self.is_lame_duck() => return false,
            (Phase::Draining, None) => self.begin_drain(),
            (Phase::Draining, Some(_)) => self.close_idle(),
        }
        let closed = self.close_listeners();
        closed && self.conns.len() == 0 && self.upgraded().count() == 0 || self.is_cut()
    }

    /// Returns whether what is left is cut: the stop is immediate, or its time is over.
    fn is_cut(&self) -> bool {
        let is_over = |began| self.time.now >= after(began, self.config.timeouts.shutdown);
        matches!(self.control.phase(), Phase::Aborting | Phase::Ended) || self.time.draining.is_some_and(is_over)
    }

    /// Returns whether the program's own connections were the only ones, and all have ended.
    fn is_finished(&self) -> bool {
        self.conns.len() == 0 && self.listeners.is_exhausted() && self.upgraded().count() == 0
    }

    /// Deadline of the current step.
    pub(super) fn drain_due(&self) -> Option<Millis> {
        let timeouts = &self.config.timeouts;
        match (self.time.draining, self.drain.announced) {
            (Some(_), _) if !self.drain.idle.is_empty() => Some(self.time.now),
            (Some(began), _) if self.drain.idle_closed => Some(after(began, timeouts.shutdown)),
            (Some(began), _) => Some(after(began, timeouts.drain_idle.min(timeouts.shutdown))),
            (None, announced) => announced.map(|announced| after(announced, self.config.lame_duck)),
        }
    }

    /// Resets what is left and returns its number. A lingering connection loses nothing.
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
        // Otherwise none was left, and one that another worker upgrades later is that worker's.
        let upgraded = if self.is_cut() { self.upgraded().shutdown_all() } else { 0 };
        keys.len() + upgraded
    }

    /// Load balancers poll `/health`: until they noticed, requests are served. A successor makes
    /// that unnecessary.
    fn is_lame_duck(&mut self) -> bool {
        let announced = *self.drain.announced.get_or_insert(self.time.now);
        !self.control.has_successor() && self.time.now < announced.saturating_add(millis(self.config.lame_duck))
    }

    fn begin_drain(&mut self) {
        // First, so that responses from now on say close.
        self.time = LoopTime::at(self.time.now, Some(self.time.now), false, &self.config.timeouts);
        self.listeners.begin_shutdown(!self.control.has_successor());
        self.release_parked();
        let keys: Vec<Key> = self.conns.iter().map(|(key, _)| key).collect();
        let (app, offload, config, time) = (&self.app, &self.offload, &self.config, &self.time);
        for key in keys {
            let Some(entry) = self.conns.get_mut(key) else { continue };
            entry.update_timer(&Context { app, key, offload, config, time }, &mut self.wheel);
            entry.queue(key, &mut self.runnable); // event streams end in their turn
        }
    }

    /// Accepts the clients in the kernel's queue, which a close would reset, then closes the
    /// listeners. At the connection limit, or without descriptors, those clients wait until a
    /// connection ends, unless another process accepts them. Returns whether the listeners are closed.
    fn close_listeners(&mut self) -> bool {
        let place_follows = self.conns.len() > 0 || self.upgraded().count() > 0;
        let waits = place_follows && !self.control.has_successor() && self.listeners.has_queue();
        if self.listeners.accept_at().is_some_and(|due| waits || due <= self.time.now) {
            return false;
        }
        if let Ok(Some(accepted)) = self.listeners.next() {
            self.add_connection(accepted); // one connection more than there are places is less harm than one request lost
        }
        self.listeners.close();
        true
    }

    /// Closes idle connections together, without waiting for the timer wheel, and ends reading on
    /// upgraded ones.
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
