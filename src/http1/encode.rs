//! Writes a response head: status line, Date, framing fields, the application's fields.
//!
//! Framing fields are written only here, so a response never has both Content-Length and Transfer-Encoding.

use std::time::SystemTime;

use super::date;
use super::status::StatusCode;
use crate::bytes::tail;

/// The first lines of nearly every response of this second: status line of a 200 and Date, rendered once a second.
#[derive(Clone, Copy, Debug)]
pub struct ResponsePrefix([u8; 54]);

const OK_LINE: usize = b"HTTP/1.1 200 OK\r\n".len();

impl ResponsePrefix {
    /// Renders the prefix for a time, as an IMF-fixdate (RFC 9110 §5.6.7, §6.6.1).
    pub fn at(time: SystemTime) -> ResponsePrefix {
        let mut bytes = *b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        // Always 29 bytes: years end at 9999.
        if let Some(date) = bytes.get_mut(OK_LINE + 6..OK_LINE + 6 + 29) {
            date.copy_from_slice(date::format(time).as_bytes());
        }
        ResponsePrefix(bytes)
    }

    fn date_line(&self) -> &[u8] {
        tail(&self.0, OK_LINE)
    }
}

/// What is known about a response's content before its head is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// This many bytes.
    Length(u64),
    /// Length unknown until it ends.
    Streamed,
    /// A response to HEAD whose handler does not know the length.
    Undeclared,
}

/// How a client finds the end of the response (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFraming {
    /// No field: 1xx and 204 (forbidden by RFC 9110 §8.6), 304, and HEAD with an unknown length.
    Absent,
    /// Content-Length.
    Known(u64),
    /// Transfer-Encoding: chunked.
    Chunked,
    /// The end of the connection, for HTTP/1.0 (RFC 9112 §6.3, rule 8).
    UntilClose,
}

/// The Connection field of a response (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// No field: the connection persists by default.
    Default,
    /// `keep-alive`, for HTTP/1.0.
    KeepAlive,
    /// `close`.
    Close,
}

/// A response head without its Date.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: StatusCode,
    /// Complete field lines with CRLF, none of them a framing field.
    pub fields: &'a [u8],
    /// The Content-Type line with CRLF, or nothing. Not sent with a status without content.
    pub media_type: &'static str,
    /// From [`Connection::respond`](super::Connection::respond).
    pub framing: ResponseFraming,
    /// From [`Connection::respond`](super::Connection::respond).
    pub persistence: Persistence,
}

/// The interim response to `Expect: 100-continue` (RFC 9110 §10.1.1, §15.2.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Appends the head to `out`. The version is always HTTP/1.1, that of the server (RFC 9110 §2.5).
#[inline(always)]
pub fn response_head(out: &mut Vec<u8>, head: &ResponseHead<'_>, prefix: &ResponsePrefix) {
    if head.status == StatusCode::OK {
        out.extend_from_slice(&prefix.0);
        out.extend_from_slice(head.media_type.as_bytes());
    } else {
        status_line(out, head.status);
        out.extend_from_slice(prefix.date_line());
        out.extend_from_slice(if head.status.forbids_content() { b"" } else { head.media_type.as_bytes() });
    }
    if !head.fields.is_empty() {
        out.extend_from_slice(head.fields);
    }
    match head.framing {
        ResponseFraming::Known(length) => {
            out.extend_from_slice(b"Content-Length: ");
            decimal(out, length);
            if head.persistence == Persistence::Default {
                return out.extend_from_slice(b"\r\n\r\n");
            }
            out.extend_from_slice(b"\r\n");
        }
        ResponseFraming::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        ResponseFraming::Absent | ResponseFraming::UntilClose => {}
    }
    out.extend_from_slice(match head.persistence {
        Persistence::Default => b"\r\n".as_slice(),
        Persistence::KeepAlive => b"Connection: keep-alive\r\n\r\n",
        Persistence::Close => b"Connection: close\r\n\r\n",
    });
}

/// Appends a number. Most have up to three digits, and appending a fixed number of bytes needs no call.
#[inline(always)]
fn decimal(out: &mut Vec<u8>, number: u64) {
    let digit = |value: u64| b'0' + (value % 10) as u8;
    match number {
        0..10 => out.push(digit(number)),
        10..100 => out.extend_from_slice(&[digit(number / 10), digit(number)]),
        100..1000 => out.extend_from_slice(&[digit(number / 100), digit(number / 10), digit(number)]),
        _ => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
    }
}

/// Appends the status line of any status but 200.
///
/// `status-line = HTTP-version SP status-code SP [ reason-phrase ] CRLF` (RFC 9112 §4)
#[cold]
fn status_line(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status.as_u16()).as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}
