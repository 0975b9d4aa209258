//! One event of a trace with its time and position, before it is rendered.

use std::ops::Range;
use std::panic::Location;

use super::conversation::Position;
use super::probe::Event;

/// An event, and when and where it happened.
pub(crate) struct Record<'a> {
    /// Counts each worker's events; a gap is a loss.
    pub(crate) sequence: u64,
    /// Nanoseconds since the server began.
    pub(crate) time: u64,
    /// Nanoseconds since the connection's accept.
    pub(crate) age: u64,
    pub(crate) worker: u32,
    pub(crate) connection: u64,
    pub(crate) position: Position,
    pub(crate) event: Event<'a>,
    /// Where in our own code it was told.
    pub(crate) caller: &'static Location<'static>,
    /// Ranges of sensitive bytes in the event's data.
    pub(crate) secrets: &'a [Range<usize>],
}

impl Record<'_> {
    /// The file and the line of our code, from the crate's own directory on, wherever it was compiled.
    pub(crate) fn source_location(&self) -> (&'static str, u32) {
        let crate_root = file!().strip_suffix("src/trace/line.rs").unwrap_or_default();
        (self.caller.file().strip_prefix(crate_root).unwrap_or(self.caller.file()), self.caller.line())
    }
}
