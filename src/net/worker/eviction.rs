//! Chooses which connection is closed when slots or body memory run out.

use super::Worker;
use crate::net::conn::{Conn, Evictable};
use crate::net::millis::Millis;
use crate::net::worker::slab::Key;
use crate::trace::probe::Probe;

/// Time between two checks for slow bodies, each of which scans the table.
const CHECK_INTERVAL: Millis = 100;

impl<P: Probe> Worker<P> {
    /// Returns the connection to evict: the first kind, and of it the earliest deadline.
    pub(super) fn eviction_candidate(&self) -> Option<Key> {
        let expendable = self.conns.iter().filter_map(|(key, entry)| {
            let kind = entry.conn.evictable(self.time.now, &self.config.timeouts)?;
            Some((key, kind, entry.deadline))
        });
        expendable.min_by_key(|(_, kind, deadline)| (*kind, *deadline)).map(|(key, ..)| key)
    }

    /// When less than an eighth of the body memory is left, evicts the slowest body, so that faster
    /// ones are not rejected.
    pub(super) fn evict_slow_body(&mut self) {
        let most = self.config.limits.bodies;
        if self.offload.body_memory.held() < most - most / 8 {
            self.next_body_check = None;
            return;
        }
        if self.next_body_check.is_some_and(|look| self.time.now < look) {
            return;
        }
        self.next_body_check = Some(self.time.now.saturating_add(CHECK_INTERVAL));
        let slow = self
            .conns
            .iter()
            .filter(|(_, entry)| entry.conn.evictable(self.time.now, &self.config.timeouts) == Some(Evictable::Body));
        if let Some(key) = slow.min_by_key(|(_, entry)| entry.deadline).map(|(key, _)| key) {
            self.with_connection(key, Conn::evict_body::<P>);
        }
    }
}
