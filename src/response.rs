//! A response as the application builds it: a status, fields in wire form and a body.

mod attachment;
pub(crate) mod body_source;
pub(crate) mod caching;
mod chain;
pub(crate) mod channel;
pub(crate) mod duplex;
pub(crate) mod error;
pub(crate) mod etag;
mod fields;
#[cfg(feature = "http")]
mod http_crate;
pub(crate) mod into_response;
pub(crate) mod pipe;
mod protocol_error;
pub(crate) mod redirect;
pub(crate) mod returned;
pub(crate) mod sent;
pub(crate) mod sparse_map;
pub(crate) mod status_messages;
mod std_error;
#[cfg(feature = "gzip")]
mod transform;
pub(crate) mod upgraded;
pub(crate) mod upgraded_connections;

use std::ops::Range;
use std::sync::Arc;

use serde_core::Serialize;

use crate::bytes;
use crate::http1::encode::Content;
use crate::http1::status::StatusCode;
use crate::response::body_source::{BodySource, GuardedSource};
use crate::response::error::Error;
use crate::response::sent::SentCallbacks;

/// A response to the client. Handlers return one where [other values](crate::IntoResponse) do not
/// say enough; after hooks may change all of it.
///
/// Methods that take the response return it changed, so a response is one expression. Hooks, which
/// have a `&mut Response`, use the ones that change it in place:
/// [`set_status`](Self::set_status), [`set_header`](Self::set_header),
/// [`append_header`](Self::append_header), [`set_text`](Self::set_text) …
///
/// The server sets Content-Length, Transfer-Encoding, Date and Connection: setting one of them is
/// ignored, with three exceptions. `Connection: close` closes the connection after this response.
/// The Content-Length of a body that is produced while it is sent is its
/// [declared length](Self::content_length). That of a [`head`](crate::Router::head) route is sent:
/// it is the length of a GET's content.
///
/// The status is a final one, 200 to 599 (RFC 9110 §15); any other becomes a 500, and the log says
/// why. 101 comes from [`Response::upgrade`] alone.
///
/// ```
/// use wirelight::{App, Json, Redirect, Response, StatusCode};
///
/// let mut app = App::new();
/// app.post("/users", |_| Response::new(StatusCode::CREATED).header("Location", "/users/7").text("made"));
/// app.get("/users/{id:int}", |req| match req.param::<u64>("id")? {
///     0 => Ok(Response::from(Redirect::found("/users"))), // branches of different types
///     id => Ok(Response::from(Json([id])).no_store()),
/// } as wirelight::Result<Response>);
/// app.after(|_, res| res.set_header("X-Frame-Options", "DENY"));
///
/// let made = app.test().post("/users").send();
/// assert_eq!((made.status().as_u16(), made.header("Location"), made.text()), (201, Some("/users/7"), "made"));
/// assert_eq!(app.test().get("/users/7").send().header("X-Frame-Options"), Some("DENY"));
/// ```
#[derive(Debug, Default)]
pub struct Response {
    /// `None`: the program has not set one, and 200 is sent.
    status: Option<StatusCode>,
    /// Complete field lines with CRLF. Only `header` and `append_header` write here, and they
    /// refuse CR, LF and NUL.
    fields: Vec<u8>,
    /// The field line for the media type of the body, unless `fields` holds one.
    media_type: &'static str,
    body: Body,
    /// Buffer for text and JSON. Kept between responses, so that the steady state allocates
    /// nothing.
    scratch: Vec<u8>,
    close: bool,
    /// Other connections run before the next request of this one.
    ends_turn: bool,
    /// The Content-Length that the program set.
    declared_length: Option<u64>,
    /// A field was set that conditional or range requests need.
    conditional: bool,
    error: Option<Error>,
    on_sent: Option<Box<SentCallbacks>>,
}

/// The bytes of the body, or where they come from.
#[derive(Debug, Default)]
enum Body {
    #[default]
    Empty,
    Static(&'static [u8]),
    Scratch,
    /// Sent by a GET only; of this length, if the HEAD handler has set it.
    HeadOnly(Option<u64>),
    Owned(Vec<u8>),
    /// Kept for the next responses too.
    Shared(Arc<[u8]>),
    /// Produced while it is sent; of this length, if that is known.
    Source(GuardedSource, Option<u64>),
}

/// The scratch buffer is freed after a response if it is larger than this, in bytes.
const SCRATCH_KEPT: usize = 64 * 1024;

const TEXT: &str = "Content-Type: text/plain; charset=utf-8\r\n";
const JSON: &str = "Content-Type: application/json\r\n";
const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";
const BYTES: &str = "Content-Type: application/octet-stream\r\n";

impl Response {
    /// Returns an empty response with this status.
    pub fn new(status: StatusCode) -> Response {
        Response { status: Some(status), ..Response::default() }
    }

