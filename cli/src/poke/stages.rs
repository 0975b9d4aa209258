//! Reveals an experiment in stages, each after Enter, so that a class can argue between them: what
//! is sent, what came back, and why.

use std::io::{self, BufRead};
use std::sync::Mutex;
use std::time::Duration;

use super::exchange::{Note, View, lock};
use crate::output::println_flush;

/// The stages of one experiment.
#[derive(Clone, Copy)]
pub(super) struct Stages {
    /// Whether each stage waits for Enter.
    pub(super) paused: bool,
}

/// The teacher left at the end of a stage.
pub(super) struct Left;

impl Stages {
    /// Waits for Enter if the stages are paused. At the end of the input the next stage follows at
    /// once.
    ///
    /// # Errors
    /// Fails if the line is `q`.
    pub(super) fn before(self, next: &str) -> Result<(), Left> {
        if !self.paused {
            return Ok(());
        }
        println_flush(format_args!("── Enter: {next}; q leaves"));
        let mut line = String::new();
        // An input that cannot be read is treated as one that has ended.
        let _ = io::stdin().lock().read_line(&mut line);
        if is_farewell(line.trim()) { Err(Left) } else { Ok(()) }
    }
}

/// Returns whether a typed line asks to leave.
pub(super) fn is_farewell(line: &str) -> bool {
    matches!(line, "q" | "Q" | "quit" | "exit")
}

/// Passes on what the client does, and keeps what came back until [`Held::release`].
pub(super) struct Held<'v> {
    view: &'v dyn View,
    kept: Mutex<Vec<(Duration, Kept)>>,
}

/// A note that does not borrow.
enum Kept {
    Received(Vec<u8>),
    Other(Note<'static>),
}

impl View for Held<'_> {
    fn note(&self, at: Duration, note: Note<'_>) {
        let kept = match note {
            Note::Received(bytes) => Kept::Received(bytes.to_vec()),
            Note::Stopped(kind) => Kept::Other(Note::Stopped(kind)),
            Note::Other(status, took) => Kept::Other(Note::Other(status, took)),
            Note::Ended(ending, length) => Kept::Other(Note::Ended(ending, length)),
            note => return self.view.note(at, note),
        };
        lock(&self.kept).push((at, kept));
    }
}

impl<'v> Held<'v> {
    /// Creates a view that holds back what came.
    pub(super) fn new(view: &'v dyn View) -> Held<'v> {
        Held { view, kept: Mutex::default() }
    }

    /// Passes on what was kept, in its order.
    pub(super) fn release(self) {
        for (at, kept) in lock(&self.kept).drain(..) {
            match kept {
                Kept::Received(bytes) => self.view.note(at, Note::Received(&bytes)),
                Kept::Other(note) => self.view.note(at, note),
            }
        }
    }
}
