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
/// | `Result<value, error>` | the value, or the error's page |
/// | [`Response`] | itself |
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be turned into an HTTP response",
    label = "a handler returned this",
    note = "return text, bytes, `Json(value)`, `(StatusCode, value)`, an `Option` or `Result` of those, or a `Response`"
)]
pub trait IntoResponse {
    /// Writes the value to `response`, which is empty and has status 200.
    fn into_response(self, response: &mut Response);

    /// Returns what the type tells about its responses, for the document of the API.
    #[doc(hidden)]
    fn returned() -> Returned {
        Returned::default()
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
    fn into_response(self, response: &mut Response) {
        response.static_text(self);
    }

    fn returned() -> Returned {
        Returned::content("text/plain")
    }
}

impl IntoResponse for String {
    fn into_response(self, response: &mut Response) {
        response.text(self);
    }

    fn returned() -> Returned {
        Returned::content("text/plain")
    }
}

impl IntoResponse for Cow<'static, str> {
    fn into_response(self, response: &mut Response) {
        response.text(self);
    }

    fn returned() -> Returned {
        Returned::content("text/plain")
    }
}

impl IntoResponse for &'static [u8] {
    fn into_response(self, response: &mut Response) {
        response.static_bytes(self);
    }

    fn returned() -> Returned {
        Returned::content("application/octet-stream")
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self, response: &mut Response) {
        response.bytes(self);
    }

    fn returned() -> Returned {
        Returned::content("application/octet-stream")
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    #[inline]
    fn into_response(self, response: &mut Response) {
        response.json(&self.0);
    }

    fn returned() -> Returned {
        Returned::content("application/json")
    }
}

impl IntoResponse for Value {
    fn into_response(self, response: &mut Response) {
        response.json(&self);
    }

    fn returned() -> Returned {
        Returned::content("application/json")
    }
}

impl<T: AsRef<str>> IntoResponse for Html<T> {
    fn into_response(self, response: &mut Response) {
        response.html(self.0);
    }

    fn returned() -> Returned {
        Returned::content("text/html")
    }
}

impl IntoResponse for () {
    fn into_response(self, response: &mut Response) {
        response.set_status(StatusCode::NO_CONTENT);
    }

    fn returned() -> Returned {
        Returned::status("204")
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self, response: &mut Response) {
        response.set_status(self);
    }
}

impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self, response: &mut Response) {
        self.1.into_response(response);
        response.set_status(self.0);
    }

    fn returned() -> Returned {
        Returned { status: None, ..T::returned() }
    }
}

impl<T: IntoResponse, V: AsRef<[u8]>, const N: usize> IntoResponse for (StatusCode, [(&str, V); N], T) {
    fn into_response(self, response: &mut Response) {
        (self.0, self.2).into_response(response);
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
    fn into_response(self, response: &mut Response) {
        match self {
            Some(value) => value.into_response(response),
            None => response.fail(Error::not_found("")),
        }
    }

    fn returned() -> Returned {
        Returned { or_not_found: true, ..T::returned() }
    }
}

impl<T: IntoResponse, E: Into<Error>> IntoResponse for Result<T, E> {
    #[inline]
    fn into_response(self, response: &mut Response) {
        match self {
            Ok(value) => value.into_response(response),
            Err(error) => response.fail(error.into()),
        }
    }

    fn returned() -> Returned {
        T::returned()
    }
}

impl IntoResponse for Error {
    fn into_response(self, response: &mut Response) {
        response.fail(self);
    }
}

impl IntoResponse for Response {
    fn into_response(self, response: &mut Response) {
        *response = self;
    }
}