    /// Returns the status.
    #[inline]
    pub fn status(&self) -> StatusCode {
        self.status.unwrap_or_default()
    }

    /// Returns whether the program has set a status.
    pub(crate) fn has_status(&self) -> bool {
        self.status.is_some()
    }

    /// Sets the status. Replacing the 101 of an upgrade cancels it.
    #[inline]
    pub fn set_status(&mut self, status: StatusCode) {
        if self.status().is_informational() && self.is_final() {
            self.set_body(Body::Empty);
        }
        self.status = Some(status);
    }

    /// Sets a text body: `text/plain; charset=utf-8`, unless a Content-Type is set.
    pub fn set_text(&mut self, text: impl AsRef<str>) {
        self.default_content_type(TEXT);
        self.scratch.clear();
        self.scratch.extend_from_slice(text.as_ref().as_bytes());
        self.set_body(Body::Scratch);
    }

    /// Sets an HTML body.
    pub fn set_html(&mut self, html: impl AsRef<str>) {
        self.set_text(html);
        self.replace_content_type(TEXT, HTML);
    }

    /// Serialises a JSON body: `application/json`, unless a Content-Type is set. A value that
    /// cannot be serialised causes a 500.
    pub fn set_json<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.default_content_type(JSON);
        self.scratch.clear();
        self.set_body(Body::Scratch);
        if let Err(error) = serde_json::to_writer(&mut self.scratch, value) {
            self.fail(Error::internal(error));
        }
    }

    /// Sets a body of bytes: `application/octet-stream`, unless a Content-Type is set.
    pub fn set_bytes(&mut self, bytes: impl Into<Vec<u8>>) {
        self.default_content_type(BYTES);
        self.set_body(Body::Owned(bytes.into()));
    }

    /// Closes the connection after this response.
    pub fn close_connection(&mut self) {
        self.close = true;
    }

    /// Returns the body, for after hooks and tests; empty if it is produced while it is sent.
    #[inline]
    pub fn body(&self) -> &[u8] {
        match &self.body {
            Body::Empty => &[],
            Body::Static(bytes) => bytes,
            Body::Scratch => &self.scratch,
            Body::Owned(bytes) => bytes,
            Body::Shared(bytes) => bytes,
            Body::Source(..) | Body::HeadOnly(_) => &[],
        }
    }

    pub(crate) fn set_source(&mut self, source: impl BodySource + 'static, length: Option<u64>) {
        self.default_content_type(BYTES);
        self.set_body(Body::Source(GuardedSource::new(source), length.or(self.declared_length)));
    }

    /// Sets the length of content that is not in memory.
    fn declare_length(&mut self, bytes: u64) {
        self.declared_length = Some(bytes);
        if let Body::Source(_, length) = &mut self.body {
            *length = self.declared_length;
        }
    }

    #[inline(always)]
    pub(crate) fn take_source(&mut self) -> Option<GuardedSource> {
        match self.body {
            Body::Source(..) => match std::mem::take(&mut self.body) {
                Body::Source(source, _) => Some(source),
                _ => None,
            },
            _ => None,
        }
    }

    /// Replaces a source that may block.
    pub(crate) fn replace_blocking_source(&mut self, unblocked: impl FnOnce(GuardedSource) -> GuardedSource) {
        if matches!(&self.body, Body::Source(source, _) if source.blocks())
            && let Body::Source(source, length) = std::mem::take(&mut self.body)
        {
            self.body = Body::Source(unblocked(source), length);
        }
    }

