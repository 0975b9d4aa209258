//! Parses a request head: httparse finds the parts, a strict pass checks what httparse accepts.
//!
//! httparse accepts a bare LF as a line end, any number of empty lines before the request line, and bytes
//! in the target that RFC 3986 forbids. Each has been a smuggling vector in some server, so each is rejected here.
//!
//! [`Head::parse`] tries the fast path, which handles nearly every request. Everything else, valid or not, takes
//! `parse_slow` and `parse_limited`; both paths end in `check_fields`.

use std::mem::MaybeUninit;
use std::panic::Location;

use super::{Field, Head, HeadInfo, MIN_HOST_CAPACITY, diagnose, fast};
use crate::bytes::{head, tail};
use crate::http1::fault::{Fault, ProtocolError};
use crate::http1::field_value::list;
use crate::http1::limits::{Limits, MAX_FIELDS};
use crate::http1::method::Method;
use crate::http1::span::Span;
use crate::http1::target;
use crate::http1::version::Version;

/// Field lines of nearly every head. One with more is parsed again on the slow path, which has the larger table.
const FAST_PATH_FIELDS: usize = 16;

const CRLF: &[u8] = b"\r\n";

/// Where a head begins and ends.
struct HeadRange {
    start: usize,
    end: usize,
}

impl Head {
    /// Parses the head at the start of `input`. Returns `false` if it is incomplete.
    #[inline]
    pub(crate) fn parse(&mut self, input: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        let Some(fields) = fast::request_line(input, &mut self.method, &mut self.target) else {
            return self.parse_slow(input, limits);
        };
        let mut table = [httparse::EMPTY_HEADER; FAST_PATH_FIELDS];
        match httparse::parse_headers(tail(input, fields), &mut table) {
            Ok(httparse::Status::Complete((length, headers))) if headers.len() <= limits.fields => {
                if fields + length > limits.head || fields - CRLF.len() > limits.request_line {
                    return self.parse_slow(input, limits);
                }
                self.version = Version::Http11;
                self.check_fields(input, headers, HeadRange { start: 0, end: fields + length })
            }
            Ok(httparse::Status::Partial) if input.len() <= limits.head => Ok(false),
            Ok(_) | Err(_) => self.parse_slow(input, limits),
        }
    }

    /// Parses every other valid head, and finds the fault of an invalid one.
    ///
    /// Ignores bytes beyond the limit: the result must not depend on how much arrived at once.
    #[inline(never)]
    fn parse_slow(&mut self, input: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        match self.parse_limited(head(input, limits.head), limits) {
            Ok(false) if input.len() > limits.head => Err(diagnose::too_large(input, limits)),
            parsed => parsed,
        }
    }

    fn parse_limited(&mut self, input: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        check_empty_lines(input)?;
        // Before any fault of the line, which is known only when the line has ended.
        if diagnose::request_line_exceeds(input, limits.request_line) {
            return Err(diagnose::too_large(input, limits));
        }
        let mut table = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let max_fields = limits.fields.min(MAX_FIELDS);
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(input, &mut table[..max_fields]) {
            Ok(httparse::Status::Complete(length)) => self.check_request_line(input, &request, length),
            Ok(httparse::Status::Partial) => Ok(false),
            // RFC 9110 §2.5: a higher minor version is processed as HTTP/1.1. httparse knows only 1.0 and 1.1.
            Err(httparse::Error::Version) => match diagnose::as_http11(input)? {
                Some(rewritten) => self.parse_limited(&rewritten, limits),
                None => Ok(false),
            },
            Err(error) => diagnose::reject(input, error, max_fields).map_or(Ok(false), Err),
        }
    }

    /// The place of these checks, for the trace.
    pub(crate) const RULES: &Location<'static> = Location::caller();

    /// Checks strictly the request line that httparse found.
    fn check_request_line(
        &mut self,
        input: &[u8],
        request: &httparse::Request<'_, '_>,
        length: usize,
    ) -> Result<bool, ProtocolError> {
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(Fault::RequestLine.at(0)); // unreachable: httparse sets all three of a complete head
        };
        let start = offset(input, method.as_bytes());
        let at = offset(input, target.as_bytes());
        let span = Span::new(at, at + target.len());
        // httparse checked the 9 bytes " HTTP/1.x", but accepts an LF without CR.
        let line_end = span.end as usize + 9;
        if input.get(line_end) != Some(&b'\r') {
            return Err(Fault::BareLf.at(line_end));
        }
        self.version = if minor == 0 { Version::Http10 } else { Version::Http11 };
        self.method = Method::from_bytes(method.as_bytes()).map_err(|_| Fault::MethodTooLong.at(start))?;
        self.target = target::parse(self.method, input, span)?;
        self.check_fields(input, request.headers, HeadRange { start, end: length })
    }

    /// Checks strictly the field lines, then what depends on all of them.
    #[inline(always)]
    fn check_fields(
        &mut self,
        input: &[u8],
        headers: &[httparse::Header<'_>],
        extent: HeadRange,
    ) -> Result<bool, ProtocolError> {
        self.length = extent.end;
        self.info = HeadInfo::default();
        self.count = headers.len();
        if self.slots.len() < headers.len() {
            self.slots.resize(headers.len(), Field::default());
        }
        for (field, header) in self.slots.iter_mut().zip(headers) {
            *field = locate(input, header);
            check_line_end(input, field.value.end as usize)?;
            match (header.name.len(), header.name.as_bytes().first().map_or(0, |byte| byte | 0x20)) {
                (4, b'h') if is(header.name, "Host") => {
                    self.info.host(field, header.value, &mut self.last_valid_host)?
                }
                // Length and first letter exclude nearly all fields that the protocol does not use.
                (6, b'e') | (10, b'c') | (14, b'c') | (17, b't') => {
                    self.info.note_framing_field(field, header, self.version)?
                }
                _ => {}
            }
        }
        if input.get(extent.end - 2) != Some(&b'\r') {
            return Err(Fault::BareLf.at(extent.end - 1));
        }
        if self.info.host.is_none() && self.version == Version::Http11 {
            return Err(Fault::HostMissing.at(extent.end - 2)); // RFC 9112 §3.2
        }
        if self.method == Method::CONNECT {
            return Err(Fault::Connect.at(extent.start)); // RFC 9110 §9.3.6: an origin server need not tunnel
        }
        Ok(true)
    }
}

