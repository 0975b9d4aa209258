//! Reports which hooks, guards and handlers run to an observer.

use super::route::Route;
use crate::response::error::Error;
use crate::routing::callsite::Callsite;

/// Receives the events of a request. `()` observes nothing: all calls fold away at compile time.
pub(crate) trait Observer {
    #[track_caller]
    fn observe(&mut self, step: HandlerEvent<'_>);
}

impl Observer for () {
    #[inline(always)]
    fn observe(&mut self, _: HandlerEvent<'_>) {}
}

/// An event between a request and its response. `index` is the position of a hook in its router.
#[derive(Clone, Copy)]
pub(crate) enum HandlerEvent<'a> {
    /// A before hook ran. `error`: what it ended the request with.
    Before { callsite: Callsite, index: usize, error: Option<&'a Error> },
    /// A guard ran. `error`: what it ended the request with.
    Guard { callsite: Callsite, index: usize, error: Option<&'a Error> },
    /// The handler starts.
    HandlerStart(&'a Route),
    /// The handler returned.
    HandlerEnd,
    /// The handler, a hook or a guard panicked.
    Panicked,
    /// An after hook ran.
    After { callsite: Callsite, index: usize },
}
