//! One connection as two state machines (what the peer does, what we do) and the rules between them; knows no socket and no clock.
//!
//! Every change of state goes through [`Connection::set_recv`] or [`Connection::set_send`], which hold it against the table in
//! `states.rs`.

use super::chunked::{Decoder, Progress};
use super::diagnose;
use super::encode::{Content, Persistence, ResponseFraming};
use super::fault::{Fault, ProtocolError};
use super::framing::{BodyLength, Framing};
use super::head::Head;
use super::limits::Limits;
use super::method::Method;
use super::states::{Recv, Send, State, allowed};
use super::status::StatusCode;
use super::version::Version;

/// What [`Connection::receive`] found in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The bytes do not reach: come back with more.
    NeedData,
    /// The head is whole. The caller says how large a body it takes with [`Connection::set_body_limit`], then receives on.
    Head,
    /// The request is whole: [`Connection::body`] says where its body lies.
    End,
    /// The answer is not out yet; the bytes behind this request wait (RFC 9112 §9.3.2: answers go in order).
    Paused,
    /// The peer has closed, and nothing is left to do.
    Eof,
}

/// What a timer that fires now would mean. How long it runs is the network's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// For the first byte of the next request.
    Idle,
    /// For the rest of a head.
    Head,
    /// For the rest of a body.
    Body,
    /// For the application.
    Application,
    /// For nothing: the connection ends.
    Close,
}

/// The protocol state of one connection. `input` is always the bytes from the current request's first byte on.
#[derive(Debug)]
pub(crate) struct Connection {
    recv: Recv,
    send: Send,
    /// Only ever goes from true to false within one request.
    keep_alive: bool,
    /// What was refused is the head itself, or how long its body is: nothing that it says can be relied on.
    head_invalid: bool,
    /// The peer announced that this request is its last.
    peer_will_close: bool,
    version: Version,
    /// Whether the response carries content: not to HEAD (RFC 9110 §9.3.2), and not with a status that forbids it (§6.4.1).
    sends_body: bool,
    framing: Framing,
    /// How many bytes of an unfinished head were parsed when it was last worth a look.
    parsed_len: usize,
    /// How many bytes of it have been searched for its end.
    scanned_len: usize,
    body_start: usize,
    max_body: u64,
    decoder: Decoder,
}

impl Connection {
    pub(crate) fn new() -> Connection {
        Connection {
            recv: Recv::Idle,
            send: Send::Idle,
            keep_alive: true,
            head_invalid: false,
            peer_will_close: false,
            version: Version::Http11,
            sends_body: true,
            framing: Framing::default(),
            parsed_len: 0,
            scanned_len: 0,
            body_start: 0,
            max_body: 0,
            decoder: Decoder::new(),
        }
    }

    /// Looks at the bytes, copies none, and says what they are. After an `Err` the connection takes one refusal and ends.
    #[inline(always)]
    pub(crate) fn receive(
        &mut self,
        input: &mut [u8],
        head: &mut Head,
        limits: &Limits,
    ) -> Result<Event, ProtocolError> {
        let found = match self.recv {
            Recv::Idle if input.is_empty() => return Ok(Event::NeedData),
            Recv::Idle | Recv::Head => self.receive_head(input, head, limits),
            Recv::Body => self.receive_body(input, limits),
            Recv::Done | Recv::Failed => return Ok(Event::Paused),
            Recv::Closed => return Ok(Event::Eof),
        };
        if found.is_err() {
            self.fail(input);
        }
        found
    }

    /// Says how many bytes of body the resource takes. 413 at once when more are announced (RFC 9110 §15.5.14).
    pub(crate) fn set_body_limit(&mut self, max_body: u64, head: &Head) -> Result<(), ProtocolError> {
        self.max_body = max_body;
        match self.framing.length() {
            BodyLength::Length(length) if length > max_body => {
                self.fail(&[]);
                Err(Fault::BodyTooLarge.at(head.info.content_length.map_or(0, |value| value.start as usize)))
            }
            _ => Ok(()),
        }
    }

    /// As [`set_body_limit`](Connection::set_body_limit) where no more than `max_body` bytes are announced; otherwise nothing changes.
    pub(crate) fn set_body_limit_if_within(&mut self, max_body: u64) -> bool {
        let short = !matches!(self.framing.length(), BodyLength::Length(length) if length > max_body);
        if short {
            self.max_body = max_body;
        }
        short
    }

    /// Whether the client waits for `100 Continue` before it sends its body: it asked to, there is one, and none of it is here.
    pub(crate) fn awaits_continue(&self, input: &[u8], head: &Head) -> bool {
        let waits = self.recv == Recv::Body && head.info.expect_continue && input.len() == self.body_start;
        waits && self.framing.length() != BodyLength::Length(0)
    }

    /// Whether a body is announced whose bytes are still to be read.
    pub(crate) fn expects_body(&self) -> bool {
        self.recv == Recv::Body
    }

    /// How the body of the current request ends.
    pub(crate) fn body_length(&self) -> BodyLength {
        self.framing.length()
    }

