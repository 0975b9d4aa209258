//! Reports which hooks, guards and handlers run to an observer.

use super::route::Route;
use crate::response::error::Error;
use crate::routing::callsite::Callsite;

/// Hears what runs. Nobody is `()`, which costs nothing: everything about it folds away at compile
/// time.
pub(crate) trait Observer {
    /// Something has run, or is about to.
    #[track_caller]
    fn observe(&mut self, step: HandlerEvent<'_>);
}

impl Observer for () {
    #[inline(always)]
    fn observe(&mut self, _: HandlerEvent<'_>) {}
}

/// One step of the way from a request to its response.
#[derive(Clone, Copy)]
pub(crate) enum HandlerEvent<'a> {
    /// A before hook has run, the so-manieth of its router; `answer`: with this one it ended the
    /// request.
    Before { callsite: Callsite, index: usize, error: Option<&'a Error> },
    /// A guard has run.
    Guard { callsite: Callsite, index: usize, error: Option<&'a Error> },
    /// The handler is about to run.
    HandlerStart(&'a Route),
    /// It has run.
    HandlerEnd,
    /// It did not come back.
    Panicked,
    /// An after hook has run.
    After { callsite: Callsite, index: usize },
}
