//! Which connection goes when a worker has no room for another, or for more of the bodies that it receives; closes none itself.

use super::Worker;
use crate::net::conn::{Conn, Expendable};
use crate::net::deadline::Millis;
use crate::net::slots::Key;
use crate::wire::probe::Probe;

/// Between two looks for slow bodies: each goes through the whole table.
const LOOK: Millis = 100;

impl<P: Probe> Worker<P> {
    /// Of the kind that goes first the connection whose patience ends first: it has been idle, unfinished or slow for longest.
    pub(super) fn victim(&self) -> Option<Key> {
        let expendable = self.conns.iter().filter_map(|(key, entry)| {
            let kind = entry.conn.expendable(self.moment.now, &self.settings.timeouts)?;
            Some((key, kind, entry.deadline))
        });
        expendable.min_by_key(|(_, kind, deadline)| (*kind, *deadline)).map(|(key, ..)| key)
    }

    /// When an eighth is left of what bodies may hold, the slowest of them goes, so that clients which send in earnest are not refused
    /// for it.
    pub(super) fn make_room_for_bodies(&mut self) {
        let most = self.settings.limits.bodies;
        if self.office.bodies.held() < most - most / 8 {
            self.next_look = None;
            return;
        }
        if self.next_look.is_some_and(|look| self.moment.now < look) {
            return;
        }
        self.next_look = Some(self.moment.now.saturating_add(LOOK));
        let slow = self.conns.iter().filter(|(_, entry)| {
            entry.conn.expendable(self.moment.now, &self.settings.timeouts) == Some(Expendable::Body)
        });
        if let Some(key) = slow.min_by_key(|(_, entry)| entry.deadline).map(|(key, _)| key) {
            self.turn(key, Conn::give_up_body::<P>);
        }
    }
}
