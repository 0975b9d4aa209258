//! What the application runs, for the probe: heard on this thread it is told at once, on another it is written down and told when
//! the answer is back; decides nothing, and is nothing while nobody listens.

use std::marker::PhantomData;
use std::time::Instant;

use crate::app::error::Error;
use crate::app::hook::Origin;
use crate::app::told::{Listener, Step};
use crate::wire::probe::{Event, Handler, Phase, Probe, nanoseconds};

/// Tells the probe at once.
pub(super) struct Ear<'p, P> {
    pub(super) connection: u64,
    pub(super) probe: &'p mut P,
}

impl<P: Probe> Listener for Ear<'_, P> {
    #[inline(always)]
    #[track_caller]
    fn hear(&mut self, step: Step<'_>) {
        if P::ON {
            self.tell(step);
        }
    }
}

impl<P: Probe> Ear<'_, P> {
    #[track_caller]
    fn tell(&mut self, step: Step<'_>) {
        let ran =
            |phase, Origin { name, place }, number, stopped| Event::HookRan { phase, name, place, number, stopped };
        let (event, answer) = match step {
            Step::Before { origin, number, answer } => (ran(Phase::Before, origin, number, answer.is_some()), answer),
            Step::Guard { origin, number, answer } => (ran(Phase::Guard, origin, number, answer.is_some()), answer),
            Step::After { origin, number } => (ran(Phase::After, origin, number, false), None),
            Step::Handler(route) => {
                let Origin { name, place } = route.origin;
                (Event::HandlerStart { handler: Handler { name, place }, blocking: false }, None)
            }
            Step::Handled => (Event::HandlerRan { panicked: false, ns: None }, None),
            Step::Panicked => (Event::HandlerRan { panicked: true, ns: None }, None),
        };
        self.probe.event(self.connection, event);
        if let Some((which, rate)) = answer.and_then(|error| Some((error.message(), error.used_up()?))) {
            let event = Event::RateLimited { which, value: rate.amount, retry_after: rate.retry_after };
            self.probe.event(self.connection, event);
        }
    }
}

/// Writes down what runs on a thread of the pool, and how long it took.
pub(super) struct Record<P> {
    notes: Vec<Note>,
    last: Option<Instant>,
    probe: PhantomData<P>,
}

/// Something that ran elsewhere.
pub(crate) enum Note {
    Hook { phase: Phase, origin: Origin, number: usize, stopped: bool, ns: u64 },
    Limited { which: String, value: u64, retry_after: u64 },
    Handler { panicked: bool, ns: u64 },
}

impl<P: Probe> Record<P> {
    pub(super) fn begin() -> Record<P> {
        Record { notes: Vec::new(), last: P::ON.then(Instant::now), probe: PhantomData }
    }

    pub(super) fn end(self) -> Vec<Note> {
        self.notes
    }

    fn hook(&mut self, phase: Phase, origin: Origin, number: usize, answer: Option<&Error>) {
        let ns = self.lap();
        self.notes.push(Note::Hook { phase, origin, number, stopped: answer.is_some(), ns });
        if let Some((error, rate)) = answer.and_then(|error| Some((error, error.used_up()?))) {
            let (which, value, retry_after) = (error.message().to_owned(), rate.amount, rate.retry_after);
            self.notes.push(Note::Limited { which, value, retry_after });
        }
    }

    /// Nanoseconds since the last note.
    fn lap(&mut self) -> u64 {
        let now = Instant::now();
        self.last.replace(now).map_or(0, |last| nanoseconds(now.duration_since(last)))
    }
}

impl<P: Probe> Listener for Record<P> {
    #[inline(always)]
    fn hear(&mut self, step: Step<'_>) {
        if !P::ON {
            return;
        }
        match step {
            Step::Before { origin, number, answer } => self.hook(Phase::Before, origin, number, answer),
            Step::Guard { origin, number, answer } => self.hook(Phase::Guard, origin, number, answer),
            Step::After { origin, number } => self.hook(Phase::After, origin, number, None),
            Step::Handler(_) => _ = self.lap(), // told when it was handed over
            Step::Handled | Step::Panicked => {
                let (panicked, ns) = (matches!(step, Step::Panicked), self.lap());
                self.notes.push(Note::Handler { panicked, ns });
            }
        }
    }
}

/// Tells what was written down.
#[track_caller]
pub(super) fn read_out<P: Probe>(notes: &[Note], connection: u64, probe: &mut P) {
    for note in notes {
        let event = match note {
            Note::Hook { phase, origin: Origin { name, place }, number, stopped, ns } => {
                Event::HookRun { phase: *phase, name, place, number: *number, stopped: *stopped, ns: *ns }
            }
            Note::Limited { which, value, retry_after } => {
                Event::RateLimited { which, value: *value, retry_after: *retry_after }
            }
            Note::Handler { panicked, ns } => Event::HandlerRan { panicked: *panicked, ns: Some(*ns) },
        };
        probe.event(connection, event);
    }
}
