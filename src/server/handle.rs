//! Stops a server from another thread.

use std::sync::Arc;

use super::sd_notify::notify;
use crate::net::threads::shutdown::{Phase, ShutdownControl};

/// Stops a server from another thread.
#[derive(Clone, Debug)]
pub struct Handle(Arc<ShutdownControl>);

impl Handle {
    pub(super) fn new(control: Arc<ShutdownControl>) -> Handle {
        Handle(control)
    }

    /// Stops gracefully: responses carry `Connection: close`, idle connections may start a request
    /// for another [`Timeouts::drain_idle`](crate::Timeouts::drain_idle), and after
    /// [`Timeouts::shutdown`](crate::Timeouts::shutdown) the remaining connections are cut.
    pub fn stop(&self) {
        stop(&self.0);
    }

    /// Stops at once: all connections are cut.
    pub fn stop_now(&self) {
        self.0.advance(Phase::Aborting);
    }
}

/// Starts a graceful stop. Notifies the service manager, unless a successor process serves on.
pub(super) fn stop(control: &ShutdownControl) {
    if control.phase() == Phase::Running {
        notify("STOPPING=1");
    }
    control.advance(Phase::Draining);
}
