//! Defines the request method: nine names with constants, and any other token.

use std::fmt;
use std::str::FromStr;

use super::field_value::is_token;

/// A request method (RFC 9110 §9). `Copy`, 25 bytes, never on the heap.
///
/// Method names are case-sensitive (RFC 9110 §9.1): `get` is an extension method, not
/// [`Method::GET`].
///
/// ```
/// use wirelight::Method;
///
/// assert_eq!(Method::from_bytes(b"GET"), Ok(Method::GET));
/// assert_eq!(Method::from_bytes(b"PURGE").unwrap(), "PURGE");
/// assert!(Method::from_bytes(b"G T").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(Name);

/// `Extension` never holds one of the other names, so the derived equality is the equality of
/// names.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Name {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Extension { len: u8, bytes: [u8; Method::MAX_LEN] },
}

impl Method {
    /// Transfers a representation of the resource (RFC 9110 §9.3.1).
    pub const GET: Method = Method(Name::Get);
    /// Like `GET`, without the content (RFC 9110 §9.3.2).
    pub const HEAD: Method = Method(Name::Head);
    /// Lets the resource process the content (RFC 9110 §9.3.3).
    pub const POST: Method = Method(Name::Post);
    /// Replaces the resource with the content (RFC 9110 §9.3.4).
    pub const PUT: Method = Method(Name::Put);
    /// Removes the resource (RFC 9110 §9.3.5).
    pub const DELETE: Method = Method(Name::Delete);
    /// Opens a tunnel (RFC 9110 §9.3.6).
    pub const CONNECT: Method = Method(Name::Connect);
    /// Describes the communication options (RFC 9110 §9.3.7).
    pub const OPTIONS: Method = Method(Name::Options);
    /// Loops the message back (RFC 9110 §9.3.8).
    pub const TRACE: Method = Method(Name::Trace);
    /// Applies a partial modification (RFC 5789 §2).
    pub const PATCH: Method = Method(Name::Patch);

    /// Maximum bytes of a method. The longest registered one, `UPDATEREDIRECTREF`, has 17 (RFC 4437
    /// §7). The http crate stores 15 inline and longer ones on the heap; nginx accepts any length
    /// that fits its buffer.
    pub(crate) const MAX_LEN: usize = 23;

    /// Parses a method name.
    ///
    /// # Errors
    /// Returns an error if it is not a token (RFC 9110 §5.6.2) or longer than 23 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Method, InvalidMethod> {
        Ok(match bytes {
            b"GET" => Method::GET,
            b"HEAD" => Method::HEAD,
            b"POST" => Method::POST,
            b"PUT" => Method::PUT,
            b"DELETE" => Method::DELETE,
            b"CONNECT" => Method::CONNECT,
            b"OPTIONS" => Method::OPTIONS,
            b"TRACE" => Method::TRACE,
            b"PATCH" => Method::PATCH,
            _ => return extension(bytes).ok_or(InvalidMethod),
        })
    }

    /// Returns the name as in a request line.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Get => "GET",
            Name::Head => "HEAD",
            Name::Post => "POST",
            Name::Put => "PUT",
            Name::Delete => "DELETE",
            Name::Connect => "CONNECT",
            Name::Options => "OPTIONS",
            Name::Trace => "TRACE",
            Name::Patch => "PATCH",
            // A token is ASCII, so neither fallback is ever used; both cost less than `unsafe`.
            Name::Extension { len, bytes } => {
                std::str::from_utf8(bytes.get(..usize::from(*len)).unwrap_or_default()).unwrap_or_default()
            }
        }
    }

    /// Returns whether RFC 9110, RFC 5789 or RFC 10008 defines it.
    pub(crate) fn is_standard(self) -> bool {
        !matches!(self.0, Name::Extension { .. }) || self.is_query()
    }

    /// Returns whether it is `QUERY`, which has no constant: a route for it costs two lines, and a
    /// name more to compare each method with costs every request.
    fn is_query(self) -> bool {
        self == "QUERY"
    }

    /// Returns whether the method is defined as safe, that is, read-only (RFC 9110 §9.2.1, RFC 10008
    /// §2). Of the extension methods, `QUERY` is.
    pub fn is_safe(self) -> bool {
        matches!(self.0, Name::Get | Name::Head | Name::Options | Name::Trace) || self.is_query()
    }

    /// Returns whether repeating the request is defined to have the same effect as sending it once
    /// (RFC 9110 §9.2.2, RFC 10008 §2). Of the extension methods, `QUERY` is.
    pub fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self.0, Name::Put | Name::Delete)
    }
}

