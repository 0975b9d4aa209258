//! Converts a protocol error to an [`Error`], with the repaired target where one byte has
//! to be encoded.

use crate::http1::fault::{Fault, ProtocolError};
use crate::http1::status::StatusCode;
use crate::http1::target::percent_encode;
use crate::response::error::Error;

/// Bytes of a target that the message shows.
const MAX_SHOWN: usize = 200;

impl Error {
    /// Returns the error for a protocol error, so that error handlers render it like any other.
    /// `input` begins with the request.
    pub(crate) fn protocol(reject: ProtocolError, input: &[u8]) -> Error {
        let row = reject.fault.info();
        let repairable = matches!(reject.fault, Fault::TargetByte | Fault::TargetEscape | Fault::RequestLine);
        match target(input).filter(|_| repairable).and_then(percent_encoded) {
            Some(target) => Error::new(row.status, format!("{}; send it as {target}", row.message)),
            None if row.status == StatusCode::SERVICE_UNAVAILABLE => {
                Error::new(row.status, row.message).with_header("Retry-After", "1")
            }
            // A cache may keep a 501 (RFC 9110 §15.1), and its key does not have this field.
            None if reject.fault == Fault::CodingUnknown => {
                Error::new(row.status, row.message).with_header("Cache-Control", "no-store")
            }
            None => Error::new(row.status, row.message),
        }
    }
}

/// Returns the target between method and version, if it is a path without spaces around it.
fn target(input: &[u8]) -> Option<&[u8]> {
    let line = input.strip_prefix(b"\r\n").unwrap_or(input);
    let line = line.get(..memchr::memchr(b'\n', line)?)?;
    let rest = line.get(memchr::memchr(b' ', line)? + 1..)?;
    let target = rest.get(..memchr::memmem::rfind(rest, b" HTTP/")?)?;
    Some(target).filter(|target| target.starts_with(b"/") && !target.ends_with(b" "))
}

/// Returns the target with its invalid bytes percent-encoded, in ASCII and bounded; `None` if that
/// changes nothing.
fn percent_encoded(target: &[u8]) -> Option<String> {
    let mut sent = percent_encode(target);
    if sent.as_bytes() == target {
        return None;
    }
    if sent.len() > MAX_SHOWN {
        sent.truncate(MAX_SHOWN); // ASCII: no half character
        sent.push('…');
    }
    Some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::App;
    use crate::http1::fault::FAULTS;

    fn message(line: &str) -> (u16, String) {
        let app = App::new();
        let raw = app.test().raw(format!("{line}\r\nHost: a\r\n\r\n").as_bytes());
        let text = String::from_utf8(raw).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let page: serde_json::Value = serde_json::from_str(body).unwrap();
        (head[9..12].parse().unwrap(), page["message"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_target_is_shown_as_it_should_have_been_sent() {
        for (target, sent) in [
            ("/hello?name=José", "/hello?name=Jos%C3%A9"),
            ("/José", "/Jos%C3%A9"),
            ("/日本?a=%E6", "/%E6%97%A5%E6%9C%AC?a=%E6"),
            ("/a b?c d", "/a%20b?c%20d"),
            ("/a\"b<c>", "/a%22b%3Cc%3E"),
            ("/?q=\"x\"", "/?q=%22x%22"),
            ("/a\\b{c}`", "/a%5Cb%7Bc%7D%60"),
            ("/x?{\\}`é", "/x?{\\}`%C3%A9"),
            ("/100%", "/100%25"),
            ("/%zz%41?50%&é", "/%25zz%41?50%25&%C3%A9"),
            ("/a#b", "/a%23b"),
            ("/a\u{7f}", "/a%7F"),
        ] {
            let (status, message) = message(&format!("GET {target} HTTP/1.1"));
            assert_eq!(status, 400, "{target}");
            assert!(message.ends_with(&format!("; send it as {sent}")), "{target}: {message}");
        }
    }

    #[test]
    fn what_is_shown_is_bounded_and_only_of_a_path() {
        let (_, long) = message(&format!("GET /{} HTTP/1.1", "é".repeat(2_000)));
        let shown = long.split_once("send it as ").unwrap().1;
        assert_eq!((shown.chars().count(), shown.ends_with('…')), (201, true));
        for line in [
            "GET /a  HTTP/1.1",
            "GET /a HTTP/1.1 x",
            "GET é HTTP/1.1",
            "GET http://é/ HTTP/1.1",
            "GET /",
            "GET /a\u{1b}[2J",
            "G\u{e9}T /é HTTP/1.1",
        ] {
            let (status, message) = message(line);
            assert_eq!(status, 400, "{line}");
            assert!(!message.contains("send it as"), "{line}: {message}");
        }
    }

    /// A cache may keep these statuses without being told to (RFC 9110 §15.1): whatever causes one is
    /// a part of its key, or the response says that it is not to be kept.
    #[test]
    fn no_refusal_poisons_a_cache() {
        let by_method_or_target = [Fault::TargetTooLong, Fault::MethodTooLong, Fault::Connect];
        for row in FAULTS.iter().filter(|row| [404, 405, 410, 414, 501].contains(&row.status.as_u16())) {
            let error = Error::protocol(ProtocolError { fault: row.fault, at: 0 }, b"");
            let kept = error.fields().all(|(name, value)| (name, value) != ("Cache-Control", "no-store"));
            assert_eq!(kept, by_method_or_target.contains(&row.fault), "{}", row.name);
        }
    }
}
