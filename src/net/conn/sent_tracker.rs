//! When a response is out: which bytes of the output are its content, how many of them the kernel took, and who is told.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::Conn;
use crate::http1::status::StatusCode;
use crate::net::deadline::Millis;
use crate::net::socket::Socket;
use crate::net::tick::{Context, HeadDecision, ResponseBuffers};
use crate::request::Request;
use crate::response::Response;
use crate::response::sent::SentCallbacks;
use crate::trace::probe::NoProbe;

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
    pub(super) fn new(
        on_sent: Box<SentCallbacks>,
        status: StatusCode,
        content: Range<usize>,
        ends: bool,
    ) -> SentTracker {
        let end = ends.then_some(content.end);
        SentTracker { on_sent: Some(on_sent), status, content, end, sent: 0 }
    }

    /// The next content of this response in an output that was empty.
    pub(super) fn content(&mut self, content: Range<usize>) {
        self.content = content;
    }

    /// The output holds the last of it.
    pub(super) fn ends_at(&mut self, end: usize) {
        self.end = Some(end);
    }

    /// The kernel took the output's bytes from `from` to `to`.
    pub(super) fn advance(&mut self, from: usize, to: usize) {
        let (start, end) = (self.content.start.max(from), self.content.end.min(to));
        self.sent += end.saturating_sub(start) as u64;
    }

    /// The first bytes of the output are gone from it.
    fn rebase(&mut self, gone: usize) {
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
pub(super) fn report_sent(trackers: &mut Vec<SentTracker>, from: usize, to: usize) {
    trackers.retain_mut(|tracker| {
        tracker.advance(from, to);
        let out = tracker.end.is_some_and(|end| end <= to);
        if out {
            tracker.report(true);
        }
        !out
    });
}

/// The time on the clock of the standard library at which `began` was, if now is `now`.
pub(super) fn instant(began: Millis, now: Millis) -> Option<Instant> {
    Instant::now().checked_sub(Duration::from_millis(now.saturating_sub(began)))
}

/// The request has been on its way since `began`.
#[cold]
pub(super) fn set_start(request: &mut Request<'_>, began: Millis, context: &Context<'_>) {
    if let Some(began) = instant(began, context.time.now) {
        request.start_clock(began);
    }
}

/// Takes up a request that came in parts: since when, and what was decided on its head. Returns the response if that was one.
#[cold]
pub(super) fn restore_request(
    request: &mut Request<'_>,
    out: &mut ResponseBuffers,
    context: &Context<'_>,
) -> Option<Response> {
    if let Some(began) = out.began.take() {
        set_start(request, began, context);
    }
    match out.decision.take()? {
        HeadDecision::Admitted(admitted) => {
            request.admit(admitted);
            None
        }
        HeadDecision::Responded(response) => Some(*response),
    }
}

impl<S: Socket> Conn<S> {
    /// The kernel took the first `written` bytes of the worker's output. What of its responses is not out yet waits with the connection.
    #[cold]
    pub(super) fn settle(&mut self, trackers: &mut Vec<SentTracker>, written: usize) {
        report_sent(trackers, 0, written);
        for mut tracker in trackers.drain(..) {
            tracker.rebase(written);
            self.buffered.get_or_insert_default().pending.push(tracker);
        }
    }

    /// The connection is over. Responses that are not out are told so, and so is a request whose handler still runs.
    pub(crate) fn end(&mut self, context: &Context<'_>) {
        let Some(mut buffered) = self.buffered.take() else { return };
        if let Some((request, _)) = buffered.in_pool.take()
            && request.claim()
        {
            request.client_left::<NoProbe>(context.app);
        }
        if let Some(HeadDecision::Responded(mut response)) = buffered.decision.take()
            && let Some(on_sent) = response.take_on_sent()
        {
            on_sent.notify_client_left();
        }
    }
}
