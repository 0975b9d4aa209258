//! Responds where no route matches: a redirect for a slash, OPTIONS, 404, 405 or 501. Finds the
//! scope of a response.

use super::App;
use super::route::Route;
use super::router::TrailingSlash;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::error::{Error, Result};
use crate::response::into_response::IntoResponse;
use crate::response::redirect::Redirect;
use crate::routing::tree::{Match, Params};

impl App {
    /// Responds to a request without a route: OPTIONS by itself, otherwise 404, 405 or 501 (RFC
    /// 9110 §15.5.5, §15.5.6, §15.6.2).
    #[cold]
    pub(super) fn miss(&self, miss: Match, request: &Request<'_>, response: &mut Response) -> Result<()> {
        if !self.implements(request) {
            return Err(Error::new(StatusCode::NOT_IMPLEMENTED, "No resource here implements this method."));
        }
        if request.is_misdirected() {
            return Err(Error::new(StatusCode::MISDIRECTED_REQUEST, "https is served over TLS only."));
        }
        let options = request.method() == Method::OPTIONS;
        match miss {
            Match::None if request.is_server_wide() => {
                let routes = self.router.routes.iter().filter(|route| !route.fallback);
                response.set_header("Allow", self.allow_value(routes.map(|route| route.meta.method)));
                Ok(())
            }
            Match::Methods(node) if options => {
                response.set_header("Allow", self.allow_value(self.tree(request).methods(node)));
                Ok(())
            }
            Match::Methods(node) => Err(self.method_not_allowed(node, request)),
            Match::Slash { add: true } => self.redirect_slashes(request).map(|redirect| redirect.write_to(response)),
            _ if options || request.raw_path().contains("//") => {
                self.redirect_slashes(request).map(|redirect| redirect.write_to(response))
            }
            _ => Err(Error::not_found("")),
        }
    }

    /// Returns whether any resource may implement the method: RFC 9110 §9.1 has 501 for the others.
    fn implements(&self, request: &Request<'_>) -> bool {
        request.method().is_standard() || self.tree(request).has_method(request.method())
    }

