//! An error: a status and a message for the client, a source for the log.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::http1::status::StatusCode;
use crate::logging::ErrorChain;
use crate::panics::discard;
use crate::response::Response;
use crate::response::status_messages::default_message;
use crate::response::std_error::{carried, carry};

/// The result of handlers and hooks.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that a handler, hook or guard returns.
///
/// `?` turns any [`std::error::Error`] that is `Send` and `Sync`, an `anyhow::Error` and text
/// (`String`, `&'static str`) into a 500 whose cause is logged and never sent. The constructors make
/// errors with a message for the client. Error handlers ([`on_error`](crate::Router::on_error))
/// render them; the default is JSON.
///
/// ```
/// use wirelight::{Error, Request, Result};
///
/// fn show(req: &Request) -> Result<String> {
///     let id: u64 = req.param("id")?;
///     if id == 0 {
///         return Err(Error::not_found("users are counted from 1"));
///     }
///     let text = std::fs::read_to_string("users.txt")?; // any failure: 500, and the reason in the log
///     Ok(text)
/// }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    status: StatusCode,
    message: Cow<'static, str>,
    details: Option<Value>,
    fields: Vec<(Cow<'static, str>, String)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    response: Option<Response>,
    rate_limit_exceeded: Option<RateLimitExceeded>,
}

/// The source belongs to the program, and its `Drop` may panic.
impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            discard(source);
        }
    }
}

/// The rate limit that refused a request; the message names the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimitExceeded {
    /// Requests allowed in the window.
    pub(crate) amount: u64,
    /// Seconds until the window ends.
    pub(crate) retry_after: u64,
}

impl Error {
    /// Returns an error with this status and this message for the client. A 401 needs a challenge:
    /// [`unauthorized`](Error::unauthorized); where there is none, as for a signature that is wrong,
    /// use 403.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Inner {
            status,
            message: message.into(),
            details: None,
            fields: Vec::new(),
            source: None,
            response: None,
            rate_limit_exceeded: None,
        }))
    }

    /// Returns a 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(StatusCode::BAD_REQUEST, message)
    }

    /// Returns a 401 with the `WWW-Authenticate` field that RFC 9110 §15.5.2 requires; `challenge`
    /// is its value, such as `Bearer realm="api"`.
    pub fn unauthorized(challenge: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(StatusCode::UNAUTHORIZED, message).with_header("WWW-Authenticate", challenge)
    }

    /// Returns a 403: the client is known, and not allowed to do this.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(StatusCode::FORBIDDEN, message)
    }

    /// Returns a 404: the resource does not exist.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(StatusCode::NOT_FOUND, message)
    }

    /// Returns a 409: the request conflicts with the current state, as a duplicate does.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(StatusCode::CONFLICT, message)
    }

    /// Returns a 422: well-formed, but not valid; `details` lists the invalid fields and why.
    pub fn unprocessable(message: impl Into<Cow<'static, str>>, details: Value) -> Error {
        Error::new(StatusCode::UNPROCESSABLE_ENTITY, message).with_details(details)
    }

    /// Returns a 500. The client gets a neutral message; `source` is logged.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        let mut error = Error::new(StatusCode::INTERNAL_SERVER_ERROR, "");
        error.0.source = Some(source.into());
        error
    }

    /// Returns an error that ends the request with a whole response: a redirect, a cached page.
    ///
    /// ```
    /// use wirelight::{App, Error, Response, StatusCode};
    ///
    /// let mut app = App::new();
    /// app.before(|_| Err(Error::response(Response::new(StatusCode::NO_CONTENT))));
    /// assert_eq!(app.test().get("/anything").send().status(), 204);
    /// ```
    pub fn response(response: Response) -> Error {
        let mut error = Error::new(response.status(), "");
        error.0.response = Some(response);
        error
    }

    /// Adds structured details, which the default response contains as `"details"`.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Error {
        self.0.details = Some(details);
        self
    }

    /// Adds a response header field, such as `Retry-After`.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Error {
        self.0.fields.push((name.into(), value.into()));
        self
    }

    /// Sets another status.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Error {
        self.0.status = status;
        self
    }

    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Returns the standard phrase of the status: "Not Found".
    pub fn name(&self) -> &'static str {
        self.0.status.canonical_reason().unwrap_or_default()
    }

    /// Returns the message for the client; the default message of the status, if the error has
    /// none.
    pub fn message(&self) -> &str {
        if self.0.message.is_empty() { default_message(self.0.status) } else { &self.0.message }
    }

    /// Returns the structured details, if there are some.
    pub fn details(&self) -> Option<&Value> {
        self.0.details.as_ref()
    }

    /// Returns the error as one of std, for functions that return `anyhow::Result` and the like: the
    /// handler that returns their error responds as with this one, whatever context was added.
    ///
    /// ```
    /// use wirelight::{App, Error, Request};
    ///
    /// fn double(req: &Request) -> anyhow::Result<String> {
    ///     let n: u32 = req.query_required("n").map_err(Error::into_std)?; // 400
    ///     let doubled = n.checked_mul(2).ok_or_else(|| anyhow::anyhow!("{n} is too large"))?; // 500
    ///     Ok(doubled.to_string())
    /// }
    ///
    /// let mut app = App::new();
    /// app.get("/", double);
    /// assert_eq!(app.test().get("/?n=21").send().text(), "42");
    /// assert_eq!(app.test().get("/").send().status(), 400);
    /// assert_eq!(app.test().get("/?n=4000000000").send().status(), 500);
    /// ```
    pub fn into_std(self) -> impl std::error::Error + Send + Sync + 'static {
        carry(self.to_string(), self)
    }

    /// Returns the cause, for the log and never for the client.
    pub fn source(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.0.source.as_deref()
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.fields.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Sets the exceeded rate limit, for the trace.
    pub(crate) fn with_rate_limit(mut self, used_up: RateLimitExceeded) -> Error {
        self.0.rate_limit_exceeded = Some(used_up);
        self
    }

    pub(crate) fn rate_limit_exceeded(&self) -> Option<RateLimitExceeded> {
        self.0.rate_limit_exceeded
    }

    pub(crate) fn take_response(&mut self) -> Option<Response> {
        self.0.response.take()
    }
}

/// Returns an error with this status, as Flask's `abort`. A number that is not an error status, or
/// that no standard defines, becomes 500: use [`Error::new`] for a status of your own.
///
/// ```
/// use wirelight::{Request, Result, abort};
///
/// fn secret(_: &Request) -> Result<&'static str> {
///     abort(403)
/// }
/// ```
///
/// # Errors
/// Always.
pub fn abort<T>(status: u16) -> Result<T> {
    let known = |status: &StatusCode| status.as_u16() >= 400 && status.canonical_reason().is_some();
    match StatusCode::from_u16(status).ok().filter(known) {
        Some(status) => Err(Error::new(status, "")),
        None => Err(Error::internal(format!("abort({status}): not an error status"))),
    }
}

// All errors of std, `anyhow::Error`, and text. `Error` must not become such a box, since this
// would collide with `From<Error> for Error`.
impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Error {
    fn from(source: E) -> Error {
        let source = source.into();
        carried(source.as_ref()).unwrap_or_else(|| Error::internal(source))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.status.as_u16(), self.name(), self.message())?;
        match &self.0.source {
            Some(source) => write!(f, " (caused by: {})", ErrorChain(source.as_ref())),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
