//! Traces what happens on the connections, for people and as NDJSON. `net` records events through
//! [`probe::Probe`].

pub(crate) mod config;
mod conversation;
mod json;
mod json_writer;
#[cfg_attr(not(feature = "wire"), allow(dead_code, reason = "only the wire view has a lab"))]
pub(crate) mod lab;
mod line_writer;
mod output;
mod output_queue;
pub(crate) mod probe;
mod record;
pub(crate) mod redact;
mod render_options;
mod rules;
mod schema;
pub(crate) mod server_start;
pub(crate) mod spans;
mod summary;
mod terminal;
pub(crate) mod tracer;
mod untraced;
