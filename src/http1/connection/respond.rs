//! Responds: decides how a response is framed and whether the connection persists (RFC 9112 §6, §9.3).

use std::panic::Location;

use super::Connection;
use crate::http1::encode::{Content, Persistence, ResponseFraming};
use crate::http1::states::{Recv, Send};
use crate::http1::status::StatusCode;
use crate::http1::version::Version;

impl Connection {
    /// The place where a response changes the state and ends the connection, for the trace.
    pub(crate) const RESPONDS: &Location<'static> = Location::caller();

    /// Returns how the response is framed, and what it says about the connection (RFC 9112 §6, §9.3).
    ///
    /// If `last`, the server closes after this response.
    #[inline]
    pub fn respond(&mut self, status: StatusCode, content: Content, last: bool) -> (ResponseFraming, Persistence) {
        let length = match content {
            _ if status.forbids_content() => self.without_content(status),
            Content::Length(length) => ResponseFraming::Known(length),
            Content::Streamed if self.version == Version::Http11 => ResponseFraming::Chunked,
            Content::Streamed => ResponseFraming::UntilClose,
            // RFC 9110 §8.6: a Content-Length other than that of GET must not be sent.
            Content::Undeclared if !self.sends_body => ResponseFraming::Absent,
            Content::Undeclared => ResponseFraming::Known(0),
        };
        // The rest of an unread body would be parsed as the next request: close instead.
        self.keep_alive &= !last && self.recv == Recv::Done && length != ResponseFraming::UntilClose;
        let persistence = match (self.keep_alive, self.version) {
            (true, Version::Http11) => Persistence::Default,
            (true, Version::Http10) => Persistence::KeepAlive,
            // `close` would announce an end (RFC 9112 §9.6), and the connection goes on in the other protocol.
            (false, _) if status == StatusCode::SWITCHING_PROTOCOLS => Persistence::Default,
            (false, _) => Persistence::Close,
        };
        (length, persistence)
    }

    /// Returns the framing of a status without content. RFC 9110 §8.6 forbids Content-Length with 1xx and 204, and with 304
    /// it would be that of the 200. A 205 announces that it is empty (§15.3.6).
    #[cold]
    fn without_content(&mut self, status: StatusCode) -> ResponseFraming {
        self.sends_body = false;
        if status == StatusCode::RESET_CONTENT { ResponseFraming::Known(0) } else { ResponseFraming::Absent }
    }

    /// Returns whether the response that [`respond`](Connection::respond) framed carries content.
    #[inline]
    pub(crate) fn sends_body(&self) -> bool {
        self.sends_body
    }

    /// Records that the head of the response is in the output, and its body follows.
    pub(crate) fn begin_body(&mut self) {
        self.set_send(Send::Body);
    }

    /// Records that the head of a 101 is in the output. What follows, in both directions, is another protocol.
    pub(crate) fn switch_protocols(&mut self) {
        self.set_send(Send::Switched);
    }

    /// Records that the response is in the output. Returns the length of the request in the input, which the caller
    /// removes; `None` if the connection closes.
    #[inline]
    pub fn finish_response(&mut self) -> Option<usize> {
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

    /// Records that the last response was written to the socket.
    pub(crate) fn close(&mut self) {
        if self.send == Send::MustClose {
            self.set_send(Send::Closed);
        }
    }
}
