//! How a program surrounds its handlers with hooks and guards, and which of them decide on the head; runs none of them.

use std::sync::Arc;

use super::error::Result;
use super::hook::{Callsite, Guard, Hook};
use super::request::Request;
use super::response::Response;
use super::router::Router;

impl Router {
    /// Runs `guard` before the handlers of all routes of this router and of what is nested in it, added earlier or later. `Err`
    /// answers at once.
    ///
    /// All before hooks run first, then the guards of the outermost router, then inwards, those of the route last. A path or
    /// method without a route meets no guard; a [`before`](Router::before) hook meets everything.
    ///
    /// Hooks and guards decide on the head of a request, before its body is read and before `100 Continue`: a client without a key
    /// learns so before it sends 50 MB.
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

    /// Runs `hook` before every route of this router, in the order added. `Err` answers at once. It sees the head of the request;
    /// the body may not have been sent yet, and [`Request::body`] panics.
    #[track_caller]
    pub fn before(&mut self, hook: impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static) {
        self.has_hooks = true;
        self.own_scope().before.push(Hook { callsite: Callsite::of(&hook), run: Box::new(hook) });
    }

    /// Runs `hook` before the handlers of this router when the body is here, after all hooks and guards that decide on the head; in the
    /// order added. `Err` answers at once. On a [`streaming`](crate::Route::streaming) route it sees no body.
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

    /// Runs `hook` on every answer, errors included, in the order added.
    #[track_caller]
    pub fn after(&mut self, hook: impl Fn(&Request<'_>, &mut Response) + Send + Sync + 'static) {
        self.has_hooks = true;
        self.own_scope().after.push(Hook { callsite: Callsite::of(&hook), run: Box::new(hook) });
    }
}
