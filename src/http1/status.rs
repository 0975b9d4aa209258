//! Defines status codes, their names and reason phrases, and which of them cannot have a body.

use std::fmt;

/// Defines each code once: the constant with its docs, and the row of the reason phrase.
macro_rules! statuses {
    ($($code:literal $name:ident $reason:literal $rfc:literal)*) => {
        impl StatusCode {
            $(
                #[doc = concat!("`", $code, " ", $reason, "` (", $rfc, ").")]
                pub const $name: StatusCode = StatusCode($code);
            )*

            /// Returns the reason phrase of RFC 9110, or of the RFC that registered the code;
            /// `None` for an unknown code.
            ///
            /// ```
            /// assert_eq!(wirelight::StatusCode::PAYLOAD_TOO_LARGE.canonical_reason(), Some("Content Too Large"));
            /// ```
            pub const fn canonical_reason(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($reason),)*
                    _ => None,
                }
            }
        }

        #[cfg(test)]
        const KNOWN: &[(u16, StatusCode, &str)] = &[$(($code, StatusCode::$name, $reason)),*];
    };
}

/// The status of a response: 100 to 599 (RFC 9110 §15). The constants are named as in the http
/// crate.
///
/// ```
/// use wirelight::StatusCode;
///
/// assert_eq!(StatusCode::NOT_FOUND.to_string(), "404 Not Found");
/// assert_eq!(StatusCode::from_u16(299)?.canonical_reason(), None);
/// assert!(StatusCode::from_u16(42).is_err());
/// # Ok::<(), wirelight::InvalidStatusCode>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

