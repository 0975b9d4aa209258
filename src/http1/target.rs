//! Parses request targets: their four forms, path and query, and the grammar of a host.

use std::net::Ipv6Addr;
use std::panic::Location;

use super::fault::{Fault, ProtocolError};
use super::method::Method;
use super::span::Span;

/// The four forms of a request target (RFC 9112 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TargetForm {
    /// `/path?query`, what a client sends to a server (RFC 9112 §3.2.1).
    #[default]
    Origin,
    /// `http://host/path?query`, what a client sends to a proxy and a server must accept (RFC 9112
    /// §3.2.2).
    Absolute,
    /// `host:port`, for CONNECT only (RFC 9112 §3.2.3).
    Authority,
    /// `*`, for OPTIONS only: the server as a whole (RFC 9112 §3.2.4).
    Asterisk,
}

/// A valid request target, as spans in the buffer that holds the head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Target {
    /// The whole target as sent.
    pub whole: Span,
    /// Its form.
    pub form: TargetForm,
    /// The path with its escapes. An empty one means `/`, or with OPTIONS the server as a whole (RFC
    /// 9110 §4.2.3); `*` in the asterisk form.
    pub path: Span,
    /// The query without its `?`, or `None` if there is no `?`. A `%` need not be followed by two
    /// digits.
    pub query: Option<Span>,
    /// Host and port of the absolute and the authority form, which override the Host field (RFC
    /// 9112 §3.2.2).
    pub authority: Option<Span>,
    /// Whether the path contains a `%`, so that it must be decoded.
    pub escaped: bool,
}

impl Target {
    /// Creates a target in origin-form whose path has only plain bytes, without a query.
    #[inline]
    pub(crate) fn plain(path: Span) -> Target {
        Target { whole: path, path, ..Target::default() }
    }
}

/// Returns how many bytes at the start of `text` may occur unescaped in a path.
#[inline]
pub(crate) fn plain_path_len(text: &[u8]) -> usize {
    text.iter().position(|&byte| CLASS[usize::from(byte)] & PATH == 0).unwrap_or(text.len())
}

/// The place of these rules, for the trace.
pub(crate) const RULES: &Location<'static> = Location::caller();

/// Parses the target at `target` in `bytes`. The offset of an error counts from the start of
/// `bytes`.
pub(crate) fn parse(method: Method, bytes: &[u8], target: Span) -> Result<Target, ProtocolError> {
    let text = bytes.get(..target.end as usize).unwrap_or(bytes);
    let whole = Target { whole: target, ..Target::default() };
    match target.of(bytes) {
        _ if method == Method::CONNECT => authority_form(text, whole),
        [b'/', ..] => path_and_query(text, target.start as usize, whole),
        b"*" if method == Method::OPTIONS => Ok(Target { form: TargetForm::Asterisk, path: target, ..whole }),
        _ => absolute_form(text, whole),
    }
}

/// Checks a Host value, `uri-host [ ":" port ]` (RFC 9110 §7.2). The error is the index of the
/// first invalid byte.
///
/// An empty value is valid: it is the Host of a target without an authority (RFC 9112 §3.2). A port
/// without a host is not, since `http://:80/` is not a valid URI (RFC 9110 §4.2.1); nginx refuses
/// it as well.
pub(crate) fn check_host(value: &[u8]) -> Result<(), usize> {
    match host_end(value)? {
        end if end == value.len() => Ok(()),
        end => check_port(value, end),
    }
}

const PATH: u8 = 1;
const QUERY: u8 = 2;
const HOST: u8 = 4;

