//! A set of routes with the hooks, guards and error handlers around them.

use std::any::Any;
use std::panic::Location;
use std::sync::Arc;

use super::fallbacks::{Fallbacks, REST};
use super::hook::{self, After, Before, ErrorHandler, Guard, Hook};
use super::route::Route;
use crate::content::files::Files;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::error::{Error, Result};
use crate::response::into_response::IntoResponse;
use crate::routing::callsite::Callsite;
use crate::routing::pattern::Pattern;
use crate::routing::route_meta::RouteMeta;
use crate::routing::tree::Tree;

/// A set of routes to [`nest`](Router::nest) under a prefix: Flask's blueprint.
///
/// Hooks and error handlers of a router apply to its own routes and to those nested in it. [`get`](Router::get)
/// describes patterns.
///
/// ```
/// use wirelight::{App, Router};
///
/// let mut users = Router::new();
/// users.get("/", |_| "all of them");
/// users.get("/{id:int}", |req| req.param::<u64>("id").map(|id| format!("number {id}")));
///
/// let mut app = App::new();
/// app.nest("/users", users);
/// assert_eq!(app.test().get("/users").send().text(), "all of them");
/// assert_eq!(app.test().get("/users/7").send().text(), "number 7");
/// ```
///
/// # What runs, and when
///
/// | | runs | sees | `Err` |
/// | --- | --- | --- | --- |
/// | 1 | [`before`](Router::before) hooks, from the application inwards | the head | ends the request before its body is read |
/// | 2 | guards: [`require`](Router::require) of routers inwards, of the route last | the head, if a route matched | as above |
/// | | the body arrives, after `100 Continue` if the client waits for it | | too large: 413 |
/// | 3 | [`before_with_body`](Router::before_with_body) hooks | the body too | ends the request |
/// | 4 | the handler | everything | becomes the response |
/// | 5 | the error handler ([`on_error`](Router::on_error)), after an `Err`, a 404, 405 or a refused body | the error | the default one runs |
/// | 6 | [`after`](Router::after) hooks, from the route's router outwards | the response | |
pub struct Router {
    pub(crate) routes: Vec<Route>,
    pub(crate) tree: Tree,
    /// The first is this router's own; the others belong to nested routers.
    pub(crate) scopes: Vec<Scope>,
    /// Whether any scope has a hook.
    pub(crate) has_hooks: bool,
    /// The first guards of every route of this router.
    pub(super) guards: Vec<Guard>,
    pub(super) fallbacks: Fallbacks,
    /// What its routes share, one of each type.
    pub(super) state: Vec<Arc<dyn Any + Send + Sync>>,
}

/// What to do with a path that differs from a route's by slashes only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrailingSlash {
    /// Respond with 404. (A directory of [`files`](Router::files) with an index is redirected
    /// anyway.)
    #[default]
    Strict,
    /// Redirect with 308 to the path with the slash, and keep the query, as Flask does. Repeated
    /// slashes are merged: `/users//7` leads to `/users/7`. An extra trailing slash is 404, as in
    /// Flask.
    Redirect,
}

/// The hooks, error handlers and settings of one router.
#[derive(Default)]
pub(crate) struct Scope {
    /// The scope that this one is nested in. `None` for the outermost.
    pub(crate) parent: Option<usize>,
    pub(crate) before: Vec<Before>,
    pub(crate) before_with_body: Vec<Before>,
    pub(crate) after: Vec<After>,
    pub(crate) error_handlers: Vec<(StatusCode, ErrorHandler)>,
    pub(crate) catch_all: Option<ErrorHandler>,
    pub(crate) trailing_slash: Option<TrailingSlash>,
    /// The default rate limit of the routes, and the index of the before hook that checks it.
    pub(super) limit: Option<(Arc<str>, usize)>,
}

impl Default for Router {
    fn default() -> Self {
        Router {
            routes: Vec::new(),
            tree: Tree::default(),
            scopes: vec![Scope::default()],
            has_hooks: false,
            guards: Vec::new(),
            fallbacks: Fallbacks::default(),
            state: Vec::new(),
        }
    }
}

impl Router {
    /// Returns a router without routes.
    pub fn new() -> Router {
        Router::default()
    }

