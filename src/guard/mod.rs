//! The boundary between the server and code that is not its own: panics stop here, and log lines leave through here.
//!
//! Handlers, hooks, body iterators, destructors and loggers belong to the program. Any of them can panic, and any text of theirs can
//! hold what a client sent. [`panics`] runs and drops such code, [`logging`] writes such text.

#[macro_use]
pub(crate) mod logging;
pub(crate) mod panics;
