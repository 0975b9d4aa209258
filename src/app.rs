//! The application: a root router, the state that handlers share, and the path from a request to
//! its response.

mod blocking;
mod error_handlers;
pub(crate) mod hook;
mod misses;
pub(crate) mod observer;
pub(crate) mod route;
pub(crate) mod route_table;
pub(crate) mod router;
mod trace;

use self::hook::Before;
use self::observer::{HandlerEvent, Observer};
use self::route::Route;
use self::router::{Router, Scope};
use crate::content::conditional;
use crate::guard::panics::catch;
use crate::http1::fault::ProtocolError;
use crate::request::Request;
use crate::request::app_state::AppState;
use crate::request::client_addr::TrustedProxies;
use crate::request::context::Admitted;
use crate::response::Response;
use crate::response::error::{Error, Result};
use crate::response::sent::SentCallbacks;
use crate::routing::tree::Match;

/// Routes, hooks, error handlers and state: everything a program says to its users.
///
/// It is the outermost [`Router`] and has all of that one's methods.
///
/// ```no_run
/// use wirelight::{App, json};
///
/// fn main() -> std::io::Result<()> {
///     let mut app = App::new();
///     app.get("/hello", |req| {
///         let name = req.query("name").unwrap_or("World".into());
///         json!({ "message": format!("Hello, {name}!") })
///     });
///     app.run("127.0.0.1:8000")
/// }
/// ```
#[derive(Default)]
pub struct App {
    router: Router,
    state: AppState,
}

impl std::ops::Deref for App {
    type Target = Router;

    fn deref(&self) -> &Router {
        &self.router
    }
}

impl std::ops::DerefMut for App {
    fn deref_mut(&mut self) -> &mut Router {
        &mut self.router
    }
}

/// What the application says of a request whose body is still to come.
pub(crate) enum Admission {
    /// Up to this many bytes; none: the server's limit. The hooks and guards that decide on the
    /// head have run, if there are any.
    Buffered(Option<u64>, Option<Admitted>),
    /// The handler reads it while it arrives; up to this many bytes, or any number.
    Streamed(Option<u64>),
    /// No handler will read it: the response is complete.
    Responded,
    /// What decides on the head may block: the pool is to be asked.
    Offload(Option<u64>),
}

impl App {
    /// An application without routes: everything is 404.
    pub fn new() -> App {
        App::default()
    }

