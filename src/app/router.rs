//! A set of routes with the hooks and error pages around them; nests into another; knows no request in flight.

use std::panic::Location;

use super::error::{Error, Result};
use super::into_response::IntoResponse;
use super::pattern::Pattern;
use super::request::Request;
use super::response::Response;
use super::tree::Tree;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;

pub(crate) type Handler = Box<dyn Fn(&Request<'_>, &mut Response) + Send + Sync>;
pub(crate) type Before = Box<dyn Fn(&mut Request<'_>) -> Result<()> + Send + Sync>;
pub(crate) type After = Box<dyn Fn(&Request<'_>, &mut Response) + Send + Sync>;
pub(crate) type ErrorPage = Box<dyn Fn(&Request<'_>, &Error, &mut Response) + Send + Sync>;

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
    pub(crate) hooked: bool,
}

/// One route, returned when it is added so that its options stand on the same line.
pub struct Route {
    pub(crate) pattern: Pattern,
    pub(crate) method: Method,
    pub(crate) handler: Handler,
    pub(crate) guards: Vec<Before>,
    pub(crate) max_body: Option<u64>,
    pub(crate) scope: usize,
    /// Where the program added it, for conflicts and the route table.
    pub(crate) place: &'static Location<'static>,
}

/// What surrounds the routes of one router.
#[derive(Default)]
pub(crate) struct Scope {
    /// The scope that this one is nested in; only the outermost has none.
    pub(crate) parent: Option<usize>,
    pub(crate) before: Vec<Before>,
    pub(crate) after: Vec<After>,
    pub(crate) pages: Vec<(StatusCode, ErrorPage)>,
    pub(crate) any_page: Option<ErrorPage>,
}

impl Default for Router {
    fn default() -> Self {
        Router { routes: Vec::new(), tree: Tree::default(), scopes: vec![Scope::default()], hooked: false }
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
        /// Adds a route for HEAD, where the answer made from the GET route will not do.
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
        let handler: Handler = Box::new(move |request, response| handler(request).into_response(response));
        let pattern = parse(pattern);
        self.add(Route {
            pattern,
            method,
            handler,
            guards: Vec::new(),
            max_body: None,
            scope: 0,
            place: Location::caller(),
        })
    }

    /// Takes over all routes of `inner` under `prefix`, with their hooks and error pages. `"/"` inside means the prefix itself.
    ///
    /// # Panics
    /// When a route of `inner` collides with one that is here.
    #[track_caller]
    pub fn nest(&mut self, prefix: &str, inner: Router) {
        let base = self.scopes.len();
        self.hooked |= inner.hooked;
        for mut scope in inner.scopes {
            scope.parent = Some(scope.parent.map_or(0, |parent| parent + base));
            self.scopes.push(scope);
        }
        for mut route in inner.routes {
            route.pattern = parse(&Pattern::joined(prefix, route.pattern.text()));
            route.scope += base;
            self.add(route);
        }
    }

    /// Runs `hook` before every route of this router, in the order added. `Err` answers at once.
    pub fn before(&mut self, hook: impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static) {
        self.hooked = true;
        self.own().before.push(Box::new(hook));
    }

    /// Runs `hook` on every answer, errors included, in the order added.
    pub fn after(&mut self, hook: impl Fn(&Request<'_>, &mut Response) + Send + Sync + 'static) {
        self.hooked = true;
        self.own().after.push(Box::new(hook));
    }

    /// Draws the page of errors with this status. The page keeps the error's status unless it sets one of its own.
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
        self.own().pages.push((status, boxed_page(page)));
    }

    /// Draws the page of every error that has no page of its own.
    pub fn on_any_error<R: IntoResponse>(&mut self, page: impl Fn(&Request<'_>, &Error) -> R + Send + Sync + 'static) {
        self.own().any_page = Some(boxed_page(page));
    }

    #[track_caller]
    fn add(&mut self, route: Route) -> &mut Route {
        let number = self.routes.len();
        if let Err(other) = self.tree.insert(&route.pattern, route.method, number as u32) {
            let other =
                self.routes.get(other as usize).map(|other| format!("{} at {}", other.pattern.text(), other.place));
            #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
            {
                panic!(
                    "two routes for {}: {} at {}, and {}",
                    route.method,
                    route.pattern.text(),
                    route.place,
                    other.unwrap_or_default()
                )
            }
        }
        self.routes.push(route);
        &mut self.routes[number]
    }

    fn own(&mut self) -> &mut Scope {
        &mut self.scopes[0] // made by `default`, and never taken away
    }
}

impl Route {
    /// Takes bodies of up to this many bytes, whatever the server's limit is (413 above it).
    pub fn max_body(&mut self, bytes: u64) -> &mut Route {
        self.max_body = Some(bytes);
        self
    }

    /// Runs `guard` before the handler of this route alone, behind the hooks of its routers. `Err` answers at once.
    pub fn require(&mut self, guard: impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static) -> &mut Route {
        self.guards.push(Box::new(guard));
        self
    }
}

fn boxed_page<R: IntoResponse>(page: impl Fn(&Request<'_>, &Error) -> R + Send + Sync + 'static) -> ErrorPage {
    Box::new(move |request, error, response| page(request, error).into_response(response))
}

#[track_caller]
fn parse(pattern: &str) -> Pattern {
    #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
    Pattern::parse(pattern).unwrap_or_else(|error| panic!("{error}"))
}
