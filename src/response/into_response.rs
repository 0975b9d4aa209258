//! Converts the values that handlers return into responses.

use std::borrow::Cow;

use serde_core::Serialize;
use serde_json::Value;

use crate::http1::status::StatusCode;
use crate::response::Response;
use crate::response::error::Error;
use crate::response::returned::Returned;

/// A value that a handler may return.
///
/// | value | answer |
/// | --- | --- |
/// | `&'static str`, `String`, `Cow<str>` | 200, text |
/// | `Vec<u8>`, `&'static [u8]` | 200, bytes |
/// | [`Json<T>`], [`serde_json::Value`] | 200, JSON |
/// | [`Html<T>`] | 200, HTML |
/// | [`Redirect`](crate::Redirect) | 302 or the one it names, with Location |
/// | `()` | 204 |
/// | [`StatusCode`] | that status, no body |
/// | `(StatusCode, value)` | the value with that status |
/// | `(StatusCode, [(name, value); N], value)` | and with these header fields, instead of those that the value sets |
/// | `Option<value>` | the value, or 404 |
/// | `Result<value, error>` | the value, or the page of the error: an [`Error`], any of std, `anyhow::Error`, `String` |
/// | [`Response`] | itself |
///
/// A function that returns `impl IntoResponse` needs `+ use<>`: without it, edition 2024 takes the value
/// to borrow from the request, which it outlives.
///
/// ```
/// use wirelight::{App, IntoResponse, Request};
///
/// fn path(req: &Request) -> impl IntoResponse + use<> {
///     req.path().to_owned()
/// }
///
/// let mut app = App::new();
/// app.get("/a", path);
/// assert_eq!(app.test().get("/a").send().text(), "/a");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be turned into an HTTP response",
    label = "`{Self}` is not a response",
    note = "return text, bytes, `Json(value)`, `(StatusCode, value)`, an `Option` or `Result` of those, or a `Response`",
    note = "`Json` takes numbers, lists and types with `serde::Serialize`; a status is a `StatusCode`, not a number",
    note = "a handler is not async and returns no future: `.blocking()` on the route's line runs it on a pool of threads"
)]
pub trait IntoResponse: Sized {
    /// Writes the value to `response`, which is empty and has status 200. A type of the program
    /// passes one of the values above on: `(StatusCode::OK, self.text).write_to(response)`.
    fn write_to(self, response: &mut Response);

    /// Returns the response that a handler makes by returning this value: for branches of different
    /// types.
    ///
    /// ```
    /// use wirelight::{App, IntoResponse, Redirect};
    ///
    /// let mut app = App::new();
    /// app.get("/", |req| match req.query("name") {
    ///     Some(name) => format!("Hello, {name}!").into_response(),
    ///     None => Redirect::found("/?name=World").into_response(),
    /// });
    /// assert_eq!(app.test().get("/?name=you").send().text(), "Hello, you!");
    /// assert_eq!(app.test().get("/").send().status(), 302);
    /// ```
    fn into_response(self) -> Response {
        let mut response = Response::default();
        self.write_to(&mut response);
        response
    }

    /// Returns what the type tells about its responses, for the document of the API.
    #[doc(hidden)]
    fn returned() -> Returned {
        Returned::default()
    }
}

impl Response {
    /// Returns the response that a handler makes by returning `value`: for branches of different
    /// types, and to add to it. An `Err` and a `None` become the error's page, as if returned, without
    /// what is added here: [`Error::with_header`] adds to that.
    ///
    /// ```
    /// use wirelight::{Json, Response};
    ///
    /// let response = Response::from(Json([1, 2, 3])).no_store();
    /// assert_eq!((response.body(), response.header_value("Cache-Control")), (&b"[1,2,3]"[..], Some("no-store")));
    /// ```
    // `From` for all values would collide with `From<Response> for Response`.
    pub fn from(value: impl IntoResponse) -> Response {
        value.into_response()
    }
}

/// A value to send as JSON.
///
/// ```
/// use wirelight::{App, Json};
///
/// let mut app = App::new();
/// app.get("/", |_| Json([1, 2, 3]));
/// assert_eq!(app.test().get("/").send().text(), "[1,2,3]");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// Text to send as HTML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Html<T>(pub T);

