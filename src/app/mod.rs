//! Routes and values: what a program says to its users; knows no socket.

#[expect(clippy::module_inception, reason = "the file is named after the type it holds")]
pub(crate) mod app;
pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod error;
pub(crate) mod into_response;
mod json;
pub(crate) mod page;
pub(crate) mod pattern;
mod readers;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod router;
pub(crate) mod shared;
pub(crate) mod slashes;
mod storage;
pub(crate) mod table;
pub(crate) mod tree;
mod url;
pub(crate) mod validate;
