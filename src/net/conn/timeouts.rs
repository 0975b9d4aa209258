//! Computes the deadline of a connection, and ends what took too long.

use super::{Action, Buffered, Conn, ConnState};
use crate::http1::connection::Waiting;
use crate::http1::fault::Fault;
use crate::net::body_memory::Reservation;
use crate::net::millis::{Millis, NEVER, after, millis};
use crate::net::sockets::socket::Socket;
use crate::net::tick::{Context, ReadBuffers, Tick};
use crate::net::timeouts::Timeouts;
use crate::net::transfer::Transfer;
use crate::trace::probe::{CloseReason, Event, Probe, Timer, TimerChange};

/// Minimum age of a head that can be evicted; minimum time that a client gets to read its last
/// response.
const MIN_AGE: Millis = 1000;

/// What may be evicted at the connection limit, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evictable {
    /// The last response is written.
    Lingering,
    Idle,
    /// A head that is unfinished for a second, or was never started.
    Head,
    /// A body whose deadline is near.
    Body,
}

impl<S: Socket> Conn<S> {
    /// Returns the deadline. Called after every run; for an idle connection it is one addition.
    #[inline]
    pub(crate) fn deadline(&self, context: &Context<'_>) -> Millis {
        match &self.buffered {
            None if self.requests > 0 => context.time.idle_until,
            None => self.idle_deadline(context),
            Some(buffered) => self.deadline_of(buffered, context),
        }
    }

    /// Before its first byte a connection has the deadline of a head.
    #[inline(never)]
    fn idle_deadline(&self, context: &Context<'_>) -> Millis {
        let first_byte = after(self.opened, context.config.timeouts.head);
        if self.requests == 0 { first_byte.min(context.time.idle_until) } else { context.time.idle_until }
    }

    #[inline(never)]
    fn deadline_of(&self, buffered: &Buffered, context: &Context<'_>) -> Millis {
        let (transfer, timeouts) = (&buffered.transfer, &context.config.timeouts);
        match self.timer() {
            Timer::Idle => self.idle_deadline(context),
            Timer::Head => after(transfer.since, timeouts.head),
            Timer::Body => transfer.deadline(timeouts.body_limits()),
            Timer::Write => transfer.deadline(timeouts.write_limits()),
            Timer::Linger => transfer.deadline(timeouts.linger_limits()).min(after(transfer.since, timeouts.linger)),
            Timer::Heartbeat => after(transfer.last, timeouts.heartbeat),
            Timer::Application => match &self.state {
                ConnState::InPool(pooled) => pooled.deadline,
                _ => NEVER,
            },
        }
    }

    /// Ends what timed out, after one more read: what has arrived since counts.
    pub(crate) fn expire<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Action {
        let before = self.requests;
        self.mark_readable();
        let action = self.run(read, tick);
        let over = match (action, self.timer()) {
            (Action::Yield | Action::Close(_), _) => false,
            // An idle deadline counts from the last activity: the timeout stands unless a request
            // came.
            (_, Timer::Idle) => self.requests == before,
            _ => self.deadline(tick.context) <= tick.context.time.now,
        };
        if !over {
            return action;
        }
        let timer = self.timer();
        tick.probe.emit(self.id, || Event::ConnTimer { timer, change: TimerChange::Expired });
        match timer {
            // While draining too: the response is long sent, there is no reason to linger.
            Timer::Idle => Action::Close(CloseReason::Fin),
            Timer::Head => self.time_out(Fault::HeadTimeout, tick),
            Timer::Body if self.wants_data() && self.is_paused(tick.context) => {
                self.time_out_body(Fault::BodyTimeout, tick.context)
            }
            Timer::Body if self.wants_data() => self.time_out_body(Fault::BodyTooSlow, tick.context),
            Timer::Body if self.is_paused(tick.context) => self.time_out(Fault::BodyTimeout, tick),
            Timer::Body => self.time_out(Fault::BodyTooSlow, tick),
            Timer::Write => {
                self.socket.reset_on_close();
                Action::Close(CloseReason::Reset)
            }
            Timer::Linger => Action::Close(CloseReason::Lingered),
            Timer::Heartbeat => self.send_heartbeat(tick),
            Timer::Application => self.handler_timed_out(tick),
        }
    }