    /// Adds a value that all handlers share, found by its type with [`Request::state`]; the earlier
    /// one of its type goes.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.state(AtomicU64::new(0));
    /// app.get("/", |req| req.state::<AtomicU64>().fetch_add(1, Ordering::Relaxed).to_string());
    /// assert_eq!(app.test().get("/").send().text(), "0");
    /// ```
    pub fn state<T: Send + Sync + 'static>(&mut self, value: T) {
        self.state.values.insert(value);
    }

    /// Names the proxies before this server: addresses, CIDR ranges (`10.0.0.0/8`, `fd00::/8`), or
    /// `unix` for peers that connect through a unix socket. No proxy is trusted by default:
    /// [`Request::client_addr`] is then the socket's other end.
    ///
    /// `X-Forwarded-For` and `X-Forwarded-Proto` are read, which nginx, HAProxy, Caddy and the
    /// clouds set; the options of [`TrustedProxies`] read `Forwarded` instead, or
    /// `X-Forwarded-Host` too.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.trusted_proxies(["unix", "10.0.0.0/8"]);
    /// app.get("/", |req| req.client_addr().map(|addr| addr.to_string()));
    /// let reply = app.test().get("/").header("X-Forwarded-For", "6.6.6.6, 192.0.2.7, 10.0.0.2").send();
    /// assert_eq!(reply.text(), "192.0.2.7"); // 10.0.0.2 is ours; what stands left of 192.0.2.7, anybody can write
    /// ```
    ///
    /// # Panics
    /// When an entry is neither, or a range has bits behind its prefix (`10.0.0.1/8`): at start-up,
    /// naming it.
    #[track_caller]
    pub fn trusted_proxies<T: AsRef<str>>(&mut self, proxies: impl IntoIterator<Item = T>) -> &mut TrustedProxies {
        self.state.proxies.insert(TrustedProxies::new(proxies))
    }

    /// Responds to one request: hooks, guards, route, handler, error handler, after hooks, in this
    /// order. Panics go no further. `false`: nothing was done, the route's handler may block, and
    /// [`App::handle_blocking`] is for a thread that may.
    #[inline]
    #[must_use]
    pub(crate) fn handle<'a>(&'a self, request: &mut Request<'a>, response: &mut Response) -> bool {
        match self.find(request) {
            // Most routes of most programs have nothing around them: their way is short.
            Ok(route) if !self.router.has_hooks && route.is_bare() => {
                catch_panic(response, |response| (route.handler)(request, response));
                if response.needs_finishing() {
                    self.complete(route.scope, request, response);
                }
                true
            }
            Ok(route) if route.blocking => false,
            found => {
                self.handle_with_hooks(found, request, response, &mut ());
                true
            }
        }
    }

    /// The whole way: before hooks, guards, handler or miss, error handler, after hooks. If the
    /// request was answered in the handler's place meanwhile, its response goes no further: pages
    /// and after hooks do not run, and the response is empty.
    #[inline(never)]
    pub(super) fn handle_with_hooks(
        &self,
        found: std::result::Result<&Route, Match>,
        request: &mut Request<'_>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) {
        let scope = self.scope_of(found, request);
        let back = catch_panic(response, |response| {
            if let Err(error) = self.dispatch(found, scope, request, response, observer) {
                response.fail(error);
            }
        });
        request.end_head_only();
        if !back {
            observer.observe(HandlerEvent::Panicked);
        }
        if request.claim() {
            return self.finish(scope, request, response, observer);
        }
        if let Some(error) = response.take_error() {
            let level = if back { log::Level::Debug } else { log::Level::Error };
            report!(level, "{} {}: {error}; it was answered already", request.method(), request.path());
        }
        response.reset();
    }

    /// Answers what was no request, or too much of one, with the error handlers and after hooks of
    /// its route. A request whose head could not be read has no target and no fields.
    #[cold]
    pub(crate) fn reject<'a>(
        &'a self,
        reject: ProtocolError,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) {
        response.fail(Error::protocol(reject, request.input()));
        let scope = if request.target().is_empty() { 0 } else { self.scope(request) };
        self.finish(scope, request, response, observer);
    }

    /// Whether there is something to decide on the head before the handler is called.
    pub(crate) fn has_head_hooks(&self, found: std::result::Result<&Route, Match>) -> bool {
        match found {
            Ok(route) => !route.streaming && (self.router.has_hooks || !route.guards.is_empty()),
            Err(_) => true,
        }
    }

    /// Looks at the head of a request whose body is still to come. What may block does so on the
    /// pool; a streaming route's hooks and guards run there in one go with its handler, before that
    /// asks for the body.
    pub(crate) fn admit<'a>(
        &'a self,
        found: std::result::Result<&Route, Match>,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) -> Admission {
        match found {
            Ok(route) if route.streaming => Admission::Streamed(route.max_body),
            Ok(route) if !self.has_head_hooks(found) => Admission::Buffered(route.max_body, None),
            Ok(route) if route.blocking => Admission::Offload(route.max_body),
            found => self.check_head(found, request, response, observer),
        }
    }

    /// Decides on the head alone: before hooks and guards run, and what they refuse, or what no
    /// route is for, is answered.
    pub(super) fn check_head<'a>(
        &'a self,
        found: std::result::Result<&Route, Match>,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) -> Admission {
        let scope = self.scope_of(found, request);
        let mut passed = None;
        let back =
            catch_panic(response, |response| match self.run_head_hooks(found, scope, request, response, observer) {
                Ok(route) => passed = route,
                Err(error) => response.fail(error),
            });
        request.end_head_only();
        if !back {
            observer.observe(HandlerEvent::Panicked);
        }
        if let Some(route) = passed {
            return Admission::Buffered(route.max_body, Some(request.take_admitted()));
        }
        self.finish(scope, request, response, observer);
        Admission::Responded
    }

    pub(crate) fn app_state(&self) -> &AppState {
        &self.state
    }

    pub(crate) fn app_state_mut(&mut self) -> &mut AppState {
        &mut self.state
    }

    #[inline]
    pub(crate) fn find<'a>(&'a self, request: &mut Request<'a>) -> std::result::Result<&'a Route, Match> {
        match request.find_route(&self.router.tree) {
            Match::Route(number) => {
                let route = self.router.routes.get(number as usize).ok_or(Match::None)?;
                request.set_route(&route.meta);
                Ok(route)
            }
            other => Err(other),
        }
    }

    fn dispatch(
        &self,
        found: std::result::Result<&Route, Match>,
        scope: usize,
        request: &mut Request<'_>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) -> Result<()> {
        let route = match found {
            Ok(route) if request.is_admitted() => Some(route),
            found => self.run_head_hooks(found, scope, request, response, observer)?,
        };
        let Some(route) = route else { return Ok(()) };
        self.run_before(|scope| &scope.before_with_body, scope, request, observer)?;
        observer.observe(HandlerEvent::HandlerStart(route));
        (route.handler)(request, response);
        observer.observe(HandlerEvent::HandlerEnd);
        Ok(())
    }

    /// What is decided on the head: before hooks, then the route or the response where there is
    /// none, then its guards. They see no body, here or not, so that a client learns what they say
    /// before it sends one. Returns the route whose handler is to run.
    fn run_head_hooks<'r>(
        &self,
        found: std::result::Result<&'r Route, Match>,
        scope: usize,
        request: &mut Request<'_>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) -> Result<Option<&'r Route>> {
        request.with_head_only(|request| {
            self.run_before(|scope| &scope.before, scope, request, observer)?;
            let route = match found {
                Ok(route) => route,
                Err(miss) => return self.miss(miss, request, response).map(|()| None),
            };
            for (index, guard) in route.guards.iter().enumerate() {
                let passed = (guard.run)(request);
                observer.observe(HandlerEvent::Guard { callsite: guard.callsite, index, error: passed.as_ref().err() });
                passed?;
            }
            Ok(Some(route))
        })
    }

    /// The before hooks of a router and of those it is nested in, outermost first. `hooks`: which
    /// of the two kinds.
    fn run_before(
        &self,
        hooks: fn(&Scope) -> &[Before],
        scope: usize,
        request: &mut Request<'_>,
        observer: &mut impl Observer,
    ) -> Result<()> {
        let Some(scope) = self.router.scopes.get(scope) else { return Ok(()) };
        if let Some(parent) = scope.parent {
            self.run_before(hooks, parent, request, observer)?;
        }
        for (index, hook) in hooks(scope).iter().enumerate() {
            let passed = (hook.run)(request);
            observer.observe(HandlerEvent::Before { callsite: hook.callsite, index, error: passed.as_ref().err() });
            passed?;
        }
        Ok(())
    }

    /// Error handler and after hooks, innermost router first: what wraps a response wraps it last.
    pub(super) fn finish(
        &self,
        scope: usize,
        request: &Request<'_>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) {
        if response.needs_finishing() {
            self.complete(scope, request, response);
        }
        let mut next = self.router.scopes.get(scope);
        while let Some(scope) = next {
            for (index, hook) in scope.after.iter().enumerate() {
                // Kept apart: a hook may put another response in the place of this one.
                let on_sent = response.take_on_sent();
                catch_panic(response, |response| (hook.run)(request, response));
                *response.on_sent_mut() = SentCallbacks::merge(on_sent, response.take_on_sent());
                observer.observe(HandlerEvent::After { callsite: hook.callsite, index });
                if response.needs_finishing() {
                    self.complete(0, request, response);
                }
            }
            next = scope.parent.and_then(|parent| self.router.scopes.get(parent));
        }
        if let (Some(on_sent), Some(began)) = (response.on_sent_mut(), request.started_at()) {
            on_sent.started_at(began);
        }
    }

    /// Renders the response to an error, and answers with 304, 206, 412 or 416 where the response
    /// has what the request's conditions are about (RFC 9110 §13.2). Before the after hooks, so
    /// that they see what is sent, and again behind one that set a validator.
    #[cold]
    fn complete(&self, scope: usize, request: &Request<'_>, response: &mut Response) {
        if let Some(error) = response.take_error() {
            self.render(scope, error, request, response);
        }
        conditional::apply(request, response);
        if !response.is_final() {
            // RFC 9110 §15.2: a client takes it for the announcement of a response, and the next
            // one for this request's.
            let status = response.status();
            response.fail(Error::internal(format!("{status} cannot end a request: a final status is 2xx to 5xx")));
        }
        if let Some(error) = response.take_error() {
            self.render(scope, error, request, response);
        }
    }
}

/// Runs code of the application's; whether it came back. A panic becomes a 500: the worker lives,
/// and so does the connection.
#[inline]
fn catch_panic(response: &mut Response, run: impl FnOnce(&mut Response)) -> bool {
    match catch(|| run(&mut *response)) {
        Ok(()) => true,
        Err(panicked) => {
            response.fail(Error::internal(panicked));
            false
        }
    }
}
