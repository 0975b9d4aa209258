//! Finds handlers that hold the event loop: when turns become long, those that follow are timed one by one.

use std::time::{Duration, Instant};

use crate::app::App;
use crate::net::millis::Millis;
use crate::request::Request;
use crate::response::Response;
use crate::routing::callsite::Callsite;

/// What a handler may take of the loop's time. A hundred handlers of this length are a second for everybody else.
const SLOW: Duration = Duration::from_millis(10);
/// For how many turns the handlers are timed behind a long one.
const TIMED_TICKS: u32 = 16;

/// Decides when to time handlers. Timing all of them would cost two looks at the clock a request; this costs none while there is much
/// to do: the time between the beginnings of two turns is known. When it is long, the ends of the turns that follow are looked at too,
/// since most of it may have been sleep, and only behind a turn that was long itself the handlers are.
#[derive(Debug, Default)]
pub(crate) struct SlowHandlerDetector {
    /// For how many turns their ends are looked at.
    ends: u32,
    /// For how many turns handlers are timed.
    handlers: u32,
}

impl SlowHandlerDetector {
    /// Whether somebody should look at the clock when this turn is over.
    #[inline]
    pub(crate) fn should_time_tick(&self) -> bool {
        self.ends > 0
    }

    /// The turn before began at `began` and was over at `ended`, if anybody looked; now it is `now`. Whether handlers are timed.
    #[inline]
    pub(crate) fn record_tick(&mut self, began: Millis, ended: Option<Millis>, now: Millis) -> bool {
        let is_long = |end: Millis| end.saturating_sub(began) >= SLOW.as_millis() as Millis;
        let left = |on: bool, turns: u32| if on { TIMED_TICKS } else { turns.saturating_sub(1) };
        (self.ends, self.handlers) = (left(is_long(now), self.ends), left(ended.is_some_and(is_long), self.handlers));
        self.handlers > 0
    }
}

/// Answers a request, and says once for each route that it took too long.
#[cold]
#[inline(never)]
pub(crate) fn handle<'a>(app: &'a App, request: &mut Request<'a>, response: &mut Response) -> bool {
    let began = Instant::now();
    let handled = app.handle(request, response);
    let time = began.elapsed();
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
    handled
}

/// Says once for the route whose handler has this origin that the body which it returned took too long to make a piece.
#[cold]
pub(crate) fn check_body(app: &App, origin: Option<Callsite>, time: Duration) {
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
    fn handlers_are_timed_for_a_while_behind_a_long_turn() {
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
