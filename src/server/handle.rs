//! How a program stops its server from another thread; decides nothing of how the workers end.

use std::sync::Arc;

use super::notify::notify;
use crate::net::threads::shutdown::{Phase, ShutdownControl};

/// Stops a server from another thread.
#[derive(Clone, Debug)]
pub struct Handle(Arc<ShutdownControl>);

impl Handle {
    pub(super) fn new(control: Arc<ShutdownControl>) -> Handle {
        Handle(control)
    }

    /// Stops gracefully: who is connected gets an answer that says `Connection: close`, idle connections may begin a request for
    /// another [`Timeouts::drain_idle`](crate::Timeouts::drain_idle), and all of it takes no longer than [`Timeouts::shutdown`](crate::Timeouts::shutdown).
    pub fn stop(&self) {
        stop(&self.0);
    }

    /// Stops at once: connections are cut.
    pub fn stop_now(&self) {
        self.0.advance(Phase::Aborting);
    }
}

/// The graceful stop. A service manager hears of it, unless a successor goes on.
pub(super) fn stop(control: &ShutdownControl) {
    if control.phase() == Phase::Running {
        notify("STOPPING=1");
    }
    control.advance(Phase::Draining);
}