    /// Returns what is evicted, if anything may be.
    pub(crate) fn evictable(&self, now: Millis, timeouts: &Timeouts) -> Option<Evictable> {
        let Some(buffered) = &self.buffered else {
            let mute = self.requests == 0 && self.opened + MIN_AGE <= now;
            return if self.is_idle() { Some(Evictable::Idle) } else { mute.then_some(Evictable::Head) };
        };
        let transfer = &buffered.transfer;
        let stale = transfer.since + MIN_AGE <= now;
        match self.timer() {
            Timer::Linger if stale => Some(Evictable::Lingering),
            Timer::Head if stale => Some(Evictable::Head),
            Timer::Body if self.is_open() => {
                let (pace, grace) = (timeouts.body_limits(), millis(timeouts.body_grace));
                let ends_soon = transfer.deadline(pace) < now.saturating_add(millis(timeouts.body_idle) / 2);
                (transfer.since.saturating_add(grace) <= now && ends_soon).then_some(Evictable::Body)
            }
            _ => None,
        }
    }

    /// Makes room for a new connection, after one more read: an idle client that sends a request
    /// stays, but not one that adds a byte to a slow head or body.
    pub(crate) fn evict<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Action {
        if self.is_lingering() {
            return Action::Close(CloseReason::Lingered);
        }
        let standing =
            |conn: &Self| (conn.requests, conn.evictable(tick.context.time.now, &tick.context.config.timeouts));
        let before = standing(self);
        self.mark_readable();
        match self.run(read, tick) {
            Action::Wait if standing(self) == before => {
                if before.1 == Some(Evictable::Body) {
                    self.time_out(Fault::Overloaded, tick); // as far as it leaves at once
                }
                Action::Close(CloseReason::Fin)
            }
            action => action,
        }
    }

    /// Evicts a slow body, because body memory is short.
    pub(crate) fn evict_body<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Action {
        self.mark_readable();
        match self.run(read, tick) {
            Action::Wait if self.is_open() && self.http.expects_body() => self.time_out(Fault::Overloaded, tick),
            action => action,
        }
    }

    /// Returns the timer that runs.
    pub(super) fn timer(&self) -> Timer {
        match self.http.waiting() {
            _ if self.is_lingering() => Timer::Linger,
            _ if self.has_pending_output() || self.is_sending_file() => Timer::Write,
            _ if self.has_heartbeat() && !self.wants_data() => Timer::Heartbeat,
            _ if matches!(self.state, ConnState::InPool(_) | ConnState::Streaming(_)) && !self.wants_data() => {
                Timer::Application
            }
            Waiting::Idle if self.buffered.is_none() => Timer::Idle,
            Waiting::Idle | Waiting::Head => Timer::Head,
            Waiting::Body => Timer::Body,
            Waiting::Application | Waiting::Close => Timer::Application,
        }
    }

    /// Records a read of `fresh` bytes. Under TLS the bytes of the socket count. Returns `false` if
    /// the body exceeds the worker's body memory.
    #[inline]
    pub(super) fn record_read(&mut self, fresh: usize, context: &Context<'_>) -> bool {
        if self.buffered.is_some() {
            let arrived = self.socket.take_received(fresh);
            self.record_transfer(arrived, context);
            return self.body_fits(context);
        }
        if fresh == 0 && self.requests > 0 && self.socket.has_partial_record() {
            // Part of a TLS record is the start of a head, and gets its timeout.
            self.buffered = Some(Box::default());
            self.record_transfer(0, context);
        }
        true
    }

    /// Counts a body that is received as a whole. Returns whether it fits.
    #[inline(never)]
    fn body_fits(&mut self, context: &Context<'_>) -> bool {
        let receives = self.is_open() && self.http.expects_body();
        let Some(buffered) = &mut self.buffered else { return true };
        if !receives {
            buffered.reservation = None;
            return true;
        }
        let bytes = buffered.input.len().saturating_sub(buffered.start) as u64;
        let share = buffered.reservation.get_or_insert_with(|| Reservation::of(&context.offload.body_memory));
        share.resize(bytes, context.config.limits.bodies)
    }

    /// Records a write of `written` bytes.
    pub(super) fn record_written(&mut self, written: usize, context: &Context<'_>) {
        let departed = self.socket.take_sent(written);
        self.record_progress(departed, context);
    }

