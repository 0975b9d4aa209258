//! Parses the cookies of a request and adds those of a response (RFC 6265 and its revision, RFC
//! 6265bis).

use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

use crate::http1::field_value::is_token;
use crate::request::Request;
use crate::request::pairs::{Pairs, UNCACHED_MAX};
use crate::response::Response;
use crate::response::caching::delta_seconds;
use crate::response::error::Error;

/// Maximum size that browsers accept, for name and value together and for each attribute (RFC
/// 6265bis §5.6); they drop a larger cookie silently.
const MAX_PAIR: usize = 4096;
const MAX_ATTRIBUTE: usize = 1024;

/// A cookie to set with [`Response::set_cookie`]: for every path of this host (as in Flask), until
/// the browser closes.
///
/// ```
/// use std::time::Duration;
/// use wirelight::{App, Cookie, Response, SameSite};
///
/// let mut app = App::new();
/// app.post("/login", |_| {
///     let day = Duration::from_secs(86_400);
///     let session = Cookie::new("session", "8f2a").http_only().secure().same_site(SameSite::Lax).max_age(day);
///     Response::default().cookie(session)
/// });
/// app.get("/", |req| req.cookie("session").map(str::to_owned));
/// let client = app.test();
/// let set = "session=8f2a; Path=/; Max-Age=86400; Secure; HttpOnly; SameSite=Lax";
/// assert_eq!(client.post("/login").send().header("set-cookie"), Some(set));
/// assert_eq!(client.get("/").header("Cookie", "a=b; session=8f2a").send().text(), "8f2a");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a cookie does nothing until `Response::set_cookie` has it"]
pub struct Cookie {
    name: Cow<'static, str>,
    value: Cow<'static, str>,
    path: Cow<'static, str>,
    domain: Option<Cow<'static, str>>,
    max_age: Option<Duration>,
    secure: bool,
    http_only: bool,
    same_site: Option<SameSite>,
}

/// Whether a cookie is sent with requests that other sites cause (RFC 6265bis §4.1.2.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SameSite {
    /// Never.
    Strict,
    /// Only when the user follows a link.
    Lax,
    /// Always; browsers require `Secure` with it.
    None,
}

impl Cookie {
    /// Creates a cookie with this name and value. The caller first encodes the characters that RFC
    /// 6265 §4.1.1 forbids in them: spaces, quotes, commas, semicolons, backslashes, controls and
    /// non-ASCII.
    pub fn new(name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Cookie {
        Cookie {
            name: name.into(),
            value: value.into(),
            path: "/".into(),
            domain: None,
            max_age: None,
            secure: false,
            http_only: false,
            same_site: None,
        }
    }

    /// Limits the cookie to this path and the paths below it.
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Cookie {
        self.path = path.into();
        self
    }

    /// Sends the cookie to this domain and its subdomains, instead of to this host alone.
    pub fn domain(mut self, domain: impl Into<Cow<'static, str>>) -> Cookie {
        self.domain = Some(domain.into());
        self
    }

    /// Sets how long the client keeps the cookie, in whole seconds, at most 2³¹ of them. Zero
    /// removes an earlier cookie of the same name, path and domain.
    pub fn max_age(mut self, age: Duration) -> Cookie {
        self.max_age = Some(age);
        self
    }

    /// Limits the cookie to TLS connections.
    pub fn secure(mut self) -> Cookie {
        self.secure = true;
        self
    }

    /// Hides the cookie from scripts.
    pub fn http_only(mut self) -> Cookie {
        self.http_only = true;
        self
    }

    /// Sets whether the cookie is sent with requests that other sites cause. Without it Chromium uses
    /// `Lax`; Firefox and Safari send the cookie.
    pub fn same_site(mut self, same_site: SameSite) -> Cookie {
        self.same_site = Some(same_site);
        self
    }

    /// Returns why the cookie would split the field, or why the browser would drop it or read another
    /// one, if so.
    fn invalid_reason(&self) -> Option<&'static str> {
        let host_only = self.secure && self.domain.is_none() && self.path == "/";
        if !is_token(self.name.as_bytes()) {
            Some("a character in its name")
        } else if !self.value.bytes().all(is_cookie_octet) {
            Some("a character in its value")
        } else if !is_attribute(&self.path) || !self.path.starts_with('/') {
            Some("its path")
        } else if self.domain.as_ref().is_some_and(|domain| !is_domain(domain)) {
            Some("its domain")
        } else if self.name.len() + self.value.len() > MAX_PAIR {
            Some("more than 4096 bytes")
        } else if self.same_site == Some(SameSite::None) && !self.secure {
            Some("SameSite=None without Secure")
        } else if has_prefix(&self.name, "__Secure-") && !self.secure {
            Some("__Secure- without Secure")
        } else if has_prefix(&self.name, "__Host-") && !host_only {
            Some("__Host- without Secure, with a Domain or another Path")
        } else {
            None
        }
    }

