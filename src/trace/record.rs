//! Defines an event with its time and position, before it is formatted.

use std::ops::Range;
use std::panic::Location;

use super::conversation::Position;
use super::probe::Event;
use super::rules;

/// An event with its time and position.
pub(crate) struct Record<'a> {
    /// Sequence number per worker; a gap means lost events.
    pub(crate) sequence: u64,
    /// Nanoseconds since the server started.
    pub(crate) time: u64,
    /// Nanoseconds since the connection was accepted.
    pub(crate) age: u64,
    pub(crate) worker: u32,
    pub(crate) connection: u64,
    pub(crate) position: Position,
    pub(crate) event: Event<'a>,
    /// Source location that recorded the event, which may be after the decision.
    pub(crate) caller: &'static Location<'static>,
    /// Ranges of sensitive bytes in the event's data.
    pub(crate) secrets: &'a [Range<usize>],
}

impl Record<'_> {
    /// Returns the file and line that decide what the event reports, or else those of `caller`;
    /// relative to the crate's directory.
    pub(crate) fn source_location(&self) -> (&'static str, u32) {
        let place = rules::of(&self.event).unwrap_or(self.caller);
        let crate_root = file!().strip_suffix("src/trace/record.rs").unwrap_or_default();
        (place.file().strip_prefix(crate_root).unwrap_or(place.file()), place.line())
    }
}
