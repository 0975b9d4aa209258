//! What a connection's events mean together: stream offsets, steps between states, durations, reasons; decides nothing, writes nothing.
//!
//! Most of it cannot be asked of the connection afterwards: its buffers move, chunks are decoded in place, states pass in one call. So
//! the account keeps the raw bytes of the request at hand. What it says of a message does not depend on where the network cut it.

mod steps;

use std::collections::VecDeque;

use super::probe::{Due, Ending, Event, Handler, Outcome, Reason, Timer};
use super::spans::{Chunks, Kind};
use crate::http1::fault::{Fault, Reject};
use crate::http1::framing::Body;
use crate::http1::head::Head;
use crate::http1::states::{Recv, Send as Sending};
use crate::http1::target::lone_percent;
use crate::http1::version::Version;

/// Where in its connection an event belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which request, from 1; 0: it concerns the connection.
    pub(crate) request: u32,
    /// The offset, in the stream of its direction, of what the event is about. It never starts again.
    pub(crate) offset: u64,
}

/// One connection's book.
#[derive(Default)]
pub(crate) struct Account {
    opened: u64,
    received: u64,
    sent: u64,
    /// The stream offset of the first byte of the request at hand, which is the first of `raw[at..]`.
    base: u64,
    raw: Vec<u8>,
    at: usize,
    /// Bytes of the request at hand, as far as they are known to belong to it.
    length: usize,
    /// Requests that were answered.
    done: u32,
    /// Where both machines stood at the last look; none: at the beginning.
    stood: Option<(Recv, Sending)>,
    calls: u32,
    looked: usize,
    asked: Option<Asked>,
    body: Body,
    timer: Option<Timer>,
    fired: Option<Timer>,
    eof: bool,
    finished: bool,
    refused: Option<Fault>,
    closing: Option<&'static str>,
    /// The handler that started last.
    handler: Option<Handler>,
    /// When the last event was told: what runs in between is what the next one measures.
    last: u64,
    /// The answer that is being made, and those whose last byte is not out.
    answer: Answer,
    answers: VecDeque<Answer>,
}

/// An answer on its way out.
#[derive(Clone, Copy, Default)]
struct Answer {
    request: u32,
    /// Where in the stream it begins and ends. An interim answer before it is no part of it.
    start: u64,
    end: u64,
    /// When its head was made.
    began: u64,
    /// When the first of its bytes left.
    first: Option<u64>,
}

/// What the client's head said about the connection.
#[derive(Clone, Copy)]
struct Asked {
    close: bool,
    old: bool,
}

