//! The application: a root router, the state that handlers share, and the path from a request to
//! its response.

mod blocking;
mod error_handlers;
mod fallbacks;
pub(crate) mod hook;
mod hosts;
mod misses;
mod nest;
pub(crate) mod observer;
pub(crate) mod route;
#[cfg(feature = "openapi")]
pub(crate) mod route_doc;
#[cfg(not(feature = "openapi"))]
pub(crate) mod route_doc_disabled;
mod route_methods;
pub(crate) mod route_table;
pub(crate) mod router;
mod trace;

#[cfg(not(feature = "openapi"))]
pub(crate) use route_doc_disabled as route_doc;

use self::hook::Before;
use self::hosts::Host;
use self::observer::{HandlerEvent, Observer};
use self::route::Route;
use self::router::{Router, Scope};
use crate::content::conditional;
use crate::http1::fault::ProtocolError;
use crate::panics::catch;
use crate::request::Request;
use crate::request::app_state::AppState;
use crate::request::client_addr::TrustedProxies;
use crate::request::context::Admitted;
use crate::response::Response;
use crate::response::error::{Error, Result};
use crate::response::sent::SentCallbacks;
use crate::routing::tree::Match;

/// Routes, hooks, error handlers and state: the whole program.
///
/// The outermost [`Router`], with all methods of one.
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
    /// The routers for one host, the narrowest first.
    hosts: Vec<Host>,
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

/// What to do with a request whose body has not arrived.
pub(crate) enum Admission {
    /// Buffer it, up to this many bytes (`None`: the server's limit). The head hooks, if any, have
    /// run.
    Buffered(Option<u64>, Option<Admitted>),
    /// The handler reads it while it arrives, up to this many bytes (`None`: any number).
    Streamed(Option<u64>),
    /// No handler will read it: the response is complete.
    Responded,
    /// The head hooks may block: run them on the pool.
    Offload(Option<u64>),
}

impl App {
    /// Returns an application without routes, which responds to everything with 404.
    pub fn new() -> App {
        App::default()
    }

    /// Adds a value that all handlers share. [`Request::state`] finds it by its type. Replaces an
    /// earlier value of the same type.
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

    /// Sets the trusted proxies of this server: addresses, CIDR ranges (`10.0.0.0/8`, `fd00::/8`),
    /// or `unix` for peers on a unix socket. By default no proxy is trusted, and
    /// [`Request::client_addr`] is the peer's address.
    ///
    /// Reads `X-Forwarded-For` and `X-Forwarded-Proto`, which nginx, HAProxy, Caddy and cloud load
    /// balancers set. The options of [`TrustedProxies`] select `Forwarded` instead, or add
    /// `X-Forwarded-Host`.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.trusted_proxies(["unix", "10.0.0.0/8"]);
    /// app.get("/", |req| req.client_addr().map(|addr| addr.to_string()));
    /// let reply = app.test().get("/").header("X-Forwarded-For", "6.6.6.6, 192.0.2.7, 10.0.0.2").send();
    /// assert_eq!(reply.text(), "192.0.2.7"); // 10.0.0.2 is ours; a client can write anything left of 192.0.2.7
    /// ```
    ///
    /// # Panics
    /// At start-up, if an entry is none of these, or a range has bits set after its prefix
    /// (`10.0.0.1/8`).
    #[track_caller]
    pub fn trusted_proxies<T: AsRef<str>>(&mut self, proxies: impl IntoIterator<Item = T>) -> &mut TrustedProxies {
        self.state.proxies.insert(TrustedProxies::new(proxies))
    }

