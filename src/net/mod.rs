//! Sockets, readiness, time and threads; knows no route.

pub(crate) mod body_memory;
pub(crate) mod conn;
pub(crate) mod deadline;
mod entry;
pub(crate) mod listen;
pub(crate) mod listeners;
pub(crate) mod mailbox;
pub(crate) mod pool;
mod queue;
pub(crate) mod shutdown;
pub(crate) mod signals;
pub(crate) mod slab;
pub(crate) mod slow_handlers;
pub(crate) mod socket;
pub(crate) mod tick;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(not(feature = "tls"))]
mod tls_disabled;
pub(crate) mod worker;

#[cfg(not(feature = "tls"))]
use tls_disabled as tls;