    fn field_value(&self) -> String {
        let mut text = format!("{}={}; Path={}", self.name, self.value, self.path);
        // Writing to a String cannot fail.
        let _ = self.domain.as_ref().map_or(Ok(()), |domain| write!(text, "; Domain={domain}"));
        let _ = self.max_age.map_or(Ok(()), |age| write!(text, "; Max-Age={}", delta_seconds(age)));
        text.push_str(if self.secure { "; Secure" } else { "" });
        text.push_str(if self.http_only { "; HttpOnly" } else { "" });
        text.push_str(match self.same_site {
            Some(SameSite::Strict) => "; SameSite=Strict",
            Some(SameSite::Lax) => "; SameSite=Lax",
            Some(SameSite::None) => "; SameSite=None",
            None => "",
        });
        text
    }
}

impl Response {
    /// Adds a cookie to those set already. As [`set_cookie`](Self::set_cookie).
    #[must_use]
    pub fn cookie(mut self, cookie: Cookie) -> Response {
        self.set_cookie(cookie);
        self
    }

    /// Adds a cookie to those set already.
    ///
    /// A cookie that could split the field (`;`, CR LF, …), that browsers drop (`SameSite=None`
    /// without `Secure`, a violated `__Host-` prefix, more than 4096 bytes) or read differently (a
    /// path without its slash) turns the response into a 500; the log records the reason.
    pub fn set_cookie(&mut self, cookie: Cookie) {
        match cookie.invalid_reason() {
            Some(fault) => self.fail(Error::internal(format!("the cookie {:?} was refused: {fault}", cookie.name))),
            None => self.append_header("Set-Cookie", cookie.field_value()),
        }
    }
}

impl Request<'_> {
    /// Returns the value of the first cookie of this name, without surrounding quotes, otherwise as
    /// it was sent.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        if self.field_values("cookie").map(<[u8]>::len).sum::<usize>() <= UNCACHED_MAX {
            return self.cookies().find(|(key, _)| *key == name).map(|(_, value)| value);
        }
        self.cache().cookies.get_or_init(|| Pairs::read(self.cookies())).first(name)
    }

    /// Returns all cookies in the order received. Skips what is not `name=value` or not valid
    /// UTF-8.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.field_values("cookie").flat_map(|line| line.split(|&byte| byte == b';')).filter_map(parse_pair)
    }
}

/// Parses one pair, as tolerantly as RFC 6265bis §5.6 lets browsers parse theirs.
fn parse_pair(text: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = std::str::from_utf8(text).ok()?.split_once('=')?;
    let (name, value) = (name.trim_matches([' ', '\t']), value.trim_matches([' ', '\t']));
    let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    if name.is_empty() { None } else { Some((name, inside.unwrap_or(value))) }
}

/// Compares a prefix of the name without case: browsers do, so an attacker could choose the case.
fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Returns whether the byte is a cookie-octet (RFC 6265 §4.1.1).
fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)
}

/// Returns whether browsers keep the text as the value of an attribute: they take off blanks around
/// it (RFC 6265bis §5.6).
fn is_attribute(text: &str) -> bool {
    text.len() <= MAX_ATTRIBUTE && text.bytes().all(is_av_octet) && text.trim_ascii() == text
}

/// Returns whether the text can match the name of a host; browsers drop a cookie for another domain
/// (RFC 6265bis §5.7). They ignore a leading dot.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.len() <= MAX_ATTRIBUTE && text.strip_prefix('.').unwrap_or(text).split('.').all(is_label)
}

