//! Defines one row of a timeline: what the client or the server does at one moment.

use std::time::Duration;

/// One action of one side.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Time since the timeline began.
    pub(super) at: Duration,
    pub(super) side: Side,
    pub(super) arrow: char,
    pub(super) text: String,
    /// Total bytes that this side has sent or received, plus one for the end of the stream; 0 if
    /// the action transfers nothing.
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
