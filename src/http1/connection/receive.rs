//! Receives: parses the head and the body of a request from the bytes of the input, and rejects invalid ones.

use std::panic::Location;

use super::{Connection, Event};
use crate::bytes::tail;
use crate::http1::chunked::{Decoder, Progress};
use crate::http1::fault::{Fault, ProtocolError};
use crate::http1::framing::{BodyLength, Framing};
use crate::http1::head::Head;
use crate::http1::head::diagnose;
use crate::http1::limits::{Limits, MAX_FIELDS};
use crate::http1::method::Method;
use crate::http1::states::{Recv, Send};
use crate::http1::version::Version;

/// What old clients send after a body (RFC 9112 §2.2). A client that sends nothing more gets no response to it.
const EMPTY_LINE: &[u8] = b"\r\n";

impl Connection {
    /// The place where a request changes the state, for the trace.
    pub(crate) const RECEIVES: &Location<'static> = Location::caller();

    /// Parses the input as far as possible; copies nothing, and decodes chunks in place.
    ///
    /// # Errors
    /// If the request violates a rule or exceeds a limit. The connection then takes one more response, with the
    /// status of the fault, and closes.
    #[inline(always)]
    pub fn receive(&mut self, input: &mut [u8], head: &mut Head, limits: &Limits) -> Result<Event, ProtocolError> {
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
        // RFC 9112 §9.3: `close` overrides; HTTP/1.1 persists by default, HTTP/1.0 only with keep-alive.
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

    /// Returns whether to parse an incomplete head again. Parsing it for each byte would be quadratic (64 KiB: 473 ms).
    /// So: if a possible empty line arrived since the last search, or an invalid one, or if the length doubled, which
    /// finds the fault of a head without an empty line early, at linear cost.
    #[inline(never)] // rare; inlined, the registers of the search are saved for every request
    fn should_parse(&self, input: &[u8]) -> bool {
        let new = self.unscanned(input);
        let holds = |end: &[u8]| memchr::memmem::find(new, end).is_some();
        input.len() >= 2 * self.parsed_len || holds(b"\n\r\n") || holds(b"\n\n") || holds(b"\r\r\n")
    }

    /// Returns the input in which an empty line can have appeared since the last search. Searching all of it for each
    /// byte would be quadratic too.
    pub(super) fn unscanned<'i>(&self, input: &'i [u8]) -> &'i [u8] {
        tail(input, self.scanned_len.saturating_sub(2))
    }

    #[inline(never)] // as above: most requests have no body
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

    /// Records that the peer closed its side after `input`.
    ///
    /// # Errors
    /// If a request is incomplete (RFC 9112 §8). An empty line does not start one.
    pub fn receive_eof(&mut self, input: &[u8], head: &mut Head, limits: &Limits) -> Result<(), ProtocolError> {
        match self.recv {
            Recv::Head if input != EMPTY_LINE => Err(self.truncated(input, head, limits, Fault::EndedEarly)),
            Recv::Body => {
                self.fail(input);
                Err(Fault::EndedEarly.at(input.len()))
            }
            Recv::Idle | Recv::Head => {
                self.set_recv(Recv::Closed);
                self.set_send(Send::Closed);
                Ok(())
            }
            Recv::Done | Recv::Closed | Recv::Failed => Ok(()),
        }
    }

    /// Ends an incomplete head or body after its timeout. Returns the error to respond with; `None` if no request has begun.
    pub(crate) fn expire(
        &mut self,
        input: &[u8],
        head: &mut Head,
        limits: &Limits,
        late: Fault,
    ) -> Option<ProtocolError> {
        match self.recv {
            Recv::Head if input != EMPTY_LINE => Some(self.truncated(input, head, limits, late)),
            Recv::Body => {
                self.fail(input);
                Some(late.at(input.len()))
            }
            _ => None,
        }
    }

    /// Sets how many bytes of body the resource accepts.
    ///
    /// # Errors
    /// If Content-Length announces more (413, RFC 9110 §15.5.14).
    pub fn set_body_limit(&mut self, max_body: u64, head: &Head) -> Result<(), ProtocolError> {
        self.max_body = max_body;
        match self.framing.length() {
            BodyLength::Length(length) if length > max_body => {
                self.fail(&[]);
                Err(Fault::BodyTooLarge.at(head.info.content_length.map_or(0, |value| value.start as usize)))
            }
            _ => Ok(()),
        }
    }

    /// Sets the limit as [`set_body_limit`](Connection::set_body_limit) does, unless more is announced. Returns whether it did.
    pub(crate) fn set_body_limit_if_within(&mut self, max_body: u64) -> bool {
        let short = !matches!(self.framing.length(), BodyLength::Length(length) if length > max_body);
        if short {
            self.max_body = max_body;
        }
        short
    }

    /// Returns whether the client waits for `100 Continue`: it sent the expectation, and has a body of which nothing has
    /// arrived (RFC 9110 §10.1.1).
    pub(crate) fn awaits_continue(&self, input: &[u8], head: &Head) -> bool {
        let waits = self.recv == Recv::Body && head.info.expect_continue && input.len() == self.body_start;
        waits && self.framing.length() != BodyLength::Length(0)
    }

    /// Returns whether the head of a rejected request is valid: the fault is in its body, or its body is too large.
    pub(crate) fn head_is_valid(&self) -> bool {
        !self.head_invalid
    }

    /// Returns the limit that was exceeded, for the trace: its name, mostly that of a field of [`Limits`], and its value for
    /// this request. `None` if the fault is another one.
    pub(crate) fn exceeded_limit(&self, fault: Fault, limits: &Limits) -> Option<(&'static str, u64)> {
        Some(match fault {
            Fault::MethodTooLong => ("method", Method::MAX_LEN as u64),
            Fault::TargetTooLong => ("request_line", limits.request_line as u64),
            Fault::FieldsTooMany => ("fields", limits.fields.min(MAX_FIELDS) as u64),
            Fault::HeadTooLarge => ("head", limits.head as u64),
            Fault::BodyTooLarge => ("body", self.max_body),
            Fault::Overloaded => ("bodies", limits.bodies),
            Fault::ChunkExtensionTooLong if self.decoder.extension() > limits.chunk_extension => {
                ("chunk_extension", limits.chunk_extension as u64)
            }
            Fault::ChunkExtensionTooLong => ("chunk_extensions", limits.chunk_extensions as u64),
            Fault::TrailersTooLarge => ("trailers", limits.trailers as u64),
            _ => return None,
        })
    }

    /// Rejects a head that will stay incomplete: with the fault of its bytes if they have one, else with `otherwise`.
    fn truncated(&mut self, input: &[u8], head: &mut Head, limits: &Limits, otherwise: Fault) -> ProtocolError {
        self.fail(input);
        match head.parse(input, limits) {
            Err(reject) => reject,
            Ok(_) => otherwise.at(input.len()),
        }
    }

    /// Ends the request. `input` is the request so far, if its head is invalid.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&mut self, input: &[u8]) {
        self.set_recv(Recv::Failed);
        self.keep_alive = false;
        self.body_start = 0;
        self.framing = Framing::default();
        self.head_invalid = self.send == Send::Idle;
        if self.head_invalid {
            // The version is unknown, so the response must not be chunked (RFC 9112 §6.1). A response to HEAD has no content,
            // even if the rest of the head is invalid (RFC 9110 §9.3.2).
            self.version = Version::Http10;
            self.sends_body = !input.strip_prefix(EMPTY_LINE).unwrap_or(input).starts_with(b"HEAD ");
            self.set_send(Send::Respond);
        }
    }
}

/// Returns `NeedData`, or the error of a request line that is already too long. `before` bytes were searched for it before.
fn need_head(input: &[u8], before: usize, limits: &Limits) -> Result<Event, ProtocolError> {
    // A valid line is at most CRLF longer than the limit, and an empty line may precede it. Once a line of that length
    // has ended, later bytes do not change that.
    let line = limits.request_line.saturating_add(2);
    let crossing = before <= line.saturating_add(2) && input.len() > line;
    if crossing && diagnose::request_line_exceeds(input, limits.request_line) {
        return Err(diagnose::too_large(input, limits));
    }
    Ok(Event::NeedData)
}