impl IntoResponse for &'static str {
    #[inline]
    fn write_to(self, response: &mut Response) {
        response.static_text(self);
    }

    fn returned() -> Returned {
        Returned::content("text/plain")
    }
}

impl IntoResponse for String {
    fn write_to(self, response: &mut Response) {
        response.set_text(self);
    }

    fn returned() -> Returned {
        Returned::content("text/plain")
    }
}

impl IntoResponse for Cow<'static, str> {
    fn write_to(self, response: &mut Response) {
        response.set_text(self);
    }

    fn returned() -> Returned {
        Returned::content("text/plain")
    }
}

impl IntoResponse for &'static [u8] {
    fn write_to(self, response: &mut Response) {
        response.static_bytes(self);
    }

    fn returned() -> Returned {
        Returned::content("application/octet-stream")
    }
}

impl IntoResponse for Vec<u8> {
    fn write_to(self, response: &mut Response) {
        response.set_bytes(self);
    }

    fn returned() -> Returned {
        Returned::content("application/octet-stream")
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    #[inline]
    fn write_to(self, response: &mut Response) {
        response.set_json(&self.0);
    }

    fn returned() -> Returned {
        Returned::content("application/json")
    }
}

impl IntoResponse for Value {
    fn write_to(self, response: &mut Response) {
        response.set_json(&self);
    }

    fn returned() -> Returned {
        Returned::content("application/json")
    }
}

impl<T: AsRef<str>> IntoResponse for Html<T> {
    fn write_to(self, response: &mut Response) {
        response.set_html(self.0);
    }

    fn returned() -> Returned {
        Returned::content("text/html")
    }
}

impl IntoResponse for () {
    fn write_to(self, response: &mut Response) {
        response.set_status(StatusCode::NO_CONTENT);
    }

    fn returned() -> Returned {
        Returned::status("204")
    }
}

impl IntoResponse for StatusCode {
    fn write_to(self, response: &mut Response) {
        response.set_status(self);
    }
}

impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn write_to(self, response: &mut Response) {
        self.1.write_to(response);
        response.set_status(self.0);
    }

    fn returned() -> Returned {
        Returned { status: None, ..T::returned() }
    }
}

impl<T: IntoResponse, V: AsRef<[u8]>, const N: usize> IntoResponse for (StatusCode, [(&str, V); N], T) {
    fn write_to(self, response: &mut Response) {
        (self.0, self.2).write_to(response);
        for (name, _) in &self.1 {
            response.remove_header(name);
        }
        for (name, value) in self.1 {
            response.append_header(name, value);
        }
    }

    fn returned() -> Returned {
        Returned { status: None, ..T::returned() }
    }
}

impl<T: IntoResponse> IntoResponse for Option<T> {
    fn write_to(self, response: &mut Response) {
        match self {
            Some(value) => value.write_to(response),
            None => response.fail(Error::not_found("")),
        }
    }

    fn returned() -> Returned {
        Returned { or_not_found: true, ..T::returned() }
    }
}

/// An error that a handler may return. It exists for the compiler's message: without it, that names
/// what `Error` wants of a `Box<dyn std::error::Error>`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that a handler can return",
    label = "the handler returns this error",
    note = "implement `std::error::Error` for it: the response is 500, and its text goes to the log alone",
    note = "or implement `From<{Self}>` for `wirelight::Error`: the response has the status and the message that you choose"
)]
pub trait IntoError: Into<Error> {}

#[diagnostic::do_not_recommend]
impl<E: Into<Error>> IntoError for E {}

impl<T: IntoResponse, E: IntoError> IntoResponse for Result<T, E> {
    #[inline]
    fn write_to(self, response: &mut Response) {
        match self {
            Ok(value) => value.write_to(response),
            Err(error) => response.fail(error.into()),
        }
    }

    fn returned() -> Returned {
        T::returned()
    }
}

impl IntoResponse for Error {
    fn write_to(self, response: &mut Response) {
        response.fail(self);
    }
}

impl IntoResponse for Response {
    fn write_to(self, response: &mut Response) {
        *response = self;
    }
}
