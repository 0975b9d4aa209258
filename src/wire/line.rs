//! One line of a trace, before it is written in one form or another.

use std::ops::Range;
use std::panic::Location;

use super::account::Place;
use super::probe::Event;

/// An event, and when and where it happened.
pub(crate) struct Line<'a> {
    /// Counts each worker's events; a gap is a loss.
    pub(crate) sequence: u64,
    /// Nanoseconds since the server began.
    pub(crate) time: u64,
    /// Nanoseconds since the connection's accept.
    pub(crate) age: u64,
    pub(crate) worker: u32,
    pub(crate) connection: u64,
    pub(crate) place: Place,
    pub(crate) event: Event<'a>,
    /// Where in our own code it was told.
    pub(crate) code: &'static Location<'static>,
    /// Where in the event's data are bytes that nobody should read over a shoulder.
    pub(crate) secrets: &'a [Range<usize>],
}

impl Line<'_> {
    /// The file and the line of our code, from the crate's own directory on, wherever it was compiled.
    pub(crate) fn code(&self) -> (&'static str, u32) {
        let crate_root = file!().strip_suffix("src/wire/line.rs").unwrap_or_default();
        (self.code.file().strip_prefix(crate_root).unwrap_or(self.code.file()), self.code.line())
    }
}
