//! One route: its handler, its guards and its options.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::hook::{self, Guard, Handler};
use crate::app::route_doc::RouteDoc;
use crate::request::Request;
use crate::response::error::Result;
use crate::response::into_response::IntoResponse;
use crate::routing::callsite::Callsite;
use crate::routing::route_meta::RouteMeta;

/// One route, returned when it is added, so that its options are set on the same line.
pub struct Route {
    pub(crate) meta: RouteMeta,
    pub(crate) doc: RouteDoc,
    pub(crate) handler: Handler,
    /// The handler runs on the pool.
    pub(crate) blocking: bool,
    /// The handler reads the body while it arrives.
    pub(crate) streaming: bool,
    /// The pattern ends with a slash wherever it is nested, and the path without it is redirected.
    pub(crate) directory: bool,
    /// It is for paths that no route has, and for any method.
    pub(crate) fallback: bool,
    /// Time limit for the pool.
    pub(crate) deadline: Option<Duration>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) max_body: Option<u64>,
    pub(crate) scope: usize,
}

impl Route {
    /// Returns a route with the default options.
    pub(super) fn new<F, R>(meta: RouteMeta, handler: F) -> Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        Route {
            handler: hook::handler(meta.method, handler),
            meta,
            doc: RouteDoc::of::<R>(),
            blocking: false,
            streaming: false,
            directory: false,
            fallback: false,
            deadline: None,
            guards: Vec::new(),
            max_body: None,
            scope: 0,
        }
    }

    /// Runs the handler on a pool of threads, for work that waits: for a database, a file, another
    /// server. Its hooks and guards run there too. The handler's signature stays the same, and the
    /// request is not copied. When the queue of the pool is full, the response is 503 with
    /// `Retry-After`.
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

    /// Runs the handler on the pool as soon as the head has arrived. It reads the body with
    /// [`body_reader`](crate::Request::body_reader) while it arrives. Memory use is bounded,
    /// to about 2 MiB: a client that sends faster than the handler reads has to wait. A client that
    /// sends `Expect: 100-continue` gets `100 Continue` when the handler begins to read.
    ///
    /// The body may have any length, unless [`max_body`](Route::max_body) limits it.
    /// [`body`](crate::Request::body) and the methods that parse it see an empty body. If the
    /// handler returns before it has read everything, the connection closes.
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

    /// Responds with 503 when the pool takes longer than this, queue included. The handler keeps
    /// running, since a thread cannot be stopped, and its response is dropped. Applies to
    /// [`blocking`](Route::blocking) routes only. While a body arrives, the timeouts for bodies
    /// apply instead.
    pub fn deadline(&mut self, time: Duration) -> &mut Route {
        self.deadline = Some(time);
        self
    }

    /// Returns whether nothing of this route runs before its handler.
    #[inline]
    pub(crate) fn is_bare(&self) -> bool {
        self.guards.is_empty() && !self.blocking
    }

    /// Accepts bodies of up to this many bytes, whatever the server's limit is; larger ones get
    /// 413.
    pub fn max_body(&mut self, bytes: u64) -> &mut Route {
        self.max_body = Some(bytes);
        self
    }

    /// Runs `guard` before the handler of this route, after the hooks of its routers. `Err` ends
    /// the request.
    #[track_caller]
    pub fn require(&mut self, guard: impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static) -> &mut Route {
        self.guards.push(Guard { callsite: Callsite::of(&guard), run: Arc::new(guard) });
        self
    }

    /// Names the route for [`url_for`](crate::Router::url_for) and the route table.
    pub fn name(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Route {
        self.meta.name = Some(name.into());
        self
    }
}
