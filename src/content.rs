//! Responses that depend on a request's fields: conditions, ranges, files, events, upgrades.

pub(crate) mod conditional;
#[cfg(any(feature = "openapi", feature = "wire"))]
pub(crate) mod embedded_page;
pub(crate) mod events;
pub(crate) mod files;
mod range;
pub(crate) mod upgrade;
