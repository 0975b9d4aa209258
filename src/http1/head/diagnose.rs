//! Finds the fault of a head that httparse rejects, and its offset. Runs only for invalid heads, so it may be slow.

use std::panic::Location;

use crate::bytes::{head, part, tail};
use crate::http1::fault::{Fault, ProtocolError};
use crate::http1::limits::{Limits, MAX_FIELDS};

/// The place of these rules, for the trace.
pub(crate) const RULES: &Location<'static> = Location::caller();

/// Maps httparse's error to a fault and its offset. Returns `None` while the faulty line is incomplete: the fault
/// must not depend on how the bytes arrived. (Limits bound the wait. A TLS ClientHello has no lines and is
/// rejected at once.)
pub(crate) fn reject(input: &[u8], error: httparse::Error, max_fields: usize) -> Option<ProtocolError> {
    use httparse::Error;
    let at = error_offset(input, max_fields);
    if memchr::memchr(b'\n', tail(input, at)).is_none() && !is_tls(input) {
        return None;
    }
    let byte = input.get(at).copied().unwrap_or(0);
    let fault = match error {
        Error::TooManyHeaders => Fault::FieldsTooMany,
        Error::HeaderName => in_field_name(input, at, byte),
        Error::HeaderValue if byte == b'\r' || after_cr(input, at) => Fault::BareCr,
        Error::HeaderValue => Fault::FieldValue,
        Error::NewLine if after_cr(input, at) => Fault::BareCr,
        Error::NewLine => Fault::RequestLine, // bytes between the version and the line end
        Error::Version => Fault::VersionMalformed,
        Error::Token | Error::Status => in_request_line(input, at, byte),
    };
    // A CR is known to be bare at the byte after it.
    let back = usize::from(fault == Fault::BareCr && byte != b'\r');
    Some(fault.at(at - back))
}

/// Rewrites `HTTP/1.2` to `HTTP/1.9` to `HTTP/1.1` (RFC 9110 §2.5), all offsets unchanged. Rejects another major
/// version with 505, and an invalid version with 400. Returns `None` while the line is incomplete.
pub(crate) fn as_http11(input: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
    let start = empty_line(input);
    let line = tail(input, start);
    let Some(line) = memchr::memchr(b'\n', line).and_then(|end| line.get(..end)) else { return Ok(None) };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Some(cr) = memchr::memchr(b'\r', line) {
        return Err(Fault::BareCr.at(start + cr));
    }
    let mut spaces = memchr::memchr_iter(b' ', line).skip(1);
    let space = match (spaces.next(), spaces.next()) {
        (Some(space), None) if space + 1 < line.len() => space,
        (_, third) => return Err(Fault::RequestLine.at(start + third.unwrap_or(line.len()))),
    };
    let at = start + space + 1;
    match tail(line, space + 1) {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => {
            let mut rewritten = input.to_vec();
            if let Some(minor) = rewritten.get_mut(at + 7) {
                *minor = b'1';
            }
            Ok(Some(rewritten))
        }
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Fault::VersionUnsupported.at(at)),
        _ => Err(Fault::VersionMalformed.at(at)),
    }
}

/// Returns whether the request line exceeds `limit`, however it continues. An empty line before it does not count,
/// and a TLS ClientHello is not a line.
pub(crate) fn request_line_exceeds(input: &[u8], limit: usize) -> bool {
    let line = tail(input, empty_line(input));
    // The limit does not count CRLF.
    let longest = line.get(..limit.saturating_add(2)).filter(|longest| longest.len() < line.len() && !is_tls(input));
    longest.is_some_and(|longest| memchr::memchr(b'\n', longest).is_none())
}

/// Returns which part of a head that exceeds a limit is too large: the request line (414, 501) or the fields (431).
pub(crate) fn too_large(input: &[u8], limits: &Limits) -> ProtocolError {
    if !request_line_exceeds(input, limits.request_line) {
        return Fault::HeadTooLarge.at(limits.head);
    }
    let start = empty_line(input);
    let line = tail(input, start);
    match memchr::memchr(b' ', head(line, limits.request_line)) {
        Some(_) => Fault::TargetTooLong.at(start + limits.request_line),
        None => Fault::MethodTooLong.at(start),
    }
}

/// Returns whether `input` begins as a TLS connection does: with 22, a handshake record (RFC 8446 §5.1).
fn is_tls(input: &[u8]) -> bool {
    input.first() == Some(&0x16)
}

/// Returns the offset of the faulty byte, which httparse does not report: the last byte of the shortest prefix that
/// httparse rejects. Found by bisection, since every prefix of an accepted prefix is accepted.
fn error_offset(input: &[u8], max_fields: usize) -> usize {
    let refused = |length: usize| {
        let mut table = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(table.get_mut(..max_fields).unwrap_or_default());
        request.parse(head(input, length)).is_err()
    };
    let (mut good, mut bad) = (0, input.len());
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if refused(middle) { bad = middle } else { good = middle }
    }
    bad.saturating_sub(1)
}

/// Returns the length of the empty line that may precede the request line (RFC 9112 §2.2).
fn empty_line(input: &[u8]) -> usize {
    if input.starts_with(b"\r\n") { 2 } else { 0 }
}