    /// Returns the fallback for a path that no route has and no redirect corrects.
    #[cold]
    #[inline(never)]
    pub(super) fn find_fallback<'a>(
        &'a self,
        miss: Match,
        request: &mut Request<'a>,
    ) -> std::result::Result<&'a Route, Match> {
        let fallbacks = self.fallbacks(request);
        let is_known = || matches!(miss, Match::Methods(_)) || !request.names_a_path();
        if fallbacks.is_empty()
            || is_known()
            || !self.implements(request)
            || self.redirecting_route_of(request).is_some()
        {
            return Err(miss);
        }
        let found = request.find_fallback(|path, escaped, params| fallbacks.find(path, escaped, params));
        let route = found.and_then(|number| self.router.routes.get(number as usize)).ok_or(miss)?;
        request.set_route(&route.meta);
        Ok(route)
    }

    /// Returns a 405 with the Allow field that it requires (RFC 9110 §15.5.6).
    fn method_not_allowed(&self, node: u32, request: &Request<'_>) -> Error {
        let allow = self.allow_value(self.tree(request).methods(node));
        Error::new(StatusCode::METHOD_NOT_ALLOWED, "").with_header("Allow", allow)
    }

    /// Returns the value of Allow: the declared methods, with the HEAD and OPTIONS that are
    /// implied.
    pub(super) fn allow_value(&self, declared: impl Iterator<Item = Method>) -> String {
        let mut names: Vec<Method> = Vec::new();
        for method in declared.chain([Method::OPTIONS]) {
            let implied = (method == Method::GET).then_some(Method::HEAD);
            for method in [Some(method), implied].into_iter().flatten() {
                if !names.contains(&method) {
                    names.push(method);
                }
            }
        }
        names.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Returns the scope whose hooks and error handlers apply to a request.
    #[cold]
    pub(super) fn scope<'a>(&'a self, request: &mut Request<'a>) -> usize {
        let found = self.find(request);
        self.scope_of(found, request)
    }

    /// Returns the scope of a request with this search result.
    pub(super) fn scope_of(&self, found: std::result::Result<&Route, Match>, request: &Request<'_>) -> usize {
        found.map_or_else(|miss| self.scope_of_miss(miss, request), |route| route.scope)
    }

    /// Returns the scope of a request without a route: that of the routes which its path has for
    /// other methods, or of the route that a redirect leads to; otherwise that of the app, as with
    /// Flask's blueprints.
    #[cold]
    fn scope_of_miss(&self, miss: Match, request: &Request<'_>) -> usize {
        let route = match miss {
            Match::Methods(_) => self.route_for_any_method(request.raw_path(), request),
            _ => self.redirecting_route_of(request),
        };
        route.map_or(0, |route| route.scope)
    }

    /// Returns the route of this path for the method of the request, else for any method.
    fn route_for_any_method(&self, path: &str, request: &Request<'_>) -> Option<&Route> {
        let escaped = request.head().target.escaped;
        let tree = self.tree(request);
        let find = |method| tree.find(method, path.as_bytes(), escaped, &mut Params::default());
        let found = match find(request.method()) {
            Match::Methods(node) => find(tree.methods(node).next()?),
            found => found,
        };
        if let Match::Route(number) = found { self.routes.get(number as usize) } else { None }
    }

    /// Returns the redirect to the path with a trailing slash, or with repeated slashes merged, if
    /// the router of that route redirects; otherwise 404, or 405 if the merged path has other
    /// methods.
    ///
    /// The location is a path, where Flask sends a URL made of the Host field: a path is correct
    /// with every proxy, and does not depend on what the client sent.
    #[cold]
    fn redirect_slashes(&self, request: &Request<'_>) -> Result<Redirect> {
        let merged = merge_slashes(request.raw_path());
        let with_slash = format!("{merged}/");
        for path in [&with_slash, &merged].into_iter().filter(|path| *path != request.raw_path()) {
            match self.find_redirect(path, request) {
                Match::Route(_) => return Ok(Redirect::to_path(path, request.query_string())),
                Match::Methods(_) if request.method() == Method::OPTIONS => {
                    return Ok(Redirect::to_path(path, request.query_string()));
                }
                // As Flask: 405 for repeated slashes, 404 for a missing one.
                Match::Methods(node) if *path == merged => return Err(self.method_not_allowed(node, request)),
                Match::Methods(_) | Match::Slash { .. } | Match::None => {}
            }
        }
        Err(Error::not_found(""))
    }

    /// Returns the route that a path differs from by slashes only, if its router redirects.
    fn redirecting_route_of(&self, request: &Request<'_>) -> Option<&Route> {
        let merged = merge_slashes(request.raw_path());
        let paths = [format!("{merged}/"), merged];
        let mut routes = paths.iter().filter(|path| **path != request.raw_path());
        routes.find_map(|path| self.redirecting_route(path, request))
    }

    /// Returns the result for a corrected path, if the router of its route redirects.
    fn find_redirect(&self, path: &str, request: &Request<'_>) -> Match {
        match self.redirecting_route(path, request) {
            Some(_) => {
                let escaped = request.head().target.escaped;
                self.tree(request).find(request.method(), path.as_bytes(), escaped, &mut Params::default())
            }
            None => Match::None,
        }
    }

    fn redirecting_route(&self, path: &str, request: &Request<'_>) -> Option<&Route> {
        self.route_for_any_method(path, request).filter(|route| match self.trailing_slash_of(route.scope) {
            TrailingSlash::Redirect => true,
            TrailingSlash::Strict => route.directory && path.strip_suffix('/') == Some(request.raw_path()),
        })
    }

    /// Returns the setting of the innermost router that has one.
    fn trailing_slash_of(&self, scope: usize) -> TrailingSlash {
        let Some(scope) = self.scopes.get(scope) else { return TrailingSlash::Strict };
        scope
            .trailing_slash
            .unwrap_or_else(|| scope.parent.map_or(TrailingSlash::Strict, |parent| self.trailing_slash_of(parent)))
    }
}

