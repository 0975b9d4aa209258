//! One connection as two state machines, one for each direction: the state, and what it says about the input.
//!
//! `receive.rs` drives the first machine, `respond.rs` the second. Each change of state goes through `set_recv`
//! or `set_send`, which check it against the table in `states.rs` in debug builds.

pub(crate) mod body_decoder;
mod receive;
mod respond;

use std::ops::Range;

use super::chunked::Decoder;
use super::framing::{BodyLength, Framing};
use super::states::{Recv, Send, State, allowed};
use super::version::Version;
use crate::bytes::part;

/// Result of [`Connection::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// More bytes are needed.
    NeedData,
    /// The head is complete. The caller calls [`Connection::set_body_limit`], then receives on.
    Head,
    /// The request is complete: [`Connection::body`] returns the range of its body.
    End,
    /// The response is not sent. The bytes after this request wait: responses are sent in order (RFC 9112 §9.3.2).
    Paused,
    /// The peer has closed its side, and no request is unanswered.
    Eof,
}

/// What the connection waits for: which timeout applies. `net` decides how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The first byte of the next request.
    Idle,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
    /// The application.
    Application,
    /// Nothing: the connection closes.
    Close,
}

/// The protocol state of one connection.
///
/// `input` is always the received bytes from the first byte of the current request on.
#[derive(Debug)]
pub struct Connection {
    recv: Recv,
    send: Send,
    /// Changes only from true to false within one request.
    keep_alive: bool,
    /// The head or its framing was invalid: do not use its fields.
    head_invalid: bool,
    /// This request is the peer's last: it sent `Connection: close`, or HTTP/1.0 without keep-alive.
    peer_will_close: bool,
    version: Version,
    /// Whether the response carries content: not to HEAD (RFC 9110 §9.3.2), and not with a status that forbids it (§6.4.1).
    sends_body: bool,
    framing: Framing,
    /// Input length at the last parse attempt.
    parsed_len: usize,
    /// Input length at the last search for the end of the head.
    scanned_len: usize,
    body_start: usize,
    max_body: u64,
    decoder: Decoder,
}

impl Connection {
    /// Returns the state before the first request.
    pub fn new() -> Connection {
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

    /// Returns whether the current request has a body that is incomplete.
    pub fn expects_body(&self) -> bool {
        self.recv == Recv::Body
    }

    /// Returns how the body of the current request is delimited.
    pub(crate) fn body_length(&self) -> BodyLength {
        self.framing.length()
    }

    /// Returns the offset of the body.
    pub(crate) fn body_start(&self) -> usize {
        self.body_start
    }

    /// Returns the range of the decoded body in the input, if the request is complete.
    #[inline]
    pub fn body(&self) -> Range<usize> {
        match self.framing.length() {
            BodyLength::Absent => 0..0,
            BodyLength::Length(length) => self.body_start..self.body_start + length as usize, // fits: it is in memory
            BodyLength::Chunked => self.body_start..self.body_start + self.decoder.decoded(),
        }
    }

    /// Returns the decoded body in `input`, if the request is complete.
    #[inline]
    pub(crate) fn body_in<'i>(&self, input: &'i [u8]) -> &'i [u8] {
        match self.framing.length() {
            BodyLength::Absent => &[],
            BodyLength::Length(_) | BodyLength::Chunked => part(input, self.body()),
        }
    }

    /// Returns the range of an incomplete chunked body that holds no data any more. The caller removes it from the input:
    /// chunks of 1 byte would otherwise occupy six times their size.
    pub(crate) fn compact(&mut self) -> Option<Range<usize>> {
        if self.recv != Recv::Body || self.framing.length() != BodyLength::Chunked {
            return None;
        }
        let gap = self.body_start + self.decoder.decoded()..self.body_start + self.decoder.consumed();
        self.decoder.compact();
        Some(gap)
    }

    /// Returns whether the peer will send no other request, and the current one is complete.
    pub(crate) fn peer_is_done(&self) -> bool {
        self.peer_will_close && matches!(self.recv, Recv::Done)
    }

    /// Records that the caller removed the head from the input, to read the body with [`receive_chunk`](Self::receive_chunk).
    pub(crate) fn release_head(&mut self) {
        self.body_start = 0;
    }

    /// Records that the caller removed the current request from the input, for a handler on the pool.
    pub(crate) fn release_input(&mut self) {
        (self.body_start, self.framing) = (0, Framing::default());
    }

    /// Returns whether a request is being received or answered, so that its head is in use.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.recv == Recv::Body || matches!(self.send, Send::Respond | Send::Body)
    }

    /// Returns whether the last response is complete, or none will follow.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.send, Send::MustClose | Send::Closed)
    }

    /// Returns the bytes of the input that belong to the current request, as far as they were parsed.
    pub(crate) fn consumed(&self) -> usize {
        let body = match self.framing.length() {
            BodyLength::Absent => 0,
            BodyLength::Length(length) => length as usize,
            BodyLength::Chunked => self.decoder.consumed(),
        };
        self.body_start.saturating_add(body) // of an incomplete body, any length may be announced
    }

    /// Returns what the connection waits for.
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

    /// Returns both states.
    pub(crate) fn states(&self) -> (Recv, Send) {
        (self.recv, self.send)
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

impl Default for Connection {
    fn default() -> Connection {
        Connection::new()
    }
}

#[cfg(test)]
mod tests;
