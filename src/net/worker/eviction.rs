//! Which connection goes when a worker has no room for another, or for more of the bodies that it receives; closes none itself.

use super::Worker;
use crate::net::conn::{Conn, Evictable};
use crate::net::millis::Millis;
use crate::net::worker::slab::Key;
use crate::trace::probe::Probe;

/// Between two looks for slow bodies: each goes through the whole table.
const CHECK_INTERVAL: Millis = 100;

impl<P: Probe> Worker<P> {
    /// Of the kind that goes first the connection whose patience ends first: it has been idle, unfinished or slow for longest.
    pub(super) fn eviction_candidate(&self) -> Option<Key> {
        let expendable = self.conns.iter().filter_map(|(key, entry)| {
            let kind = entry.conn.evictable(self.time.now, &self.config.timeouts)?;
            Some((key, kind, entry.deadline))
        });
        expendable.min_by_key(|(_, kind, deadline)| (*kind, *deadline)).map(|(key, ..)| key)
    }

    /// When an eighth is left of what bodies may hold, the slowest of them goes, so that clients which send in earnest are not refused
    /// for it.
    pub(super) fn evict_slow_body(&mut self) {
        let most = self.config.limits.bodies;
        if self.offload.body_memory.buffered() < most - most / 8 {
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
