//! When a response is out: which bytes of the output are its content, how many of them the kernel took, and who is told.

use std::ops::Range;

use crate::http1::status::StatusCode;
use crate::response::sent::SentCallbacks;

/// A response of which not all is with the kernel. Told when it is, or else when it is dropped: its connection is gone.
pub(crate) struct SentTracker {
    on_sent: Option<Box<SentCallbacks>>,
    status: StatusCode,
    /// Where the content lies that waits in the output.
    content: Range<usize>,
    /// Where the response ends in the output; none while its body is being made.
    end: Option<usize>,
    /// Bytes of content that left.
    sent: u64,
}

impl SentTracker {
    /// A response whose content lies there in the output; `ends`: it is all of it.
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

    /// The next content of this response in an output that was empty.
    pub(crate) fn content(&mut self, content: Range<usize>) {
        self.content = content;
    }

    /// The output holds the last of it.
    pub(crate) fn ends_at(&mut self, end: usize) {
        self.end = Some(end);
    }

    /// The kernel took the output's bytes from `from` to `to`.
    pub(crate) fn advance(&mut self, from: usize, to: usize) {
        let (start, end) = (self.content.start.max(from), self.content.end.min(to));
        self.sent += end.saturating_sub(start) as u64;
    }

    /// The first bytes of the output are gone from it.
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

/// Tells those that are out, now that the kernel took the output's bytes up to `to`, and keeps the others.
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
