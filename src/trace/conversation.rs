//! Derives what needs several events of a connection: stream offsets, transitions, durations,
//! reasons.
//!
//! The connection itself cannot supply most of this later: its buffers move, chunks are decoded in
//! place, and several states pass within one call. So a conversation keeps the raw bytes of the
//! current request. Its results do not depend on how the network split the stream.

mod steps;

use std::collections::VecDeque;

use super::probe::{CloseReason, Event, Handler, IoOutcome, Observation, Reason, Timer, TimerChange};
use super::spans::{ChunkScanner, SpanKind};
use crate::http1::fault::{Fault, ProtocolError};
use crate::http1::framing::BodyLength;
use crate::http1::head::Head;
use crate::http1::states::{Recv, Send as Sending};
use crate::http1::target::lone_percent;
use crate::http1::version::Version;

/// The request and stream offset of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Number of the request, from 1; 0 if the event concerns the connection.
    pub(crate) request: u32,
    /// Offset in the stream of the event's direction. It never restarts.
    pub(crate) offset: u64,
}

/// The history of one connection.
#[derive(Default)]
pub(crate) struct Conversation {
    opened: u64,
    received: u64,
    sent: u64,
    /// Stream offset of the first byte of the current request, which is `raw[raw_start]`.
    base: u64,
    raw: Vec<u8>,
    raw_start: usize,
    /// Bytes known to belong to the current request.
    length: usize,
    /// Number of completed responses.
    responses_done: u32,
    /// States of both machines at the last event; `None` at the beginning.
    states: Option<(Recv, Sending)>,
    parse_calls: u32,
    parsed_len: usize,
    request: Option<RequestPersistence>,
    body: BodyLength,
    timer: Option<Timer>,
    fired: Option<Timer>,
    eof: bool,
    half_closed: bool,
    rejected: Option<Fault>,
    /// Stream offset of the bytes after a refused request.
    ignored_from: Option<u64>,
    close_reason: Option<&'static str>,
    /// The handler that started last.
    handler: Option<Handler>,
    /// Time of the last event. The next event measures the time since then.
    last_event_at: u64,
    /// The current response, and those whose last byte is not yet sent.
    response: PendingResponse,
    responses: VecDeque<PendingResponse>,
}

/// A response that is not completely sent.
#[derive(Clone, Copy, Default)]
struct PendingResponse {
    request: u32,
    /// Stream offsets of its start and end. Preceding interim responses are not included.
    start: u64,
    end: u64,
    /// Time when its head was created.
    head_at: u64,
    /// Time when its first byte was sent.
    first_byte_at: Option<u64>,
}

/// What the request head specified about the connection.
#[derive(Clone, Copy)]
struct RequestPersistence {
    close: bool,
    http10: bool,
}

