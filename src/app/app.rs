//! The application: a root router, the state its handlers share, and the one way from a request to its response.

use super::conditional;
use super::error::{Error, Result};
use super::hook::Before;
use super::into_response::IntoResponse;
use super::request::{Admitted, Request};
use super::response::Response;
use super::router::{Route, Router, Scope};
use super::sent::SentCallbacks;
use super::shared::AppState;
use super::told::{HandlerEvent, Observer};
use super::tree::Match;
use crate::guard::panics::catch;
use crate::http1::fault::Reject;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::http1::target::Form;

/// Routes, hooks, error pages and state: everything a program says to its users.
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
    /// Up to this many bytes; none: the server's limit. The hooks and guards that decide on the head have run, if there are any.
    Buffered(Option<u64>, Option<Admitted>),
    /// The handler reads it while it comes; up to this many bytes, or any number.
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

    /// Adds a value that all handlers share, found by its type with [`Request::state`]; the earlier one of its type goes.
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

    /// Answers one request: hooks, guards, route, handler, error page, after hooks, in this order. Panics go no further.
    /// `false`: nothing was done, the route's handler may block, and [`App::handle_blocking`] is for a thread that may.
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

    /// The whole way: before hooks, guards, handler or miss, error page, after hooks. If the request was answered in the handler's place
    /// meanwhile, its answer goes no further: pages and after hooks do not run, and the response is empty.
    #[inline(never)]
    pub(super) fn handle_with_hooks(
        &self,
        found: std::result::Result<&Route, Match>,
        request: &mut Request<'_>,
        response: &mut Response,
        listener: &mut impl Observer,
    ) {
        let scope = found.map_or_else(|miss| self.scope_of_miss(miss, request), |route| route.scope);
        let back = catch_panic(response, |response| {
            if let Err(error) = self.dispatch(found, scope, request, response, listener) {
                response.fail(error);
            }
        });
        request.end_head_only();
        if !back {
            listener.observe(HandlerEvent::Panicked);
        }
        if request.claim() {
            return self.finish(scope, request, response, listener);
        }
        if let Some(error) = response.take_error() {
            let level = if back { log::Level::Debug } else { log::Level::Error };
            report!(level, "{} {}: {error}; it was answered already", request.method(), request.path());
        }
        response.reset();
    }

    /// Answers what was no request, or too much of one, with the error pages and after hooks of its route. A request whose head could
    /// not be read has no target and no fields.
    #[cold]
    pub(crate) fn reject<'a>(
        &'a self,
        reject: Reject,
        request: &mut Request<'a>,
        response: &mut Response,
        listener: &mut impl Observer,
    ) {
        response.fail(Error::protocol(reject, request.input()));
        let scope = if request.target().is_empty() { 0 } else { self.scope(request) };
        self.finish(scope, request, response, listener);
    }

    /// Whether there is something to decide on the head before the handler is called.
    pub(crate) fn has_head_hooks(&self, found: std::result::Result<&Route, Match>) -> bool {
        match found {
            Ok(route) => !route.streaming && (self.router.has_hooks || !route.guards.is_empty()),
            Err(_) => true,
        }
    }

    /// Looks at the head of a request whose body is still to come. What may block does so on the pool; a streaming route's hooks and
    /// guards run there in one go with its handler, before that asks for the body.
    pub(crate) fn admit<'a>(
        &'a self,
        found: std::result::Result<&Route, Match>,
        request: &mut Request<'a>,
        response: &mut Response,
        listener: &mut impl Observer,
    ) -> Admission {
        match found {
            Ok(route) if route.streaming => Admission::Streamed(route.max_body),
            Ok(route) if !self.has_head_hooks(found) => Admission::Buffered(route.max_body, None),
            Ok(route) if route.blocking => Admission::Offload(route.max_body),
            found => self.check_head(found, request, response, listener),
        }
    }

    /// Decides on the head alone: before hooks and guards run, and what they refuse, or what no route is for, is answered.
    pub(super) fn check_head<'a>(
        &'a self,
        found: std::result::Result<&Route, Match>,
        request: &mut Request<'a>,
        response: &mut Response,
        listener: &mut impl Observer,
    ) -> Admission {
        let scope = found.map_or_else(|miss| self.scope_of_miss(miss, request), |route| route.scope);
        let mut passed = None;
        let back =
            catch_panic(response, |response| match self.run_head_hooks(found, scope, request, response, listener) {
                Ok(route) => passed = route,
                Err(error) => response.fail(error),
            });
        request.end_head_only();
        if !back {
            listener.observe(HandlerEvent::Panicked);
        }
        if let Some(route) = passed {
            return Admission::Buffered(route.max_body, Some(request.take_admitted()));
        }
        self.finish(scope, request, response, listener);
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
                request.set_route(route);
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
        listener: &mut impl Observer,
    ) -> Result<()> {
        let route = match found {
            Ok(route) if request.is_admitted() => Some(route),
            found => self.run_head_hooks(found, scope, request, response, listener)?,
        };
        let Some(route) = route else { return Ok(()) };
        self.run_before(|scope| &scope.before_with_body, scope, request, listener)?;
        listener.observe(HandlerEvent::HandlerStart(route));
        (route.handler)(request, response);
        listener.observe(HandlerEvent::HandlerEnd);
        Ok(())
    }

    /// What is decided on the head: before hooks, then the route or the answer where there is none, then its guards. They see no body,
    /// here or not, so that a client learns what they say before it sends one. Returns the route whose handler is to run.
    fn run_head_hooks<'r>(
        &self,
        found: std::result::Result<&'r Route, Match>,
        scope: usize,
        request: &mut Request<'_>,
        response: &mut Response,
        listener: &mut impl Observer,
    ) -> Result<Option<&'r Route>> {
        request.with_head_only(|request| {
            self.run_before(|scope| &scope.before, scope, request, listener)?;
            let route = match found {
                Ok(route) => route,
                Err(miss) => return self.miss(miss, request, response).map(|()| None),
            };
            for (number, guard) in route.guards.iter().enumerate() {
                let passed = (guard.run)(request);
                listener.observe(HandlerEvent::Guard { origin: guard.callsite, number, answer: passed.as_ref().err() });
                passed?;
            }
            Ok(Some(route))
        })
    }

    /// No route: OPTIONS answers itself, the rest is 404, 405 or 501 (RFC 9110 §15.5.5, §15.5.6, §15.6.2).
    #[cold]
    fn miss(&self, miss: Match, request: &Request<'_>, response: &mut Response) -> Result<()> {
        if !request.method().is_standard() && !self.router.tree.has_method(request.method()) {
            // §9.1: unlike a 405, it tells the client that no other path has the method either.
            return Err(Error::new(StatusCode::NOT_IMPLEMENTED, "No resource here implements this method."));
        }
        let options = request.method() == Method::OPTIONS;
        match miss {
            Match::None if options && request.head().target.form == Form::Asterisk => {
                response.header("Allow", self.allow_value(self.router.routes.iter().map(|route| route.method)));
                Ok(())
            }
            Match::Methods(node) if options => {
                response.header("Allow", self.allow_value(self.router.tree.methods(node)));
                Ok(())
            }
            Match::Methods(node) => Err(self.method_not_allowed(node)),
            Match::Slash { add: true } => {
                self.redirect_slashes(request).map(|redirect| redirect.into_response(response))
            }
            _ if options || request.raw_path().contains("//") => {
                self.redirect_slashes(request).map(|redirect| redirect.into_response(response))
            }
            _ => Err(Error::not_found("")),
        }
    }

    /// 405 with what the path allows, without which it would be no answer (RFC 9110 §15.5.6).
    pub(super) fn method_not_allowed(&self, node: u32) -> Error {
        let allow = self.allow_value(self.router.tree.methods(node));
        Error::new(StatusCode::METHOD_NOT_ALLOWED, "").with_header("Allow", allow)
    }

    /// The value of Allow: what was declared, with the HEAD and OPTIONS that come by themselves.
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

    /// The before hooks of a router and of those it is nested in, outermost first. `hooks`: which of the two kinds.
    fn run_before(
        &self,
        hooks: fn(&Scope) -> &[Before],
        scope: usize,
        request: &mut Request<'_>,
        listener: &mut impl Observer,
    ) -> Result<()> {
        let Some(scope) = self.router.scopes.get(scope) else { return Ok(()) };
        if let Some(parent) = scope.parent {
            self.run_before(hooks, parent, request, listener)?;
        }
        for (number, hook) in hooks(scope).iter().enumerate() {
            let passed = (hook.run)(request);
            listener.observe(HandlerEvent::Before { origin: hook.callsite, number, answer: passed.as_ref().err() });
            passed?;
        }
        Ok(())
    }

    /// Error page and after hooks, innermost router first: what wraps an answer wraps it last.
    pub(super) fn finish(
        &self,
        scope: usize,
        request: &Request<'_>,
        response: &mut Response,
        listener: &mut impl Observer,
    ) {
        if response.needs_finishing() {
            self.complete(scope, request, response);
        }
        let mut next = self.router.scopes.get(scope);
        while let Some(scope) = next {
            for (number, hook) in scope.after.iter().enumerate() {
                // Kept apart: a hook may put another response in the place of this one.
                let on_sent = response.take_on_sent();
                catch_panic(response, |response| (hook.run)(request, response));
                *response.on_sent_mut() = SentCallbacks::merge(on_sent, response.take_on_sent());
                listener.observe(HandlerEvent::After { origin: hook.callsite, number });
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

    /// Draws the page of an error, and answers with 304, 206, 412 or 416 where the response has what the request's conditions are
    /// about (RFC 9110 §13.2). Before the after hooks, so that they see what is sent, and again behind one that set a validator.
    #[cold]
    fn complete(&self, scope: usize, request: &Request<'_>, response: &mut Response) {
        if let Some(error) = response.take_error() {
            self.render(scope, error, request, response);
        }
        conditional::apply(request, response);
        if !response.is_final() {
            // RFC 9110 §15.2: a client takes it for the announcement of a response, and the next one for this request's.
            let status = response.status();
            response.fail(Error::internal(format!("{status} cannot end a request: a final status is 2xx to 5xx")));
        }
        if let Some(error) = response.take_error() {
            self.render(scope, error, request, response);
        }
    }
}

/// Runs code of the application's; whether it came back. A panic becomes a 500: the worker lives, and so does the connection.
#[inline]
pub(super) fn catch_panic(response: &mut Response, run: impl FnOnce(&mut Response)) -> bool {
    match catch(|| run(&mut *response)) {
        Ok(()) => true,
        Err(panicked) => {
            response.fail(Error::internal(panicked));
            false
        }
    }
}
