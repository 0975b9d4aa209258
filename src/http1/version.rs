//! Defines the two protocol versions that this server supports.

use std::fmt;

/// The version of a request (RFC 9112 §2.3). A request with a higher minor version counts as
/// HTTP/1.1 (RFC 9110 §2.5).
///
/// ```
/// use wirelight::Version;
///
/// assert!(Version::HTTP_10 < Version::HTTP_11);
/// assert_eq!(Version::default().as_str(), "HTTP/1.1");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Version {
    /// HTTP/1.0 (RFC 1945): no chunked coding, and a connection closes unless both sides ask to
    /// keep it open.
    Http10,
    /// HTTP/1.1 (RFC 9112).
    #[default]
    Http11,
}

impl Version {
    /// [`Version::Http10`] under its name in the http crate.
    pub const HTTP_10: Version = Version::Http10;
    /// [`Version::Http11`] under its name in the http crate.
    pub const HTTP_11: Version = Version::Http11;

    /// Returns the version as in a request line or a status line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_order_and_a_text() {
        assert!(Version::HTTP_10 < Version::HTTP_11);
        assert_eq!(format!("{} {}", Version::HTTP_10, Version::HTTP_11), "HTTP/1.0 HTTP/1.1");
        assert_eq!(Version::default(), Version::Http11);
    }
}
