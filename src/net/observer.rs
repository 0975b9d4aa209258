//! Reports what the application runs to the probe: at once, or after the response of a pool thread.

use std::marker::PhantomData;
use std::time::Instant;

use crate::app::observer::{HandlerEvent, Observer};
use crate::response::error::RateLimitExceeded;
use crate::routing::callsite::Callsite;
use crate::trace::probe::{Event, Handler, Observation, Phase, Probe, nanoseconds};

/// Reports at once.
pub(crate) struct ProbeObserver<'p, P> {
    pub(crate) connection: u64,
    pub(crate) probe: &'p mut P,
}

impl<P: Probe> Observer for ProbeObserver<'_, P> {
    #[inline(always)]
    #[track_caller]
    fn observe(&mut self, step: HandlerEvent<'_>) {
        self.probe.emit(self.connection, || describe(step, None));
        if P::ENABLED
            && let Some((which, exceeded)) = rate_limit(step)
        {
            self.probe.emit(self.connection, || rate_limited(which, exceeded));
        }
    }
}

/// Records what runs on a pool thread, and how long it took.
pub(crate) struct DeferredObserver<P> {
    events: Vec<DeferredEvent>,
    last: Option<Instant>,
    probe: PhantomData<P>,
}

/// Something that happened on a pool thread.
pub(crate) enum DeferredEvent {
    Ran(Observation<'static>),
    RateLimited(String, RateLimitExceeded),
}

impl<P: Probe> DeferredObserver<P> {
    pub(crate) fn begin() -> DeferredObserver<P> {
        DeferredObserver { events: Vec::new(), last: P::ENABLED.then(Instant::now), probe: PhantomData }
    }

    pub(crate) fn end(self) -> Vec<DeferredEvent> {
        self.events
    }
}

impl<P: Probe> Observer for DeferredObserver<P> {
    #[inline(always)]
    fn observe(&mut self, step: HandlerEvent<'_>) {
        if !P::ENABLED {
            return;
        }
        let now = Instant::now();
        let ns = self.last.replace(now).map_or(0, |last| nanoseconds(now.duration_since(last)));
        if let HandlerEvent::HandlerStart(_) = step {
            return; // traced when the request was sent to the pool
        }
        self.events.push(DeferredEvent::Ran(describe(step, Some(ns))));
        if let Some((which, exceeded)) = rate_limit(step) {
            self.events.push(DeferredEvent::RateLimited(which.to_owned(), exceeded));
        }
    }
}

/// Reports recorded events.
#[track_caller]
pub(crate) fn replay<P: Probe>(events: &[DeferredEvent], connection: u64, probe: &mut P) {
    for event in events {
        match event {
            DeferredEvent::Ran(observation) => probe.emit(connection, || *observation),
            DeferredEvent::RateLimited(which, exceeded) => probe.emit(connection, || rate_limited(which, *exceeded)),
        }
    }
}

/// Describes a step, with its duration if another thread measured it.
fn describe(step: HandlerEvent<'_>, ns: Option<u64>) -> Observation<'static> {
    let (phase, callsite, number, error) = match step {
        HandlerEvent::Before { callsite, index, error } => (Phase::Before, callsite, index, error),
        HandlerEvent::Guard { callsite, index, error } => (Phase::Guard, callsite, index, error),
        HandlerEvent::After { callsite, index } => (Phase::After, callsite, index, None),
        HandlerEvent::HandlerStart(route) => {
            let Callsite { name, location } = route.meta.callsite;
            return Event::HandlerStart { handler: Handler { name, location }, blocking: false }.into();
        }
        HandlerEvent::HandlerEnd => return Observation::HandlerRan { panicked: false, ns },
        HandlerEvent::Panicked => return Observation::HandlerRan { panicked: true, ns },
    };
    let Callsite { name, location } = callsite;
    Observation::HookRan { phase, name, location, number, short_circuited: error.is_some(), ns }
}

/// Returns the name of the rate limit that ended the request, if one did.
fn rate_limit(step: HandlerEvent<'_>) -> Option<(&str, RateLimitExceeded)> {
    let (HandlerEvent::Before { error, .. } | HandlerEvent::Guard { error, .. }) = step else { return None };
    Some((error?.message(), error?.rate_limit_exceeded()?))
}

fn rate_limited(which: &str, exceeded: RateLimitExceeded) -> Event<'_> {
    Event::RateLimited { which, value: exceeded.amount, retry_after: exceeded.retry_after }
}
