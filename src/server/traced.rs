//! Serves an application with traces of its connections.
//!
//! The event loop that records is another one than that of a server without a trace: the compiler
//! makes both of the same source. What leads to it is inline, so that only a program that traces
//! compiles it.

use std::io;
use std::time::Duration;

use super::Server;
use crate::app::App;
use crate::app::route_table::RouteInfo;
use crate::net::sockets::listen;
use crate::trace::config::Trace;
use crate::trace::server_start::{RouteEntry, ServerStart};
use crate::trace::tracer::Tracing;

/// How long the server waits at shutdown for each batch of a trace to be written.
const TRACE_FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// As [`Server::run`], after its preparations.
pub(super) type ServeTraced = fn(Server, App) -> io::Result<()>;

impl Server {
    /// Adds a trace of the connections' bytes and events. May be called more than once.
    ///
    /// ```no_run
    /// # let app = wirelight::App::new();
    /// use wirelight::{Server, Trace};
    ///
    /// Server::bind("127.0.0.1:8000")?.trace(Trace::terminal()).run(app)
    /// # as std::io::Result<()>
    /// # ;Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn trace(mut self, trace: Trace) -> Server {
        self.add_trace(trace);
        self
    }

    #[inline]
    pub(super) fn add_trace(&mut self, trace: Trace) {
        self.traces.push(trace);
        self.serve_traced = Some(Server::serve_traced);
    }

    #[inline]
    fn serve_traced(mut self, app: App) -> io::Result<()> {
        let traces = std::mem::take(&mut self.traces);
        let tracing = Tracing::start(traces, &self.start(&app))?;
        let result = self.serve(app, |worker| tracing.tracer(worker));
        tracing.finish(TRACE_FLUSH_TIMEOUT);
        result
    }

    /// Returns the first event of a trace.
    fn start<'a>(&'a self, app: &'a App) -> ServerStart<'a> {
        let route = |(id, route): (u32, RouteInfo<'a>)| RouteEntry {
            id,
            method: route.method.to_string(),
            pattern: route.pattern,
            source: format!("{}:{}", route.location.file(), route.location.line()),
        };
        ServerStart {
            addresses: self.addresses(),
            backlog: listen::BACKLOG,
            workers: self.workers,
            limits: &self.config.limits,
            routes: (0..).zip(app.routes()).filter(|(_, route)| !route.fallback).map(route).collect(),
        }
    }
}