/// Returns whether the byte before `at` is a CR: a bare CR is known one byte later.
fn after_cr(input: &[u8], at: usize) -> bool {
    at > 0 && input.get(at - 1) == Some(&b'\r')
}

/// Returns whether a CR at `at` is not followed by LF. The faulty line is complete, so the next byte is known.
fn is_bare_cr(input: &[u8], at: usize) -> bool {
    input.get(at) == Some(&b'\r') && input.get(at + 1) != Some(&b'\n')
}

fn in_field_name(input: &[u8], at: usize, byte: u8) -> Fault {
    let line_start = at == 0 || input.get(at - 1) == Some(&b'\n');
    let first_field = memchr::memchr(b'\n', input).is_some_and(|end| end + 1 == at);
    match byte {
        b' ' | b'\t' if line_start && first_field => Fault::LeadingSpace,
        b' ' | b'\t' if line_start => Fault::ObsFold,
        b' ' | b'\t' => space_in_name(input, at),
        _ if after_cr(input, at) || is_bare_cr(input, at) => Fault::BareCr,
        b'\r' | b'\n' => Fault::ColonMissing,
        _ => Fault::FieldName,
    }
}

/// Distinguishes `Host : a`, with a space before the colon, from `no colon here`.
fn space_in_name(input: &[u8], at: usize) -> Fault {
    let mut rest = tail(input, at).iter().skip_while(|byte| matches!(byte, b' ' | b'\t'));
    if rest.next() == Some(&b':') { Fault::SpaceBeforeColon } else { Fault::FieldName }
}

fn in_request_line(input: &[u8], at: usize, byte: u8) -> Fault {
    let start = empty_line(input);
    if is_tls(input) {
        return Fault::TlsOnPlainPort;
    }
    if at == start && matches!(byte, b' ' | b'\t') {
        return Fault::LeadingSpace;
    }
    let before = part(input, start..at);
    let ends_line = matches!(byte, b'\r' | b'\n');
    match before.iter().filter(|byte| **byte == b' ').count() {
        _ if after_cr(input, at) || is_bare_cr(input, at) => Fault::BareCr,
        // One word is a method name: the fault is that the line ends there.
        0 if !ends_line => Fault::MethodToken,
        1 if byte != b' ' && !ends_line => Fault::TargetByte,
        _ => Fault::RequestLine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::head::Head;

    fn refusal(head: &str) -> Option<(Fault, usize)> {
        Head::default().parse(head.as_bytes(), &Limits::default()).err().map(|reject| (reject.fault, reject.at))
    }

    /// Every way in which the three words of a request line may be too few, too many or empty, and the byte that shows it.
    #[test]
    fn a_request_line_has_three_words() {
        for (line, fault, at) in [
            ("WORLD\r\n", Fault::RequestLine, 5),
            ("WORLD\n", Fault::RequestLine, 5),
            ("\r\nWORLD\r\n", Fault::RequestLine, 7),
            ("WORLD \r\n", Fault::RequestLine, 6),
            ("GET /\r\n", Fault::RequestLine, 5),
            ("GET /\n", Fault::RequestLine, 5),
            ("GET HTTP/1.1\r\n", Fault::RequestLine, 12),
            ("GET / \r\n", Fault::RequestLine, 6),
            ("GET  \r\n", Fault::RequestLine, 4),
            ("GET  / HTTP/1.1\r\n", Fault::RequestLine, 4),
            ("GET /  HTTP/1.1\r\n", Fault::RequestLine, 6),
            ("GET / x HTTP/1.1\r\n", Fault::RequestLine, 7),
            ("GET / HTTP/1.1 \r\n", Fault::RequestLine, 14),
            ("GET / HTTP/1.2 \r\n", Fault::RequestLine, 14),
            ("GET / HTTP/1.1 x\r\n", Fault::RequestLine, 14),
            (" / HTTP/1.1\r\n", Fault::LeadingSpace, 0),
            ("/ HTTP/1.1\r\n", Fault::MethodToken, 0),
            ("G@T\r\n", Fault::MethodToken, 1),
            ("Host: a\r\n", Fault::MethodToken, 4),
            ("GET\t/ HTTP/1.1\r\n", Fault::MethodToken, 3),
            ("GET /\tHTTP/1.1\r\n", Fault::TargetByte, 5),
            ("GET / FTP/1.1\r\n", Fault::VersionMalformed, 6),
        ] {
            assert_eq!(refusal(&format!("{line}Host: a\r\n\r\n")), Some((fault, at)), "{line:?}");
        }
    }

    #[test]
    fn a_bare_cr_is_one_wherever_it_stands() {
        let whole = "GET / HTTP/1.1\r\nHost: a\r\nA-b: c\r\n\r\n";
        let line_ends: Vec<_> = whole.match_indices("\r\n").map(|(at, _)| at).collect();
        for at in (1..whole.len() - 2).filter(|at| !line_ends.contains(&(at - 1)) && !line_ends.contains(at)) {
            let head = format!("{}\r{}", &whole[..at], &whole[at..]);
            assert_eq!(refusal(&head), Some((Fault::BareCr, at)), "{head:?}");
        }
    }
}