    /// Records `bytes` of progress. A new request, or the other direction, starts a new transfer.
    #[inline]
    pub(super) fn record_progress(&mut self, bytes: usize, context: &Context<'_>) {
        if self.buffered.is_some() {
            self.record_transfer(bytes, context);
        }
    }

    #[inline(never)]
    fn record_transfer(&mut self, bytes: usize, context: &Context<'_>) {
        let (timer, now, timeouts) = (self.timer(), context.time.now, &context.config.timeouts);
        let phase = Some((self.requests, timer));
        let pace = match timer {
            Timer::Body => timeouts.body_limits(),
            Timer::Linger => timeouts.linger_limits(),
            _ => timeouts.write_limits(),
        };
        let Some(buffered) = &mut self.buffered else { return };
        if buffered.phase != phase {
            // The part of a body that came with its head counts. What the kernel takes of a
            // response at once says nothing of its reader.
            let here = match self.state.feed_mut() {
                _ if timer != Timer::Body => 0,
                Some(feed) => std::mem::take(&mut feed.arrived),
                None => buffered.input.len().saturating_sub(buffered.start + self.http.body_start()),
            };
            (buffered.phase, buffered.transfer) = (phase, Transfer::begin(here as u64, now, pace));
        } else if bytes > 0 {
            buffered.transfer.advance(bytes as u64, now, pace);
        }
    }

    fn is_paused(&self, context: &Context<'_>) -> bool {
        self.buffered.as_ref().is_some_and(|buffered| {
            context.time.now >= buffered.transfer.last.saturating_add(millis(context.config.timeouts.body_idle))
        })
    }

    /// Rejects a request that timed out or does not fit, if the client has started one.
    #[cold]
    pub(super) fn time_out<P: Probe>(&mut self, late: Fault, tick: &mut Tick<'_, P>) -> Action {
        let mut buffered = self.buffered.take().unwrap_or_default();
        let Buffered { input, start, head, decision, began, .. } = &mut *buffered;
        let bytes = input.get(*start..).unwrap_or_default();
        let Some(reject) = self.http.expire(bytes, head, &tick.context.config.limits, late) else {
            return Action::Close(CloseReason::Fin);
        };
        (tick.out.decision, tick.out.began) = (decision.take(), Some(*began));
        self.reject(reject, head, bytes, tick);
        self.flush_response(tick)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::App;
    use crate::net::threads::mailbox::Offload;
    use crate::net::tick::{Buffers, Config, LoopTime};
    use crate::net::worker::slab::Key;
    use crate::testing::MemorySocket;
    use crate::trace::probe::NoProbe;

    /// The buffers of a worker hold nothing of a connection that has ended.
    #[test]
    fn a_request_does_not_begin_with_the_empty_line_of_another_connection() {
        let durations = Arc::new(Mutex::new(Vec::new()));
        let (mut app, record) = (App::new(), durations.clone());
        app.get("/", |_| "ok");
        app.after(move |_, response| {
            let record = record.clone();
            response.on_sent(move |sent| record.lock().unwrap().push(sent.duration()));
        });
        let (mut buffers, config, offload) = (Buffers::new(), Config::default(), Offload::default());
        let mut run = |conn: &mut Conn<MemorySocket>, now, bytes: &[u8], expires| {
            conn.socket().incoming.extend_from_slice(bytes);
            conn.mark_readable();
            let time = LoopTime::at(now, None, false, &config.timeouts);
            let key = Key { index: 0, generation: 0 };
            let context = Context { app: &app, key, offload: &offload, config: &config, time: &time };
            let probe = &mut NoProbe;
            let (read, mut tick) = buffers.lend(&context, probe);
            if expires { conn.expire(read, &mut tick) } else { conn.run(read, &mut tick) }
        };
        let mut idle = Conn::new(MemorySocket::new(), 1, None, 0);
        assert_eq!(run(&mut idle, 0, b"\r\n", false), Action::Wait);
        assert_eq!(run(&mut idle, 60_000, b"", true), Action::Close(CloseReason::Fin));
        let mut other = Conn::new(MemorySocket::new(), 2, None, 60_000);
        run(&mut other, 60_000, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
        assert!(matches!(durations.lock().unwrap()[..], [duration] if duration < Duration::from_secs(60)));
    }
}
