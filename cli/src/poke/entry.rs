//! Defines one row of a timeline: what the client or the server does at one moment.

use std::time::Duration;

/// What one side does at one moment.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Since the timeline began.
    pub(super) at: Duration,
    pub(super) side: Side,
    pub(super) arrow: char,
    pub(super) text: String,
    /// All bytes that this side has sent or received so far, and one more for the end of the stream; 0 where nothing moves.
    pub(super) moved: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Entry {
    pub(super) fn receives(&self) -> bool {
        self.arrow == if self.side == Side::Client { '←' } else { '→' }
    }
}
