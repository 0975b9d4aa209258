//! Threads beside the event loop, and what they share with it.

pub(crate) mod mailbox;
pub(crate) mod pool;
pub(crate) mod shutdown;
pub(crate) mod signals;