    /// Returns whether the body is produced while it is sent.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.body, Body::Source(..))
    }

    /// Returns the length of the body; `None` if it is not known yet.
    #[cfg(feature = "gzip")]
    pub(crate) fn length(&self) -> Option<u64> {
        match self.content() {
            Content::Length(length) => Some(length),
            Content::Streamed => None,
            Content::Undeclared => Some(0),
        }
    }

    /// Returns what is known of the body's length.
    #[inline]
    pub(crate) fn content(&self) -> Content {
        match &self.body {
            Body::Source(_, length) => length.map_or(Content::Streamed, Content::Length),
            Body::HeadOnly(length) => length.map_or(Content::Undeclared, Content::Length),
            _ => Content::Length(self.body().len() as u64),
        }
    }

    /// Marks the response of a HEAD route: without a body of its own, it describes content that
    /// only a GET sends (RFC 9110 §8.6).
    pub(crate) fn describe_get(&mut self) {
        if let Body::Empty = self.body {
            self.body = Body::HeadOnly(self.declared_length);
        }
    }

    /// Sets a static text, which is not copied before it is sent.
    #[inline]
    pub(crate) fn static_text(&mut self, text: &'static str) {
        self.default_content_type(TEXT);
        self.set_body(Body::Static(text.as_bytes()));
    }

    /// Sets static bytes.
    pub(crate) fn static_bytes(&mut self, bytes: &'static [u8]) {
        self.default_content_type(BYTES);
        self.set_body(Body::Static(bytes));
    }

    /// Sets bytes that other responses share.
    pub(crate) fn shared_bytes(&mut self, bytes: Arc<[u8]>) {
        self.default_content_type(BYTES);
        self.set_body(Body::Shared(bytes));
    }

    /// Reduces a body that is in memory to this range.
    pub(crate) fn slice(&mut self, part: Range<usize>) {
        match &mut self.body {
            Body::Empty | Body::Source(..) | Body::HeadOnly(_) => {}
            Body::Static(bytes) => *bytes = bytes.get(part).unwrap_or_default(),
            Body::Scratch => slice_vec(&mut self.scratch, part),
            Body::Owned(bytes) => slice_vec(bytes, part),
            Body::Shared(bytes) if part == (0..bytes.len()) => {}
            Body::Shared(bytes) => self.body = Body::Owned(bytes::part(bytes, part).to_vec()),
        }
    }

    /// Returns whether there is an error to render, conditions to evaluate, or a status that may
    /// not be sent.
    #[inline]
    pub(crate) fn needs_finishing(&self) -> bool {
        self.conditional || self.error.is_some() || self.status.is_some_and(StatusCode::is_informational)
    }

    /// Returns whether the status is final: 2xx to 5xx, or 101 with an upgrade (RFC 9110 §15.2).
    pub(crate) fn is_final(&self) -> bool {
        let switches = || matches!(&self.body, Body::Source(source, _) if source.is_upgrade());
        !self.status().is_informational() || (self.status() == StatusCode::SWITCHING_PROTOCOLS && switches())
    }

    /// Returns whether conditions have to be evaluated, and resets the flag.
    pub(crate) fn take_conditional(&mut self) -> bool {
        std::mem::take(&mut self.conditional)
    }

    pub(crate) fn clear_body(&mut self) {
        self.set_body(Body::Empty);
        self.media_type = "";
    }

    /// Makes the response an error. The error handlers render it after the handler.
    pub(crate) fn fail(&mut self, error: Error) {
        self.error = Some(error);
    }

    #[inline]
    pub(crate) fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// Resets the response for the next request; keeps the buffers.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.status = None;
        self.fields.clear();
        self.media_type = "";
        self.close = false;
        self.ends_turn = false;
        self.declared_length = None;
        self.conditional = false;
        self.set_body(Body::Empty);
        if self.error.is_some() || self.on_sent.is_some() || self.scratch.capacity() > SCRATCH_KEPT {
            self.drop_parts();
        }
    }

    /// Replaces the body. Most bodies own nothing and need no call to be dropped.
    #[inline]
    fn set_body(&mut self, body: Body) {
        let replaced = std::mem::replace(&mut self.body, body);
        match replaced {
            Body::Empty | Body::Static(_) | Body::Scratch | Body::HeadOnly(_) => std::mem::forget(replaced),
            Body::Owned(_) | Body::Shared(_) | Body::Source(..) => drop(replaced),
        }
    }

    #[cold]
    fn drop_parts(&mut self) {
        (self.error, self.on_sent) = (None, None);
        if self.scratch.capacity() > SCRATCH_KEPT {
            self.scratch = Vec::new();
        }
    }

    pub(crate) fn on_sent_mut(&mut self) -> &mut Option<Box<SentCallbacks>> {
        &mut self.on_sent
    }

    /// Returns the callbacks to run when this response was sent.
    #[inline]
    pub(crate) fn take_on_sent(&mut self) -> Option<Box<SentCallbacks>> {
        self.on_sent.take()
    }

    /// Returns the response that a worker reuses, with capacity for typical ones.
    pub(crate) fn with_capacity() -> Response {
        Response { fields: Vec::with_capacity(512), scratch: Vec::with_capacity(1024), ..Response::default() }
    }

    #[inline]
    pub(crate) fn field_lines(&self) -> (&[u8], &'static str) {
        (&self.fields, self.media_type)
    }

    #[inline]
    pub(crate) fn closes(&self) -> bool {
        self.close
    }

    /// Lets other connections run before the next request of this one: to make or send this response
    /// took as long as many others take.
    pub(crate) fn end_turn(&mut self) {
        self.ends_turn = true;
    }

    #[inline]
    pub(crate) fn ends_turn(&self) -> bool {
        self.ends_turn
    }

    #[inline]
    fn default_content_type(&mut self, line: &'static str) {
        if self.fields.is_empty() || self.header_value("content-type").is_none() {
            self.media_type = line;
        }
    }

    fn replace_content_type(&mut self, from: &'static str, to: &'static str) {
        if self.media_type == from {
            self.media_type = to;
        }
    }
}

