//! The protocol, sans I/O: bytes in by slice, bytes out by appending; knows no socket, clock, thread or route.

pub(crate) mod chunked;
pub(crate) mod connection;
pub(crate) mod date;
mod diagnose;
pub(crate) mod encode;
pub(crate) mod fault;
pub(crate) mod field_value;
pub(crate) mod framing;
pub(crate) mod grammar;
pub(crate) mod head;
pub(crate) mod limits;
pub(crate) mod method;
mod request_line;
pub(crate) mod span;
pub(crate) mod states;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod version;