/// Returns whether the byte may occur in an attribute value: any character but controls and the
/// semicolon (RFC 6265 §4.1.1).
fn is_av_octet(byte: u8) -> bool {
    (b' '..0x7f).contains(&byte) && byte != b';'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::App;

    fn set(cookie: Cookie) -> Option<String> {
        let mut response = Response::default();
        response.set_cookie(cookie);
        assert_ne!(response.take_error().is_some(), response.header_value("set-cookie").is_some());
        response.header_value("set-cookie").map(str::to_owned)
    }

    #[test]
    fn what_is_written() {
        let plain = || Cookie::new("a", "1");
        for (cookie, expected) in [
            (plain(), Some("a=1; Path=/")),
            (Cookie::new("a", ""), Some("a=; Path=/")),
            (plain().path("/x y"), Some("a=1; Path=/x y")),
            (plain().domain("example.org"), Some("a=1; Path=/; Domain=example.org")),
            (plain().max_age(Duration::ZERO), Some("a=1; Path=/; Max-Age=0")),
            (plain().max_age(Duration::from_nanos(1)), Some("a=1; Path=/; Max-Age=0")),
            (plain().max_age(Duration::from_millis(1_999)), Some("a=1; Path=/; Max-Age=1")),
            (plain().max_age(Duration::MAX), Some("a=1; Path=/; Max-Age=2147483648")),
            (plain().same_site(SameSite::None).secure(), Some("a=1; Path=/; Secure; SameSite=None")),
            (plain().same_site(SameSite::Strict).http_only(), Some("a=1; Path=/; HttpOnly; SameSite=Strict")),
            (Cookie::new("__Host-a", "1").secure(), Some("__Host-a=1; Path=/; Secure")),
            (Cookie::new("a", "x".repeat(4_096)), None),
            (plain().same_site(SameSite::None), None),
            (plain().path("/x; Domain=evil.example"), None),
            (plain().path("/x\r\nX: y"), None),
            (plain().path("/".repeat(1_025)), None),
            (plain().domain("a;b"), None),
            (plain().path("/a b"), Some("a=1; Path=/a b")),
            (plain().path("/a "), None),
            (plain().path(" /a"), None),
            (plain().path("a"), None),
            (plain().path(""), None),
            (plain().domain(" a.example"), None),
            (plain().domain(""), None),
            (plain().domain(".a.example"), Some("a=1; Path=/; Domain=.a.example")),
            (plain().domain("a example"), None),
            (plain().domain("a.example:8000"), None),
            (plain().domain("https://a.example"), None),
            (plain().domain("a..example"), None),
            (plain().domain("*.example"), None),
            (Cookie::new("__host-a", "1"), None),
            (Cookie::new("__Host-a", "1").secure().domain("a.example"), None),
            (Cookie::new("__Host-a", "1").secure().path("/x"), None),
            (Cookie::new("__Secure-a", "1"), None),
            (Cookie::new("", "1"), None),
            (Cookie::new("é", "1"), None),
        ] {
            assert_eq!(set(cookie.clone()).as_deref(), expected, "{cookie:?}");
        }
    }

    #[test]
    fn two_cookies_are_two_lines() {
        let mut response = Response::default();
        response.set_cookie(Cookie::new("a", "1"));
        response.set_cookie(Cookie::new("b", "2"));
        assert_eq!(response.headers().count(), 2);
    }

    #[test]
    fn no_character_splits_a_cookie() {
        for character in (0..=0x100).filter_map(char::from_u32) {
            let text = character.to_string();
            let name_is_fine = character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
            let value_is_fine = character.is_ascii_graphic() && !"\",;\\".contains(character);
            assert_eq!(set(Cookie::new(text.clone(), "1")).is_some(), name_is_fine, "{character:?}");
            assert_eq!(set(Cookie::new("a", text)).is_some(), value_is_fine, "{character:?}");
        }
    }

    #[test]
    fn what_is_read() {
        let mut app = App::new();
        app.get("/", |req| req.cookies().map(|(name, value)| format!("[{name}={value}]")).collect::<String>());
        let client = app.test();
        for (line, expected) in [
            ("SID=31d4d96e407aad42; lang=en-US", "[SID=31d4d96e407aad42][lang=en-US]"),
            ("a=1;b=2 ;\tc = 3", "[a=1][b=2][c=3]"),
            ("a=1; a=2", "[a=1][a=2]"),
            ("a=\"1\"; b=\"; c=\"\"; d=\"x", "[a=1][b=\"][c=][d=\"x]"),
            ("a=b=c; d==", "[a=b=c][d==]"),
            ("a=; =b; c; ; ;;", "[a=]"),
            ("a=é; b=%C3%A9", "[a=é][b=%C3%A9]"),
            ("", ""),
            (";;;===", ""),
            ("a=1,b=2", "[a=1,b=2]"),
        ] {
            assert_eq!(client.get("/").header("Cookie", line).send().text(), expected, "{line}");
        }
        let reply = client.get("/").header("Cookie", "a=1").header("cookie", "b=2").send();
        assert_eq!(reply.text(), "[a=1][b=2]");
        let raw = client.raw(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=\xff; b=2\r\nConnection: close\r\n\r\n");
        assert!(raw.ends_with(b"\r\n\r\n[b=2]"));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(line in prop::collection::vec(any::<u8>(), 0..40)) {
            for (name, value) in line.split(|&byte| byte == b';').filter_map(parse_pair) {
                prop_assert!(!name.is_empty() && !name.contains('=') && !value.contains(';'));
            }
        }
    }
}