/// Receives the derived events.
type Emit<'s> = &'s mut dyn FnMut(Position, Event<'_>);

impl Conversation {
    pub(crate) fn new(now: u64) -> Conversation {
        Conversation { opened: now, last_event_at: now, ..Conversation::default() }
    }

    /// Records an observation and emits the events that it leads to.
    pub(crate) fn record(&mut self, now: u64, observation: Observation<'_>, say: Emit<'_>) {
        let ns = now.saturating_sub(self.last_event_at);
        match observation {
            Observation::Event(event) => self.event(now, event, say),
            Observation::States { recv, send } => self.states(recv, send, say),
            Observation::Parsed { have, status } => {
                self.parse_calls += 1;
                let rescanned = std::mem::replace(&mut self.parsed_len, have).min(have);
                say(self.position(0), Event::ParseAttempt { have, status, calls: self.parse_calls, rescanned });
            }
            Observation::BodyComplete { length } => self.body(Some(length), say),
            Observation::Rejected { reject, limit } => self.rejected(reject, limit, say),
            Observation::HookRan { phase, name, location, number, short_circuited, ns: measured } => {
                let ns = measured.unwrap_or(ns);
                say(self.position(0), Event::HookRun { phase, name, location, number, short_circuited, ns });
            }
            Observation::HandlerRan { panicked, ns: measured } => {
                let (handler, ns) = (self.handler, measured.unwrap_or(ns));
                say(self.position(0), Event::HandlerEnd { handler, panicked, ns });
            }
            Observation::ResponseHead { status, head, queued, body, framing } => {
                let (request, start) = (self.responses_done + 1, self.sent + queued as u64);
                let interim = start.saturating_sub(self.response.end);
                self.response = PendingResponse { request, start, end: u64::MAX, head_at: now, first_byte_at: None };
                say(Position { request, offset: start }, Event::RespHead { status, head, interim, body, framing });
            }
            Observation::ResponseComplete { keep, last, closes, pending } => {
                self.response_complete(keep, last, closes, pending, say);
                self.responses_sent(now, say);
            }
            Observation::Closed { how, unread } => self.closed(now, how, unread, say),
        }
        self.last_event_at = now;
    }

    /// Emits an event with its position, and remembers what later ones need of it.
    fn event(&mut self, now: u64, event: Event<'_>, say: Emit<'_>) {
        match event {
            Event::ConnRecv { outcome, data } => self.receive(outcome, data, event, say),
            Event::ConnSend { outcome, .. } => self.sent(now, outcome, event, say),
            Event::ConnTimer { timer, change } => self.timer(timer, change, say),
            Event::ParseHead { head, bytes } => self.head(head, bytes, event, say),
            Event::BodyFraming { body } => {
                self.body = body;
                say(self.position(self.length), event);
            }
            Event::HandlerStart { handler, .. } => {
                self.handler = Some(handler);
                say(self.position(0), event);
            }
            Event::ConnHalfClose => {
                self.half_closed = true;
                say(Position::default(), event);
            }
            Event::ConnOpen { .. }
            | Event::ConnReady { .. }
            | Event::ConnInterest { .. }
            | Event::Lab(_)
            | Event::Backpressure { .. } => say(Position::default(), event),
            _ => say(self.position(0), event),
        }
    }

    /// Returns whether no byte of a further request has arrived.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.raw_start >= self.raw.len()
    }

    /// Records an observation without emitting anything. Omits the search for state transitions.
    pub(crate) fn skip(&mut self, now: u64, observation: Observation<'_>) {
        match observation {
            Observation::States { recv, send } => self.states = Some((recv, send)),
            observation => self.record(now, observation, &mut |_, _| {}),
        }
    }

    /// Returns the nanoseconds from the accept of the connection to `now`.
    pub(crate) fn age(&self, now: u64) -> u64 {
        now.saturating_sub(self.opened)
    }

    /// Returns the position of a byte of the current request.
    fn position(&self, at: usize) -> Position {
        Position { request: self.responses_done + 1, offset: self.base.saturating_add(at as u64) }
    }

    /// Returns the bytes of the current request and all that follow it.
    fn raw(&self) -> &[u8] {
        self.raw.get(self.raw_start..).unwrap_or_default()
    }

    fn receive(&mut self, outcome: IoOutcome, data: &[u8], event: Event<'_>, say: Emit<'_>) {
        say(Position { request: 0, offset: self.received }, event);
        self.eof |= outcome == IoOutcome::Eof;
        self.received += data.len() as u64;
        if matches!(self.states, Some((_, Sending::MustClose | Sending::Closed))) {
            return; // the rest is never parsed
        }
        self.raw.drain(..self.raw_start);
        self.raw_start = 0;
        self.raw.extend_from_slice(data);
    }

    fn sent(&mut self, now: u64, outcome: IoOutcome, event: Event<'_>, say: Emit<'_>) {
        say(Position { request: 0, offset: self.sent }, event);
        if let IoOutcome::Bytes(bytes) = outcome {
            self.sent += bytes as u64;
        }
        for answer in self.responses.iter_mut().chain([&mut self.response]).filter(|answer| answer.start < self.sent) {
            answer.first_byte_at.get_or_insert(now);
        }
        self.responses_sent(now, say);
    }

    /// Emits the end of each response whose last byte is sent.
    fn responses_sent(&mut self, now: u64, say: Emit<'_>) {
        while let Some(&PendingResponse { request, start, end, head_at: began, first_byte_at: first }) =
            self.responses.front()
            && end <= self.sent
        {
            self.responses.pop_front();
            let (bytes, ns, first_ns) = (end - start, now.saturating_sub(began), first.unwrap_or(now));
            say(Position { request, offset: start }, Event::RespDone { bytes, ns, first_ns, last_ns: now });
        }
    }

    fn states(&mut self, recv: Recv, send: Sending, say: Emit<'_>) {
        let before = self.states.replace((recv, send)).unwrap_or((Recv::Idle, Sending::Idle));
        // After the last request, a transition belongs to the connection.
        let over = recv == Recv::Closed || send == Sending::Closed;
        let place = if over { Position::default() } else { self.position(0) };
        steps::between(before, (recv, send)).iter().for_each(|step| say(place, Event::ConnState(step)));
    }

    /// Emits a timer change, unless only the deadline moved.
    fn timer(&mut self, timer: Timer, due: TimerChange, say: Emit<'_>) {
        if due == TimerChange::Expired {
            self.fired = Some(timer);
        } else if self.timer.replace(timer) == Some(timer) {
            return;
        }
        say(Position::default(), Event::ConnTimer { timer, change: due });
    }

    fn head(&mut self, head: &Head, bytes: &[u8], event: Event<'_>, say: Emit<'_>) {
        self.length = head.length;
        let old = head.version == Version::Http10;
        self.request = Some(RequestPersistence { close: head.info.close, http10: old });
        say(self.position(0), event);
        if bytes.first() == Some(&b'\r') {
            say(self.position(0), Event::ReqTolerated(EMPTY_LINE));
        }
        let version = head.target.whole.range().end + 1;
        if !old && bytes.get(version..version + 8).is_some_and(|version| version != b"HTTP/1.1") {
            say(self.position(version), Event::ReqTolerated(HIGHER_MINOR));
        }
        if let Some(query) = head.target.query
            && let Some(at) = lone_percent(query.of(bytes))
        {
            say(self.position(query.range().start + at), Event::ReqTolerated(LONE_PERCENT));
        }
    }

    /// Emits the parts of the body: all of them if its `decoded` length is known, otherwise those
    /// before the failure.
    fn body(&mut self, decoded: Option<usize>, say: Emit<'_>) {
        let start = self.length;
        let mut trailers = 0;
        match self.body {
            BodyLength::Absent => return,
            BodyLength::Length(length) => {
                self.length = self.length.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                let end = self.base.saturating_add(self.length as u64);
                if decoded.is_some() && length > 0 {
                    say(self.position(start), Event::BodyData { start: self.base + start as u64, end });
                }
            }
            BodyLength::Chunked => trailers = self.chunks(usize::MAX, say),
        }
        if let Some(length) = decoded {
            let (from, to) = (self.position(start).offset, self.position(self.length).offset);
            say(self.position(start), Event::BodyEnd { start: from, end: to, length, trailers });
        }
    }

    /// Emits one event for each complete chunk that ends at or before `most`, the last chunk
    /// included. Returns the number of trailer lines.
    fn chunks(&mut self, most: usize, say: Emit<'_>) -> u32 {
        let (mut chunks, mut at, mut trailers) = (ChunkScanner::default(), self.length, 0);
        let (mut start, mut size, mut ext, mut last) = (at, 0, 0, false);
        let known = most.min(self.raw().len());
        while let Some((kind, length)) = chunks.next(self.raw().get(at..known).unwrap_or_default()) {
            at += length;
            match kind {
                SpanKind::ChunkData => size += length as u64,
                SpanKind::ChunkExt => ext += length as u64,
                SpanKind::Trailer => trailers = chunks.index.map_or(0, |index| index + 1),
                _ => {}
            }
            if chunks.is_between() && !last {
                let (from, to) = (self.base + start as u64, self.base + at as u64);
                say(self.position(start), Event::BodyChunk { start: from, end: to, size, ext });
                last = size == 0;
                (start, size, ext) = (at, 0, 0);
            }
        }
        self.length = at;
        trailers
    }

    fn rejected(&mut self, reject: ProtocolError, limit: Option<(&'static str, u64)>, say: Emit<'_>) {
        // If something is missing, the offset is the end of the received bytes.
        let missing = matches!(
            reject.fault,
            Fault::HeadTimeout | Fault::BodyTimeout | Fault::BodyTooSlow | Fault::EndedEarly | Fault::Overloaded
        );
        let at = if missing { self.raw().len() } else { reject.at };
        if self.body == BodyLength::Chunked && at >= self.length {
            self.chunks(at, say);
        }
        self.rejected = Some(reject.fault);
        let head = if self.request.is_some() {
            0..0
        } else {
            0..self.end_of_line(at, limit.is_some() || reject.fault == Fault::TlsOnPlainPort)
        };
        let (byte, head) = (self.raw().get(at).copied(), self.raw().get(head).unwrap_or_default());
        // What follows the refused head, or the byte at fault of a refused body, has no effect.
        let rest = if head.is_empty() { self.length.max(at.saturating_add(1)) } else { head.len() };
        let rest = (!missing).then(|| self.position(rest).offset);
        say(self.position(at), Event::ReqError { reject, byte, start: self.base, head, rest });
        self.ignored_from = rest;
        if let Some((which, value)) = limit {
            say(self.position(at), Event::LimitHit { which, value });
        }
    }

    /// Returns the end of the line that contains the invalid byte, or `at + 1` if a limit was
    /// exceeded or the input has no lines: how much more was received is arbitrary.
    fn end_of_line(&self, at: usize, limited: bool) -> usize {
        let rest = self.raw().get(at..).unwrap_or_default();
        match memchr::memchr(b'\n', rest) {
            Some(lf) if !limited => at + lf + 1,
            _ => (at + 1).min(self.raw().len()),
        }
    }

    fn response_complete(&mut self, keep: bool, last: bool, closes: bool, pending: usize, say: Emit<'_>) {
        self.response.end = self.sent + pending as u64;
        self.responses.push_back(self.response);
        let reason = self.reason(keep, last, closes);
        say(self.position(0), Event::KeepAlive { keep, reason, reuse: self.responses_done + 1 });
        let left = self.raw().len().saturating_sub(self.length);
        if keep && left > 0 {
            say(self.position(self.length), Event::Pipeline { left });
        }
        if !keep {
            self.close_reason = Some(reason.why);
        }
        self.raw_start = self.raw_start.saturating_add(self.length).min(self.raw.len());
        self.base = self.base.saturating_add(self.length as u64);
        (self.length, self.parse_calls, self.parsed_len) = (0, 0, 0);
        (self.body, self.request) = (BodyLength::Absent, None);
        self.responses_done += 1;
    }

    fn reason(&self, keep: bool, last: bool, closes: bool) -> Reason {
        if let Some(fault) = self.rejected {
            let why = "after a refused request nothing that follows can be trusted";
            return Reason { why, rfc: fault.info().rfc };
        }
        match self.request {
            Some(RequestPersistence { http10: true, .. }) if keep => {
                Reason { why: "HTTP/1.0 asked to keep it", rfc: "RFC 9112 §9.3" }
            }
            _ if keep => Reason { why: "HTTP/1.1 keeps it by default", rfc: "RFC 9112 §9.3" },
            Some(RequestPersistence { close: true, .. }) => {
                Reason { why: "the client said close", rfc: "RFC 9112 §9.6" }
            }
            Some(RequestPersistence { http10: true, .. }) => {
                Reason { why: "HTTP/1.0 closes by default", rfc: "RFC 9112 §9.3" }
            }
            _ if closes => Reason { why: "the response says close", rfc: "RFC 9112 §9.6" },
            _ if last => Reason { why: "the server stops, or the connection is old enough", rfc: "RFC 9112 §9.5" },
            _ => Reason { why: "the body was not read, or only the close ends the answer", rfc: "RFC 9112 §9.3" },
        }
    }

    fn closed(&mut self, now: u64, ending: CloseReason, unread: usize, say: Emit<'_>) {
        let why = match (ending, self.fired, self.close_reason) {
            (CloseReason::IoError, ..) => "the socket failed",
            (CloseReason::WorkerDied, ..) => "its worker died",
            (CloseReason::Switched, ..) => "another protocol continues on it",
            (CloseReason::Reset, Some(Timer::Write), _) => "the client took the answer too slowly",
            (CloseReason::Reset, ..) => "the answer broke off",
            (_, Some(Timer::Idle), None) => "idle for too long",
            (_, _, Some(why)) => why,
            _ if self.eof => "the client closed first",
            _ => "the connection limit was reached",
        };
        let by = if self.half_closed || !self.eof { "server" } else { "client" };
        // Linux: close() with unread bytes sends a RST, and so does SO_LINGER 0.
        let reset =
            ending == CloseReason::Reset || (unread > 0 && matches!(ending, CloseReason::Fin | CloseReason::Lingered));
        let event = Event::ConnClose {
            how: ending,
            reset,
            ignored: self.ignored_from.filter(|start| *start < self.received).map(|start| (start, self.received)),
            by,
            why,
            unread,
            received: self.received,
            sent: self.sent,
            requests: self.responses_done,
            ns: now.saturating_sub(self.opened),
        };
        say(Position::default(), event);
    }
}

const EMPTY_LINE: Reason = Reason { why: "an empty line before the request line is skipped", rfc: "RFC 9112 §2.2" };
const LONE_PERCENT: Reason =
    Reason { why: "a % without two hexadecimal digits stands for itself in a query", rfc: "RFC 3986 §2.1" };
const HIGHER_MINOR: Reason = Reason { why: "a higher minor version is served as HTTP/1.1", rfc: "RFC 9110 §2.5" };

#[cfg(test)]
mod tests {
    use super::*;

    /// A close with unread bytes sends a RST, even after a half-close.
    #[test]
    fn a_close_with_unread_bytes_is_a_reset() {
        for (ending, unread, expected) in [
            (CloseReason::Fin, 0, false),
            (CloseReason::Fin, 1, true),
            (CloseReason::Lingered, 0, false),
            (CloseReason::Lingered, 32_768, true),
            (CloseReason::Reset, 0, true),
            (CloseReason::Switched, 5, false),
        ] {
            let mut told = None;
            Conversation::default().record(0, Observation::Closed { how: ending, unread }, &mut |_, event| {
                if let Event::ConnClose { reset, .. } = event {
                    told = Some(reset);
                }
            });
            assert_eq!(told, Some(expected), "{ending:?}, {unread} bytes unread");
        }
    }
}
