//! Sets validators and cache rules of a response.

use std::time::{Duration, SystemTime};

use crate::http1::date;
use crate::http1::field_value::list;
use crate::response::Response;
use crate::response::error::Error;

impl Response {
    pub(crate) fn set_last_modified(&mut self, time: SystemTime) {
        let time = time.min(SystemTime::now());
        if date::clamp(time) == time {
            self.set_header("Last-Modified", date::format(time));
        }
    }

    /// Adds a request field that the response depends on to `Vary` (RFC 9110 §12.5.5).
    pub fn add_vary(&mut self, field: &str) {
        if self.has_list_member("vary", field) {
            return;
        }
        let lines = self.headers().filter(|(name, _)| name.eq_ignore_ascii_case("vary")).map(|(_, value)| value);
        let all = lines.chain([field.as_bytes()]).collect::<Vec<_>>().join(b", ".as_slice());
        self.set_header("Vary", all);
    }

    /// Returns whether a list field has this member, in any of its lines (RFC 9110 §5.3), without
    /// regard to case.
    pub(crate) fn has_list_member(&self, field: &str, member: &str) -> bool {
        let lines = self.headers().filter(|(name, _)| name.eq_ignore_ascii_case(field));
        lines.flat_map(|(_, value)| list(value)).any(|listed| listed.eq_ignore_ascii_case(member.as_bytes()))
    }

    /// Sets the entity tag; `weak` is its prefix.
    pub(super) fn set_etag(&mut self, weak: &str, tag: &str) {
        // etagc, RFC 9110 §8.8.3: no space, no quote, no control character.
        if tag.bytes().any(|byte| byte <= b' ' || byte == b'"' || byte == 0x7f) {
            return self.fail(Error::internal(format!("an entity tag was refused: {tag:?}")));
        }
        self.set_header("ETag", format!("{weak}\"{tag}\""));
    }
}

/// Returns a time in whole seconds, for `max-age` and the like: at most 2³¹, which recipients use
/// for numbers that they cannot represent (RFC 9111 §1.2.2).
pub(crate) fn delta_seconds(time: Duration) -> u64 {
    time.as_secs().min(1 << 31)
}

/// Returns whether a field makes the response subject to conditional and range requests.
pub(crate) fn is_validator(name: &str) -> bool {
    ["etag", "last-modified", "accept-ranges"].iter().any(|field| name.eq_ignore_ascii_case(field))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_tag_is_quoted_or_refused() {
        for (tag, expected) in [("v1", Some("\"v1\"")), ("", Some("\"\"")), ("é,;\\", Some("\"é,;\\\""))] {
            let mut response = Response::default();
            response = response.etag(tag);
            assert_eq!(response.header_value("etag"), expected);
        }
        for tag in ["\"v1\"", "a b", "a\r\nb", "\0", "\x7f", "\t"] {
            let mut response = Response::default();
            response = response.weak_etag(tag);
            assert!(response.take_error().is_some() && response.header_value("etag").is_none(), "{tag:?}");
        }
        let mut response = Response::default();
        response = response.weak_etag("v1");
        assert_eq!(response.header_value("etag"), Some("W/\"v1\""));
    }

    #[test]
    fn no_time_is_too_strange() {
        let day = Duration::from_secs(86_400);
        let far = |days: u32| UNIX_EPOCH.checked_add(day * days);
        let date = |time| {
            let mut response = Response::default();
            response = response.last_modified(time);
            response.header_value("last-modified").map(str::to_owned)
        };
        assert_eq!(date(UNIX_EPOCH).as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        assert_eq!(date(UNIX_EPOCH - day), None);
        let end = Duration::from_secs(i64::MAX as u64);
        for time in [Duration::from_nanos(1), end].map(|before| UNIX_EPOCH.checked_sub(before)) {
            assert_eq!(date(time.unwrap()), None, "{time:?}");
        }
        for time in [far(100_000), far(4_000_000), UNIX_EPOCH.checked_add(end)].into_iter().flatten() {
            let cut = date(time).and_then(|date| httpdate::parse_http_date(&date).ok());
            assert!(cut.is_some_and(|cut| cut <= SystemTime::now()));
        }
    }

    #[test]
    fn vary_grows_and_repeats_nothing() {
        let mut response = Response::default();
        for field in ["Accept-Encoding", "Origin", "accept-encoding"] {
            response.add_vary(field);
        }
        assert_eq!(response.header_value("vary"), Some("Accept-Encoding, Origin"));
        response.append_header("Vary", "Accept , Cookie");
        for field in ["Cookie", "Referer"] {
            response.add_vary(field);
        }
        let lines: Vec<_> = response.headers().collect();
        assert_eq!(lines, [("Vary", b"Accept-Encoding, Origin, Accept , Cookie, Referer".as_slice())]);
    }
}