/// Classes of bytes by where they may occur unescaped, with one lookup per byte. `%` has no class
/// in a path and a host, so it ends a run of plain bytes.
///
/// Beyond RFC 3986, this accepts what browsers send unescaped because the WHATWG URL standard does
/// not escape it: `[ ] | ^` in a path, these and `` \ ` { } `` in a query, and in a query a `%`
/// without two digits, as in `?q=100%`. A form decoder takes such a `%` literally (WHATWG URL
/// §1.3). In a path, which selects the resource, it is refused, as nginx and Go do.
///
/// A `\` is refused in a path: browsers change it to `/` before they send it, so a client that
/// sends it may want a later reader to do the same. SP, `"`, `#`, `<`, `>`, controls and bytes over
/// 0x7f are always refused.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => PATH | QUERY | HOST,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => PATH | QUERY | HOST,
            b':' | b'@' | b'/' | b'[' | b']' | b'|' | b'^' => PATH | QUERY,
            b'?' | b'\\' | b'`' | b'{' | b'}' | b'%' => QUERY,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// Parses path and query from `from` to the end of `text`.
#[inline]
fn path_and_query(text: &[u8], from: usize, target: Target) -> Result<Target, ProtocolError> {
    let (path_end, escaped) = scan(text, from, PATH).map_err(|at| Fault::TargetEscape.at(at))?;
    let path = Span::new(from, path_end);
    let query = match text.get(path_end) {
        None => None,
        Some(b'?') => {
            let query = text.get(path_end + 1..).unwrap_or_default();
            if let Some(at) = query.iter().position(|&byte| CLASS[usize::from(byte)] & QUERY == 0) {
                return Err(Fault::TargetByte.at(path_end + 1 + at));
            }
            Some(Span::new(path_end + 1, text.len()))
        }
        Some(_) => return Err(Fault::TargetByte.at(path_end)),
    };
    Ok(Target { path, query, escaped, ..target })
}

/// Returns the offset of the first byte from `from` on that the class does not allow, and whether
/// an escape precedes it. The error is the offset of a `%` without two digits.
#[inline]
fn scan(text: &[u8], from: usize, class: u8) -> Result<(usize, bool), usize> {
    let mut at = from;
    let mut escaped = false;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let plain = rest.iter().position(|&byte| CLASS[usize::from(byte)] & class == 0).unwrap_or(rest.len());
        at += plain;
        match rest.get(plain..) {
            Some(escape) if is_escape(escape) => at += 3,
            Some([b'%', ..]) => return Err(at),
            _ => return Ok((at, escaped)),
        }
        escaped = true;
    }
}

/// Returns the offset of the first `%` of a query that does not begin an escape, if any.
pub(crate) fn lone_percent(query: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'%', query).find(|&at| !is_escape(query.get(at..).unwrap_or_default()))
}

