//! How long a connection may stay as it is, and what happens when it stayed too long; knows no wheel and no clock.

use super::{Conn, Fate, Held, Stage};
use crate::http1::connection::Waiting;
use crate::http1::fault::Fault;
use crate::net::bodies::Share;
use crate::net::deadline::{Millis, NEVER, Timeouts, Transfer, after, millis};
use crate::net::desk::{Context, Desk};
use crate::net::socket::Socket;
use crate::wire::probe::{Due, Ending, Event, Probe, Timer};

/// A head this old may be given up for a newcomer when all places are taken; a last answer had this long to be read.
const STALE: Millis = 1000;

/// What a connection is at that may have to go for a newcomer: the first kind goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expendable {
    /// Its last answer is out.
    Lingering,
    Idle,
    /// A head that has been unfinished for a second. The first one is expected from the beginning.
    Head,
    /// A body whose sender is about to be given up, or nearly.
    Body,
}

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
        let first_byte = after(self.opened, context.settings.timeouts.head);
        if self.requests == 0 { first_byte.min(context.moment.idle_until) } else { context.moment.idle_until }
    }

    #[inline(never)]
    fn deadline_of(&self, held: &Held, context: &Context<'_>) -> Millis {
        let (transfer, timeouts) = (&held.transfer, &context.settings.timeouts);
        match self.timer() {
            Timer::Idle => self.idle_deadline(context),
            Timer::Head => after(transfer.since, timeouts.head),
            Timer::Body => transfer.deadline(timeouts.body_pace()),
            Timer::Write => transfer.deadline(timeouts.write_pace()),
            Timer::Linger => transfer.deadline(timeouts.linger_pace()).min(after(transfer.since, timeouts.linger)),
            Timer::Beat => after(transfer.last, timeouts.heartbeat),
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
            // At a graceful stop too: its answer is long gone, and there is nothing to linger for.
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

    /// Whether the connection may have to go for a newcomer, and before which others.
    pub(crate) fn expendable(&self, now: Millis, timeouts: &Timeouts) -> Option<Expendable> {
        let Some(held) = &self.held else {
            let mute = self.requests == 0 && self.opened + STALE <= now;
            return if self.is_idle() { Some(Expendable::Idle) } else { mute.then_some(Expendable::Head) };
        };
        let transfer = &held.transfer;
        let stale = transfer.since + STALE <= now;
        match self.timer() {
            Timer::Linger if stale => Some(Expendable::Lingering),
            Timer::Head if stale => Some(Expendable::Head),
            Timer::Body if self.stage == Stage::Open => {
                let (pace, grace) = (timeouts.body_pace(), millis(timeouts.body_grace));
                let ends_soon = transfer.deadline(pace) < now.saturating_add(millis(timeouts.body_idle) / 2);
                (transfer.since.saturating_add(grace) <= now && ends_soon).then_some(Expendable::Body)
            }
            _ => None,
        }
    }

    /// A newcomer needs the place. As with every deadline there is one last look first: an idle client that has begun to speak stays,
    /// but not one that sends another byte of a head or body that was too slow before.
    pub(crate) fn give_way<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        if self.stage == Stage::Lingering {
            return Fate::Gone(Ending::Staged);
        }
        let standing = |conn: &Self| (conn.requests, conn.expendable(context.moment.now, &context.settings.timeouts));
        let before = standing(self);
        self.wake(false);
        match self.turn(desk, context, probe) {
            Fate::Wait if standing(self) == before => {
                if before.1 == Some(Expendable::Body) {
                    self.too_late(Fault::Overloaded, desk, context, probe); // as far as it leaves at once
                }
                Fate::Gone(Ending::Fin)
            }
            fate => fate,
        }
    }

    /// The worker has little room left for bodies, and this one is slow.
    pub(crate) fn give_up_body<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        self.wake(false);
        match self.turn(desk, context, probe) {
            Fate::Wait if self.stage == Stage::Open && self.http.expects_body() => {
                self.too_late(Fault::Overloaded, desk, context, probe)
            }
            fate => fate,
        }
    }

    fn stream_timer(&self) -> Timer {
        if self.beats() { Timer::Beat } else { Timer::Application }
    }

    /// Which deadline runs.
    pub(super) fn timer(&self) -> Timer {
        match self.http.waiting() {
            _ if self.stage == Stage::Lingering => Timer::Linger,
            _ if self.owes_output() => Timer::Write,
            _ if self.stage == Stage::Streaming && !self.flows_in() => self.stream_timer(),
            _ if self.stage == Stage::Away && !self.flows_in() => Timer::Application,
            Waiting::Idle if self.held.is_none() => Timer::Idle,
            Waiting::Idle | Waiting::Head => Timer::Head,
            Waiting::Body => Timer::Body,
            Waiting::Application | Waiting::Close => Timer::Application,
        }
    }

    /// Notes that `fresh` bytes were read. Under TLS the socket counts: bytes arrive as they like, and are deciphered a record at a time.
    /// `false`: what is held of a body is more than the worker has room for.
    #[inline]
    pub(super) fn note_read(&mut self, fresh: usize, context: &Context<'_>) -> bool {
        if self.held.is_some() {
            let arrived = self.socket.arrived(fresh);
            self.note_in_held(arrived, context);
            return self.body_fits(context);
        }
        if fresh == 0 && self.requests > 0 && self.socket.holds_part() {
            // A part of a record is the beginning of a head, and has the time of one.
            self.held = Some(Box::default());
            self.note_in_held(0, context);
        }
        true
    }

    /// Counts what is held of a body, if this is one that is received as a whole.
    #[inline(never)]
    fn body_fits(&mut self, context: &Context<'_>) -> bool {
        let receives = self.stage == Stage::Open && self.http.expects_body();
        let Some(held) = &mut self.held else { return true };
        if !receives {
            held.share = None;
            return true;
        }
        let bytes = held.input.len().saturating_sub(held.at) as u64;
        let share = held.share.get_or_insert_with(|| Share::of(&context.office.bodies));
        share.set(bytes, context.settings.limits.bodies)
    }

    /// Notes that `written` bytes left.
    pub(super) fn note_written(&mut self, written: usize, context: &Context<'_>) {
        let departed = self.socket.departed(written);
        self.note_progress(departed, context);
    }

    /// Notes that `bytes` moved in what is unfinished; a new request, or its other side, starts a new account.
    #[inline]
    pub(super) fn note_progress(&mut self, bytes: usize, context: &Context<'_>) {
        if self.held.is_some() {
            self.note_in_held(bytes, context);
        }
    }

    #[inline(never)]
    fn note_in_held(&mut self, bytes: usize, context: &Context<'_>) {
        let (timer, now, timeouts) = (self.timer(), context.moment.now, &context.settings.timeouts);
        let phase = Some((self.requests, timer));
        let pace = match timer {
            Timer::Body => timeouts.body_pace(),
            Timer::Linger => timeouts.linger_pace(),
            _ => timeouts.write_pace(),
        };
        let Some(held) = &mut self.held else { return };
        if held.phase != phase {
            // The part of a body that came with its head counts; what the kernel took of an answer at once says nothing of its reader.
            let here = if timer == Timer::Body {
                held.input.len().saturating_sub(held.at + self.http.body_start())
            } else {
                0
            };
            (held.phase, held.transfer) = (phase, Transfer::begin(here as u64, now, pace));
        } else if bytes > 0 {
            held.transfer.advance(bytes as u64, now, pace);
        }
    }

    fn paused(&self, context: &Context<'_>) -> bool {
        self.held.as_ref().is_some_and(|held| {
            context.moment.now >= held.transfer.last.saturating_add(millis(context.settings.timeouts.body_idle))
        })
    }

    /// Refuses what did not come in time, or what there is no room for, if the client began to speak at all.
    #[cold]
    pub(super) fn too_late<P: Probe>(
        &mut self,
        late: Fault,
        desk: &mut Desk,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Fate {
        let mut held = self.held.take().unwrap_or_default();
        (desk.tools.verdict, desk.tools.began) = (held.verdict.take(), Some(held.began));
        let Held { input, at, head, .. } = &mut *held;
        let bytes = input.get(*at..).unwrap_or_default();
        let Some(reject) = self.http.expire(bytes, head, &context.settings.limits, late) else {
            return Fate::Gone(Ending::Fin);
        };
        self.refuse(reject, head, bytes, &mut desk.tools, context, probe);
        match self.flush(&mut desk.tools, context, probe) {
            Some(fate) => fate,
            None => self.finish(context, probe),
        }
    }
}