impl HeadInfo {
    /// Checks that Host is valid and occurs once (RFC 9112 §3.2).
    #[inline(always)]
    fn host(&mut self, field: &Field, host: &[u8], last_valid: &mut Vec<u8>) -> Result<(), ProtocolError> {
        if self.host.replace(field.value).is_some() {
            return Err(Fault::HostRepeated.at(field.name.start as usize));
        }
        if host == last_valid {
            return Ok(());
        }
        target::check_host(host).map_err(|bad| Fault::HostInvalid.at(field.value.start as usize + bad))?;
        last_valid.clear();
        last_valid.reserve(MIN_HOST_CAPACITY);
        last_valid.extend_from_slice(host);
        Ok(())
    }

    /// Records the other fields that concern the message or the connection.
    #[inline(never)]
    fn note_framing_field(
        &mut self,
        field: &Field,
        header: &httparse::Header<'_>,
        version: Version,
    ) -> Result<(), ProtocolError> {
        if is(header.name, "Connection") {
            self.connection(header.value);
        } else if is(header.name, "Expect") && version == Version::Http11 {
            // In HTTP/1.0 it must be ignored (RFC 9110 §10.1.1).
            for expectation in list(header.value) {
                self.expect_continue = true;
                if !expectation.eq_ignore_ascii_case(b"100-continue") {
                    self.unknown_expectation = Some(field.value.start);
                }
            }
        } else if is(header.name, "Transfer-Encoding") {
            self.transfer_encodings = self.transfer_encodings.saturating_add(1);
        } else if is(header.name, "Content-Length") && self.content_length.replace(field.value).is_some() {
            return Err(Fault::LengthRepeated.at(field.name.start as usize));
        }
        Ok(())
    }

    /// Records the connection options. They are case-insensitive; unknown ones are ignored (RFC 9110 §7.6.1).
    fn connection(&mut self, value: &[u8]) {
        if value == b"keep-alive" {
            self.keep_alive = true; // sent by every browser: one comparison
            return;
        }
        for option in list(value) {
            match option.len() {
                5 if option.eq_ignore_ascii_case(b"close") => self.close = true,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ => {}
            }
        }
    }
}

/// Returns the offset of `part`, a slice that httparse took from `input`.
#[inline]
fn offset(input: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).wrapping_sub(input.as_ptr() as usize)
}

/// Returns the offsets of one field line.
///
/// `field-line = field-name ":" OWS field-value OWS` (RFC 9112 §5)
#[inline]
fn locate(input: &[u8], header: &httparse::Header<'_>) -> Field {
    let name = offset(input, header.name.as_bytes());
    let name_end = name + header.name.len();
    // httparse's empty slice need not point into the input: an empty value begins after the colon.
    let value = if header.value.is_empty() { name_end + 1 } else { offset(input, header.value) };
    Field { name: Span::new(name, name_end), value: Span::new(value, value + header.value.len()) }
}

/// Checks that the line ends with CRLF: httparse accepts a bare LF.
#[inline]
fn check_line_end(input: &[u8], end: usize) -> Result<(), ProtocolError> {
    if input.get(end) == Some(&b'\r') { Ok(()) } else { check_padded_line_end(input, end) }
}

/// As [`check_line_end`], after the trailing whitespace that httparse cut off.
#[cold]
fn check_padded_line_end(input: &[u8], mut end: usize) -> Result<(), ProtocolError> {
    while let Some(b' ' | b'\t') = input.get(end) {
        end += 1;
    }
    if input.get(end) == Some(&b'\r') { Ok(()) } else { Err(Fault::BareLf.at(end)) }
}

/// Returns whether a field has this name, ignoring case (RFC 9110 §5.1). Most clients send the usual spelling: one comparison.
#[inline]
fn is(name: &str, usual: &str) -> bool {
    name == usual || name.eq_ignore_ascii_case(usual)
}

/// Accepts one empty line before the request line (RFC 9112 §2.2: old clients send a CRLF after a body).
///
/// nginx accepts any number, which lets a client hold a connection without sending a request. Checked first,
/// since a second one would look like the empty line that ends a head.
fn check_empty_lines(input: &[u8]) -> Result<(), ProtocolError> {
    match input {
        [b'\n', ..] => Err(Fault::BareLf.at(0)),
        [b'\r', b'\n', b'\n', ..] | [b'\r', b'\n', b'\r', b'\n', ..] => Err(Fault::EmptyLines.at(2)),
        _ => Ok(()),
    }
}
