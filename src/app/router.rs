//! A set of routes with the hooks and error pages around them; nests into another; knows no request in flight.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::error::{Error, Result};
use super::hook::{self, After, Before, Callsite, ErrorHandler, Guard, Handler};
use super::into_response::IntoResponse;
use super::pattern::Pattern;
use super::request::Request;
use super::slashes::TrailingSlash;
use super::tree::Tree;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;

/// Routes that belong together, to [`nest`](Router::nest) under a prefix: Flask's blueprint.
///
/// Hooks and error pages of a router hold for its own routes and for what is nested in it.
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
pub struct Router {
    pub(crate) routes: Vec<Route>,
    pub(crate) tree: Tree,
    /// The first is this router's own; the others came with what was nested.
    pub(crate) scopes: Vec<Scope>,
    /// Whether any scope has a hook.
    pub(crate) has_hooks: bool,
    /// The first guards of every route of this router.
    pub(super) guards: Vec<Guard>,
}

/// One route, returned when it is added so that its options stand on the same line.
pub struct Route {
    pub(crate) pattern: Pattern,
    pub(crate) method: Method,
    pub(crate) handler: Handler,
    /// Whether the handler runs on the pool.
    pub(crate) blocking: bool,
    /// Whether the handler reads the body while it comes.
    pub(crate) streaming: bool,
    /// Whether its pattern ends with a slash wherever it is nested, and the path without it is redirected.
    pub(crate) directory: bool,
    /// How long the pool may take.
    pub(crate) deadline: Option<Duration>,
    /// Whether the log has been told that the handler holds the event loop.
    warned: AtomicBool,
    pub(crate) guards: Vec<Guard>,
    pub(crate) max_body: Option<u64>,
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) rate_limit: RateLimitPolicy,
    pub(crate) scope: usize,
    /// What the handler is called, and where the program added it: for conflicts, the route table and the trace.
    pub(crate) callsite: Callsite,
}

/// Which rate limit holds for a route; the middleware that counts reads it.
#[derive(Clone)]
pub(crate) enum RateLimitPolicy {
    /// The default of the nearest router that has one, which is not known before all are nested.
    Default,
    /// This one, known by its identity.
    Own(Arc<str>),
    Never,
}

/// What surrounds the routes of one router.
#[derive(Default)]
pub(crate) struct Scope {
    /// The scope that this one is nested in; only the outermost has none.
    pub(crate) parent: Option<usize>,
    pub(crate) before: Vec<Before>,
    pub(crate) before_with_body: Vec<Before>,
    pub(crate) after: Vec<After>,
    pub(crate) error_handlers: Vec<(StatusCode, ErrorHandler)>,
    pub(crate) catch_all: Option<ErrorHandler>,
    pub(crate) trailing_slash: Option<TrailingSlash>,
    /// The default rate limit of the routes, and which of the before hooks checks it.
    limit: Option<(Arc<str>, usize)>,
}

impl Default for Router {
    fn default() -> Self {
        Router {
            routes: Vec::new(),
            tree: Tree::default(),
            scopes: vec![Scope::default()],
            has_hooks: false,
            guards: Vec::new(),
        }
    }
}

