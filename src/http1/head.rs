//! Reads a request head: httparse finds the parts, a strict pass checks what httparse forgives; knows no body and no connection.
//!
//! httparse accepts a bare LF as a line end, any number of empty lines in front, and bytes in the target that RFC 3986 forbids.
//! Each of these has been a smuggling vector somewhere, so each is refused here. What httparse itself refuses is turned into
//! a fault with its byte in `diagnose.rs`, off the hot path.

use std::mem::MaybeUninit;

use super::diagnose;
use super::fault::{Fault, Reject};
use super::limits::Limits;
use super::method::Method;
use super::span::Span;
use super::target::{self, Target};
use super::version::Version;

/// The most field lines any setting of [`Limits::fields`] can allow: the parser's table lives on the stack.
pub(crate) const MAX_FIELDS: usize = 256;

/// One field line, as offsets into the buffer that holds the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// What the field lines said about the message and the connection, noted on the way through them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    pub(crate) host: Option<Span>,
    pub(crate) content_length: Option<Span>,
    /// How many Transfer-Encoding lines there were; `framing.rs` reads them.
    pub(crate) codings: u8,
    /// Connection: close.
    pub(crate) close: bool,
    /// Connection: keep-alive.
    pub(crate) keep_alive: bool,
    /// Connection: upgrade.
    pub(crate) upgrade: bool,
    /// Expect: 100-continue.
    pub(crate) expect_continue: bool,
}

/// A parsed head: offsets into the caller's buffer, reused from request to request so that nothing is allocated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) target: Target,
    pub(crate) fields: Vec<Field>,
    pub(crate) notes: Notes,
    /// Bytes from the start of the buffer to the end of the blank line.
    pub(crate) length: usize,
}

impl Head {
    /// Parses the head at the start of `input`. `Ok(false)`: not all there yet.
    pub(crate) fn parse(&mut self, input: &[u8], limits: &Limits) -> Result<bool, Reject> {
        let mut table = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let room = limits.fields.min(MAX_FIELDS);
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(input, &mut table[..room]) {
            Ok(httparse::Status::Complete(length)) => self.take(input, &request, length, limits).map(|()| true),
            Ok(httparse::Status::Partial) => Ok(false),
            // RFC 9110 §2.5: a higher minor version is served as the highest one we know. httparse knows 1.0 and 1.1 only.
            Err(httparse::Error::Version) => match diagnose::as_http11(input)? {
                Some(rewritten) => self.parse(&rewritten, limits),
                None => Ok(false),
            },
            Err(error) => diagnose::reject(input, error, room, limits).map_or(Ok(false), Err),
        }
    }

