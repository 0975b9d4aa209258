//! How long a connection may stay as it is, and what happens when it stayed too long; knows no wheel and no clock.

use super::{Conn, Fate, Held, Stage};
use crate::http1::connection::Waiting;
use crate::http1::fault::Fault;
use crate::net::deadline::{Millis, NEVER, Transfer, millis};
use crate::net::desk::{Context, Desk};
use crate::net::socket::Socket;
use crate::wire::probe::{Due, Ending, Event, Probe, Timer};

impl<S: Socket> Conn<S> {
    /// When the connection's patience ends as things stand. Asked after every turn; for an idle connection that is one addition.
    #[inline]
    pub(crate) fn deadline(&self, context: &Context<'_>) -> Millis {
        match &self.held {
            None if self.requests > 0 => context.moment.idle_until,
            None => self.idle_deadline(context),
            Some(held) => self.deadline_of(held, context),
        }
    }

    /// A connection that has not said anything yet is held to the deadline of heads.
    #[inline(never)]
    fn idle_deadline(&self, context: &Context<'_>) -> Millis {
        let first_byte = self.opened + millis(context.settings.timeouts.head);
        if self.requests == 0 { first_byte.min(context.moment.idle_until) } else { context.moment.idle_until }
    }

    #[inline(never)]
    fn deadline_of(&self, held: &Held, context: &Context<'_>) -> Millis {
        let (transfer, timeouts) = (&held.transfer, &context.settings.timeouts);
        match self.timer() {
            Timer::Idle => self.idle_deadline(context),
            Timer::Head => transfer.since + millis(timeouts.head),
            Timer::Body => transfer.deadline(timeouts.body_idle, timeouts.body_rate, timeouts.body_grace),
            Timer::Write => transfer.deadline(timeouts.write_idle, timeouts.write_rate, timeouts.write_grace),
            Timer::Linger => transfer.since + millis(timeouts.linger),
            Timer::Beat => transfer.last + millis(timeouts.heartbeat),
            Timer::Application => held.away.as_ref().map_or(NEVER, |(_, until)| *until),
        }
    }

    /// Time is up. One last look first: what arrived in the meantime counts.
    pub(crate) fn expire<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        let before = self.requests;
        self.wake(false);
        let fate = self.turn(desk, context, probe);
        let over = match (fate, self.timer()) {
            (Fate::Again | Fate::Gone(_), _) => false,
            // An idle deadline counts from the last sign of life: the one that passed was the last one's, unless a request came.
            (_, Timer::Idle) => self.requests == before,
            _ => self.deadline(context) <= context.moment.now,
        };
        if !over {
            return fate;
        }
        let timer = self.timer();
        if P::ON {
            probe.event(self.id, Event::ConnTimer { timer, due: Due::Passed });
        }
        match timer {
            Timer::Idle if context.moment.draining.is_some() => self.finish(context.moment.now, probe),
            Timer::Idle => Fate::Gone(Ending::Fin),
            Timer::Head => self.too_late(Fault::HeadTimeout, desk, context, probe),
            Timer::Body if self.flows_in() && self.paused(context) => self.starve(Fault::BodyTimeout, context),
            Timer::Body if self.flows_in() => self.starve(Fault::BodyTooSlow, context),
            Timer::Body if self.paused(context) => self.too_late(Fault::BodyTimeout, desk, context, probe),
            Timer::Body => self.too_late(Fault::BodyTooSlow, desk, context, probe),
            Timer::Write => {
                self.socket.reset_on_close();
                Fate::Gone(Ending::Reset)
            }
            Timer::Linger => Fate::Gone(Ending::Staged),
            Timer::Beat => self.beat(context, probe),
            Timer::Application => self.give_up(desk, context, probe),
        }
    }

    /// Somebody else needs its place. As with every deadline there is one last look first: who has begun to speak stays, but not
    /// who sends another byte of a head that has been unfinished for too long.
    pub(crate) fn give_way<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        let standing = |conn: &Self| (conn.requests, conn.is_idle(), conn.head_since());
        let before = standing(self);
        self.wake(false);
        match self.turn(desk, context, probe) {
            Fate::Wait if standing(self) == before => Fate::Gone(Ending::Fin),
            fate => fate,
        }
    }

    fn stream_timer(&self) -> Timer {
        let beats = self.held.as_ref().and_then(|held| held.stream.as_ref()).is_some_and(|stream| stream.beats());
        if beats { Timer::Beat } else { Timer::Application }
    }

    /// Which deadline runs.
    pub(super) fn timer(&self) -> Timer {
        match self.http.waiting() {
            _ if self.stage == Stage::Lingering => Timer::Linger,
            _ if self.owes_output() => Timer::Write,
            _ if self.stage == Stage::Streaming && !self.flows_in() => self.stream_timer(),
            _ if self.stage == Stage::Away && !self.flows_in() => Timer::Application,
            Waiting::Idle => Timer::Idle,
            Waiting::Head => Timer::Head,
            Waiting::Body => Timer::Body,
            Waiting::Application | Waiting::Close => Timer::Application,
        }
    }

    /// Notes that `bytes` moved in what is unfinished; a new request, or its other side, starts a new account.
    #[inline]
    pub(super) fn note_progress(&mut self, bytes: usize, now: Millis) {
        if self.held.is_some() {
            self.note_in_held(bytes, now);
        }
    }

    #[inline(never)]
    fn note_in_held(&mut self, bytes: usize, now: Millis) {
        let timer = self.timer();
        let phase = Some((self.requests, timer));
        let Some(held) = &mut self.held else { return };
        if held.phase != phase {
            // The part of a body that came with its head counts; what the kernel took of an answer at once says nothing of its reader.
            let here = if timer == Timer::Body {
                held.input.len().saturating_sub(held.at + self.http.body_start())
            } else {
                0
            };
            (held.phase, held.transfer) = (phase, Transfer { since: now, last: now, bytes: here as u64 });
        } else if bytes > 0 {
            held.transfer.last = now;
            held.transfer.bytes += bytes as u64;
        }
    }

    fn paused(&self, context: &Context<'_>) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| context.moment.now >= held.transfer.last + millis(context.settings.timeouts.body_idle))
    }

    /// 408, if the client began to speak at all.
    fn too_late<P: Probe>(&mut self, late: Fault, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        let mut held = self.held.take().unwrap_or_default();
        let Held { input, at, head, .. } = &mut *held;
        let bytes = input.get(*at..).unwrap_or_default();
        let Some(reject) = self.http.expire(bytes, head, &context.settings.limits, late) else {
            return Fate::Gone(Ending::Fin);
        };
        self.refuse(reject, head, bytes, &mut desk.tools, context, probe);
        match self.flush(&mut desk.tools.output, context, probe) {
            Some(fate) => fate,
            None => self.finish(context.moment.now, probe),
        }
    }
}
