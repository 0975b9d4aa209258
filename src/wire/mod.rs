//! The glass: what happens on the wire, told to whoever asked; decides nothing itself.

pub(crate) mod probe;
pub(crate) mod spans;
