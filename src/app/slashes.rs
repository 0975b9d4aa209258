//! A path with a slash too few or too many: decides whether the client is sent to the right one; knows no other way to miss.

use super::app::App;
use super::error::{Error, Result};
use super::redirect::Redirect;
use super::request::Request;
use super::router::{Route, Router};
use super::tree::{Match, Params};
use super::url::local_reference;
use crate::http1::method::Method;

/// What a path means that differs from a route's only by a missing slash at its end, or by repeated ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrailingSlash {
    /// Nothing: 404. Two spellings are two resources. (A directory of [`files`](Router::files) with an index is redirected to all the same.)
    #[default]
    Strict,
    /// 308 to the path with the slash, the query kept: Flask's way. Several side by side become one: `/users//7` leads to `/users/7`.
    /// A slash too many at the end is 404 in Flask too.
    Redirect,
}

impl Router {
    /// Says what a missing last slash means for the routes of this router, and of those nested in it that do not say. A HEAD is
    /// redirected like its GET, an OPTIONS like any method; a method without a route is not.
    ///
    /// ```
    /// use wirelight::{App, TrailingSlash};
    ///
    /// let mut app = App::new();
    /// app.trailing_slash(TrailingSlash::Redirect);
    /// app.get("/users/", |_| "all of them");
    /// let reply = app.test().get("/users?page=2").send();
    /// assert_eq!(reply.status(), 308);
    /// assert_eq!(reply.header("Location"), Some("/users/?page=2"));
    /// ```
    pub fn trailing_slash(&mut self, policy: TrailingSlash) {
        self.own_scope().trailing_slash = Some(policy);
    }
}

impl App {
    /// The redirect to the path with one slash more, or with one for several, if the router of that route wants it; else 404, or 405
    /// where several stand for one and the path has other methods.
    ///
    /// The location is a path, where Flask sends a URL made of the Host field: a path is right behind every proxy, and leads to
    /// this host whatever the client wrote.
    #[cold]
    pub(crate) fn redirect_slashes(&self, request: &Request<'_>) -> Result<Redirect> {
        let merged = merge_slashes(request.raw_path());
        let with_slash = format!("{merged}/");
        for path in [&with_slash, &merged].into_iter().filter(|path| *path != request.raw_path()) {
            match self.find_redirect(path, request) {
                Match::Route(_) => return Ok(redirect(path, request.query_string())),
                Match::Methods(_) if request.method() == Method::OPTIONS => {
                    return Ok(redirect(path, request.query_string()));
                }
                // Flask says so of slashes too many, and 404 where one is missing.
                Match::Methods(node) if *path == merged => return Err(self.method_not_allowed(node)),
                Match::Methods(_) | Match::Slash { .. } | Match::None => {}
            }
        }
        Err(Error::not_found(""))
    }

    /// The route that a path is about which differs from its own by slashes, if its router redirects.
    pub(super) fn redirecting_route_of(&self, request: &Request<'_>) -> Option<&Route> {
        let merged = merge_slashes(request.raw_path());
        let paths = [format!("{merged}/"), merged];
        let mut routes = paths.iter().filter(|path| **path != request.raw_path());
        routes.find_map(|path| self.redirecting_route(path, request))
    }

    /// What the tree says of a mended path, if the router of its route redirects.
    fn find_redirect(&self, path: &str, request: &Request<'_>) -> Match {
        match self.redirecting_route(path, request) {
            Some(_) => {
                let escaped = request.head().target.escaped;
                self.tree.find(request.method(), path.as_bytes(), escaped, &mut Params::default())
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

    /// The word of the innermost router that has one.
    fn trailing_slash_of(&self, scope: usize) -> TrailingSlash {
        let Some(scope) = self.scopes.get(scope) else { return TrailingSlash::Strict };
        scope
            .trailing_slash
            .unwrap_or_else(|| scope.parent.map_or(TrailingSlash::Strict, |parent| self.trailing_slash_of(parent)))
    }
}

/// Returns the redirect to a path of this host, the query kept.
pub(super) fn redirect(path: &str, query: &str) -> Redirect {
    Redirect::permanent(match query {
        "" => local_reference(path),
        query => format!("{}?{query}", local_reference(path)),
    })
}

/// One slash where several stand side by side.
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

    /// Flask 3.1 says the same of each, in a whole URL.
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
        app.after(|_, response| response.header("X-After", "seen"));
        assert_eq!(app.test().get("/dir").send().header("X-After"), Some("seen"));
    }
}
