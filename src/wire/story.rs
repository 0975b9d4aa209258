//! Which events tell the story of a request: about nine lines of the forty that a `GET` has; words none of them.

use super::probe::{Due, Event, Found, Outcome};

/// Whether the story needs this event. What every request has besides (states, timers, hooks that let it pass, the parts of
/// which another line is the whole) is left out; what a request has only sometimes, and a learner asks about, is in.
pub(crate) fn has(event: &Event<'_>) -> bool {
    match event {
        Event::ConnOpen { .. } | Event::ConnHalfClose | Event::ConnClose { .. } | Event::Backpressure { .. } => true,
        Event::ConnRecv { outcome, .. } => *outcome != Outcome::WouldBlock,
        Event::ConnSend { .. } => true,
        Event::ConnTimer { due, .. } => *due == Due::Passed,
        Event::ParseTry { found, .. } => *found == Found::Partial,
        Event::ParseHead { .. } | Event::BodyEnd { .. } => true,
        Event::ReqTolerated(_) | Event::ReqError { .. } | Event::ReqContinue { .. } => true,
        // The router never looked at the others; where it found none, they may show why.
        Event::RouteTry { telling, .. } => *telling,
        Event::RouteMatch { .. } | Event::RouteMiss { .. } => true,
        Event::HookRun { stopped, .. } => *stopped,
        Event::HandlerStart { blocking, .. } => *blocking,
        Event::HandlerEnd { .. } => true,
        Event::KeepAlive { .. } | Event::Pipeline { .. } => true,
        Event::LimitHit { .. } | Event::RateLimited { .. } => true,
        _ => false,
    }
}
