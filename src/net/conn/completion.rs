//! When a response is out: which bytes of the output are its content, how many of them the kernel took, and who is told.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::Conn;
use crate::http1::status::StatusCode;
use crate::net::deadline::Millis;
use crate::net::desk::{Context, Tools, Verdict};
use crate::net::socket::Socket;
use crate::request::Request;
use crate::response::Response;
use crate::response::sent::SentCallbacks;
use crate::wire::probe::NoProbe;

/// A response of which not all is with the kernel. Told when it is, or else when it is dropped: its connection is gone.
pub(crate) struct Completion {
    on_sent: Option<Box<SentCallbacks>>,
    status: StatusCode,
    /// Where the content lies that waits in the output.
    content: Range<usize>,
    /// Where the response ends in the output; none while its body is being made.
    end: Option<usize>,
    /// Bytes of content that left.
    left: u64,
}

impl Completion {
    /// A response whose content lies there in the output; `ends`: it is all of it.
    #[cold]
    pub(super) fn new(
        on_sent: Box<SentCallbacks>,
        status: StatusCode,
        content: Range<usize>,
        ends: bool,
    ) -> Completion {
        let end = ends.then_some(content.end);
        Completion { on_sent: Some(on_sent), status, content, end, left: 0 }
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
        self.left += end.saturating_sub(start) as u64;
    }

    /// The first bytes of the output are gone from it.
    fn rebase(&mut self, gone: usize) {
        self.content = self.content.start.saturating_sub(gone)..self.content.end.saturating_sub(gone);
        self.end = self.end.map(|end| end.saturating_sub(gone));
    }

    fn tell(&mut self, complete: bool) {
        if let Some(on_sent) = self.on_sent.take() {
            on_sent.notify(self.status, self.left, complete);
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        self.tell(false);
    }
}

/// Tells those that are out, now that the kernel took the output's bytes up to `to`, and keeps the others.
pub(super) fn settle(completions: &mut Vec<Completion>, from: usize, to: usize) {
    completions.retain_mut(|completion| {
        completion.advance(from, to);
        let out = completion.end.is_some_and(|end| end <= to);
        if out {
            completion.tell(true);
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
pub(super) fn note_begin(request: &mut Request<'_>, began: Millis, context: &Context<'_>) {
    if let Some(began) = instant(began, context.moment.now) {
        request.start_clock(began);
    }
}

/// Takes up a request that came in parts: since when, and what was decided on its head. Returns the response if that was one.
#[cold]
pub(super) fn take_up(request: &mut Request<'_>, tools: &mut Tools, context: &Context<'_>) -> Option<Response> {
    if let Some(began) = tools.began.take() {
        note_begin(request, began, context);
    }
    match tools.verdict.take()? {
        Verdict::Passed(admitted) => {
            request.admit(admitted);
            None
        }
        Verdict::Answered(response) => Some(*response),
    }
}

impl<S: Socket> Conn<S> {
    /// The kernel took the first `written` bytes of the worker's output. What of its responses is not out yet waits with the connection.
    #[cold]
    pub(super) fn settle(&mut self, completions: &mut Vec<Completion>, written: usize) {
        settle(completions, 0, written);
        for mut completion in completions.drain(..) {
            completion.rebase(written);
            self.held.get_or_insert_default().completions.push(completion);
        }
    }

    /// The connection is over. Responses that are not out are told so, and so is a request whose handler still runs.
    pub(crate) fn end(&mut self, context: &Context<'_>) {
        let Some(mut held) = self.held.take() else { return };
        if let Some((exchange, _)) = held.away.take()
            && exchange.claim()
        {
            exchange.client_left::<NoProbe>(context.app);
        }
        if let Some(Verdict::Answered(mut response)) = held.verdict.take()
            && let Some(on_sent) = response.take_on_sent()
        {
            on_sent.notify_client_left();
        }
    }
}
