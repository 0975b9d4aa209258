//! Routes and values: what a program says to its users; knows no socket.

#[expect(clippy::module_inception, reason = "the file is named after the type it holds")]
pub(crate) mod app;
pub(crate) mod body;
mod caching;
pub(crate) mod client;
mod conditional;
pub(crate) mod cookie;
mod elsewhere;
pub(crate) mod error;
mod error_page;
pub(crate) mod events;
pub(crate) mod files;
mod form;
pub(crate) mod hook;
pub(crate) mod into_response;
mod json;
pub(crate) mod multipart;
mod negotiate;
pub(crate) mod page;
pub(crate) mod pattern;
mod range;
mod readers;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod router;
mod sentences;
pub(crate) mod shared;
pub(crate) mod slashes;
mod storage;
pub(crate) mod stream;
pub(crate) mod table;
pub(crate) mod told;
pub(crate) mod tree;
pub(crate) mod upgrade;
pub(crate) mod upload;
mod url;
pub(crate) mod validate;
