//! Reads a request head: httparse finds the parts, a strict pass checks what httparse forgives; knows no body and no connection.
//!
//! httparse accepts a bare LF as a line end, any number of empty lines in front, and bytes in the target that RFC 3986 forbids.
//! Each of these has been a smuggling vector somewhere, so each is refused here. What httparse itself refuses is turned into
//! a fault with its byte in `diagnose.rs`, off the hot path.

use std::mem::MaybeUninit;

use super::diagnose;
use super::fault::{Fault, ProtocolError};
use super::field_value::list;
use super::limits::Limits;
use super::method::Method;
use super::request_line;
use super::span::Span;
use super::target::{self, Target};
use super::version::Version;

/// The most field lines any setting of [`Limits::fields`] can allow: the parser's table lives on the stack.
pub(crate) const MAX_FIELDS: usize = 256;

/// Fields that nearly every head has at most; one with more is parsed a second time, by the larger table.
const FAST_PATH_FIELDS: usize = 16;

/// Where a head begins and ends.
struct HeadRange {
    start: usize,
    end: usize,
}

/// One field line, as offsets into the buffer that holds the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// What the field lines said about the message and the connection, noted on the way through them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadInfo {
    pub(crate) host: Option<Span>,
    pub(crate) content_length: Option<Span>,
    /// How many Transfer-Encoding lines there were; `framing.rs` reads them.
    pub(crate) transfer_encodings: u8,
    /// Connection: close.
    pub(crate) close: bool,
    /// Connection: keep-alive.
    pub(crate) keep_alive: bool,
    /// Connection: upgrade.
    pub(crate) upgrade: bool,
    /// An expectation, whatever it is.
    pub(crate) expect_continue: bool,
    /// Where it says something else than 100-continue.
    unknown_expectation: Option<u32>,
}

/// A parsed head: offsets into the caller's buffer, reused from request to request so that nothing is allocated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) target: Target,
    /// Room for field lines, and how many of them this head has. The room only grows: writing into it is cheaper than pushing.
    slots: Vec<Field>,
    count: usize,
    pub(crate) info: HeadInfo,
    /// Bytes from the start of the buffer to the end of the blank line.
    pub(crate) length: usize,
    /// The last Host that passed the check: clients repeat themselves, and comparing costs a quarter of checking.
    last_valid_host: Vec<u8>,
}

/// Room for the fields of a head that is kept, and for a Host, at least. Pieces of up to 120 bytes glibc keeps apart when they are given
/// back, and so the memory of a crowd would stay with us.
const MIN_SLOTS: usize = 8;
const MIN_HOST_CAPACITY: usize = 128;

impl Head {
    /// A copy for a request that is not whole yet. What it was read into stays where it is: the next head will need it.
    pub(crate) fn to_owned_head(&self) -> Head {
        let mut room = Vec::with_capacity(self.count.max(MIN_SLOTS));
        room.extend_from_slice(self.fields());
        Head { slots: room, last_valid_host: Vec::new(), ..*self }
    }

    /// Parses the head at the start of `input`. `Ok(false)`: not all there yet.
    #[inline]
    pub(crate) fn parse(&mut self, input: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        let Some(fields) = request_line::parse_common(input, &mut self.method, &mut self.target) else {
            return self.parse_slow(input, limits);
        };
        let mut table = [httparse::EMPTY_HEADER; FAST_PATH_FIELDS];
        match httparse::parse_headers(input.get(fields..).unwrap_or_default(), &mut table) {
            Ok(httparse::Status::Complete((length, headers))) if headers.len() <= limits.fields => {
                if fields + length > limits.head || fields > limits.request_line + 2 {
                    return self.parse_slow(input, limits);
                }
                self.version = Version::Http11;
                self.check_fields(input, headers, HeadRange { start: 0, end: fields + length })
            }
            Ok(httparse::Status::Partial) if input.len() <= limits.head => Ok(false),
            Ok(_) | Err(_) => self.parse_slow(input, limits),
        }
    }

    /// The field lines, in the order they came.
    #[inline]
    pub(crate) fn fields(&self) -> &[Field] {
        self.slots.get(..self.count).unwrap_or_default()
    }

    /// RFC 9110 §10.1.1: only 100-continue is defined; 417 for the rest. Asked when the head is whole, so that the answer is given to
    /// a request that is known.
    #[cold]
    pub(crate) fn check_expectation(&self) -> Result<(), ProtocolError> {
        self.info.unknown_expectation.map_or(Ok(()), |at| Err(Fault::ExpectationUnknown.at(at as usize)))
    }

    /// The same for every other spelling, and for heads with many fields; it also says what is wrong with a faulty one.
    ///
    /// What is behind the limit is never looked at: what is told of a head must not depend on how much of it came at once.
    #[inline(never)]
    fn parse_slow(&mut self, input: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        match self.parse_limited(input.get(..limits.head).unwrap_or(input), limits) {
            Ok(false) if input.len() > limits.head => Err(diagnose::too_large(input, limits)),
            parsed => parsed,
        }
    }

