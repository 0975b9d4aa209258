//! Sockets, readiness, time and threads; knows no route.

pub(crate) mod bodies;
pub(crate) mod conn;
pub(crate) mod control;
pub(crate) mod deadline;
pub(crate) mod desk;
pub(crate) mod doors;
mod entry;
pub(crate) mod listen;
pub(crate) mod office;
#[cfg(not(feature = "tls"))]
mod plain;
pub(crate) mod pool;
mod queue;
pub(crate) mod signal;
pub(crate) mod slots;
pub(crate) mod socket;
#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod watch;
pub(crate) mod worker;

#[cfg(not(feature = "tls"))]
use plain as tls;