/// Merges repeated slashes.
fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len() + 1);
    for character in path.chars() {
        if character != '/' || !merged.ends_with('/') {
            merged.push(character);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::router::Router;

    fn app() -> App {
        let mut strict = Router::new();
        strict.trailing_slash(TrailingSlash::Strict);
        strict.get("/dir/", |_| "dir");
        let mut silent = Router::new();
        silent.get("/dir/", |_| "dir");
        silent.nest("/strict", strict);
        let mut app = App::new();
        app.trailing_slash(TrailingSlash::Redirect);
        for pattern in ["/dir/", "/café/", "/int/{id:int}/"] {
            app.get(pattern, |_| "dir");
        }
        app.get("/file", |_| "file");
        app.nest("/v1", silent);
        app
    }

    /// Flask 3.1 responds the same to each, with a whole URL.
    #[test]
    fn a_missing_slash_is_added() {
        let app = app();
        for (method, target, location) in [
            ("GET", "/dir", "/dir/"),
            ("HEAD", "/dir", "/dir/"),
            ("OPTIONS", "/dir", "/dir/"),
            ("GET", "/dir?", "/dir/"),
            ("GET", "/dir?a=b&c=%20?", "/dir/?a=b&c=%20?"),
            ("GET", "/dir?//evil.example/", "/dir/?//evil.example/"),
            ("GET", "/%64ir", "/%64ir/"),
            ("GET", "/caf%C3%A9", "/caf%C3%A9/"),
            ("GET", "/int/7", "/int/7/"),
            ("GET", "/v1/dir", "/v1/dir/"),
            ("GET", "/dir//", "/dir/"),
            ("GET", "//dir", "/dir/"),
            ("GET", "/int///7?a//b", "/int/7/?a//b"),
            ("OPTIONS", "/v1//dir/", "/v1/dir/"),
            ("GET", "http://localhost/dir", "/dir/"),
        ] {
            let reply = app.test().request(method, target).send();
            assert_eq!((reply.status().as_u16(), reply.header("Location")), (308, Some(location)), "{method} {target}");
        }
    }

    #[test]
    fn everything_else_is_404() {
        let app = app();
        for (method, target) in [
            ("PUT", "/dir"),
            ("GET", "/dir%2F"),
            ("GET", "///"),
            ("GET", "/file//"),
            ("GET", "/v1/strict//dir/"),
            ("GET", "//evil.example/dir"),
            ("GET", "//evil.example"),
            ("GET", "/int/x"),
            ("GET", "/file/"),
            ("GET", "/v1/strict/dir"),
        ] {
            let reply = app.test().request(method, target).send();
            assert_eq!((reply.status().as_u16(), reply.header("Location")), (404, None), "{method} {target}");
        }
        let mut app = App::new();
        app.get("/dir/", |_| "dir");
        assert_eq!(app.test().get("/dir").send().status(), 404);
    }

    #[test]
    fn slashes_too_many_before_another_method_are_405() {
        let app = app();
        for (method, target, status, allow) in [
            ("PUT", "/dir//", 405, Some("GET, HEAD, OPTIONS")),
            ("PUT", "//dir//?a", 405, Some("GET, HEAD, OPTIONS")),
            ("PUT", "//file", 405, Some("GET, HEAD, OPTIONS")),
            ("PUT", "/int//7/", 405, Some("GET, HEAD, OPTIONS")),
            ("PUT", "/v1//dir/", 405, Some("GET, HEAD, OPTIONS")),
            ("PUT", "//dir", 404, None),
            ("PUT", "/file//", 404, None),
            ("PUT", "/v1/strict//dir/", 404, None),
        ] {
            let reply = app.test().request(method, target).send();
            assert_eq!((reply.status().as_u16(), reply.header("Allow")), (status, allow), "{method} {target}");
        }
    }

    #[test]
    fn hooks_see_the_redirect() {
        let mut app = app();
        app.after(|_, response| response.set_header("X-After", "seen"));
        assert_eq!(app.test().get("/dir").send().header("X-After"), Some("seen"));
    }
}