    /// Responds to one request: before hooks, guards, handler, error handler, after hooks. Catches
    /// panics. Returns `false`, without having run anything, if the route's handler may block: call
    /// [`App::handle_blocking`] on a thread of the pool.
    #[inline]
    #[must_use]
    pub(crate) fn handle<'a>(&'a self, request: &mut Request<'a>, response: &mut Response) -> bool {
        match self.find(request) {
            // The short path: most routes have no hooks and no guards.
            Ok(route) if !self.router.has_hooks && route.is_bare() => {
                catch_panic(response, |response| (route.handler)(request, response));
                if response.needs_finishing() {
                    self.complete(route.scope, request, response);
                }
                response.measure_from(request.started_at());
                true
            }
            Ok(route) if route.blocking => false,
            found => {
                self.handle_with_hooks(found, request, response, &mut ());
                true
            }
        }
    }

    /// The full path: before hooks, guards, handler or miss, error handler, after hooks. If
    /// something else has responded in the handler's place, the response is dropped: error handlers
    /// and after hooks do not run.
    #[inline(never)]
    pub(super) fn handle_with_hooks(
        &self,
        found: std::result::Result<&Route, Match>,
        request: &mut Request<'_>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) {
        let scope = self.scope_of(found, request);
        let back = catch_observed(request, response, observer, |request, response, observer| {
            self.dispatch(found, scope, request, response, observer)
        });
        if request.claim() {
            return self.finish(scope, request, response, observer);
        }
        if let Some(error) = response.take_error() {
            let level = if back { log::Level::Debug } else { log::Level::Error };
            report!(level, "{} {}: {error}; it was answered already", request.method(), request.path());
        }
        response.reset();
    }

    /// Responds to a malformed or oversized request with the error handlers and after hooks of its
    /// route. A request without a valid head has no target and no fields.
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

    /// Returns whether head hooks run before the handler of this route.
    pub(crate) fn has_head_hooks(&self, found: std::result::Result<&Route, Match>) -> bool {
        match found {
            Ok(route) => !route.streaming && (self.router.has_hooks || !route.guards.is_empty()),
            Err(_) => true,
        }
    }

    /// Runs the head hooks of a request whose body has not arrived, unless they may block: then the
    /// pool runs them. Those of a streaming route run on the pool together with its handler, before
    /// it reads the body.
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

    /// Runs the before hooks and guards, which decide on the head alone. Responds if one of them
    /// refuses or no route matches.
    pub(super) fn check_head<'a>(
        &'a self,
        found: std::result::Result<&Route, Match>,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) -> Admission {
        let scope = self.scope_of(found, request);
        let mut passed = None;
        catch_observed(request, response, observer, |request, response, observer| {
            passed = self.run_head_hooks(found, scope, request, response, observer)?;
            Ok(())
        });
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
        let tree = if self.hosts.is_empty() { &self.router.tree } else { self.tree(request) };
        match request.find_route(tree) {
            Match::Route(number) => {
                let route = self.router.routes.get(number as usize).ok_or(Match::None)?;
                request.set_route(&route.meta);
                Ok(route)
            }
            miss => self.find_fallback(miss, request),
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

    /// Runs the head hooks: before hooks, then guards. They see no body, even if it has arrived, so
    /// that a client is refused before it sends one. Returns the route whose handler is to run, or
    /// `None` if the response is complete.
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

    /// Runs one kind of before hooks of a router and of the routers it is nested in, outermost
    /// first.
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

    /// Runs the error handler and the after hooks, innermost router first.
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
        while let Some(router) = next {
            for (index, hook) in router.after.iter().enumerate() {
                // A hook may replace the response: keep the callbacks.
                let on_sent = response.take_on_sent();
                catch_panic(response, |response| (hook.run)(request, response));
                *response.on_sent_mut() = SentCallbacks::merge(on_sent, response.take_on_sent());
                observer.observe(HandlerEvent::After { callsite: hook.callsite, index });
                if response.needs_finishing() {
                    self.complete(scope, request, response);
                }
            }
            next = router.parent.and_then(|parent| self.router.scopes.get(parent));
        }
        response.measure_from(request.started_at());
    }

    /// Renders an error, and applies the request's conditions and ranges: 304, 206, 412 or 416 (RFC
    /// 9110 §13.2). Runs before the after hooks, so that they see the final response, and again
    /// after a hook that sets a validator or an error.
    #[cold]
    fn complete(&self, scope: usize, request: &Request<'_>, response: &mut Response) {
        if let Some(error) = response.take_error() {
            self.render(scope, error, request, response);
        }
        conditional::apply(request, response);
        if !response.is_final() {
            // RFC 9110 §15.2: a client would take it for an interim response, and the next response
            // for the one to this request.
            let status = response.status();
            response.fail(Error::internal(format!("{status} cannot end a request: a final status is 2xx to 5xx")));
        }
        if let Some(error) = response.take_error() {
            self.render(scope, error, request, response);
        }
    }
}

/// Runs the application's code. Turns a panic into a 500 and returns `false`.
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

/// Runs hooks, guards and perhaps the handler. Turns their error into the response, and a panic into
/// a 500; returns `false` after a panic.
fn catch_observed<'a, L: Observer>(
    request: &mut Request<'a>,
    response: &mut Response,
    observer: &mut L,
    run: impl FnOnce(&mut Request<'a>, &mut Response, &mut L) -> Result<()>,
) -> bool {
    let back = catch_panic(response, |response| {
        if let Err(error) = run(&mut *request, response, &mut *observer) {
            response.fail(error);
        }
    });
    request.end_head_only();
    if !back {
        observer.observe(HandlerEvent::Panicked);
    }
    back
}