    fn parse_limited(&mut self, input: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        check_empty_lines(input)?;
        // Before any fault in the line, which can only be told when the line has ended.
        if diagnose::request_line_exceeds(input, limits.request_line) {
            return Err(diagnose::too_large(input, limits));
        }
        let mut table = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let room = limits.fields.min(MAX_FIELDS);
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(input, &mut table[..room]) {
            Ok(httparse::Status::Complete(length)) => self.check_request_line(input, &request, length),
            Ok(httparse::Status::Partial) => Ok(false),
            // RFC 9110 §2.5: a higher minor version is served as the highest one we know. httparse knows 1.0 and 1.1 only.
            Err(httparse::Error::Version) => match diagnose::as_http11(input)? {
                Some(rewritten) => self.parse_limited(&rewritten, limits),
                None => Ok(false),
            },
            Err(error) => diagnose::reject(input, error, room).map_or(Ok(false), Err),
        }
    }

    /// The strict pass over a request line that httparse found.
    fn check_request_line(
        &mut self,
        input: &[u8],
        request: &httparse::Request<'_, '_>,
        length: usize,
    ) -> Result<bool, ProtocolError> {
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(Fault::RequestLine.at(0)); // cannot be: httparse fills all three when it is complete
        };
        let start = offset(input, method.as_bytes());
        let at = offset(input, target.as_bytes());
        let span = Span::new(at, at + target.len());
        // "SP HTTP/1.x" is 9 bytes and was checked by httparse; what it forgives is the LF without its CR.
        let line_end = span.end as usize + 9;
        if input.get(line_end) != Some(&b'\r') {
            return Err(Fault::BareLf.at(line_end));
        }
        self.version = if minor == 0 { Version::Http10 } else { Version::Http11 };
        self.method = Method::from_bytes(method.as_bytes()).map_err(|_| Fault::MethodTooLong.at(start))?;
        self.target = target::parse(self.method, input, span)?;
        self.check_fields(input, request.headers, HeadRange { start, end: length })
    }

    /// The strict pass over the field lines, and what can only be said when the last one was read.
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
                // Length and first letter sort out nearly all the fields that do not steer the protocol.
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
            return Err(Fault::Connect.at(extent.start)); // RFC 9110 §9.3.6: an origin server opens no tunnels
        }
        Ok(true)
    }
}

impl HeadInfo {
    /// RFC 9112 §3.2: one Host, and a valid one.
    #[inline(always)]
    fn host(&mut self, field: &Field, host: &[u8], vetted: &mut Vec<u8>) -> Result<(), ProtocolError> {
        if self.host.replace(field.value).is_some() {
            return Err(Fault::HostRepeated.at(field.name.start as usize));
        }
        if host == vetted {
            return Ok(());
        }
        target::check_host(host).map_err(|bad| Fault::HostInvalid.at(field.value.start as usize + bad))?;
        vetted.clear();
        vetted.reserve(MIN_HOST_CAPACITY);
        vetted.extend_from_slice(host);
        Ok(())
    }

    /// The other fields that say something about the message or the connection.
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

    /// RFC 9110 §7.6.1: a list of options, names without case; the ones that mean nothing to us are ignored.
    fn connection(&mut self, value: &[u8]) {
        if value == b"keep-alive" {
            self.keep_alive = true; // what every browser sends, in one comparison
            return;
        }
        for option in list(value) {
            match option.len() {
                5 if option.eq_ignore_ascii_case(b"close") => self.close = true,
                7 if option.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ => {}
            }
        }
    }
}

/// Where `part`, a slice that httparse cut out of `input`, begins in it.
#[inline]
fn offset(input: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).wrapping_sub(input.as_ptr() as usize)
}

/// Offsets of one field line.
#[inline]
fn locate(input: &[u8], header: &httparse::Header<'_>) -> Field {
    let name = offset(input, header.name.as_bytes());
    let name_end = name + header.name.len();
    // The empty slice that httparse gives need not point into the input: an empty value stands behind its colon.
    let value = if header.value.is_empty() { name_end + 1 } else { offset(input, header.value) };
    Field { name: Span::new(name, name_end), value: Span::new(value, value + header.value.len()) }
}

/// A line ends in CRLF: httparse lets a bare LF pass.
#[inline]
fn check_line_end(input: &[u8], end: usize) -> Result<(), ProtocolError> {
    if input.get(end) == Some(&b'\r') { Ok(()) } else { check_padded_line_end(input, end) }
}

/// Between the value and the line end may stand blanks, which httparse cut off.
#[cold]
fn check_padded_line_end(input: &[u8], mut end: usize) -> Result<(), ProtocolError> {
    while let Some(b' ' | b'\t') = input.get(end) {
        end += 1;
    }
    if input.get(end) == Some(&b'\r') { Ok(()) } else { Err(Fault::BareLf.at(end)) }
}

/// Returns whether a field has this name, in any case (RFC 9110 §5.1). Most clients write the usual spelling: one comparison.
#[inline]
fn is(name: &str, usual: &str) -> bool {
    name == usual || name.eq_ignore_ascii_case(usual)
}

/// RFC 9112 §2.2: a server ignores at least one empty line before the request line (an old client's extra CRLF behind a body).
/// One is enough: nginx takes any number, which lets a client hold a connection without ever sending a request. Told at once,
/// since every further one would look like the blank line that ends a head.
fn check_empty_lines(input: &[u8]) -> Result<(), ProtocolError> {
    match input {
        [b'\n', ..] => Err(Fault::BareLf.at(0)),
        [b'\r', b'\n', b'\n', ..] | [b'\r', b'\n', b'\r', b'\n', ..] => Err(Fault::EmptyLines.at(2)),
        _ => Ok(()),
    }
}