/// Reduces a vector to this range.
fn slice_vec(bytes: &mut Vec<u8>, part: Range<usize>) {
    bytes.truncate(part.end);
    bytes.drain(..part.start.min(bytes.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(response: &Response) -> Vec<(String, String)> {
        response.headers().map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned())).collect()
    }

    #[test]
    fn header_replaces_and_append_header_adds() {
        let mut response = Response::default();
        response.set_header("X-A", "1");
        response.set_header("x-a", "2");
        response.append_header("Set-Cookie", "a=1");
        response.append_header("Set-Cookie", "b=2");
        let expected = [("x-a", "2"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")];
        assert_eq!(lines(&response), expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn no_byte_can_split_a_response() {
        for byte in 0..=255_u8 {
            for (name, value) in [(vec![b'X', byte], b"v".to_vec()), (b"X".to_vec(), vec![b'a', byte, b'b'])] {
                let Ok(name) = String::from_utf8(name) else { continue };
                let mut response = Response::default();
                response.set_header(&name, &value);
                let refused = response.take_error().is_some();
                assert_eq!(refused, response.fields.is_empty(), "{name:?} {value:?}");
                assert_eq!(
                    response.fields.iter().filter(|byte| **byte == b'\r' || **byte == b'\n').count(),
                    if refused { 0 } else { 2 }
                );
            }
        }
    }

    #[test]
    fn only_spaces_and_tabs_are_trimmed() {
        for (value, expected) in [
            (" \tv \t", Some("v")),
            ("", Some("")),
            (" ", Some("")),
            ("\r\nv", None),
            ("v\r\n", None),
            ("\nv", None),
            ("v\r", None),
            (" \r\n v", None),
            ("\x0cv", None),
            ("v\x0b", None),
        ] {
            let mut response = Response::default();
            response.set_header("X-A", value);
            assert_eq!(response.header_value("x-a"), expected, "{value:?}");
            assert_eq!(response.take_error().is_some(), expected.is_none(), "{value:?}");
        }
    }

    #[test]
    fn a_media_type_that_was_set_wins_over_the_one_of_the_body() {
        let mut response = Response::default();
        response.set_header("Content-Type", "text/csv");
        response.set_text("a,b");
        assert_eq!(lines(&response), [("Content-Type".to_owned(), "text/csv".to_owned())]);
        let mut response = Response::default();
        response.set_text("a,b");
        response.set_header("content-type", "text/csv");
        assert_eq!(lines(&response), [("content-type".to_owned(), "text/csv".to_owned())]);
    }

    #[test]
    fn framing_fields_are_the_servers() {
        let mut response = Response::default();
        for name in ["Content-Length", "transfer-encoding", "DATE"] {
            response.set_header(name, "5");
        }
        response.set_header("Connection", "close");
        assert_eq!(lines(&response), []);
        assert!(response.closes());
        for (value, closes) in [("keep-alive", false), ("keep-alive, Close", true), ("closed", false)] {
            let mut response = Response::default();
            response.append_header("Connection", value);
            assert_eq!(response.closes(), closes, "{value}");
        }
    }
}
