//! One connection as two state machines (what the peer does, what we do) and the rules between them; knows no socket and no clock.
//!
//! Every change of state goes through [`Connection::receiving`] or [`Connection::sending`], which hold it against the table in
//! `states.rs`.

use super::chunked::{Decoder, Progress};
use super::diagnose;
use super::encode::{Content, Length, Persistence};
use super::fault::{Fault, Reject};
use super::framing::{Body, Framing};
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
    /// The head is whole. The caller says how large a body it takes with [`Connection::admit`], then receives on.
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
    headless: bool,
    /// The peer announced that this request is its last.
    peer_closes: bool,
    version: Version,
    head_only: bool,
    framing: Framing,
    /// How many bytes of an unfinished head were parsed when it was last worth a look.
    looked: usize,
    /// How many bytes of it have been searched for its end.
    searched: usize,
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
            headless: false,
            peer_closes: false,
            version: Version::Http11,
            head_only: false,
            framing: Framing::default(),
            looked: 0,
            searched: 0,
            body_start: 0,
            max_body: 0,
            decoder: Decoder::new(),
        }
    }

    /// Looks at the bytes, copies none, and says what they are. After an `Err` the connection takes one refusal and ends.
    #[inline(always)]
    pub(crate) fn receive(&mut self, input: &mut [u8], head: &mut Head, limits: &Limits) -> Result<Event, Reject> {
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
    pub(crate) fn admit(&mut self, max_body: u64, head: &Head) -> Result<(), Reject> {
        self.max_body = max_body;
        match self.framing.body() {
            Body::Length(length) if length > max_body => {
                self.fail(&[]);
                Err(Fault::BodyTooLarge.at(head.notes.content_length.map_or(0, |value| value.start as usize)))
            }
            _ => Ok(()),
        }
    }

    /// As [`admit`](Connection::admit) where no more than `max_body` bytes are announced; otherwise nothing changes.
    pub(crate) fn admit_if_short(&mut self, max_body: u64) -> bool {
        let short = !matches!(self.framing.body(), Body::Length(length) if length > max_body);
        if short {
            self.max_body = max_body;
        }
        short
    }

    /// Whether the client waits for `100 Continue` before it sends its body: it asked to, there is one, and none of it is here.
    pub(crate) fn awaits_continue(&self, input: &[u8], head: &Head) -> bool {
        let waits = self.recv == Recv::Body && head.notes.expect_continue && input.len() == self.body_start;
        waits && self.framing.body() != Body::Length(0)
    }

    /// Whether a body is announced whose bytes are still to be read.
    pub(crate) fn expects_body(&self) -> bool {
        self.recv == Recv::Body
    }

    /// How the body of the current request ends.
    pub(crate) fn plan(&self) -> Body {
        self.framing.body()
    }

    /// Where the body begins, behind the head.
    pub(crate) fn body_start(&self) -> usize {
        self.body_start
    }

    /// Where the decoded body of a whole request lies in the input.
    #[inline]
    pub(crate) fn body(&self) -> std::ops::Range<usize> {
        match self.framing.body() {
            Body::Absent => 0..0,
            Body::Length(length) => self.body_start..self.body_start + length as usize, // in memory, so it fits
            Body::Chunked => self.body_start..self.body_start + self.decoder.decoded(),
        }
    }

    /// Returns the response's framing fields: how long it says it is, and whether the connection stays (RFC 9112 §6, §9.3).
    /// `last`: the server wants this to be the last response.
    #[inline]
    pub(crate) fn respond(&mut self, status: StatusCode, content: Content, last: bool) -> (Length, Persistence) {
        let length = match content {
            _ if status.forbids_content() => without_content(status),
            Content::Length(length) => Length::Known(length),
            Content::Streamed if self.version == Version::Http11 => Length::Chunked,
            Content::Streamed => Length::UntilClose,
            // RFC 9110 §8.6: a Content-Length that is not the one of GET must not be sent.
            Content::Undeclared if self.head_only => Length::Absent,
            Content::Undeclared => Length::Known(0),
        };
        // A body that is not read to its end would be taken for the next request: then this answer is the last.
        self.keep_alive &= !last && self.recv == Recv::Done && length != Length::UntilClose;
        let persistence = match (self.keep_alive, self.version) {
            (true, Version::Http11) => Persistence::Default,
            (true, Version::Http10) => Persistence::KeepAlive,
            (false, _) => Persistence::Close,
        };
        (length, persistence)
    }

    /// Returns whether this response carries content at all (RFC 9110 §9.3.2, §6.4.1).
    #[inline]
    pub(crate) fn sends_body(&self, status: StatusCode) -> bool {
        !self.head_only && !status.forbids_content()
    }

    /// The answer is in the output, whole. Gives the bytes of input that this request took when another one may follow.
    #[inline]
    pub(crate) fn responded(&mut self) -> Option<usize> {
        if !self.keep_alive {
            self.sending(Send::MustClose);
            return None;
        }
        self.sending(Send::Done);
        let taken = self.taken();
        self.receiving(Recv::Idle);
        self.sending(Send::Idle);
        Some(taken)
    }

    /// The bytes of an unfinished chunked body that were decoded away. The caller takes them out of its buffer now: 1-byte chunks
    /// would otherwise keep six times their size.
    pub(crate) fn close_gap(&mut self) -> Option<std::ops::Range<usize>> {
        if self.recv != Recv::Body || self.framing.body() != Body::Chunked {
            return None;
        }
        let gap = self.body_start + self.decoder.decoded()..self.body_start + self.decoder.consumed();
        self.decoder.close_gap();
        Some(gap)
    }

    /// Whether the peer will send no other request: it said so (or speaks HTTP/1.0 and did not ask to stay), and this one is whole.
    pub(crate) fn peer_is_done(&self) -> bool {
        self.peer_closes && matches!(self.recv, Recv::Done)
    }

    /// The head of the answer is in the output, its body is on its way.
    pub(crate) fn body_begins(&mut self) {
        self.sending(Send::Body);
    }

    /// The head of a 101 is in the output; behind it, and behind this request, the connection is no longer ours.
    pub(crate) fn switched(&mut self) {
        self.sending(Send::Switched);
    }

    /// The bytes of the current request left the input: it is answered from elsewhere.
    pub(crate) fn input_moved(&mut self) {
        (self.body_start, self.framing) = (0, Framing::default());
    }

    /// Whether a request has begun to arrive or waits for its answer, so that its head is still needed.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.recv == Recv::Body || matches!(self.send, Send::Respond | Send::Body)
    }

    /// Whether the last answer was given, or none will be.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.send, Send::MustClose | Send::Closed)
    }

    /// Bytes of input that belong to the current request, as far as they were read.
    pub(crate) fn taken(&self) -> usize {
        self.body_start
            + match self.framing.body() {
                Body::Absent => 0,
                Body::Length(length) => length as usize,
                Body::Chunked => self.decoder.consumed(),
            }
    }

    /// The last answer was handed to the socket.
    pub(crate) fn closed(&mut self) {
        if self.send == Send::MustClose {
            self.sending(Send::Closed);
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
    fn receive_head(&mut self, input: &[u8], head: &mut Head, limits: &Limits) -> Result<Event, Reject> {
        if self.recv == Recv::Idle {
            self.receiving(Recv::Head);
        } else if input.len() <= limits.head && !self.worth_a_look(input) {
            let before = std::mem::replace(&mut self.searched, input.len());
            return need_head(input, before, limits);
        }
        if !head.parse(input, limits)? {
            (self.looked, self.searched) = (input.len(), input.len());
            return need_head(input, 0, limits);
        }
        self.framing = Framing::of(head, input)?;
        self.body_start = head.length;
        self.version = head.version;
        self.head_only = head.method == Method::HEAD;
        // RFC 9112 §9.3: close wins; 1.1 stays by default, 1.0 only when asked.
        self.keep_alive = !head.notes.close && (head.version == Version::Http11 || head.notes.keep_alive);
        self.peer_closes = !self.keep_alive;
        self.sending(Send::Respond);
        if head.notes.expect_continue {
            head.check_expectation()?;
        }
        if self.framing.body() == Body::Absent {
            self.receiving(Recv::Done);
            return Ok(Event::Head);
        }
        self.decoder = Decoder::new();
        self.receiving(Recv::Body);
        Ok(Event::Head)
    }

    /// Parsing a head anew for every byte is quadratic (64 KiB: 473 ms). A second look pays when a blank line arrived since
    /// the last search, or what will never be one, or when the bytes doubled (so that garbage without a blank line is found early,
    /// at linear cost).
    fn worth_a_look(&self, input: &[u8]) -> bool {
        let new = self.unsearched(input);
        let holds = |end: &[u8]| memchr::memmem::find(new, end).is_some();
        input.len() >= 2 * self.looked || holds(b"\n\r\n") || holds(b"\n\n") || holds(b"\r\r\n")
    }

    /// Where a blank line could end that was not there before: searching all bytes for every one that comes is quadratic too.
    fn unsearched<'i>(&self, input: &'i [u8]) -> &'i [u8] {
        input.get(self.searched.saturating_sub(2)..).unwrap_or_default()
    }

    fn receive_body(&mut self, input: &mut [u8], limits: &Limits) -> Result<Event, Reject> {
        let whole = match self.framing.body() {
            Body::Absent => true,
            Body::Length(length) => input.len().saturating_sub(self.body_start) as u64 >= length,
            Body::Chunked => {
                let body = input.get_mut(self.body_start..).unwrap_or_default();
                let progress = self.decoder.decode(body, limits, self.max_body);
                progress.map_err(|reject| reject.fault.at(self.body_start + reject.at))? == Progress::Done
            }
        };
        if !whole {
            return Ok(Event::NeedData);
        }
        self.receiving(Recv::Done);
        Ok(Event::End)
    }

    #[inline]
    fn receiving(&mut self, to: Recv) {
        debug_assert!(allowed(State::Recv(self.recv), State::Recv(to)), "{:?} to {to:?}", self.recv);
        self.recv = to;
    }

    #[inline]
    fn sending(&mut self, to: Send) {
        debug_assert!(allowed(State::Send(self.send), State::Send(to)), "{:?} to {to:?}", self.send);
        self.send = to;
    }
}

/// RFC 9110 §8.6 forbids a length with 1xx and 204; with 304 it would be that of the content that a 200 had. A 205 has none, and says
/// so (§15.3.6).
#[cold]
fn without_content(status: StatusCode) -> Length {
    if status == StatusCode::RESET_CONTENT { Length::Known(0) } else { Length::Absent }
}

/// More bytes are needed, unless the request line is too long already. `before`: how many were searched for that already.
fn need_head(input: &[u8], before: usize, limits: &Limits) -> Result<Event, Reject> {
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
