//! Sockets, readiness, time and threads; knows no route.

pub(crate) mod conn;
pub(crate) mod control;
pub(crate) mod deadline;
pub(crate) mod desk;
pub(crate) mod doors;
mod entry;
pub(crate) mod listen;
pub(crate) mod office;
pub(crate) mod pool;
pub(crate) mod signal;
pub(crate) mod slots;
pub(crate) mod socket;
pub(crate) mod watch;
pub(crate) mod worker;