    /// Handles requests that no route of this router has the path for, with any method: a page, a
    /// proxy. The fallback of the innermost router counts whose prefix the path is below. A path
    /// with routes for other methods is still 405, one that a slash corrects is redirected, and a
    /// method that nothing implements is 501.
    ///
    /// Hooks, guards and error handlers of the router apply, as to its routes. The parameter `path`
    /// is what follows the prefix. As in a route it has no segment `..` and is UTF-8: of other paths
    /// [`param`](Request::param) returns 404, and [`raw_path`](Request::raw_path) has the bytes.
    ///
    /// ```
    /// use wirelight::{App, Error, Router};
    ///
    /// let mut api = Router::new();
    /// api.get("/users", |_| "users");
    /// api.fallback(|_| Error::not_found("The API has no such resource."));
    ///
    /// let mut app = App::new();
    /// app.nest("/api", api);
    /// app.fallback(|req| format!("a page for {}", req.path()));
    /// assert_eq!(app.test().get("/about").send().text(), "a page for /about");
    /// assert_eq!(app.test().get("/api/user").send().status(), 404);
    /// assert_eq!(app.test().post("/api/users").send().status(), 405);
    /// ```
    ///
    /// # Panics
    /// At start-up, if the router has one.
    #[track_caller]
    pub fn fallback<F, R>(&mut self, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.fallback_below("", handler)
    }

    #[track_caller]
    fn fallback_below<F, R>(&mut self, prefix: &str, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        let pattern = parse(&format!("{prefix}{REST}"));
        let mut route = Route::new(RouteMeta::new(Method::GET, pattern, Callsite::of(&handler)), handler);
        (route.guards, route.meta.state) = (self.guards.clone(), self.state.clone());
        route.fallback = true;
        self.add(route)
    }

