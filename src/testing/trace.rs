//! Traces the connections of a test client, as a server's connections are traced.

use super::TestClient;
use super::memory_socket::MemorySocket;
use crate::net::conn::{Action, Conn};
use crate::net::tick::{Buffers, Context};
use crate::trace::config::Trace;
use crate::trace::probe::Probe;
use crate::trace::server_start::ServerStart;
use crate::trace::tracer::Tracing;

impl<'a> TestClient<'a> {
    /// Traces what happens on the wire, as [`Server::trace`](crate::Server::trace) does, for tests
    /// to check. The whole trace is written when the client is dropped.
    ///
    /// # Panics
    /// Panics if the thread that writes cannot be started.
    #[must_use]
    pub fn trace(mut self, trace: Trace) -> TestClient<'a> {
        let addresses = vec!["0.0.0.0:0".to_owned()];
        let start = ServerStart { addresses, backlog: 0, workers: 0, limits: &self.config.limits, routes: Vec::new() };
        #[expect(clippy::expect_used, reason = "a test whose trace cannot be written must fail")]
        let tracing = Tracing::start(vec![trace], &start).expect("a thread that writes the trace");
        self.tracing = Some(tracing);
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

impl WakeReason {
    /// Runs the connection until it waits for input, output or time.
    pub(super) fn run<P: Probe>(
        self,
        conn: &mut Conn<MemorySocket>,
        buffers: &mut Buffers,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Action {
        let (read, tick) = &mut buffers.lend(context, probe);
        let mut fate = match self {
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
}
