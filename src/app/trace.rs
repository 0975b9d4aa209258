//! Answers what the trace asks of the application: which hooks and handlers run, and why a route
//! did not match.

use super::App;
use super::observer::Observer;
use super::route::Route;
use crate::request::Request;
use crate::response::Response;
use crate::routing::tree::Match;
use crate::routing::tree::explain::Candidate;

impl App {
    /// As [`handle`](App::handle), and says what runs. The shorter way of bare routes is not taken:
    /// it leads to the same place.
    #[must_use]
    pub(crate) fn handle_observed<'a>(
        &'a self,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) -> bool {
        match self.find(request) {
            Ok(route) if route.blocking => false,
            found => {
                self.handle_with_hooks(found, request, response, observer);
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
