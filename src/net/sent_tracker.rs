//! Tracks which bytes of responses the kernel has taken, and calls their `on_sent` callbacks.

use std::ops::Range;

use crate::http1::status::StatusCode;
use crate::response::sent::SentCallbacks;

/// A response that is not sent completely. If dropped before, it reports that its connection is
/// gone.
pub(crate) struct SentTracker {
    on_sent: Option<Box<SentCallbacks>>,
    status: StatusCode,
    /// Where its content is in the output.
    content: Range<usize>,
    /// Where it ends in the output; `None` while its body is produced.
    end: Option<usize>,
    /// Bytes of content sent.
    sent: u64,
}

impl SentTracker {
    /// Tracks a response with this content in the output. `ends`: it is complete.
    #[cold]
    pub(crate) fn new(
        on_sent: Box<SentCallbacks>,
        status: StatusCode,
        content: Range<usize>,
        ends: bool,
    ) -> SentTracker {
        let end = ends.then_some(content.end);
        SentTracker { on_sent: Some(on_sent), status, content, end, sent: 0 }
    }

    /// Sets the next content, in an output that was empty.
    pub(crate) fn content(&mut self, content: Range<usize>) {
        self.content = content;
    }

    /// Sets the end of the response in the output.
    pub(crate) fn ends_at(&mut self, end: usize) {
        self.end = Some(end);
    }

    /// Counts the output's bytes from `from` to `to` as sent.
    pub(crate) fn advance(&mut self, from: usize, to: usize) {
        let (start, end) = (self.content.start.max(from), self.content.end.min(to));
        self.sent += end.saturating_sub(start) as u64;
    }

    /// Counts content that was sent without being in the output.
    pub(crate) fn add_sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Shifts offsets after the first bytes of the output are removed.
    pub(crate) fn rebase(&mut self, gone: usize) {
        self.content = self.content.start.saturating_sub(gone)..self.content.end.saturating_sub(gone);
        self.end = self.end.map(|end| end.saturating_sub(gone));
    }

    fn report(&mut self, complete: bool) {
        if let Some(on_sent) = self.on_sent.take() {
            on_sent.notify(self.status, self.sent, complete);
        }
    }
}

impl Drop for SentTracker {
    fn drop(&mut self) {
        self.report(false);
    }
}

/// Reports the responses that end within the first `to` bytes of the output, and keeps the others.
pub(crate) fn report_sent(trackers: &mut Vec<SentTracker>, from: usize, to: usize) {
    trackers.retain_mut(|tracker| {
        tracker.advance(from, to);
        let out = tracker.end.is_some_and(|end| end <= to);
        if out {
            tracker.report(true);
        }
        !out
    });
}