    /// Adds a value that the handlers of this router and of those nested in it share, whether added
    /// earlier or later. [`Request::state`] finds it by its type, before one of an outer router or
    /// of the application. Replaces an earlier value of the same type.
    ///
    /// ```
    /// use wirelight::{App, Router};
    ///
    /// struct Version(u32);
    ///
    /// let versioned = |number| {
    ///     let mut router = Router::new();
    ///     router.get("/version", |req| req.state::<Version>().0.to_string());
    ///     router.state(Version(number));
    ///     router
    /// };
    /// let mut app = App::new();
    /// app.nest("/v1", versioned(1));
    /// app.nest("/v2", versioned(2));
    /// assert_eq!(app.test().get("/v2/version").send().text(), "2");
    /// ```
    pub fn state<T: Send + Sync + 'static>(&mut self, value: T) {
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value);
        let earlier = self.state.iter().position(|other| other.is::<T>()).map(|at| self.state.swap_remove(at));
        for route in &mut self.routes {
            route.meta.state.retain(|other| earlier.as_ref().is_none_or(|earlier| !Arc::ptr_eq(earlier, other)));
            route.meta.state.push(Arc::clone(&value));
        }
        self.state.push(value);
    }

    /// Runs `guard` before the handlers of all routes of this router and of those nested in it,
    /// whether added earlier or later. `Err` ends the request.
    ///
    /// All before hooks run first, then the guards of the outermost router, then inwards, those of
    /// the route last. Guards do not run for a path or method without a route;
    /// [`before`](Router::before) hooks do.
    ///
    /// Hooks and guards decide on the head of a request, before its body is read and before `100
    /// Continue`: a client without a key is refused before it sends 50 MB.
    ///
    /// ```
    /// use wirelight::{App, Error, Router};
    ///
    /// let mut admin = Router::new();
    /// admin.require(|req| if req.header("X-Key") == Some("k") { Ok(()) } else { Err(Error::unauthorized("Key", "")) });
    /// admin.get("/stats", |_| "stats");
    ///
    /// let mut app = App::new();
    /// app.nest("/admin", admin);
    /// assert_eq!(app.test().get("/admin/stats").send().status(), 401);
    /// assert_eq!(app.test().get("/admin/stats").header("X-Key", "k").send().text(), "stats");
    /// ```
    #[track_caller]
    pub fn require(&mut self, guard: impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static) {
        let guard = Guard { callsite: Callsite::of(&guard), run: Arc::new(guard) };
        for route in &mut self.routes {
            route.guards.insert(self.guards.len(), guard.clone());
        }
        self.guards.push(guard);
    }

    /// Runs `hook` before every route of this router, in the order added. `Err` ends the request.
    /// The hook sees the head; the body may not have arrived, and [`Request::body`] panics.
    #[track_caller]
    pub fn before(&mut self, hook: impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static) {
        self.has_hooks = true;
        self.own_scope().before.push(Hook { callsite: Callsite::of(&hook), run: Box::new(hook) });
    }

    /// Runs `hook` before the handlers of this router once the body has arrived, after all hooks
    /// and guards that decide on the head, in the order added. `Err` ends the request. On a
    /// [`streaming`](crate::Route::streaming) route the hook sees no body.
    ///
    /// ```
    /// use wirelight::{App, Error};
    ///
    /// let mut app = App::new();
    /// app.before_with_body(|req| match req.header("X-Length") {
    ///     Some(length) if length == req.body().len().to_string() => Ok(()),
    ///     _ => Err(Error::bad_request("X-Length is not the length of the body.")),
    /// });
    /// app.post("/", |_| "taken");
    /// assert_eq!(app.test().post("/").header("X-Length", "2").body("text/plain", "hi").send().text(), "taken");
    /// assert_eq!(app.test().post("/").header("X-Length", "3").body("text/plain", "hi").send().status(), 400);
    /// ```
    #[track_caller]
    pub fn before_with_body(&mut self, hook: impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static) {
        self.has_hooks = true;
        self.own_scope().before_with_body.push(Hook { callsite: Callsite::of(&hook), run: Box::new(hook) });
    }

    /// Runs `hook` on every response, errors included, in the order added.
    #[track_caller]
    pub fn after(&mut self, hook: impl Fn(&Request<'_>, &mut Response) + Send + Sync + 'static) {
        self.has_hooks = true;
        self.own_scope().after.push(Hook { callsite: Callsite::of(&hook), run: Box::new(hook) });
    }

    /// Sets what to do when a path lacks the trailing slash of a route, for this router and for
    /// nested ones without a setting. HEAD and OPTIONS are redirected too; a method without a route
    /// is not.
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

    /// Serves the files of a directory, or of the program, below `prefix`, for GET and HEAD, with conditional and range
    /// requests. With an index, the prefix without its slash is redirected (308), as directories
    /// are. For hooks on files alone, use a router of their own, nested under `/members` for
    /// instance.
    ///
    /// Files are read on the event loop: fast if they are in the page cache, while a slow disk
    /// delays other connections. Each request looks at the disk, so a change is seen at once. Files
    /// that were sent lately are kept for ten seconds: up to 8 KiB in memory, larger ones open,
    /// which keeps a deleted one's space on the disk. Together they are bounded: 8 MiB, 128 open.
    ///
    /// # Panics
    /// At start-up, if the directory does not exist, and as [`get`](Router::get).
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.files("/source", "src");
    /// let client = app.test();
    /// assert!(client.get("/source/lib.rs").send().text().starts_with("//!"));
    /// assert_eq!(client.get("/source/../Cargo.toml").send().status(), 404);
    /// ```
    #[track_caller]
    pub fn files(&mut self, prefix: &str, files: impl Into<Files>) {
        let files = files.into();
        #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
        if let Some(missing) = files.missing() {
            panic!("files({prefix:?}): {missing}");
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if files.has_index() {
            let files = files.clone();
            let index = self.get(&format!("{prefix}/"), move |request| files.respond(request));
            index.directory = true;
            index.doc.leave_out();
        }
        if files.has_fallback() {
            self.fallback_below(prefix, move |request| files.respond(request));
        } else {
            self.get(&format!("{prefix}{REST}"), move |request| files.respond(request)).doc.leave_out();
        }
    }

    /// Handles errors with this status. The response keeps the error's status unless the handler
    /// sets one, even 200.
    ///
    /// # Panics
    /// If `status` is not between 400 and 599.
    #[track_caller]
    pub fn on_error<R: IntoResponse>(
        &mut self,
        status: u16,
        page: impl Fn(&Request<'_>, &Error) -> R + Send + Sync + 'static,
    ) {
        let is_error = |status: &StatusCode| status.is_client_error() || status.is_server_error();
        let known = StatusCode::from_u16(status).ok().filter(is_error);
        let Some(status) = known else {
            #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
            {
                panic!("on_error({status}): an error status is between 400 and 599")
            }
        };
        self.own_scope().error_handlers.push((status, hook::error_handler(page)));
    }

    /// Handles all errors without a handler for their status.
    pub fn on_any_error<R: IntoResponse>(&mut self, page: impl Fn(&Request<'_>, &Error) -> R + Send + Sync + 'static) {
        self.own_scope().catch_all = Some(hook::error_handler(page));
    }

    /// Returns whether the routes of a scope have a default rate limit.
    #[cfg(feature = "openapi")]
    pub(crate) fn has_default_limit(&self, scope: usize) -> bool {
        let Some(scope) = self.scopes.get(scope) else { return false };
        scope.limit.is_some() || scope.parent.is_some_and(|parent| self.has_default_limit(parent))
    }

    #[track_caller]
    pub(super) fn add(&mut self, route: Route) -> &mut Route {
        let number = self.routes.len();
        if let Err(other) = index(&route, number as u32, &mut self.tree, &mut self.fallbacks) {
            let other = self.routes.get(other as usize).map(|route| route.meta.describe()).unwrap_or_default();
            let what =
                if route.fallback { "fallbacks".to_owned() } else { format!("routes for {}", route.meta.method) };
            #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
            {
                panic!("two {what}: {}, and {other}", route.meta.describe())
            }
        }
        self.routes.push(route);
        &mut self.routes[number]
    }

    /// Adds the hook that checks the default rate limit, or replaces an earlier one.
    pub(crate) fn set_default_limit(&mut self, text: Arc<str>, hook: Before) {
        self.has_hooks = true;
        let scope = self.own_scope();
        let at = scope.limit.take().map_or(scope.before.len(), |(_, at)| at);
        match scope.before.get_mut(at) {
            Some(earlier) => *earlier = hook,
            None => scope.before.push(hook),
        }
        scope.limit = Some((text, at));
    }

    pub(crate) fn own_scope(&mut self) -> &mut Scope {
        &mut self.scopes[0] // made by `default`, and never taken away
    }
}

/// Adds a route to what finds it. Fails if that has one like it, with its number.
pub(super) fn index(route: &Route, number: u32, tree: &mut Tree, fallbacks: &mut Fallbacks) -> Result<(), u32> {
    match route.fallback {
        true => fallbacks.insert(&prefix_of(route), number),
        false => tree.insert(&route.meta.pattern, route.meta.method, number),
    }
}

/// Returns the pattern that a fallback's begins with.
fn prefix_of(fallback: &Route) -> Pattern {
    let prefix = fallback.meta.pattern.text().strip_suffix(REST).unwrap_or_default();
    parse(if prefix.is_empty() { "/" } else { prefix })
}

#[track_caller]
pub(super) fn parse(pattern: &str) -> Pattern {
    match Pattern::parse(pattern) {
        Ok(pattern) => pattern,
        #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
        Err(error) => panic!("{error} (at {})", Location::caller()), // a closure here would name this file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::App;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// The message of the panic, where `HERE` stands for this file.
    fn mistake(run: impl FnOnce()) -> String {
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        payload.downcast_ref::<String>().unwrap().replace(file!(), "HERE")
    }

    #[test]
    fn mistakes_at_start_up_name_their_places() {
        let line = line!();
        let message = mistake(|| {
            let mut users = Router::new();
            users.get("/{key:int}", |_| "");
            let mut app = App::new();
            app.get("/users/{id:int}", |_| "");
            app.nest("/users", users);
        });
        let (inner, outer) = (line + 3, line + 5);
        let inner = format!("two routes for GET: /users/{{key:int}} at HERE:{inner}:19, and ");
        assert_eq!(message, format!("{inner}/users/{{id:int}} at HERE:{outer}:17"));

        let line = line!() + 1;
        let message = mistake(|| _ = App::new().put("/a/{id", |_| ""));
        assert!(
            message.starts_with("pattern \"/a/{id\", column 4: ") && message.contains(&format!("HERE:{line}:")),
            "{message}"
        );

        let line = line!() + 4;
        let message = mistake(|| {
            let mut inner = Router::new();
            inner.get("/x", |_| "");
            App::new().nest("v1", inner);
        });
        assert!(message.contains("begins with '/'") && message.contains(&format!("HERE:{line}:")), "{message}");
    }

    /// Hooks outside in, guards outside in, after hooks inside out: as declared, and as Flask's
    /// blueprints have it.
    #[test]
    fn what_surrounds_a_nested_route_runs_in_order() {
        fn note(req: &mut Request<'_>, what: &str) -> Result<()> {
            let so_far = req.get::<String>().cloned().unwrap_or_default();
            req.set(format!("{so_far}{what} "));
            Ok(())
        }
        let around = |router: &mut Router, name: &'static str| {
            router.before(move |req| note(req, &format!("{name}.before")));
            router.after(move |_, res| res.append_header("X-After", name));
            router.require(move |req| note(req, &format!("{name}.guard")));
        };
        let mut inner = Router::new();
        inner.get("/", |req| req.get::<String>().cloned()).require(|req| note(req, "route.guard"));
        around(&mut inner, "inner");
        let mut middle = Router::new();
        around(&mut middle, "middle");
        middle.nest("/inner", inner);
        let mut app = App::new();
        app.nest("/middle", middle);
        around(&mut app, "app");
        app.require(|req| note(req, "app.guard2"));
        let reply = app.test().get("/middle/inner").send();
        let said = "app.before middle.before inner.before app.guard app.guard2 middle.guard inner.guard route.guard ";
        assert_eq!(reply.text(), said);
        let after: Vec<_> =
            reply.headers().iter().filter(|(name, _)| name == "X-After").map(|(_, value)| value.as_str()).collect();
        assert_eq!(after, ["inner", "middle", "app"]);
    }

    #[test]
    fn a_guard_answers_for_all_routes_and_no_others() {
        let mut inner = Router::new();
        inner.get("/early", |_| "early");
        inner.require(|_| Err(Error::forbidden("no")));
        inner.get("/late", |_| "late");
        let mut app = App::new();
        app.nest("/in", inner);
        app.get("/out", |_| "out");
        for (method, target, status) in [
            ("GET", "/in/early", 403),
            ("HEAD", "/in/late", 403),
            ("GET", "/out", 200),
            ("GET", "/in/none", 404),
            ("PUT", "/in/early", 405),
        ] {
            assert_eq!(app.test().request(method, target).send().status(), status, "{method} {target}");
        }
    }

    /// A path without a route belongs to no router: the application's page, as in Flask.
    #[test]
    fn error_pages_go_from_the_inside_out() {
        let mut inner = Router::new();
        inner.on_error(404, |_, _| "inner 404");
        inner.get("/gone", |_| None::<String>);
        inner.get("/conflict", |_| Error::conflict(""));
        inner.get("/teapot", |_| crate::abort::<()>(418));
        let mut app = App::new();
        app.on_error(404, |_, _| "app 404");
        app.on_error(409, |_, _| "app 409");
        app.on_any_error(|_, _| "app any");
        app.nest("/in", inner);
        for (target, status, text) in [
            ("/in/gone", 404, "inner 404"),
            ("/in/none", 404, "app 404"),
            ("/in", 404, "app 404"),
            ("/in/conflict", 409, "app 409"),
            ("/in/teapot", 418, "app any"),
        ] {
            let reply = app.test().get(target).send();
            assert_eq!((reply.status().as_u16(), reply.text()), (status, text), "{target}");
        }
    }

    /// A panic of the hook, and a condition on the tag that it sets.
    #[test]
    fn the_inner_page_is_for_errors_of_after_hooks_too() {
        for outer in [false, true] {
            let (mut app, mut inner) = (App::new(), Router::new());
            let hooked = if outer { &mut *app } else { &mut inner };
            hooked.after(|req, res| match req.header("If-Match") {
                Some(_) => res.set_header("ETag", "\"current\""),
                None => panic!("an after hook"),
            });
            inner.on_any_error(|_, error| format!("inner {}", error.status().as_u16()));
            inner.get("/", |_| "");
            app.on_any_error(|_, error| format!("app {}", error.status().as_u16()));
            app.nest("/in", inner);
            let changed = app.test().get("/in").header("If-Match", "\"old\"").send();
            assert_eq!((app.test().get("/in").send().text(), changed.text()), ("inner 500", "inner 412"), "{outer}");
        }
    }

    #[test]
    fn versions_stand_side_by_side() {
        let users = |version: &'static str| {
            let mut router = Router::new();
            router.get("/users/{id:int}", move |req| req.param::<u64>("id").map(|id| format!("{version} {id}")));
            router
        };
        let mut app = App::new();
        app.nest("/v1", users("one"));
        app.nest("/v2/", users("two"));
        for (target, text) in [("/v1/users/5", "one 5"), ("/v2/users/5", "two 5")] {
            assert_eq!(app.test().get(target).send().text(), text);
        }
        assert_eq!(app.test().get("/v3/users/5").send().status(), 404);
    }
}