/// Where the account's conclusions go.
type Say<'s> = &'s mut dyn FnMut(Place, Event<'_>);

impl Account {
    pub(crate) fn new(now: u64) -> Account {
        Account { opened: now, last: now, ..Account::default() }
    }

    /// Enters what was told at `now`, and says what is to be shown of it.
    pub(crate) fn enter(&mut self, now: u64, event: Event<'_>, say: Say<'_>) {
        let ns = now.saturating_sub(self.last);
        match event {
            Event::ConnRecv { outcome, data } => self.receive(outcome, data, event, say),
            Event::ConnSend { data, .. } => self.sent(now, data.len(), event, say),
            Event::Stand { recv, send } => self.stand(recv, send, say),
            Event::ConnTimer { timer, due } => self.timer(timer, due, say),
            Event::Looked { have, found } => {
                self.calls += 1;
                let rescanned = std::mem::replace(&mut self.looked, have).min(have);
                say(self.here(0), Event::ParseTry { have, found, calls: self.calls, rescanned });
            }
            Event::ParseHead { head, bytes } => self.head(head, bytes, event, say),
            Event::BodyPlan { body } => {
                self.body = body;
                say(self.here(self.length), event);
            }
            Event::BodyCame { length } => self.body(Some(length), say),
            Event::Refused { reject, limit } => self.refused(reject, limit, say),
            Event::HookRan { phase, name, place, number, stopped } => {
                say(self.here(0), Event::HookRun { phase, name, place, number, stopped, ns })
            }
            Event::HandlerStart { handler, .. } => {
                self.handler = Some(handler);
                say(self.here(0), event);
            }
            Event::HandlerRan { panicked, ns: measured } => {
                let (handler, ns) = (self.handler, measured.unwrap_or(ns));
                say(self.here(0), Event::HandlerEnd { handler, panicked, ns });
            }
            Event::RespHead { waiting, .. } => {
                let start = self.sent + waiting as u64;
                self.answer = Answer { request: self.done + 1, start, end: u64::MAX, began: now, first: None };
                say(self.here(0), event);
            }
            Event::Answered { keep, last, closes, pending } => self.answered(keep, last, closes, pending, say),
            Event::Closed { ending, unread } => self.closed(now, ending, unread, say),
            Event::ConnHalfClose => {
                self.finished = true;
                say(Place::default(), event);
            }
            Event::ConnOpen { .. }
            | Event::ConnReady { .. }
            | Event::ConnInterest { .. }
            | Event::Backpressure { .. } => say(Place::default(), event),
            _ => say(self.here(0), event),
        }
        self.last = now;
    }

    /// Enters what nobody is told: as above, but for the search for steps that nobody would see.
    pub(crate) fn pass(&mut self, now: u64, event: Event<'_>) {
        match event {
            Event::Stand { recv, send } => self.stood = Some((recv, send)),
            event => self.enter(now, event, &mut |_, _| {}),
        }
    }

    /// Nanoseconds from the first event of the connection, its accept, to `now`.
    pub(crate) fn age(&self, now: u64) -> u64 {
        now.saturating_sub(self.opened)
    }

    /// A place in the request at hand.
    fn here(&self, at: usize) -> Place {
        Place { request: self.done + 1, offset: self.base.saturating_add(at as u64) }
    }

    /// The bytes of the request at hand, and whatever came behind it.
    fn raw(&self) -> &[u8] {
        self.raw.get(self.at..).unwrap_or_default()
    }

    fn receive(&mut self, outcome: Outcome, data: &[u8], event: Event<'_>, say: Say<'_>) {
        say(Place { request: 0, offset: self.received }, event);
        self.eof |= outcome == Outcome::Eof;
        self.received += data.len() as u64;
        if matches!(self.stood, Some((_, Sending::MustClose | Sending::Closed))) {
            return; // nobody will look at it
        }
        self.raw.drain(..self.at);
        self.at = 0;
        self.raw.extend_from_slice(data);
    }

    fn sent(&mut self, now: u64, bytes: usize, event: Event<'_>, say: Say<'_>) {
        say(Place { request: 0, offset: self.sent }, event);
        self.sent += bytes as u64;
        for answer in self.answers.iter_mut().chain([&mut self.answer]).filter(|answer| answer.start < self.sent) {
            answer.first.get_or_insert(now);
        }
        while let Some(&Answer { request, start, end, began, first }) = self.answers.front()
            && end <= self.sent
        {
            self.answers.pop_front();
            let (bytes, ns, first_ns) = (end - start, now.saturating_sub(began), first.unwrap_or(now));
            say(Place { request, offset: start }, Event::RespDone { bytes, ns, first_ns, last_ns: now });
        }
    }

    fn stand(&mut self, recv: Recv, send: Sending, say: Say<'_>) {
        let before = self.stood.replace((recv, send)).unwrap_or((Recv::Idle, Sending::Idle));
        // After the last request there is none that a step could belong to.
        let over = recv == Recv::Closed || send == Sending::Closed;
        let place = if over { Place::default() } else { self.here(0) };
        steps::between(before, (recv, send)).iter().for_each(|step| say(place, Event::ConnState(step)));
    }

    /// A deadline that only moves is no news.
    fn timer(&mut self, timer: Timer, due: Due, say: Say<'_>) {
        if due == Due::Passed {
            self.fired = Some(timer);
        } else if self.timer.replace(timer) == Some(timer) {
            return;
        }
        say(Place::default(), Event::ConnTimer { timer, due });
    }

    fn head(&mut self, head: &Head, bytes: &[u8], event: Event<'_>, say: Say<'_>) {
        self.length = head.length;
        let old = head.version == Version::Http10;
        self.asked = Some(Asked { close: head.notes.close, old });
        say(self.here(0), event);
        if bytes.first() == Some(&b'\r') {
            say(self.here(0), Event::ReqTolerated(EMPTY_LINE));
        }
        let version = head.target.whole.range().end + 1;
        if !old && bytes.get(version..version + 8).is_some_and(|version| version != b"HTTP/1.1") {
            say(self.here(version), Event::ReqTolerated(HIGHER_MINOR));
        }
        if let Some(query) = head.target.query
            && let Some(at) = lone_percent(query.of(bytes))
        {
            say(self.here(query.range().start + at), Event::ReqTolerated(LONE_PERCENT));
        }
    }

    /// Tells of the body's parts: all of them when its `decoded` length is known, else those that came before it broke off.
    fn body(&mut self, decoded: Option<usize>, say: Say<'_>) {
        let start = self.length;
        let mut trailers = 0;
        match self.body {
            Body::Absent => return,
            Body::Length(length) => {
                self.length = self.length.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                let end = self.base.saturating_add(self.length as u64);
                if decoded.is_some() && length > 0 {
                    say(self.here(start), Event::BodyData { start: self.base + start as u64, end });
                }
            }
            Body::Chunked => trailers = self.chunks(usize::MAX, say),
        }
        if let Some(length) = decoded {
            let (from, to) = (self.here(start).offset, self.here(self.length).offset);
            say(self.here(start), Event::BodyEnd { start: from, end: to, length, trailers });
        }
    }

    /// One event a whole chunk that ends at `most` or before it, the last one included. Gives the number of trailer lines.
    fn chunks(&mut self, most: usize, say: Say<'_>) -> u32 {
        let (mut chunks, mut at, mut trailers) = (Chunks::default(), self.length, 0);
        let (mut start, mut size, mut ext, mut last) = (at, 0, 0, false);
        let known = most.min(self.raw().len());
        while let Some((kind, length)) = chunks.next(self.raw().get(at..known).unwrap_or_default()) {
            at += length;
            match kind {
                Kind::ChunkData => size += length as u64,
                Kind::ChunkExt => ext += length as u64,
                Kind::Trailer => trailers = chunks.index.map_or(0, |index| index + 1),
                _ => {}
            }
            if chunks.is_between() && !last {
                let (from, to) = (self.base + start as u64, self.base + at as u64);
                say(self.here(start), Event::BodyChunk { start: from, end: to, size, ext });
                last = size == 0;
                (start, size, ext) = (at, 0, 0);
            }
        }
        self.length = at;
        trailers
    }

    fn refused(&mut self, reject: Reject, limit: Option<(&'static str, u64)>, say: Say<'_>) {
        // What did not come has no place: its fault lies behind the last byte that did.
        let missing = matches!(
            reject.fault,
            Fault::HeadTimeout | Fault::BodyTimeout | Fault::BodyTooSlow | Fault::EndedEarly | Fault::Overloaded
        );
        let at = if missing { self.raw().len() } else { reject.at };
        if self.body == Body::Chunked && at >= self.length {
            self.chunks(at, say);
        }
        self.refused = Some(reject.fault);
        let head = if self.asked.is_some() {
            0..0
        } else {
            0..self.end_of_line(at, limit.is_some() || reject.fault == Fault::TlsOnPlainPort)
        };
        let (byte, head) = (self.raw().get(at).copied(), self.raw().get(head).unwrap_or_default());
        say(self.here(at), Event::ReqError { reject, byte, start: self.base, head });
        if let Some((which, value)) = limit {
            say(self.here(at), Event::LimitHit { which, value });
        }
    }

    /// The end of the line with the guilty byte. Beyond a limit nothing is read, and what has no lines comes in pieces of chance.
    fn end_of_line(&self, at: usize, limited: bool) -> usize {
        let rest = self.raw().get(at..).unwrap_or_default();
        match memchr::memchr(b'\n', rest) {
            Some(lf) if !limited => at + lf + 1,
            _ => (at + 1).min(self.raw().len()),
        }
    }

    fn answered(&mut self, keep: bool, last: bool, closes: bool, pending: usize, say: Say<'_>) {
        let end = self.sent + pending as u64;
        self.answers.push_back(Answer { end, ..self.answer });
        let reason = self.reason(keep, last, closes);
        say(self.here(0), Event::KeepAlive { keep, reason, reuse: self.done + 1 });
        let left = self.raw().len().saturating_sub(self.length);
        if keep && left > 0 {
            say(self.here(self.length), Event::Pipeline { left });
        }
        if !keep {
            self.closing = Some(reason.why);
        }
        self.at = self.at.saturating_add(self.length).min(self.raw.len());
        self.base = self.base.saturating_add(self.length as u64);
        (self.length, self.calls, self.looked) = (0, 0, 0);
        (self.body, self.asked) = (Body::Absent, None);
        self.done += 1;
    }

    fn reason(&self, keep: bool, last: bool, closes: bool) -> Reason {
        match self.asked {
            _ if let Some(fault) = self.refused => {
                Reason { why: "after a refused request nothing that follows can be trusted", rfc: fault.row().rfc }
            }
            Some(Asked { old: true, .. }) if keep => Reason { why: "HTTP/1.0 asked to keep it", rfc: "RFC 9112 §9.3" },
            _ if keep => Reason { why: "HTTP/1.1 keeps it by default", rfc: "RFC 9112 §9.3" },
            Some(Asked { close: true, .. }) => Reason { why: "the client said close", rfc: "RFC 9112 §9.6" },
            Some(Asked { old: true, .. }) => Reason { why: "HTTP/1.0 closes by default", rfc: "RFC 9112 §9.3" },
            _ if closes => Reason { why: "the response says close", rfc: "RFC 9112 §9.6" },
            _ if last => Reason { why: "the server stops, or the connection is old enough", rfc: "RFC 9112 §9.5" },
            _ => Reason { why: "the body was not read, or only the close ends the answer", rfc: "RFC 9112 §9.3" },
        }
    }

    fn closed(&mut self, now: u64, ending: Ending, unread: usize, say: Say<'_>) {
        let why = match (ending, self.fired, self.closing) {
            (Ending::Broken, ..) => "the socket failed",
            (Ending::Lost, ..) => "its worker died",
            (Ending::Switched, ..) => "another protocol continues on it",
            (Ending::Reset, Some(Timer::Write), _) => "the client took the answer too slowly",
            (Ending::Reset, ..) => "the answer broke off",
            (_, Some(Timer::Idle), None) => "idle for too long",
            (_, _, Some(why)) => why,
            _ if self.eof => "the client closed first",
            _ => "the connection limit was reached",
        };
        let by = if self.finished || !self.eof { "server" } else { "client" };
        // Linux: close() with unread bytes sends a RST, and so does SO_LINGER 0.
        let reset = ending == Ending::Reset || (unread > 0 && matches!(ending, Ending::Fin | Ending::Staged));
        let event = Event::ConnClose {
            ending,
            reset,
            by,
            why,
            unread,
            received: self.received,
            sent: self.sent,
            requests: self.done,
            ns: now.saturating_sub(self.opened),
        };
        say(Place::default(), event);
    }
}

const EMPTY_LINE: Reason = Reason { why: "an empty line before the request line is skipped", rfc: "RFC 9112 §2.2" };
const LONE_PERCENT: Reason =
    Reason { why: "a % without two hexadecimal digits stands for itself in a query", rfc: "RFC 3986 §2.1" };
const HIGHER_MINOR: Reason = Reason { why: "a higher minor version is served as HTTP/1.1", rfc: "RFC 9110 §2.5" };

#[cfg(test)]
mod tests {
    use super::*;

    /// A close with unread bytes is a RST on the wire, however politely it began.
    #[test]
    fn a_close_with_unread_bytes_is_a_reset() {
        for (ending, unread, expected) in [
            (Ending::Fin, 0, false),
            (Ending::Fin, 1, true),
            (Ending::Staged, 0, false),
            (Ending::Staged, 32_768, true),
            (Ending::Reset, 0, true),
            (Ending::Switched, 5, false),
        ] {
            let mut told = None;
            Account::default().enter(0, Event::Closed { ending, unread }, &mut |_, event| {
                if let Event::ConnClose { reset, .. } = event {
                    told = Some(reset);
                }
            });
            assert_eq!(told, Some(expected), "{ending:?}, {unread} bytes unread");
        }
    }
}