statuses! {
    100 CONTINUE "Continue" "RFC 9110 §15.2.1"
    101 SWITCHING_PROTOCOLS "Switching Protocols" "RFC 9110 §15.2.2"
    102 PROCESSING "Processing" "RFC 2518 §10.1"
    103 EARLY_HINTS "Early Hints" "RFC 8297 §2"
    200 OK "OK" "RFC 9110 §15.3.1"
    201 CREATED "Created" "RFC 9110 §15.3.2"
    202 ACCEPTED "Accepted" "RFC 9110 §15.3.3"
    203 NON_AUTHORITATIVE_INFORMATION "Non-Authoritative Information" "RFC 9110 §15.3.4"
    204 NO_CONTENT "No Content" "RFC 9110 §15.3.5"
    205 RESET_CONTENT "Reset Content" "RFC 9110 §15.3.6"
    206 PARTIAL_CONTENT "Partial Content" "RFC 9110 §15.3.7"
    207 MULTI_STATUS "Multi-Status" "RFC 4918 §11.1"
    208 ALREADY_REPORTED "Already Reported" "RFC 5842 §7.1"
    226 IM_USED "IM Used" "RFC 3229 §10.4.1"
    300 MULTIPLE_CHOICES "Multiple Choices" "RFC 9110 §15.4.1"
    301 MOVED_PERMANENTLY "Moved Permanently" "RFC 9110 §15.4.2"
    302 FOUND "Found" "RFC 9110 §15.4.3"
    303 SEE_OTHER "See Other" "RFC 9110 §15.4.4"
    304 NOT_MODIFIED "Not Modified" "RFC 9110 §15.4.5"
    305 USE_PROXY "Use Proxy" "RFC 9110 §15.4.6"
    307 TEMPORARY_REDIRECT "Temporary Redirect" "RFC 9110 §15.4.8"
    308 PERMANENT_REDIRECT "Permanent Redirect" "RFC 9110 §15.4.9"
    400 BAD_REQUEST "Bad Request" "RFC 9110 §15.5.1"
    401 UNAUTHORIZED "Unauthorized" "RFC 9110 §15.5.2"
    402 PAYMENT_REQUIRED "Payment Required" "RFC 9110 §15.5.3"
    403 FORBIDDEN "Forbidden" "RFC 9110 §15.5.4"
    404 NOT_FOUND "Not Found" "RFC 9110 §15.5.5"
    405 METHOD_NOT_ALLOWED "Method Not Allowed" "RFC 9110 §15.5.6"
    406 NOT_ACCEPTABLE "Not Acceptable" "RFC 9110 §15.5.7"
    407 PROXY_AUTHENTICATION_REQUIRED "Proxy Authentication Required" "RFC 9110 §15.5.8"
    408 REQUEST_TIMEOUT "Request Timeout" "RFC 9110 §15.5.9"
    409 CONFLICT "Conflict" "RFC 9110 §15.5.10"
    410 GONE "Gone" "RFC 9110 §15.5.11"
    411 LENGTH_REQUIRED "Length Required" "RFC 9110 §15.5.12"
    412 PRECONDITION_FAILED "Precondition Failed" "RFC 9110 §15.5.13"
    413 PAYLOAD_TOO_LARGE "Content Too Large" "RFC 9110 §15.5.14"
    414 URI_TOO_LONG "URI Too Long" "RFC 9110 §15.5.15"
    415 UNSUPPORTED_MEDIA_TYPE "Unsupported Media Type" "RFC 9110 §15.5.16"
    416 RANGE_NOT_SATISFIABLE "Range Not Satisfiable" "RFC 9110 §15.5.17"
    417 EXPECTATION_FAILED "Expectation Failed" "RFC 9110 §15.5.18"
    418 IM_A_TEAPOT "I'm a teapot" "RFC 2324 §2.3.2"
    421 MISDIRECTED_REQUEST "Misdirected Request" "RFC 9110 §15.5.20"
    422 UNPROCESSABLE_ENTITY "Unprocessable Content" "RFC 9110 §15.5.21"
    423 LOCKED "Locked" "RFC 4918 §11.3"
    424 FAILED_DEPENDENCY "Failed Dependency" "RFC 4918 §11.4"
    425 TOO_EARLY "Too Early" "RFC 8470 §5.2"
    426 UPGRADE_REQUIRED "Upgrade Required" "RFC 9110 §15.5.22"
    428 PRECONDITION_REQUIRED "Precondition Required" "RFC 6585 §3"
    429 TOO_MANY_REQUESTS "Too Many Requests" "RFC 6585 §4"
    431 REQUEST_HEADER_FIELDS_TOO_LARGE "Request Header Fields Too Large" "RFC 6585 §5"
    451 UNAVAILABLE_FOR_LEGAL_REASONS "Unavailable For Legal Reasons" "RFC 7725 §3"
    500 INTERNAL_SERVER_ERROR "Internal Server Error" "RFC 9110 §15.6.1"
    501 NOT_IMPLEMENTED "Not Implemented" "RFC 9110 §15.6.2"
    502 BAD_GATEWAY "Bad Gateway" "RFC 9110 §15.6.3"
    503 SERVICE_UNAVAILABLE "Service Unavailable" "RFC 9110 §15.6.4"
    504 GATEWAY_TIMEOUT "Gateway Timeout" "RFC 9110 §15.6.5"
    505 HTTP_VERSION_NOT_SUPPORTED "HTTP Version Not Supported" "RFC 9110 §15.6.6"
    506 VARIANT_ALSO_NEGOTIATES "Variant Also Negotiates" "RFC 2295 §8.1"
    507 INSUFFICIENT_STORAGE "Insufficient Storage" "RFC 4918 §11.5"
    508 LOOP_DETECTED "Loop Detected" "RFC 5842 §7.2"
    510 NOT_EXTENDED "Not Extended" "RFC 2774 §7"
    511 NETWORK_AUTHENTICATION_REQUIRED "Network Authentication Required" "RFC 6585 §6"
}

impl StatusCode {
    /// Returns the status with this number.
    ///
    /// # Errors
    /// Returns an error if it is not between 100 and 599: RFC 9110 §15 declares any other number
    /// invalid.
    pub const fn from_u16(code: u16) -> Result<StatusCode, InvalidStatusCode> {
        match code {
            100..=599 => Ok(StatusCode(code)),
            _ => Err(InvalidStatusCode),
        }
    }

    /// Returns the number, 100 to 599.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Returns whether it is 100 to 199: an interim response, which a final one follows (RFC 9110
    /// §15.2).
    pub const fn is_informational(self) -> bool {
        matches!(self.0, 100..=199)
    }

    /// Returns whether it is 200 to 299 (RFC 9110 §15.3).
    pub const fn is_success(self) -> bool {
        matches!(self.0, 200..=299)
    }

