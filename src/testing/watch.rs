//! The test client's connections, watched or not; decides nothing of what they do.

use super::TestClient;
use super::script::Script;
use crate::net::conn::{Action, Conn};
use crate::net::tick::{Buffers, Context};
use crate::trace::config::Trace;
use crate::trace::probe::Probe;
use crate::trace::server_start::ServerStart;
use crate::trace::tracer::Tracing;

impl<'a> TestClient<'a> {
    /// Shows what happens on the wire, as [`Server::trace`](crate::Server::trace) does: what a program's bytes set off can be a test.
    /// All of it is written when the client is dropped.
    ///
    /// # Panics
    /// When the system has no thread that could write.
    #[must_use]
    pub fn trace(mut self, trace: Trace) -> TestClient<'a> {
        let addresses = vec!["0.0.0.0:0".to_owned()];
        let start =
            ServerStart { addresses, backlog: 0, workers: 0, limits: &self.settings.limits, routes: Vec::new() };
        #[expect(clippy::expect_used, reason = "a test that cannot be watched must fail")]
        let tracing = Tracing::start(vec![trace], &start).expect("a thread that writes");
        self.tracing = Some(tracing);
        self
    }
}

impl Drop for TestClient<'_> {
    /// What was told is written when the client goes: a test reads all of it, however loaded the machine is.
    fn drop(&mut self) {
        if let Some(tracing) = self.tracing.take() {
            tracing.finish(super::PATIENCE);
        }
    }
}

/// What a connection is woken for.
pub(super) enum Work {
    Turn,
    Expire,
}

impl Work {
    /// Works until the connection waits.
    pub(super) fn run<P: Probe>(
        self,
        conn: &mut Conn<Script>,
        desk: &mut Buffers,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Action {
        let mut fate = match self {
            Work::Turn => conn.run(desk, context, probe),
            Work::Expire => conn.expire(desk, context, probe),
        };
        while fate == Action::Yield {
            fate = conn.run(desk, context, probe);
        }
        if P::ENABLED {
            if let Action::Close(ending) = fate {
                conn.trace_close(ending, 0, probe);
            }
            probe.flush();
        }
        fate
    }
}