    /// The strict pass over what httparse found.
    fn take(
        &mut self,
        input: &[u8],
        request: &httparse::Request<'_, '_>,
        length: usize,
        limits: &Limits,
    ) -> Result<(), Reject> {
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(Fault::RequestLine.at(0)); // cannot be: httparse fills all three when it is complete
        };
        let start = offset(input, method.as_bytes());
        if start != 0 {
            check_empty_lines(input, start)?;
        }
        let at = offset(input, target.as_bytes());
        let span = Span::new(at, at + target.len());
        // "SP HTTP/1.x" is 9 bytes and was checked by httparse; what it forgives is the LF without its CR.
        let line_end = span.end as usize + 9;
        if input.get(line_end) != Some(&b'\r') {
            return Err(Fault::BareLf.at(line_end));
        }
        if line_end - start > limits.request_line {
            return Err(diagnose::too_large(input, limits));
        }
        if length > limits.head {
            return Err(Fault::HeadTooLarge.at(limits.head));
        }
        self.version = if minor == 0 { Version::Http10 } else { Version::Http11 };
        self.method = Method::from_bytes(method.as_bytes()).ok_or(Fault::MethodTooLong.at(start))?;
        self.target = target::parse(self.method, input, span)?;
        self.length = length;
        self.fields.clear();
        self.notes = Notes::default();
        for header in request.headers.iter() {
            let field = locate(input, header)?;
            self.note(input, field, header)?;
            self.fields.push(field);
        }
        if input.get(length - 2) != Some(&b'\r') {
            return Err(Fault::BareLf.at(length - 1));
        }
        self.check_whole(start)
    }

    /// Looks closer at the few fields that steer the protocol; one comparison of the length sorts out all the others.
    #[inline]
    fn note(&mut self, input: &[u8], field: Field, header: &httparse::Header<'_>) -> Result<(), Reject> {
        let (name, notes) = (header.name, &mut self.notes);
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => {
                if notes.host.replace(field.value).is_some() {
                    return Err(Fault::HostRepeated.at(field.name.start as usize));
                }
                target::check_host(header.value).map_err(|bad| Fault::HostInvalid.at(field.value.start as usize + bad))
            }
            6 if name.eq_ignore_ascii_case("expect") => {
                // RFC 9110 §10.1.1: only 100-continue is defined; 417 for the rest, and 1.0 must be ignored.
                if self.version == Version::Http10 {
                    return Ok(());
                }
                notes.expect_continue = true;
                let known = header.value.eq_ignore_ascii_case(b"100-continue");
                if known { Ok(()) } else { Err(Fault::ExpectationUnknown.at(field.value.start as usize)) }
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                notes.connection(field.value.of(input));
                Ok(())
            }
            14 if name.eq_ignore_ascii_case("content-length") => match notes.content_length.replace(field.value) {
                Some(_) => Err(Fault::LengthRepeated.at(field.name.start as usize)),
                None => Ok(()),
            },
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                notes.codings = notes.codings.saturating_add(1);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What can only be said when the last line was read (RFC 9112 §3.2, RFC 9110 §9.3.6).
    fn check_whole(&self, start: usize) -> Result<(), Reject> {
        if self.notes.host.is_none() && self.version == Version::Http11 {
            return Err(Fault::HostMissing.at(self.length - 2));
        }
        if self.method == Method::CONNECT {
            return Err(Fault::Connect.at(start));
        }
        Ok(())
    }
}

impl Notes {
    /// RFC 9110 §7.6.1: a list of options, names without case; the ones that mean nothing to us are ignored.
    fn connection(&mut self, value: &[u8]) {
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

/// The elements of a comma-separated field value without the blanks around them; empty ones are skipped (RFC 9110 §5.6.1.2).
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Where `part`, a slice that httparse cut out of `input`, begins in it.
#[inline]
fn offset(input: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).wrapping_sub(input.as_ptr() as usize)
}

/// Offsets of one field line, and the check that its line ends in CRLF: httparse lets a bare LF pass.
#[inline]
fn locate(input: &[u8], header: &httparse::Header<'_>) -> Result<Field, Reject> {
    let name = offset(input, header.name.as_bytes());
    let name = Span::new(name, name + header.name.len());
    let value = if header.value.is_empty() {
        // The empty slice that httparse gives need not point into the input: an empty value stands behind its colon.
        Span::new(name.end as usize + 1, name.end as usize + 1)
    } else {
        let start = offset(input, header.value);
        Span::new(start, start + header.value.len())
    };
    // Behind the value stand optional blanks (which httparse cut off) and the line end.
    let mut end = value.end as usize;
    while let Some(b' ' | b'\t') = input.get(end) {
        end += 1;
    }
    match input.get(end) {
        Some(b'\r') => Ok(Field { name, value }),
        _ => Err(Fault::BareLf.at(end)),
    }
}

/// RFC 9112 §2.2: a server ignores at least one empty line before the request line (an old client's extra CRLF behind a body).
/// One is enough: nginx takes any number, which lets a client hold a connection without ever sending a request.
fn check_empty_lines(input: &[u8], start: usize) -> Result<(), Reject> {
    match input.get(..start) {
        Some(b"\r\n") => Ok(()),
        Some([b'\n', ..]) => Err(Fault::BareLf.at(0)),
        _ => Err(Fault::EmptyLines.at(2)),
    }
}