/// One method of the same shape for every request method: `get`, `post`, …
macro_rules! route_methods {
    ($($(#[$doc:meta])* $name:ident $method:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// When the pattern is malformed, or another route has the same method and shape: at start-up, naming both places.
        #[track_caller]
        pub fn $name<F, R>(&mut self, pattern: &str, handler: F) -> &mut Route
        where
            F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
            R: IntoResponse,
        {
            self.route(Method::$method, pattern, handler)
        }
    )*};
}

impl Router {
    /// A router without routes.
    pub fn new() -> Router {
        Router::default()
    }

    route_methods! {
        /// Adds a route for GET; HEAD is answered from it too.
        get GET;
        /// Adds a route for POST.
        post POST;
        /// Adds a route for PUT.
        put PUT;
        /// Adds a route for PATCH.
        patch PATCH;
        /// Adds a route for DELETE.
        delete DELETE;
        /// Adds a route for HEAD, where the response made from the GET route does not do. A handler that knows how long the content of a
        /// GET is sets `Content-Length`; without it, and without a body, none is sent (RFC 9110 §8.6).
        head HEAD;
        /// Adds a route for OPTIONS, where the automatic answer with `Allow` will not do.
        options OPTIONS;
    }

    /// Adds a route for any method.
    ///
    /// # Panics
    /// As [`get`](Router::get).
    #[track_caller]
    pub fn route<F, R>(&mut self, method: Method, pattern: &str, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        let origin = Callsite::of(&handler);
        let handler = hook::handler(method, handler);
        let pattern = parse(pattern);
        let guards = self.guards.clone();
        self.add(Route {
            pattern,
            method,
            handler,
            guards,
            blocking: false,
            streaming: false,
            directory: false,
            deadline: None,
            warned: AtomicBool::new(false),
            max_body: None,
            rate_limit: RateLimitPolicy::Default,
            name: None,
            scope: 0,
            callsite: origin,
        })
    }

    /// Takes over all routes of `inner` under `prefix`, with their hooks and error pages. `"/"` inside means the prefix itself.
    ///
    /// # Panics
    /// When a route of `inner` collides with one that is here.
    #[track_caller]
    pub fn nest(&mut self, prefix: &str, inner: Router) {
        let base = self.scopes.len();
        self.has_hooks |= inner.has_hooks;
        let default_limit =
            inner.scopes.first().and_then(|scope| scope.limit.as_ref()).map(|(text, _)| Arc::clone(text));
        for mut scope in inner.scopes {
            scope.parent = Some(scope.parent.map_or(0, |parent| parent + base));
            self.scopes.push(scope);
        }
        for mut route in inner.routes {
            let end = if route.directory && !prefix.ends_with('/') { "/" } else { "" };
            route.pattern = parse(&Pattern::joined(&format!("{prefix}{end}"), route.pattern.text()));
            route.scope += base;
            route.guards.splice(0..0, self.guards.iter().cloned());
            if let (RateLimitPolicy::Default, Some(text)) = (&route.rate_limit, &default_limit) {
                route.rate_limit = RateLimitPolicy::Own(Arc::clone(text));
            }
            self.add(route);
        }
    }

    /// Draws the page of errors with this status. The page keeps the error's status unless it sets one of its own, 200 included.
    ///
    /// # Panics
    /// When `status` is not between 400 and 599.
    #[track_caller]
    pub fn on_error<R: IntoResponse>(
        &mut self,
        status: u16,
        page: impl Fn(&Request<'_>, &Error) -> R + Send + Sync + 'static,
    ) {
        let known = StatusCode::from_u16(status).filter(|status| status.is_client_error() || status.is_server_error());
        let Some(status) = known else {
            #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
            {
                panic!("on_error({status}): an error status is between 400 and 599")
            }
        };
        self.own_scope().error_handlers.push((status, hook::error_handler(page)));
    }

    /// Draws the page of every error that has no page of its own.
    pub fn on_any_error<R: IntoResponse>(&mut self, page: impl Fn(&Request<'_>, &Error) -> R + Send + Sync + 'static) {
        self.own_scope().catch_all = Some(hook::error_handler(page));
    }

    #[track_caller]
    fn add(&mut self, route: Route) -> &mut Route {
        let number = self.routes.len();
        if let Err(other) = self.tree.insert(&route.pattern, route.method, number as u32) {
            let other = self.routes.get(other as usize).map(Route::describe).unwrap_or_default();
            #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
            {
                panic!("two routes for {}: {}, and {other}", route.method, route.describe())
            }
        }
        self.routes.push(route);
        &mut self.routes[number]
    }

    /// Adds the hook that checks the default rate limit, or puts it in the place of the earlier one.
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

impl Route {
    /// Runs the handler on a pool of threads: for work that waits for a database, a file, another server. The hooks and guards around
    /// it run there too. The handler's signature stays the same, and the request is not copied. A pool whose queue is full answers
    /// 503 with Retry-After.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/report", |_| std::fs::read_to_string("report.txt")).blocking();
    /// ```
    pub fn blocking(&mut self) -> &mut Route {
        self.blocking = true;
        self
    }

    /// Runs the handler on the pool as soon as the head is here; it reads the body with
    /// [`body_reader`](crate::Request::body_reader) while it comes. Gigabytes pass through 100 KiB: who sends faster than the handler
    /// reads is made to wait. A client that asks first (`Expect: 100-continue`) is told to send when the handler begins to read.
    ///
    /// Such a body may have any length, unless [`max_body`](Route::max_body) bounds it. [`body`](crate::Request::body) and what
    /// parses it see nothing. A handler that answers before it has read everything ends the connection.
    ///
    /// ```
    /// use wirelight::{App, Request, Result};
    ///
    /// let mut app = App::new();
    /// app.post("/upload", |req: &Request| -> Result<String> {
    ///     let size = std::io::copy(&mut req.body_reader(), &mut std::io::sink())?;
    ///     Ok(format!("{size} bytes"))
    /// })
    /// .streaming();
    /// assert_eq!(app.test().post("/upload").body("text/plain", "body").send().text(), "4 bytes");
    /// ```
    pub fn streaming(&mut self) -> &mut Route {
        (self.blocking, self.streaming) = (true, true);
        self
    }

    /// Answers 503 when the pool takes longer than this for a request, queue included. The handler goes on, since a thread cannot be
    /// stopped; its answer is dropped. Only for [`blocking`](Route::blocking) routes; while a body is on its way in, the timeouts for
    /// bodies count instead.
    pub fn deadline(&mut self, time: Duration) -> &mut Route {
        self.deadline = Some(time);
        self
    }

    /// Whether this is the first time that the log hears of the handler.
    pub(crate) fn warn_once(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }

    /// Whether nothing stands between a request and the handler, as far as this route is concerned.
    #[inline]
    pub(crate) fn is_bare(&self) -> bool {
        self.guards.is_empty() && !self.blocking
    }

    /// Takes bodies of up to this many bytes, whatever the server's limit is (413 above it).
    pub fn max_body(&mut self, bytes: u64) -> &mut Route {
        self.max_body = Some(bytes);
        self
    }

    /// Runs `guard` before the handler of this route alone, behind the hooks of its routers. `Err` answers at once.
    #[track_caller]
    pub fn require(&mut self, guard: impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static) -> &mut Route {
        self.guards.push(Guard { callsite: Callsite::of(&guard), run: Arc::new(guard) });
        self
    }

    /// Names the route for [`url_for`](Router::url_for) and the table.
    pub fn name(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Route {
        self.name = Some(name.into());
        self
    }

    /// For messages about mistakes.
    pub(crate) fn describe(&self) -> String {
        format!("{} at {}", self.pattern.text(), self.callsite.location)
    }
}

#[track_caller]
fn parse(pattern: &str) -> Pattern {
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

    /// Hooks outside in, guards outside in, after hooks inside out: as declared, and as Flask's blueprints have it.
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