/// Returns whether `text` begins with a percent-encoded byte (RFC 3986 §2.1).
pub(crate) fn is_escape(text: &[u8]) -> bool {
    matches!(text, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// Percent-encodes the bytes not allowed in a path and query, including a `%` that does not begin
/// an escape.
pub(crate) fn percent_encode(target: &[u8]) -> String {
    let query = memchr::memchr(b'?', target).unwrap_or(target.len());
    let mut text = String::with_capacity(target.len());
    for (at, &byte) in target.iter().enumerate() {
        let class = if at < query { PATH } else { QUERY };
        let fits = if byte == b'%' {
            is_escape(target.get(at..).unwrap_or_default())
        } else {
            CLASS[usize::from(byte)] & class != 0
        };
        if fits {
            text.push(char::from(byte));
        } else {
            text.push_str(percent_encoding::percent_encode_byte(byte));
        }
    }
    text
}

/// Parses `http://host[:port][/path][?query]`, and https as well, which a proxy that terminates TLS
/// passes on (RFC 9112 §3.2.2).
fn absolute_form(text: &[u8], target: Target) -> Result<Target, ProtocolError> {
    let start = target.whole.start as usize;
    let from = start + scheme_len(target.whole.of(text)).ok_or(Fault::TargetForm.at(start))?;
    let rest = text.get(from..).unwrap_or_default();
    let len = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let authority = Span::new(from, from + len);
    check_authority(text, authority)?;
    path_and_query(
        text,
        authority.range().end,
        Target { form: TargetForm::Absolute, authority: Some(authority), ..target },
    )
}

/// Parses `host:port`. The port is required even if it is the default one (RFC 9112 §3.2.3).
fn authority_form(text: &[u8], target: Target) -> Result<Target, ProtocolError> {
    let Target { whole, .. } = target;
    check_authority(text, whole)?;
    if host_end(whole.of(text)) == Ok(whole.len()) {
        return Err(Fault::TargetForm.at(whole.range().end));
    }
    let path = Span { start: whole.end, end: whole.end };
    Ok(Target { form: TargetForm::Authority, path, authority: Some(whole), ..target })
}

/// Checks an authority, whose host must not be empty (RFC 9110 §4.2.1). Userinfo is refused by its
/// `@`: in a request it only serves to hide the host from a reader (RFC 9110 §4.2.4).
fn check_authority(text: &[u8], authority: Span) -> Result<(), ProtocolError> {
    let bytes = authority.of(text);
    let start = authority.start as usize;
    if bytes.is_empty() {
        return Err(Fault::TargetForm.at(start));
    }
    check_host(bytes).map_err(|index| match bytes.get(index) {
        Some(b'%') => Fault::TargetEscape.at(start + index),
        Some(&byte) if CLASS[usize::from(byte)] == 0 => Fault::TargetByte.at(start + index),
        _ => Fault::TargetForm.at(start + index),
    })
}

/// Returns the length of the scheme, which is case-insensitive (RFC 3986 §3.1).
fn scheme_len(target: &[u8]) -> Option<usize> {
    let starts = |prefix: &[u8]| target.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    [&b"http://"[..], b"https://"].into_iter().find(|prefix| starts(prefix)).map(<[u8]>::len)
}

/// Returns the end of the host. In a valid value, that is its end or the colon of a port.
#[inline]
fn host_end(value: &[u8]) -> Result<usize, usize> {
    match value.first() {
        Some(b'[') => ip_literal_end(value),
        Some(b':') => Err(0),
        // A dotted IPv4 address has the same grammar as a registered name (RFC 3986 §3.2.2).
        _ => scan(value, 0, HOST).map(|(end, _)| end),
    }
}

/// Checks `[ ":" port ]` at `from`. RFC 3986 §3.2.3 allows an empty port and sets no upper bound;
/// this server never connects to it.
fn check_port(value: &[u8], from: usize) -> Result<(), usize> {
    let Some([b':', port @ ..]) = value.get(from..) else { return Err(from) };
    port.iter().position(|byte| !byte.is_ascii_digit()).map_or(Ok(()), |index| Err(from + 1 + index))
}

/// Returns the end of an address in brackets (RFC 3986 §3.2.2). The error is the index of its
/// bracket. Zones (`%25eth0`) are refused: they have a meaning only on the sender's machine.
fn ip_literal_end(value: &[u8]) -> Result<usize, usize> {
    let close = value.iter().position(|&byte| byte == b']').ok_or(0_usize)?;
    let address = value.get(1..close).unwrap_or_default();
    let is_v6 = std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    if is_v6 || is_future_address(address) { Ok(close + 1) } else { Err(0) }
}

/// Checks `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`, a form that the grammar defines
/// but that no standard uses yet (RFC 3986 §3.2.2).
fn is_future_address(address: &[u8]) -> bool {
    let [b'v' | b'V', rest @ ..] = address else { return false };
    let mut parts = rest.splitn(2, |&byte| byte == b'.');
    let (version, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_name = |&byte: &u8| byte == b':' || CLASS[usize::from(byte)] & HOST != 0;
    !version.is_empty() && version.iter().all(u8::is_ascii_hexdigit) && !name.is_empty() && name.iter().all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parses a target at its position in a request, after four bytes.
    fn read(method: Method, target: &[u8]) -> Result<(Vec<u8>, Target), (Fault, usize)> {
        let bytes = [b"GET ", target, b" HTTP/1.1\r\n"].concat();
        match parse(method, &bytes, Span::new(4, 4 + target.len())) {
            Ok(parsed) => Ok((bytes, parsed)),
            Err(reject) => Err((reject.fault, reject.at - 4)),
        }
    }

    fn text(bytes: &[u8], span: Span) -> &str {
        std::str::from_utf8(span.of(bytes)).unwrap()
    }

    #[test]
    fn path_and_query_are_cut_at_the_first_question_mark() {
        let cases = [
            ("/", "/", None, false),
            ("/users/42", "/users/42", None, false),
            ("/a?", "/a", Some(""), false),
            ("/a?b=c&d=e", "/a", Some("b=c&d=e"), false),
            ("/a?b=c?d=e", "/a", Some("b=c?d=e"), false),
            ("/a%20b?c=%2f", "/a%20b", Some("c=%2f"), true),
            ("/a?c=%2F", "/a", Some("c=%2F"), false),
            ("//a//b", "//a//b", None, false),
            ("/a;v=1/../b:c@d", "/a;v=1/../b:c@d", None, false),
            ("/%41%42%43", "/%41%42%43", None, true),
            ("/a[0]|b^?c[0]=|\\^{}`", "/a[0]|b^", Some("c[0]=|\\^{}`"), false),
        ];
        for (target, path, query, escaped) in cases {
            let (bytes, parsed) = read(Method::GET, target.as_bytes()).unwrap();
            assert_eq!((parsed.form, parsed.authority), (TargetForm::Origin, None), "{target}");
            assert_eq!(text(&bytes, parsed.whole), target);
            assert_eq!(text(&bytes, parsed.path), path);
            assert_eq!(parsed.query.map(|span| text(&bytes, span)), query, "{target}");
            assert_eq!(parsed.escaped, escaped, "{target}");
        }
    }

    #[test]
    fn every_byte_has_its_places() {
        let common = b"-._~!$&'()*+,;=:@/[]|^".as_slice();
        for byte in 0..=255u8 {
            let everywhere = byte.is_ascii_alphanumeric() || common.contains(&byte);
            // A question mark in the path starts the query, which is valid too.
            let in_path = everywhere || byte == b'?';
            let in_query = in_path || b"\\`{}%".contains(&byte);
            let fault = if byte == b'%' { Fault::TargetEscape } else { Fault::TargetByte };
            let expected = |allowed: bool, at| if allowed { None } else { Some((fault, at)) };
            assert_eq!(read(Method::GET, &[b'/', byte, b'x']).err(), expected(in_path, 1), "path {byte:#04x}");
            assert_eq!(read(Method::GET, &[b'/', b'?', byte, b'x']).err(), expected(in_query, 2), "query {byte:#04x}");
        }
    }

    #[test]
    fn escapes_have_two_digits() {
        for (target, at) in [("/%", 1), ("/a%2", 2), ("/%zz", 1), ("/%2g", 1), ("/%41%", 4), ("/%%41", 1), ("/%?%", 1)]
        {
            assert_eq!(read(Method::GET, target.as_bytes()).unwrap_err(), (Fault::TargetEscape, at), "{target}");
        }
    }

    #[test]
    fn a_percent_in_a_query_may_stand_for_itself() {
        let cases = [
            ("/x?q=100%", Some(5)),
            ("/x?%", Some(0)),
            ("/x?%zz", Some(0)),
            ("/x?%4", Some(0)),
            ("/x?%%41", Some(0)),
            ("/x?%41%4", Some(3)),
            ("/x?a=%41&b=%c3%A9", None),
            ("http://a/x?50%&b", Some(2)),
            ("http://a?%", Some(0)),
        ];
        for (target, lone) in cases {
            let (bytes, parsed) = read(Method::GET, target.as_bytes()).unwrap();
            assert_eq!(lone_percent(parsed.query.unwrap().of(&bytes)), lone, "{target}");
        }
        for (target, at) in [("/?%\"", 3), ("/?% ", 3), ("/?%\u{e9}", 3), ("/?%\0", 3), ("/?%#", 3), ("/?%\u{7f}", 3)] {
            assert_eq!(read(Method::GET, target.as_bytes()).unwrap_err(), (Fault::TargetByte, at), "{target:?}");
        }
    }

    #[test]
    fn the_absolute_form_names_its_host() {
        let cases = [
            ("http://localhost/a", "localhost", "/a", None),
            ("HTTPS://a.example:8443/a?b", "a.example:8443", "/a", Some("b")),
            ("http://a.example", "a.example", "", None),
            ("http://a.example?x=/y", "a.example", "", Some("x=/y")),
            ("http://[::1]:80/", "[::1]:80", "/", None),
            ("http://a/?u=http://b/c", "a", "/", Some("u=http://b/c")),
        ];
        for (target, authority, path, query) in cases {
            let (bytes, parsed) = read(Method::GET, target.as_bytes()).unwrap();
            assert_eq!(parsed.form, TargetForm::Absolute);
            assert_eq!(text(&bytes, parsed.authority.unwrap()), authority);
            assert_eq!(text(&bytes, parsed.path), path);
            assert_eq!(parsed.query.map(|span| text(&bytes, span)), query, "{target}");
        }
    }

    #[test]
    fn the_absolute_form_is_refused_at_its_bad_byte() {
        let cases = [
            ("http:///a", Fault::TargetForm, 7),
            ("http://", Fault::TargetForm, 7),
            ("http://:80/", Fault::TargetForm, 7),
            ("http://user:pw@a/", Fault::TargetForm, 12),
            ("http://user@a/", Fault::TargetForm, 11),
            ("http://a:b/", Fault::TargetForm, 9),
            ("http://[::1/", Fault::TargetForm, 7),
            ("http://a\"b/", Fault::TargetByte, 8),
            ("http://a%2/", Fault::TargetEscape, 8),
            ("http://a#b", Fault::TargetByte, 8),
            ("http://a/#b", Fault::TargetByte, 9),
            ("http:/a", Fault::TargetForm, 0),
            ("ftp://a/", Fault::TargetForm, 0),
            ("plaintext", Fault::TargetForm, 0),
            ("?a", Fault::TargetForm, 0),
            ("**", Fault::TargetForm, 0),
            ("", Fault::TargetForm, 0),
        ];
        for (target, fault, at) in cases {
            assert_eq!(read(Method::GET, target.as_bytes()).unwrap_err(), (fault, at), "{target}");
        }
    }

    #[test]
    fn the_asterisk_is_for_options() {
        let (bytes, parsed) = read(Method::OPTIONS, b"*").unwrap();
        assert_eq!((parsed.form, text(&bytes, parsed.path)), (TargetForm::Asterisk, "*"));
        assert_eq!(read(Method::OPTIONS, b"/a").unwrap().1.form, TargetForm::Origin);
        assert_eq!(read(Method::GET, b"*").unwrap_err(), (Fault::TargetForm, 0));
        assert_eq!(read(Method::OPTIONS, b"*a").unwrap_err(), (Fault::TargetForm, 0));
    }

    #[test]
    fn the_authority_form_is_for_connect() {
        for target in ["a.example:443", "[::1]:443", "a:"] {
            let (bytes, parsed) = read(Method::CONNECT, target.as_bytes()).unwrap();
            assert_eq!((parsed.form, parsed.authority), (TargetForm::Authority, Some(parsed.whole)));
            assert_eq!(text(&bytes, parsed.path), "");
        }
        for (target, at) in [("a.example", 9), ("/a", 0), ("a:443/", 5), ("*", 1), ("", 0), ("http://a/", 5)] {
            assert_eq!(read(Method::CONNECT, target.as_bytes()).unwrap_err(), (Fault::TargetForm, at), "{target}");
        }
        assert_eq!(read(Method::GET, b"a.example:443").unwrap_err(), (Fault::TargetForm, 0));
    }

    #[test]
    fn hosts_that_keep_the_grammar() {
        let hosts = [
            "",
            "localhost",
            "localhost:8080",
            "localhost:",
            "localhost:123456",
            "127.0.0.1",
            "127.0.0.1:65535",
            "my_host.example",
            "xn--bcher-kva.example.",
            "a.example,b.example",
            "a%2Db:1",
            "!$&'()*+,;=~",
            "[::1]",
            "[::1]:80",
            "[2001:db8::7]:",
            "[::ffff:192.0.2.1]",
            "[v1.a:b]",
            "[VF.x]:1",
        ];
        for host in hosts {
            assert_eq!(check_host(host.as_bytes()), Ok(()), "{host}");
        }
    }

    #[test]
    fn hosts_that_do_not() {
        let cases = [
            ("localhost, localhost", 10),
            ("local host", 5),
            ("localhost/a", 9),
            ("localhost:abc", 10),
            ("localhost:80a", 12),
            ("localhost:80:80", 12),
            ("localhost:-1", 10),
            ("user@localhost", 4),
            ("localhost?x", 9),
            ("localhost#x", 9),
            ("local\\host", 5),
            ("\"localhost\"", 0),
            ("h\u{f6}st", 1),
            ("{a}", 0),
            ("a^b", 1),
            ("a\0", 1),
            ("a\t", 1),
            ("a%", 1),
            ("a%2x", 1),
            (":80", 0),
            ("[::1", 0),
            ("[]", 0),
            ("[::1]x", 5),
            ("[::1]]", 5),
            ("[::1]:x", 6),
            ("[1.2.3.4]", 0),
            ("[::1%25eth0]", 0),
            ("[v.a]", 0),
            ("[v1.]", 0),
            ("[v1]", 0),
            ("[vg.a]", 0),
            ("::1", 0),
            ("a[::1]", 1),
        ];
        for (host, at) in cases {
            assert_eq!(check_host(host.as_bytes()), Err(at), "{host}");
        }
    }

    #[test]
    fn a_span_outside_the_buffer_is_an_empty_target() {
        assert_eq!(parse(Method::GET, b"GET", Span::new(9, 12)), Err(Fault::TargetForm.at(9)));
    }

    proptest! {
        #[test]
        fn the_parts_of_a_target_make_up_the_whole(
            target in "(|/|\\*|http://|https://a|[a-z]:)[ -~]{0,24}|\\PC{0,12}",
            method in prop::sample::select(vec![Method::GET, Method::OPTIONS, Method::CONNECT]),
        ) {
            if let Ok((bytes, parsed)) = read(method, target.as_bytes()) {
                let mut whole = match parsed.form {
                    TargetForm::Absolute => target[..target.find("//").unwrap() + 2].to_owned(),
                    _ => String::new(),
                };
                whole.push_str(parsed.authority.map_or("", |span| text(&bytes, span)));
                whole.push_str(text(&bytes, parsed.path));
                if let Some(query) = parsed.query {
                    whole.push('?');
                    whole.push_str(text(&bytes, query));
                }
                prop_assert_eq!(whole, target);
                prop_assert_eq!(parsed.escaped, text(&bytes, parsed.path).contains('%'));
            }
        }

        #[test]
        fn a_bad_byte_is_named_within_the_value(value in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Err(at) = check_host(&value) {
                prop_assert!(at < value.len());
            }
        }

        #[test]
        fn whole_addresses_are_hosts(v6 in any::<[u16; 8]>(), v4 in any::<[u8; 4]>(), port in any::<u16>()) {
            let v6 = std::net::SocketAddr::from((v6, port)).to_string();
            let v4 = std::net::SocketAddr::from((v4, port)).to_string();
            prop_assert_eq!(check_host(v6.as_bytes()), Ok(()));
            prop_assert_eq!(check_host(v4.as_bytes()), Ok(()));
        }
    }
}
