//! The glass: what happens on the wire, told to whoever asked; decides nothing itself.

mod explain;
pub(crate) mod probe;
pub(crate) mod spans;

pub use explain::{Explanation, Finding, Piece, explain};
