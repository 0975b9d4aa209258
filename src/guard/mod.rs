//! Separates the server from the program's code: catches its panics, and writes log lines that
//! contain its text.
//!
//! Handlers, hooks, body iterators, destructors and loggers belong to the program. Each can panic,
//! and their text can contain what a client sent. [`panics`] runs and drops such code, [`logging`]
//! writes such text.

#[macro_use]
pub(crate) mod logging;
pub(crate) mod panics;
