//! Routes and values: what a program says to its users; knows no socket.

pub(crate) mod pattern;
pub(crate) mod router;
pub(crate) mod tree;
