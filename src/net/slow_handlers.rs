//! Finds handlers that block the event loop: after a long tick, handlers are timed for a while.

use std::time::{Duration, Instant};

use crate::app::App;
use crate::net::millis::Millis;
use crate::net::tick::Context;
use crate::request::Request;
use crate::response::Response;
use crate::routing::callsite::Callsite;

/// Minimum time of a slow handler. A hundred of them are a second for all other connections.
const SLOW: Duration = Duration::from_millis(10);
/// Ticks during which handlers are timed after a long one.
const TIMED_TICKS: u32 = 16;

/// Decides when to time handlers. Timing all would cost two clock readings a request. Under load
/// the time between two ticks is known: if it is long, the ends of the next ticks are timed too,
/// since it may have been sleep; after a tick that was long itself, handlers are timed.
#[derive(Debug, Default)]
pub(crate) struct SlowHandlerDetector {
    /// Remaining ticks whose ends are timed.
    ends: u32,
    /// Remaining ticks in which handlers are timed.
    handlers: u32,
}

impl SlowHandlerDetector {
    /// Returns whether the end of this tick is timed.
    #[inline]
    pub(crate) fn should_time_tick(&self) -> bool {
        self.ends > 0
    }

    /// Records the last tick and the start of this one. Returns whether handlers are timed.
    #[inline]
    pub(crate) fn record_tick(&mut self, began: Millis, ended: Option<Millis>, now: Millis) -> bool {
        let is_long = |end: Millis| end.saturating_sub(began) >= SLOW.as_millis() as Millis;
        let left = |on: bool, turns: u32| if on { TIMED_TICKS } else { turns.saturating_sub(1) };
        (self.ends, self.handlers) = (left(is_long(now), self.ends), left(ended.is_some_and(is_long), self.handlers));
        self.handlers > 0
    }
}

/// Handles a request, and warns once for each route that took too long.
#[cold]
#[inline(never)]
pub(crate) fn handle<'a>(app: &'a App, request: &mut Request<'a>, response: &mut Response) -> bool {
    let began = Instant::now();
    let handled = app.handle(request, response);
    check_handler(request, began.elapsed());
    handled
}

/// Warns if the handler of this request took too long, once for each route.
#[cold]
pub(crate) fn check_handler(request: &Request<'_>, time: Duration) {
    if time >= SLOW
        && let Some(route) = request.matched_route()
        && route.warn_once()
    {
        warn!(
            "{} {} held the event loop for {} ms, and all its connections with it: .blocking() gives it a thread",
            route.method,
            route.pattern.text(),
            time.as_millis()
        );
    }
}

/// Produces a piece of the body of this handler. Warns once if it takes too long, while handlers
/// are timed.
pub(crate) fn time_body<T>(context: &Context<'_>, origin: Option<Callsite>, produce: impl FnOnce() -> T) -> T {
    let began = context.time.timing_handlers.then(Instant::now);
    let produced = produce();
    if let Some(began) = began {
        check_body(context.app, origin, began.elapsed());
    }
    produced
}

#[cold]
fn check_body(app: &App, origin: Option<Callsite>, time: Duration) {
    let route = app.routes.iter().map(|route| &route.meta).find(|route| Some(route.callsite) == origin);
    if time >= SLOW
        && let Some(route) = route
        && route.warn_once()
    {
        warn!(
            "the body of {} {} held the event loop for {} ms, and all its connections with it: .blocking() gives it a thread",
            route.method,
            route.pattern.text(),
            time.as_millis()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_are_timed_for_a_while_after_a_long_tick() {
        let mut watch = SlowHandlerDetector::default();
        assert!(!watch.record_tick(0, None, 9) && !watch.should_time_tick());
        assert!(
            !watch.record_tick(9, None, 5000) && watch.should_time_tick(),
            "a long turn or a long sleep: who knows?"
        );
        assert!(!watch.record_tick(5000, Some(5009), 9000), "it was sleep");
        assert!(watch.record_tick(9000, Some(9010), 9010), "it was work");
        let timed = (9011..9100).take_while(|&now| watch.record_tick(now - 1, Some(now), now)).count();
        assert_eq!(timed, TIMED_TICKS as usize - 1);
        assert!(!watch.should_time_tick());
    }
}
