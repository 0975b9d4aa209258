//! What runs around a request, told while it runs, to whoever listens; decides nothing.

use super::app::App;
use super::error::Error;
use super::hook::Origin;
use super::request::Request;
use super::response::Response;
use super::router::Route;
use super::tree::{Found, Try};

/// Hears what runs. Nobody is `()`, which costs nothing: everything about it folds away at compile time.
pub(crate) trait Listener {
    /// Something has run, or is about to.
    #[track_caller]
    fn hear(&mut self, step: Step<'_>);
}

impl Listener for () {
    #[inline(always)]
    fn hear(&mut self, _: Step<'_>) {}
}

/// One step of the way from a request to its response.
#[derive(Clone, Copy)]
pub(crate) enum Step<'a> {
    /// A before hook has run, the so-manieth of its router; `answer`: with this one it ended the request.
    Before { origin: Origin, number: usize, answer: Option<&'a Error> },
    /// A guard has run.
    Guard { origin: Origin, number: usize, answer: Option<&'a Error> },
    /// The handler is about to run.
    Handler(&'a Route),
    /// It has run.
    Handled,
    /// It did not come back.
    Panicked,
    /// An after hook has run.
    After { origin: Origin, number: usize },
}

impl App {
    /// As [`handle`](App::handle), and says what runs. The shorter way of bare routes is not taken: it leads to the same place.
    #[must_use]
    pub(crate) fn handle_told<'a>(
        &'a self,
        request: &mut Request<'a>,
        response: &mut Response,
        listener: &mut impl Listener,
    ) -> bool {
        match self.find(request) {
            Ok(route) if route.blocking => false,
            found => {
                self.handle_around(found, request, response, listener);
                true
            }
        }
    }

    /// The route with this number.
    pub(crate) fn route_at(&self, number: u32) -> Option<&Route> {
        self.routes.get(number as usize)
    }

    /// Holds a path against every route, and says what decided each.
    pub(crate) fn explain(&self, request: &Request<'_>) -> Vec<Try> {
        self.tree.explain(request.raw_path().as_bytes())
    }

    /// The methods that a path without a route for its own has: none for a path that no route has.
    pub(crate) fn allowed(&self, miss: Found) -> String {
        match miss {
            Found::Methods(methods) => self.allow(self.tree.methods(methods)),
            _ => String::new(),
        }
    }
}
