//! Converts methods, statuses and versions from and to those of the http crate.

use crate::http1::method::{InvalidMethod, Method};
use crate::http1::status::{InvalidStatusCode, StatusCode};
use crate::http1::version::Version;

/// ```
/// use wirelight::Method;
///
/// assert_eq!(Method::try_from(http::Method::PATCH)?, Method::PATCH);
/// # Ok::<(), wirelight::InvalidMethod>(())
/// ```
impl TryFrom<http::Method> for Method {
    type Error = InvalidMethod;

    fn try_from(method: http::Method) -> Result<Method, InvalidMethod> {
        Method::from_bytes(method.as_str().as_bytes())
    }
}

impl TryFrom<Method> for http::Method {
    type Error = http::method::InvalidMethod;

    fn try_from(method: Method) -> Result<http::Method, http::method::InvalidMethod> {
        http::Method::from_bytes(method.as_str().as_bytes())
    }
}

/// Fails above 599, which no response may have (RFC 9110 §15).
impl TryFrom<http::StatusCode> for StatusCode {
    type Error = InvalidStatusCode;

    fn try_from(status: http::StatusCode) -> Result<StatusCode, InvalidStatusCode> {
        StatusCode::from_u16(status.as_u16())
    }
}

/// ```
/// use wirelight::StatusCode;
///
/// assert_eq!(http::StatusCode::from(StatusCode::CREATED), http::StatusCode::CREATED);
/// ```
impl From<StatusCode> for http::StatusCode {
    fn from(status: StatusCode) -> http::StatusCode {
        http::StatusCode::from_u16(status.as_u16()).unwrap_or_default() // ours are some of theirs
    }
}

impl From<Version> for http::Version {
    fn from(version: Version) -> http::Version {
        match version {
            Version::Http10 => http::Version::HTTP_10,
            Version::Http11 => http::Version::HTTP_11,
        }
    }
}
