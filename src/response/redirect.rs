//! Redirects (RFC 9110 §15.4). Converts any text to a URI reference.

use std::borrow::Cow;

use crate::http1::status::StatusCode;
use crate::response::Response;
use crate::response::into_response::IntoResponse;
use crate::response::returned::Returned;

/// A redirect to another location (RFC 9110 §15.4).
///
/// The location is a URI reference (RFC 3986 §4.1): an absolute URL or a path, with its query.
/// Characters that may not occur there, such as a space, a quote or a letter that is not ASCII, are
/// percent-encoded; existing escapes stay. A location with a control character such as CR or LF
/// makes the response a 500.
///
/// If the location comes from a request, compare it with known ones first: it may lead anywhere.
///
/// ```
/// use wirelight::{App, Redirect};
///
/// let mut app = App::new();
/// app.get("/old", |_| Redirect::permanent("https://example.org/new"));
/// app.get("/menu", |_| Redirect::found("/café?table=no 7"));
/// let reply = app.test().get("/menu").send();
/// assert_eq!(reply.status(), 302);
/// assert_eq!(reply.header("Location"), Some("/caf%C3%A9?table=no%207"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    status: StatusCode,
    location: Cow<'static, str>,
}

impl Redirect {
    /// Redirects temporarily with 302. Browsers turn a POST into a GET.
    pub fn found(location: impl Into<Cow<'static, str>>) -> Redirect {
        Redirect { status: StatusCode::FOUND, location: location.into() }
    }

    /// Redirects with 303, to a resource to GET after a POST.
    pub fn see_other(location: impl Into<Cow<'static, str>>) -> Redirect {
        Redirect { status: StatusCode::SEE_OTHER, location: location.into() }
    }

    /// Redirects temporarily with 307, with the same method and body.
    pub fn temporary(location: impl Into<Cow<'static, str>>) -> Redirect {
        Redirect { status: StatusCode::TEMPORARY_REDIRECT, location: location.into() }
    }

    /// Redirects permanently with 308, with the same method and body.
    pub fn permanent(location: impl Into<Cow<'static, str>>) -> Redirect {
        Redirect { status: StatusCode::PERMANENT_REDIRECT, location: location.into() }
    }

    /// Redirects permanently with 301. Browsers turn a POST into a GET.
    pub fn moved(location: impl Into<Cow<'static, str>>) -> Redirect {
        Redirect { status: StatusCode::MOVED_PERMANENTLY, location: location.into() }
    }
}

impl Redirect {
    /// Redirects with 308 to a path of this host, and keeps the query.
    pub(crate) fn to_path(path: &str, query: &str) -> Redirect {
        Redirect::permanent(match query {
            "" => local_reference(path),
            query => format!("{}?{query}", local_reference(path)),
        })
    }
}

impl IntoResponse for Redirect {
    fn write_to(self, response: &mut Response) {
        response.set_status(self.status);
        response.set_header("Location", uri_reference(&self.location));
    }

    fn returned() -> Returned {
        Returned::status("3XX")
    }
}

/// Returns the path with exactly one leading slash. In Location or Link, `//evil/x` would name a
/// host (RFC 3986 §4.2).
pub(crate) fn local_reference(path: &str) -> String {
    format!("/{}", path.trim_start_matches(['/', '\\'])) // browsers read a backslash as a slash
}

/// Returns the text as a URI reference (RFC 3986 §4.1). Control characters stay, and
/// [`Response::header`] refuses them; except tabs, which browsers drop, turning `/<tab>/evil` into
/// `//evil`.
fn uri_reference(text: &str) -> String {
    let bytes = text.as_bytes();
    let authority = authority_end(text);
    let mut reference = String::with_capacity(text.len());
    let mut in_fragment = false;
    for (at, &byte) in bytes.iter().enumerate() {
        let stays = match byte {
            b'%' => bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
            b'#' => !std::mem::replace(&mut in_fragment, true),
            b'[' | b']' => at < authority, // around an IPv6 address only (§3.2.2)
            b'\t' => false,
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=".contains(&byte) || byte.is_ascii_control(),
        };
        match stays {
            true => reference.push(char::from(byte)),
            false => reference.push_str(percent_encoding::percent_encode_byte(byte)),
        }
    }
    reference
}

/// Returns the end of the authority (RFC 3986 §3.2); 0 if there is none.
fn authority_end(text: &str) -> usize {
    let slashes = text.find(['/', '?', '#']).filter(|at| text.get(*at..).is_some_and(|rest| rest.starts_with("//")));
    let Some(start) = slashes.filter(|at| *at == 0 || text.get(..*at).is_some_and(|scheme| scheme.ends_with(':')))
    else {
        return 0;
    };
    let start = start + 2;
    text.get(start..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(text.len(), |length| start + length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_location_is_a_uri_reference() {
        for (text, expected) in [
            ("/users/7?page=2&q=a+b#top", "/users/7?page=2&q=a+b#top"),
            ("/café", "/caf%C3%A9"),
            ("/a b", "/a%20b"),
            (" /a ", "%20/a%20"),
            ("/caf%C3%A9/%2f%2F", "/caf%C3%A9/%2f%2F"),
            ("/100%", "/100%25"),
            ("/%4/%zz/%%41", "/%254/%25zz/%25%41"),
            ("/a\"<>^`{|}\\", "/a%22%3C%3E%5E%60%7B%7C%7D%5C"),
            ("/\\evil.example", "/%5Cevil.example"),
            ("/\t/evil.example", "/%09/evil.example"),
            ("/a#b#c", "/a#b%23c"),
            ("/a[1]?b[]=2#[3]", "/a%5B1%5D?b%5B%5D=2#%5B3%5D"),
            ("http://[::1]:8000/a[1]", "http://[::1]:8000/a%5B1%5D"),
            ("//[::1]", "//[::1]"),
            ("https://bücher.example/ü?ü#ü", "https://b%C3%BCcher.example/%C3%BC?%C3%BC#%C3%BC"),
            ("https://user@example.org?a=//[x]", "https://user@example.org?a=//%5Bx%5D"),
            ("/a//[b]", "/a//%5Bb%5D"),
            ("mailto:a@b.example", "mailto:a@b.example"),
            ("../up?", "../up?"),
            ("", ""),
            ("\u{1f600}", "%F0%9F%98%80"),
        ] {
            assert_eq!(uri_reference(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_control_character_is_refused() {
        for location in ["/a\r\nSet-Cookie: b=1", "\r\n/a", "/a\n", "/a\0", "/\x7f", "/\x1b[2J"] {
            let mut response = Response::default();
            Redirect::found(location).write_to(&mut response);
            assert!(response.take_error().is_some() && response.header_value("location").is_none(), "{location:?}");
        }
    }

    proptest! {
        #[test]
        fn encoding_twice_is_encoding_once(text in "\\PC{0,20}|[a-f0-9%/?#\\[\\]:é ]{0,20}") {
            let once = uri_reference(&text);
            prop_assert!(once.is_ascii() && !once.contains(' '), "{}", once);
            prop_assert_eq!(uri_reference(&once), once.clone());
            let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
            prop_assert_eq!(decode(&once), decode(&text));
        }
    }

    #[test]
    fn paths_on_this_host() {
        for (path, same) in [("/a", "/a"), ("//evil/x", "/evil/x"), ("///", "/"), ("/\\evil", "/evil"), ("a", "/a")] {
            assert_eq!(local_reference(path), same);
        }
    }
}