    /// Where the body begins, behind the head.
    pub(crate) fn body_start(&self) -> usize {
        self.body_start
    }

    /// Where the decoded body of a whole request lies in the input.
    #[inline]
    pub(crate) fn body(&self) -> std::ops::Range<usize> {
        match self.framing.length() {
            BodyLength::Absent => 0..0,
            BodyLength::Length(length) => self.body_start..self.body_start + length as usize, // in memory, so it fits
            BodyLength::Chunked => self.body_start..self.body_start + self.decoder.decoded(),
        }
    }

    /// Returns the decoded body of the whole request in `input`.
    #[inline]
    pub(crate) fn body_in<'i>(&self, input: &'i [u8]) -> &'i [u8] {
        match self.framing.length() {
            BodyLength::Absent => &[],
            BodyLength::Length(_) | BodyLength::Chunked => input.get(self.body()).unwrap_or_default(),
        }
    }

    /// Returns the response's framing fields: how long it says it is, and whether the connection stays (RFC 9112 §6, §9.3).
    /// `last`: the server wants this to be the last response.
    #[inline]
    pub(crate) fn respond(
        &mut self,
        status: StatusCode,
        content: Content,
        last: bool,
    ) -> (ResponseFraming, Persistence) {
        let length = match content {
            _ if status.forbids_content() => self.without_content(status),
            Content::Length(length) => ResponseFraming::Known(length),
            Content::Streamed if self.version == Version::Http11 => ResponseFraming::Chunked,
            Content::Streamed => ResponseFraming::UntilClose,
            // RFC 9110 §8.6: a Content-Length that is not the one of GET must not be sent.
            Content::Undeclared if !self.sends_body => ResponseFraming::Absent,
            Content::Undeclared => ResponseFraming::Known(0),
        };
        // A body that is not read to its end would be taken for the next request: then this answer is the last.
        self.keep_alive &= !last && self.recv == Recv::Done && length != ResponseFraming::UntilClose;
        let persistence = match (self.keep_alive, self.version) {
            (true, Version::Http11) => Persistence::Default,
            (true, Version::Http10) => Persistence::KeepAlive,
            (false, _) => Persistence::Close,
        };
        (length, persistence)
    }

    /// RFC 9110 §8.6 forbids a length with 1xx and 204; with 304 it would be that of the content that a 200 had. A 205 has none, and
    /// says so (§15.3.6).
    #[cold]
    fn without_content(&mut self, status: StatusCode) -> ResponseFraming {
        self.sends_body = false;
        if status == StatusCode::RESET_CONTENT { ResponseFraming::Known(0) } else { ResponseFraming::Absent }
    }

    /// Returns whether the response of which [`respond`](Connection::respond) was told carries content.
    #[inline]
    pub(crate) fn sends_body(&self) -> bool {
        self.sends_body
    }

    /// The answer is in the output, whole. Gives the bytes of input that this request took when another one may follow.
    #[inline]
    pub(crate) fn finish_response(&mut self) -> Option<usize> {
        if !self.keep_alive {
            self.set_send(Send::MustClose);
            return None;
        }
        self.set_send(Send::Done);
        let taken = self.consumed();
        self.set_recv(Recv::Idle);
        self.set_send(Send::Idle);
        Some(taken)
    }

    /// The bytes of an unfinished chunked body that were decoded away. The caller takes them out of its buffer now: 1-byte chunks
    /// would otherwise keep six times their size.
    pub(crate) fn compact(&mut self) -> Option<std::ops::Range<usize>> {
        if self.recv != Recv::Body || self.framing.length() != BodyLength::Chunked {
            return None;
        }
        let gap = self.body_start + self.decoder.decoded()..self.body_start + self.decoder.consumed();
        self.decoder.compact();
        Some(gap)
    }

    /// Whether the peer will send no other request: it said so (or speaks HTTP/1.0 and did not ask to stay), and this one is whole.
    pub(crate) fn peer_is_done(&self) -> bool {
        self.peer_will_close && matches!(self.recv, Recv::Done)
    }

    /// The head of the answer is in the output, its body is on its way.
    pub(crate) fn begin_body(&mut self) {
        self.set_send(Send::Body);
    }

    /// The head of a 101 is in the output; behind it, and behind this request, the connection is no longer ours.
    pub(crate) fn switch_protocols(&mut self) {
        self.set_send(Send::Switched);
    }

    /// The bytes of the current request left the input: it is answered from elsewhere.
    pub(crate) fn release_input(&mut self) {
        (self.body_start, self.framing) = (0, Framing::default());
    }

    /// Whether a request has begun to arrive or waits for its answer, so that its head is still needed.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.recv == Recv::Body || matches!(self.send, Send::Respond | Send::Body)
    }

    /// Whether the last answer was given, or none will be.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.send, Send::MustClose | Send::Closed)
    }

    /// Bytes of input that belong to the current request, as far as they were read.
    pub(crate) fn consumed(&self) -> usize {
        self.body_start
            + match self.framing.length() {
                BodyLength::Absent => 0,
                BodyLength::Length(length) => length as usize,
                BodyLength::Chunked => self.decoder.consumed(),
            }
    }

    /// The last answer was handed to the socket.
    pub(crate) fn close(&mut self) {
        if self.send == Send::MustClose {
            self.set_send(Send::Closed);
        }
    }

    /// What the connection waits for.
    #[inline]
    pub(crate) fn waiting(&self) -> Waiting {
        match (self.send, self.recv) {
            (Send::MustClose | Send::Closed, _) => Waiting::Close,
            (Send::Respond | Send::Body | Send::Done, Recv::Done | Recv::Failed | Recv::Closed) => Waiting::Application,
            (Send::Switched, _) => Waiting::Application,
            (_, Recv::Idle) => Waiting::Idle,
            (_, Recv::Head) => Waiting::Head,
            (_, Recv::Body) => Waiting::Body,
            (Send::Idle, Recv::Done | Recv::Failed | Recv::Closed) => Waiting::Close,
        }
    }

    /// Both states, for the trace and the tests.
    pub(crate) fn states(&self) -> (Recv, Send) {
        (self.recv, self.send)
    }

    #[inline(always)]
    fn receive_head(&mut self, input: &[u8], head: &mut Head, limits: &Limits) -> Result<Event, ProtocolError> {
        if self.recv == Recv::Idle {
            self.set_recv(Recv::Head);
        } else if input.len() <= limits.head && !self.should_parse(input) {
            let before = std::mem::replace(&mut self.scanned_len, input.len());
            return need_head(input, before, limits);
        }
        if !head.parse(input, limits)? {
            (self.parsed_len, self.scanned_len) = (input.len(), input.len());
            return need_head(input, 0, limits);
        }
        self.framing = Framing::of(head, input)?;
        self.body_start = head.length;
        self.version = head.version;
        self.sends_body = head.method != Method::HEAD;
        // RFC 9112 §9.3: close wins; 1.1 stays by default, 1.0 only when asked.
        self.keep_alive = !head.info.close && (head.version == Version::Http11 || head.info.keep_alive);
        self.peer_will_close = !self.keep_alive;
        self.set_send(Send::Respond);
        if head.info.expect_continue {
            head.check_expectation()?;
        }
        if self.framing.length() == BodyLength::Absent {
            self.set_recv(Recv::Done);
            return Ok(Event::Head);
        }
        self.decoder = Decoder::new();
        self.set_recv(Recv::Body);
        Ok(Event::Head)
    }

    /// Parsing a head anew for every byte is quadratic (64 KiB: 473 ms). A second look pays when a blank line arrived since
    /// the last search, or what will never be one, or when the bytes doubled (so that garbage without a blank line is found early,
    /// at linear cost).
    fn should_parse(&self, input: &[u8]) -> bool {
        let new = self.unscanned(input);
        let holds = |end: &[u8]| memchr::memmem::find(new, end).is_some();
        input.len() >= 2 * self.parsed_len || holds(b"\n\r\n") || holds(b"\n\n") || holds(b"\r\r\n")
    }

    /// Where a blank line could end that was not there before: searching all bytes for every one that comes is quadratic too.
    fn unscanned<'i>(&self, input: &'i [u8]) -> &'i [u8] {
        input.get(self.scanned_len.saturating_sub(2)..).unwrap_or_default()
    }

    fn receive_body(&mut self, input: &mut [u8], limits: &Limits) -> Result<Event, ProtocolError> {
        let whole = match self.framing.length() {
            BodyLength::Absent => true,
            BodyLength::Length(length) => input.len().saturating_sub(self.body_start) as u64 >= length,
            BodyLength::Chunked => {
                let body = input.get_mut(self.body_start..).unwrap_or_default();
                let progress = self.decoder.decode(body, limits, self.max_body);
                progress.map_err(|reject| reject.fault.at(self.body_start + reject.at))? == Progress::Done
            }
        };
        if !whole {
            return Ok(Event::NeedData);
        }
        self.set_recv(Recv::Done);
        Ok(Event::End)
    }

    #[inline]
    fn set_recv(&mut self, to: Recv) {
        debug_assert!(allowed(State::Recv(self.recv), State::Recv(to)), "{:?} to {to:?}", self.recv);
        self.recv = to;
    }

    #[inline]
    fn set_send(&mut self, to: Send) {
        debug_assert!(allowed(State::Send(self.send), State::Send(to)), "{:?} to {to:?}", self.send);
        self.send = to;
    }
}

/// More bytes are needed, unless the request line is too long already. `before`: how many were searched for that already.
fn need_head(input: &[u8], before: usize, limits: &Limits) -> Result<Event, ProtocolError> {
    // The longest line that can still be whole is CRLF longer than the limit, and an empty line may stand in front of it. Once one
    // that long was found to end, it stays so.
    let crossing = before <= limits.request_line + 4 && input.len() > limits.request_line + 2;
    if crossing && diagnose::request_line_exceeds(input, limits.request_line) {
        return Err(diagnose::too_large(input, limits));
    }
    Ok(Event::NeedData)
}

mod breach;
mod failure;
pub(crate) mod parts;
#[cfg(test)]
mod tests;
