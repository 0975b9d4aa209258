//! Traces the connections of a test client, as a server's connections are traced.

use super::TestClient;
use super::memory_socket::MemorySocket;
use crate::net::conn::{Action, Conn};
use crate::net::tick::{Buffers, Context};
use crate::trace::config::Trace;
use crate::trace::probe::{NoProbe, Probe};
use crate::trace::server_start::ServerStart;
use crate::trace::tracer::{Tracer, Tracing};

impl<'a> TestClient<'a> {
    /// Traces what happens on the wire, as [`Server::trace`](crate::Server::trace) does, for tests
    /// to check. The whole trace is written when the client is dropped.
    ///
    /// # Panics
    /// Panics if the thread that writes cannot be started.
    #[must_use]
    #[inline]
    pub fn trace(mut self, trace: Trace) -> TestClient<'a> {
        let addresses = vec!["0.0.0.0:0".to_owned()];
        let start = ServerStart { addresses, backlog: 0, workers: 0, limits: &self.config.limits, routes: Vec::new() };
        #[expect(clippy::expect_used, reason = "a test whose trace cannot be written must fail")]
        let tracing = Tracing::lossless(trace, &start).expect("a thread that writes the trace");
        self.tracing = Some(tracing);
        self.run = run_traced;
        self
    }
}

impl Drop for TestClient<'_> {
    /// Waits until the trace is written.
    fn drop(&mut self) {
        if let Some(tracing) = self.tracing.take() {
            tracing.finish(super::THREAD_TIMEOUT);
        }
    }
}

/// Why a connection runs.
pub(super) enum WakeReason {
    Ready,
    Deadline,
}

/// Runs a connection until it waits for input, output or time. There is one with a trace and one
/// without, and only tests that trace compile the former.
pub(super) type RunConnection =
    fn(WakeReason, &mut Conn<MemorySocket>, &mut Buffers, &Context<'_>, Option<&mut Tracer>) -> Action;

pub(super) fn run(
    reason: WakeReason,
    conn: &mut Conn<MemorySocket>,
    buffers: &mut Buffers,
    context: &Context<'_>,
    _: Option<&mut Tracer>,
) -> Action {
    run_with(&mut NoProbe, reason, conn, buffers, context)
}

#[inline]
fn run_traced(
    reason: WakeReason,
    conn: &mut Conn<MemorySocket>,
    buffers: &mut Buffers,
    context: &Context<'_>,
    tracer: Option<&mut Tracer>,
) -> Action {
    match tracer {
        Some(tracer) => run_with(tracer, reason, conn, buffers, context),
        None => run(reason, conn, buffers, context, None),
    }
}

fn run_with<P: Probe>(
    probe: &mut P,
    reason: WakeReason,
    conn: &mut Conn<MemorySocket>,
    buffers: &mut Buffers,
    context: &Context<'_>,
) -> Action {
    let (read, tick) = &mut buffers.lend(context, probe);
    let mut fate = match reason {
        WakeReason::Ready => conn.run(read, tick),
        WakeReason::Deadline => conn.expire(read, tick),
    };
    while fate == Action::Yield {
        fate = conn.run(read, tick);
    }
    if let Action::Close(ending) = fate {
        conn.trace_close(ending, 0, tick.probe);
    }
    tick.probe.flush();
    fate
}
