//! Builds a response in one expression. Each method takes the response and returns it changed.

use std::time::SystemTime;

use serde_core::Serialize;

use super::Response;
use super::body_source::{IteratorSource, ReaderSource};
use crate::http1::status::StatusCode;

impl Response {
    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Response {
        self.set_status(status);
        self
    }

    /// Sets a header field; replaces earlier ones of the same name. As
    /// [`set_header`](Self::set_header).
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Response {
        self.set_header(name, value);
        self
    }

    /// Sets a text body: `text/plain; charset=utf-8`, unless a Content-Type is set.
    #[must_use]
    pub fn text(mut self, text: impl AsRef<str>) -> Response {
        self.set_text(text);
        self
    }

    /// Sets an HTML body.
    #[must_use]
    pub fn html(mut self, html: impl AsRef<str>) -> Response {
        self.set_html(html);
        self
    }

    /// Serialises a JSON body: `application/json`, unless a Content-Type is set. A value that
    /// cannot be serialised causes a 500.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Response {
        self.set_json(value);
        self
    }

    /// Sets a body of bytes: `application/octet-stream`, unless a Content-Type is set.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Response {
        self.set_bytes(bytes);
        self
    }

    /// Sets a body whose chunks are taken from an iterator while it is sent, as fast as the client
    /// reads. The iterator runs on the event loop, or on the pool if the route is
    /// [`blocking`](crate::Route::blocking).
    ///
    /// ```
    /// use wirelight::{App, Response};
    ///
    /// let mut app = App::new();
    /// app.get("/", |_| Response::default().chunks((0..3).map(|n| format!("chunk-{n}\n"))));
    /// assert!(app.test().raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").ends_with(b"chunk-2\n\r\n0\r\n\r\n"));
    /// ```
    #[must_use]
    pub fn chunks<I>(mut self, pieces: I) -> Response
    where
        I: IntoIterator<Item: AsRef<[u8]>, IntoIter: Send + 'static>,
    {
        self.set_source(IteratorSource(pieces.into_iter()), None);
        self
    }

    /// Sets a body that is read while it is sent, 64 KiB at a time; of this length in bytes, if
    /// that is known. Reads run on the event loop, so they must not wait (a file is fine), or on
    /// the pool if the route is [`blocking`](crate::Route::blocking).
    #[must_use]
    pub fn reader(mut self, reader: impl std::io::Read + Send + 'static, length: Option<u64>) -> Response {
        self.set_source(ReaderSource(reader), length);
        self
    }

    /// Declares the length of a body that is produced while it is sent, by [`chunks`](Self::chunks),
    /// [`reader`](Self::reader) or [`stream`](crate::stream): it is sent with this `Content-Length`
    /// instead of in chunks, and HEAD has it too (RFC 9110 §8.6). A `Content-Length` among the
    /// fields, as a proxy copies it, does the same. It does not apply to bodies in memory.
    ///
    /// A body that ends early closes the connection, since the client must not take it as complete
    /// (RFC 9112 §8), and the log says so. Bytes after the declared ones are not sent.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/", |_| {
    ///     let (sender, response) = wirelight::stream(1024);
    ///     std::thread::spawn(move || (0..3).try_for_each(|n| sender.send(format!("{n}\n"))));
    ///     response.content_length(6)
    /// });
    /// let response = app.test().get("/").send();
    /// assert_eq!((response.header("Content-Length"), response.text()), (Some("6"), "0\n1\n2\n"));
    /// ```
    #[must_use]
    pub fn content_length(mut self, bytes: u64) -> Response {
        self.declare_length(bytes);
        self
    }

    /// Sets the entity tag (`ETag`, RFC 9110 §8.8.3), without quotes: a different one for every
    /// different content, to the byte. A GET that already has this tag gets 304 and no body.
    ///
    /// A compressed representation has a tag of its own (§8.8.3.3): with
    /// [`Gzip`](crate::middleware::Gzip), `"v3"` becomes `"v3-gzip"`. Both name the same state, so
    /// `If-Match` accepts either, and so does
    /// [`Request::precondition`](crate::Request::precondition). Do not use tags that end with
    /// `-gzip` or `-br`.
    ///
    /// A tag with a quote, a space or a control character makes the response a 500.
    ///
    /// ```
    /// use wirelight::{App, Response};
    ///
    /// let mut app = App::new();
    /// app.get("/", |_| Response::default().text("the third edition").etag("v3"));
    /// let client = app.test();
    /// assert_eq!(client.get("/").send().header("etag"), Some("\"v3\""));
    /// assert_eq!(client.get("/").header("If-None-Match", "\"v3\"").send().status(), 304);
    /// assert_eq!(client.get("/").header("If-Match", "\"v2\"").send().status(), 412);
    /// ```
    #[must_use]
    pub fn etag(mut self, tag: impl AsRef<str>) -> Response {
        self.set_etag("", tag.as_ref());
        self
    }

    /// As [`etag`](Self::etag), for contents that are equivalent but not equal to the byte (a page
    /// with another date on it). Works for 304, but not for ranges and `If-Match` (RFC 9110
    /// §8.8.1).
    #[must_use]
    pub fn weak_etag(mut self, tag: impl AsRef<str>) -> Response {
        self.set_etag("W/", tag.as_ref());
        self
    }

    /// Sets when the resource was last changed (RFC 9110 §8.8.2), in whole seconds. Conditional
    /// requests are compared with it.
    ///
    /// A future time becomes now, as §8.8.2.1 requires. A time before 1970 cannot be expressed and
    /// is ignored.
    #[must_use]
    pub fn last_modified(mut self, time: SystemTime) -> Response {
        self.set_last_modified(time);
        self
    }

    /// Sets what caches may do: `public, max-age=3600` (RFC 9111 §5.2.2).
    #[must_use]
    pub fn cache_control(self, directives: &str) -> Response {
        self.header("Cache-Control", directives)
    }

    /// Tells caches to store nothing, for personal or secret content.
    #[must_use]
    pub fn no_store(self) -> Response {
        self.cache_control("no-store")
    }

    /// Adds a request field that the response depends on to `Vary` (RFC 9110 §12.5.5).
    #[must_use]
    pub fn vary(mut self, field: &str) -> Response {
        self.add_vary(field);
        self
    }

    /// Offers ranges of the body (RFC 9110 §14): a GET with `Range: bytes=…` gets 206 with the
    /// range.
    #[must_use]
    pub fn accept_ranges(self) -> Response {
        self.header("Accept-Ranges", "bytes")
    }
}
