//! What runs around a request, told while it runs, to whoever listens; decides nothing.

use super::app::App;
use super::error::Error;
use super::hook::Callsite;
use super::request::Request;
use super::response::Response;
use super::router::Route;
use super::tree::{Candidate, Match};

/// Hears what runs. Nobody is `()`, which costs nothing: everything about it folds away at compile time.
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
    /// A before hook has run, the so-manieth of its router; `answer`: with this one it ended the request.
    Before { origin: Callsite, number: usize, answer: Option<&'a Error> },
    /// A guard has run.
    Guard { origin: Callsite, number: usize, answer: Option<&'a Error> },
    /// The handler is about to run.
    HandlerStart(&'a Route),
    /// It has run.
    HandlerEnd,
    /// It did not come back.
    Panicked,
    /// An after hook has run.
    After { origin: Callsite, number: usize },
}

impl App {
    /// As [`handle`](App::handle), and says what runs. The shorter way of bare routes is not taken: it leads to the same place.
    #[must_use]
    pub(crate) fn handle_observed<'a>(
        &'a self,
        request: &mut Request<'a>,
        response: &mut Response,
        listener: &mut impl Observer,
    ) -> bool {
        match self.find(request) {
            Ok(route) if route.blocking => false,
            found => {
                self.handle_with_hooks(found, request, response, listener);
                true
            }
        }
    }

    /// The route with this number.
    pub(crate) fn route_at(&self, number: u32) -> Option<&Route> {
        self.routes.get(number as usize)
    }

    /// Holds a path against every route, and says what decided each.
    pub(crate) fn explain(&self, request: &Request<'_>) -> Vec<Candidate> {
        self.tree.explain(request.raw_path().as_bytes())
    }

    /// The methods that a path without a route for its own has: none for a path that no route has.
    pub(crate) fn allowed_methods(&self, miss: Match) -> String {
        match miss {
            Match::Methods(methods) => self.allow_value(self.tree.methods(methods)),
            _ => String::new(),
        }
    }
}
