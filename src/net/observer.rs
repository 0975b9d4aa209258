//! Reports what the application runs to the probe: at once, or after the response of a pool thread.

use std::marker::PhantomData;
use std::time::Instant;

use crate::app::observer::{HandlerEvent, Observer};
use crate::response::error::Error;
use crate::routing::callsite::Callsite;
use crate::trace::probe::{Event, Handler, Phase, Probe, nanoseconds};

/// Reports at once.
pub(crate) struct ProbeObserver<'p, P> {
    pub(crate) connection: u64,
    pub(crate) probe: &'p mut P,
}

impl<P: Probe> Observer for ProbeObserver<'_, P> {
    #[inline(always)]
    #[track_caller]
    fn observe(&mut self, step: HandlerEvent<'_>) {
        if P::ENABLED {
            self.emit(step);
        }
    }
}

impl<P: Probe> ProbeObserver<'_, P> {
    #[track_caller]
    fn emit(&mut self, step: HandlerEvent<'_>) {
        let ran = |phase, Callsite { name, location: place }, number, stopped| Event::HookRan {
            phase,
            name,
            location: place,
            number,
            short_circuited: stopped,
        };
        let (event, answer) = match step {
            HandlerEvent::Before { callsite: origin, index: number, error: answer } => {
                (ran(Phase::Before, origin, number, answer.is_some()), answer)
            }
            HandlerEvent::Guard { callsite: origin, index: number, error: answer } => {
                (ran(Phase::Guard, origin, number, answer.is_some()), answer)
            }
            HandlerEvent::After { callsite: origin, index: number } => (ran(Phase::After, origin, number, false), None),
            HandlerEvent::HandlerStart(route) => {
                let Callsite { name, location: place } = route.meta.callsite;
                (Event::HandlerStart { handler: Handler { name, location: place }, blocking: false }, None)
            }
            HandlerEvent::HandlerEnd => (Event::HandlerRan { panicked: false, ns: None }, None),
            HandlerEvent::Panicked => (Event::HandlerRan { panicked: true, ns: None }, None),
        };
        self.probe.event(self.connection, event);
        if let Some((which, rate)) = answer.and_then(|error| Some((error.message(), error.rate_limit_exceeded()?))) {
            let event = Event::RateLimited { which, value: rate.amount, retry_after: rate.retry_after };
            self.probe.event(self.connection, event);
        }
    }
}

/// Records what runs on a pool thread, and how long it took.
pub(crate) struct DeferredObserver<P> {
    events: Vec<DeferredEvent>,
    last: Option<Instant>,
    probe: PhantomData<P>,
}

/// Something that ran on a pool thread.
pub(crate) enum DeferredEvent {
    Hook { phase: Phase, origin: Callsite, number: usize, stopped: bool, ns: u64 },
    Limited { which: String, value: u64, retry_after: u64 },
    Handler { panicked: bool, ns: u64 },
}

impl<P: Probe> DeferredObserver<P> {
    pub(crate) fn begin() -> DeferredObserver<P> {
        DeferredObserver { events: Vec::new(), last: P::ENABLED.then(Instant::now), probe: PhantomData }
    }

    pub(crate) fn end(self) -> Vec<DeferredEvent> {
        self.events
    }

    fn hook(&mut self, phase: Phase, origin: Callsite, number: usize, answer: Option<&Error>) {
        let ns = self.lap();
        self.events.push(DeferredEvent::Hook { phase, origin, number, stopped: answer.is_some(), ns });
        if let Some((error, rate)) = answer.and_then(|error| Some((error, error.rate_limit_exceeded()?))) {
            let (which, value, retry_after) = (error.message().to_owned(), rate.amount, rate.retry_after);
            self.events.push(DeferredEvent::Limited { which, value, retry_after });
        }
    }

    /// Returns the nanoseconds since the last event.
    fn lap(&mut self) -> u64 {
        let now = Instant::now();
        self.last.replace(now).map_or(0, |last| nanoseconds(now.duration_since(last)))
    }
}

impl<P: Probe> Observer for DeferredObserver<P> {
    #[inline(always)]
    fn observe(&mut self, step: HandlerEvent<'_>) {
        if !P::ENABLED {
            return;
        }
        match step {
            HandlerEvent::Before { callsite: origin, index: number, error: answer } => {
                self.hook(Phase::Before, origin, number, answer)
            }
            HandlerEvent::Guard { callsite: origin, index: number, error: answer } => {
                self.hook(Phase::Guard, origin, number, answer)
            }
            HandlerEvent::After { callsite: origin, index: number } => self.hook(Phase::After, origin, number, None),
            HandlerEvent::HandlerStart(_) => _ = self.lap(), // told when it was handed over
            HandlerEvent::HandlerEnd | HandlerEvent::Panicked => {
                let (panicked, ns) = (matches!(step, HandlerEvent::Panicked), self.lap());
                self.events.push(DeferredEvent::Handler { panicked, ns });
            }
        }
    }
}

/// Reports recorded events.
#[track_caller]
pub(crate) fn replay<P: Probe>(events: &[DeferredEvent], connection: u64, probe: &mut P) {
    for note in events {
        let event = match note {
            DeferredEvent::Hook { phase, origin: Callsite { name, location: place }, number, stopped, ns } => {
                Event::HookRun {
                    phase: *phase,
                    name,
                    location: place,
                    number: *number,
                    short_circuited: *stopped,
                    ns: *ns,
                }
            }
            DeferredEvent::Limited { which, value, retry_after } => {
                Event::RateLimited { which, value: *value, retry_after: *retry_after }
            }
            DeferredEvent::Handler { panicked, ns } => Event::HandlerRan { panicked: *panicked, ns: Some(*ns) },
        };
        probe.event(connection, event);
    }
}
