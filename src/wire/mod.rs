//! The glass: what happens on the wire, told to whoever asked; decides nothing itself.

mod account;
mod escape;
mod explain;
mod json;
mod line;
mod names;
mod object;
pub(crate) mod probe;
mod ring;
mod secret;
pub(crate) mod spans;
pub(crate) mod start;
mod story;
mod terminal;
pub(crate) mod trace;
pub(crate) mod tracer;
mod wrap;

pub use explain::{Explanation, Finding, Piece, Reading, ReadingEnd, Shown, explain, explain_pasted, explain_shown};
pub use wrap::{display_width, wrap};