    /// Returns whether it is 300 to 399 (RFC 9110 §15.4).
    pub const fn is_redirection(self) -> bool {
        matches!(self.0, 300..=399)
    }

    /// Returns whether it is 400 to 499: the request is at fault (RFC 9110 §15.5).
    pub const fn is_client_error(self) -> bool {
        matches!(self.0, 400..=499)
    }

    /// Returns whether it is 500 to 599: the server is at fault (RFC 9110 §15.6).
    pub const fn is_server_error(self) -> bool {
        matches!(self.0, 500..=599)
    }

    /// Returns whether a response with this status ends with its head, whatever its fields say (RFC
    /// 9112 §6.3, rule 1).
    pub(crate) const fn forbids_body(self) -> bool {
        matches!(self.0, 100..=199 | 204 | 304)
    }

    /// Returns whether a response with this status has no content: those of
    /// [`forbids_body`](Self::forbids_body), and 205, whose empty body is framed like any other
    /// (RFC 9110 §15.3.6).
    pub(crate) const fn forbids_content(self) -> bool {
        // Most responses are 200.
        self.0 != 200 && (self.forbids_body() || self.0 == 205)
    }
}

impl Default for StatusCode {
    /// Returns [`StatusCode::OK`].
    fn default() -> StatusCode {
        StatusCode::OK
    }
}

impl fmt::Display for StatusCode {
    /// Writes `404 Not Found`, or only the number if the code has no phrase.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.canonical_reason() {
            None => write!(f, "{}", self.0),
            Some(reason) => write!(f, "{} {reason}", self.0),
        }
    }
}

impl fmt::Debug for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Allows comparisons such as `response.status() == 204`.
impl PartialEq<u16> for StatusCode {
    fn eq(&self, code: &u16) -> bool {
        self.0 == *code
    }
}

impl From<StatusCode> for u16 {
    fn from(status: StatusCode) -> u16 {
        status.0
    }
}

impl TryFrom<u16> for StatusCode {
    type Error = InvalidStatusCode;

    fn try_from(code: u16) -> Result<StatusCode, InvalidStatusCode> {
        StatusCode::from_u16(code)
    }
}

/// The number is not a status code: it is not between 100 and 599 (RFC 9110 §15).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct InvalidStatusCode;

impl fmt::Display for InvalidStatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status code is between 100 and 599")
    }
}

impl std::error::Error for InvalidStatusCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_code_has_its_number_and_phrase() {
        for &(code, status, reason) in KNOWN {
            assert_eq!(StatusCode::from_u16(code), Ok(status));
            assert_eq!(u16::from(status), code);
            assert_eq!(status.to_string(), format!("{code} {reason}"));
            assert_eq!(format!("{status:?}"), code.to_string());
        }
        assert!(KNOWN.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn only_the_five_classes_of_the_standard() {
        for code in [0, 1, 99, 600, 799, 999, 1000, u16::MAX] {
            assert_eq!(StatusCode::try_from(code), Err(InvalidStatusCode));
        }
        for code in 100..=599 {
            assert_eq!(StatusCode::try_from(code).map(StatusCode::as_u16), Ok(code));
        }
        assert_eq!(StatusCode::try_from(299).unwrap().to_string(), "299");
        assert_eq!(StatusCode::default(), StatusCode::OK);
    }

    #[test]
    fn a_code_belongs_to_one_class() {
        for code in 100..=599 {
            let status = StatusCode::from_u16(code).unwrap();
            let classes = [
                status.is_informational(),
                status.is_success(),
                status.is_redirection(),
                status.is_client_error(),
                status.is_server_error(),
            ];
            let expected: Vec<bool> = (1..=5).map(|digit| code / 100 == digit).collect();
            assert_eq!(classes[..], expected[..], "{code}");
        }
    }

    #[test]
    fn bodies_are_forbidden_where_rfc_9112_says_so() {
        let forbidden: Vec<u16> = (200..=599).filter(|&c| StatusCode(c).forbids_body()).collect();
        assert_eq!(forbidden, [204, 304]);
        let without_content: Vec<u16> = (200..=599).filter(|&c| StatusCode(c).forbids_content()).collect();
        assert_eq!(without_content, [204, 205, 304]);
        assert!((100..200).all(|c| StatusCode(c).forbids_body()));
    }
}
