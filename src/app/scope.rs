//! Whose hooks and pages surround an answer: those of the route, or of the router that the request without one is about.

use super::app::App;
use super::request::Request;
use super::router::Route;
use super::tree::{Match, Params};

impl App {
    /// The scope of whatever answers this request, a handler or something in its place.
    #[cold]
    pub(super) fn scope<'a>(&'a self, request: &mut Request<'a>) -> usize {
        match self.find(request) {
            Ok(route) => route.scope,
            Err(miss) => self.scope_of_miss(miss, request),
        }
    }

    /// The scope of a request without a route: that of the routes which its path has for other methods, or of the route that a redirect
    /// leads to. A path that is about no route at all belongs to the app, as with Flask's blueprints.
    #[cold]
    pub(super) fn scope_of_miss(&self, miss: Match, request: &Request<'_>) -> usize {
        let route = match miss {
            Match::Methods(_) => self.route_for_any_method(request.raw_path(), request),
            _ => self.redirecting_route_of(request),
        };
        route.map_or(0, |route| route.scope)
    }

    /// The route of this path for the method of the request, else for any.
    pub(super) fn route_for_any_method(&self, path: &str, request: &Request<'_>) -> Option<&Route> {
        let escaped = request.head().target.escaped;
        let find = |method| self.tree.find(method, path.as_bytes(), escaped, &mut Params::default());
        let found = match find(request.method()) {
            Match::Methods(node) => find(self.tree.methods(node).next()?),
            found => found,
        };
        if let Match::Route(number) = found { self.routes.get(number as usize) } else { None }
    }
}
