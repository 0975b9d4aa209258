//! Reports to the trace which hooks and handlers run, and why a route did not match.

use super::App;
use super::observer::Observer;
use super::route::Route;
use crate::request::Request;
use crate::response::Response;
use crate::routing::tree::Match;
use crate::routing::tree::explain::Candidate;

impl App {
    /// Like [`handle`](App::handle), with an observer. Always takes the full path, which has the
    /// same result.
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

    /// Returns the route with this number.
    pub(crate) fn route_at(&self, number: u32) -> Option<&Route> {
        self.routes.get(number as usize)
    }

    /// Compares the path with every route.
    pub(crate) fn explain(&self, request: &Request<'_>) -> Vec<Candidate> {
        self.tree(request).explain(request.raw_path().as_bytes())
    }

    /// Returns the methods of a path whose method did not match; empty if no route has the path.
    pub(crate) fn allowed_methods(&self, miss: Match, request: &Request<'_>) -> String {
        match miss {
            Match::Methods(methods) => self.allow_value(self.tree(request).methods(methods)),
            _ => String::new(),
        }
    }
}
