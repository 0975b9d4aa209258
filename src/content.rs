//! Responses that depend on a request's fields: conditions, ranges, files, events, upgrades.

pub(crate) mod conditional;
pub(crate) mod events;
pub(crate) mod files;
mod range;
pub(crate) mod upgrade;
