//! Writes a response head: status line, framing fields, the application's fields; knows no application and no clock.
//!
//! The framing fields are written here and nowhere else, so a response has exactly one of Content-Length, Transfer-Encoding
//! or neither, whatever the application says.

use std::time::SystemTime;

use super::date;
use super::status::StatusCode;

/// How nearly every response of this second begins: the status line of a 200 and the Date field, rendered once a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponsePrefix([u8; 54]);

const OK_LINE: usize = b"HTTP/1.1 200 OK\r\n".len();

impl ResponsePrefix {
    /// Renders the opening for a time, as an IMF-fixdate (RFC 9110 §5.6.7, §6.6.1).
    pub(crate) fn at(time: SystemTime) -> ResponsePrefix {
        let mut bytes = *b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        // Always 29 bytes: no year beyond 9999 is written.
        if let Some(date) = bytes.get_mut(OK_LINE + 6..OK_LINE + 6 + 29) {
            date.copy_from_slice(date::format(time).as_bytes());
        }
        ResponsePrefix(bytes)
    }

    fn date_line(&self) -> &[u8] {
        self.0.get(OK_LINE..).unwrap_or_default()
    }
}

/// What is known of a response's content before its head is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// It has this many bytes.
    Length(u64),
    /// Its length shows when it ends.
    Streamed,
    /// Only a GET has it, and the handler of the HEAD does not know how long it is.
    Undeclared,
}

/// How the reader of a response finds its end (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseFraming {
    /// No field: 1xx and 204 (RFC 9110 §8.6 forbids a length there), 304, and a HEAD whose handler does not know it.
    Absent,
    /// Content-Length.
    Known(u64),
    /// Transfer-Encoding: chunked.
    Chunked,
    /// The end of the connection, for HTTP/1.0 (RFC 9112 §6.3, rule 8).
    UntilClose,
}

/// What is said of the connection (RFC 9112 §9.3): nothing when it is the default of the request's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    Default,
    KeepAlive,
    Close,
}

/// A response head but for its date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseHead<'a> {
    pub(crate) status: StatusCode,
    /// Complete field lines, CRLF included, none of them a framing field.
    pub(crate) fields: &'a [u8],
    /// The field line of the body's media type, or nothing. Not sent where there is no content for it to describe.
    pub(crate) media_type: &'static str,
    pub(crate) framing: ResponseFraming,
    pub(crate) persistence: Persistence,
}

/// Tells a client that waits with its body to send it (RFC 9110 §10.1.1, §15.2.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Appends the head to `out`. The version is always HTTP/1.1: it says what we speak, not what was asked (RFC 9110 §2.5).
#[inline(always)]
pub(crate) fn response_head(out: &mut Vec<u8>, head: &ResponseHead<'_>, opening: &ResponsePrefix) {
    if head.status == StatusCode::OK {
        out.extend_from_slice(&opening.0);
        out.extend_from_slice(head.media_type.as_bytes());
    } else {
        status_line(out, head.status);
        out.extend_from_slice(opening.date_line());
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

/// Most lengths have up to three digits, and appending a fixed number of bytes needs no call.
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

/// Any status but the one that is nearly all of them. The reason phrase may be empty, the space before it may not (RFC 9112 §4).
#[cold]
fn status_line(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status.as_u16()).as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}
