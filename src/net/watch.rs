//! Finds handlers that hold the event loop: when turns become long, those that follow are timed one by one.

use std::time::{Duration, Instant};

use super::deadline::Millis;
use crate::app::app::App;
use crate::app::request::Request;
use crate::app::response::Response;

/// What a handler may take of the loop's time. A hundred handlers of this length are a second for everybody else.
const LONG: Duration = Duration::from_millis(10);
/// For how many turns the handlers are timed behind a long one.
const TURNS: u32 = 16;

/// Decides when to time handlers. Timing all of them would cost two looks at the clock a request; this costs one a turn, and only
/// after a long turn somebody looks closer. The sleep between two turns is nobody's: else every handler would be timed at low load.
#[derive(Debug, Default)]
pub(crate) struct Watch(u32);

impl Watch {
    /// The turn that is over went from `began` to `ended`. Whether the handlers of the next one are timed.
    #[inline]
    pub(crate) fn turn(&mut self, began: Millis, ended: Millis) -> bool {
        let is_long = ended.saturating_sub(began) >= LONG.as_millis() as Millis;
        self.0 = if is_long { TURNS } else { self.0.saturating_sub(1) };
        self.0 > 0
    }
}

/// Answers a request, and says once for each route that it took too long.
#[cold]
#[inline(never)]
pub(crate) fn handle<'a>(app: &'a App, request: &mut Request<'a>, response: &mut Response) -> bool {
    let began = Instant::now();
    let handled = app.handle(request, response);
    let time = began.elapsed();
    if time >= LONG
        && let Some(route) = request.matched_route()
        && route.is_first_complaint()
    {
        log::warn!(
            "{} {} held the event loop for {} ms, and all its connections with it: .blocking() gives it a thread",
            route.method,
            route.pattern.text(),
            time.as_millis()
        );
    }
    handled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_are_timed_for_a_while_behind_a_long_turn() {
        let mut watch = Watch::default();
        assert!(!watch.turn(0, 9));
        assert!(!watch.turn(5000, 5009), "it slept long in between");
        assert!(watch.turn(9, 19));
        let timed = (20..100).take_while(|&now| watch.turn(now - 1, now)).count();
        assert_eq!(timed, TURNS as usize - 1);
    }
}
