//! One route: its handler, its guards and its options.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::hook::{Guard, Handler};
use crate::request::Request;
use crate::response::error::Result;
use crate::routing::callsite::Callsite;
use crate::routing::route_meta::RouteMeta;

/// One route, returned when it is added so that its options stand on the same line.
pub struct Route {
    pub(crate) meta: RouteMeta,
    pub(crate) handler: Handler,
    /// Whether the handler runs on the pool.
    pub(crate) blocking: bool,
    /// Whether the handler reads the body while it arrives.
    pub(crate) streaming: bool,
    /// Whether its pattern ends with a slash wherever it is nested, and the path without it is
    /// redirected.
    pub(crate) directory: bool,
    /// How long the pool may take.
    pub(crate) deadline: Option<Duration>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) max_body: Option<u64>,
    pub(crate) scope: usize,
}

impl Route {
    /// Runs the handler on a pool of threads: for work that waits for a database, a file, another
    /// server. The hooks and guards around it run there too. The handler's signature stays the
    /// same, and the request is not copied. A pool whose queue is full answers 503 with
    /// Retry-After.
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
    /// [`body_reader`](crate::Request::body_reader) while it arrives. Gigabytes pass through 100
    /// KiB: who sends faster than the handler reads is made to wait. A client that asks first
    /// (`Expect: 100-continue`) is told to send when the handler begins to read.
    ///
    /// Such a body may have any length, unless [`max_body`](Route::max_body) bounds it.
    /// [`body`](crate::Request::body) and what parses it see nothing. A handler that answers before
    /// it has read everything ends the connection.
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

    /// Responds with 503 when the pool takes longer than this for a request, queue included. The
    /// handler goes on, since a thread cannot be stopped; its response is dropped. Only for
    /// [`blocking`](Route::blocking) routes; while a body is on its way in, the timeouts for bodies
    /// count instead.
    pub fn deadline(&mut self, time: Duration) -> &mut Route {
        self.deadline = Some(time);
        self
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

    /// Runs `guard` before the handler of this route alone, after the hooks of its routers. `Err`
    /// answers at once.
    #[track_caller]
    pub fn require(&mut self, guard: impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static) -> &mut Route {
        self.guards.push(Guard { callsite: Callsite::of(&guard), run: Arc::new(guard) });
        self
    }

    /// Names the route for [`url_for`](Router::url_for) and the table.
    pub fn name(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Route {
        self.meta.name = Some(name.into());
        self
    }
}