impl Default for Method {
    /// Returns [`Method::GET`].
    fn default() -> Method {
        Method::GET
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<str> for Method {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Method {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl FromStr for Method {
    type Err = InvalidMethod;

    fn from_str(name: &str) -> Result<Method, InvalidMethod> {
        Method::from_bytes(name.as_bytes())
    }
}

/// The text is not a method: not a token (RFC 9110 §5.6.2), or longer than 23 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct InvalidMethod;

impl fmt::Display for InvalidMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a method is a token of at most {} bytes", Method::MAX_LEN)
    }
}

impl std::error::Error for InvalidMethod {}

/// Parses any other token. Out of line, so that the common path stays short.
#[cold]
fn extension(name: &[u8]) -> Option<Method> {
    let mut bytes = [0; Method::MAX_LEN];
    bytes.get_mut(..name.len())?.copy_from_slice(name);
    let is_token = is_token(name);
    is_token.then_some(Method(Name::Extension { len: name.len() as u8, bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STANDARD: [(&str, Method, bool, bool); 9] = [
        ("GET", Method::GET, true, true),
        ("HEAD", Method::HEAD, true, true),
        ("POST", Method::POST, false, false),
        ("PUT", Method::PUT, false, true),
        ("DELETE", Method::DELETE, false, true),
        ("CONNECT", Method::CONNECT, false, false),
        ("OPTIONS", Method::OPTIONS, true, true),
        ("TRACE", Method::TRACE, true, true),
        ("PATCH", Method::PATCH, false, false),
    ];

    #[test]
    fn the_standard_nine() {
        for (name, method, safe, idempotent) in STANDARD {
            assert_eq!(Method::from_bytes(name.as_bytes()), Ok(method));
            assert_eq!(method.as_str(), name);
            assert_eq!(format!("{method} {method:?} {method:>8}"), format!("{name} {name} {name:>8}"));
            assert_eq!((method.is_safe(), method.is_idempotent()), (safe, idempotent), "{name}");
        }
        assert_eq!(Method::default(), Method::GET);
    }

    #[test]
    fn other_tokens_are_extension_methods() {
        for name in ["get", "GETS", "GE", "PROPFIND", "UPDATEREDIRECTREF", "M-SEARCH", "!#$%&'*+-.^_`|~09az", "A"] {
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            assert_eq!(method, name);
            assert!(!method.is_safe() && !method.is_idempotent());
            assert!(STANDARD.iter().all(|(_, standard, ..)| method != *standard));
        }
    }

    #[test]
    fn what_is_no_token_is_no_method() {
        for name in ["", "G T", "GET ", "G\0T", "G\x7fT", "GÉT", "G(T", "GET/", "\"GET\"", "G\x0bT", "A:B"] {
            assert_eq!(name.parse::<Method>(), Err(InvalidMethod), "{name:?}");
        }
    }

    #[test]
    fn the_length_ends_at_23_bytes() {
        let name = "A".repeat(24);
        assert_eq!(Method::from_bytes(&name.as_bytes()[..23]).unwrap(), name[..23]);
        assert_eq!(Method::from_bytes(name.as_bytes()), Err(InvalidMethod));
        assert_eq!(size_of::<Method>(), 25);
    }

    proptest! {
        #[test]
        fn a_method_spells_what_it_was_read_from(bytes in proptest::collection::vec(any::<u8>(), 0..30)) {
            if let Ok(method) = Method::from_bytes(&bytes) {
                prop_assert_eq!(method.as_str().as_bytes(), &bytes[..]);
            }
        }
    }
}
