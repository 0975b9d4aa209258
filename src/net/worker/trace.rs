//! Traces a worker and its sockets.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Instant;

use mio::Events;

use super::Worker;
use crate::net::worker::entry::{Entry, token};
use crate::net::worker::slab::Key;
use crate::trace::probe::{CloseReason, Event, Probe, nanoseconds};

impl<P: Probe> Worker<P> {
    /// Flushes the trace before poll. Returns the time if it is needed.
    #[inline(always)]
    pub(super) fn before_poll(&mut self) -> Option<Instant> {
        self.probe.flush();
        (P::ENABLED || self.slow_handlers.should_time_tick()).then(Instant::now)
    }

    /// Traces a wake-up.
    #[inline(always)]
    #[track_caller]
    pub(super) fn trace_wake(&mut self, slept: Option<Instant>, events: &Events) {
        if P::ENABLED
            && let Some(slept) = slept
        {
            let waited_ns = nanoseconds(slept.elapsed());
            self.probe.emit(0, || Event::PollWake { events: events.iter().count(), waited_ns });
        }
    }

    /// Traces that the connection limit is reached.
    #[track_caller]
    pub(super) fn trace_limit(&mut self) {
        self.probe.emit(0, || Event::LimitHit { which: "connections", value: self.max_connections as u64 });
    }

    /// Traces a new connection.
    #[inline(always)]
    #[track_caller]
    pub(super) fn trace_open(&mut self, key: Key, peer: Option<SocketAddr>) {
        if P::ENABLED
            && let Some(entry) = self.conns.get_mut(key)
        {
            let (id, socket) = (entry.conn.id, entry.conn.socket());
            let (fd, local) = (socket.as_raw_fd(), socket.raw().local_addr());
            self.probe.emit(id, || Event::ConnOpen { fd, token: token(key).0, peer, local, lab: false });
        }
    }

    /// Traces the connections of a worker that died.
    #[track_caller]
    pub(super) fn trace_abandoned(&mut self) {
        for (_, entry) in self.conns.iter() {
            entry.conn.trace_close(CloseReason::WorkerDied, 0, &mut self.probe);
        }
    }

    /// Traces a close. Unread bytes are only peeked at.
    #[inline(always)]
    #[track_caller]
    pub(super) fn trace_close(&mut self, entry: &mut Entry, ending: CloseReason) {
        if P::ENABLED {
            let unread = entry.conn.socket().raw().unread(&mut self.buffers.read.bytes);
            entry.conn.trace_close(ending, unread, &mut self.probe);
        }
    }
}

/// Converts the readiness that the kernel reports.
pub(super) fn readiness(event: &mio::event::Event) -> Event<'static> {
    Event::ConnReady {
        readable: event.is_readable(),
        writable: event.is_writable(),
        read_closed: event.is_read_closed(),
        error: event.is_error(),
    }
}
