//! Byte ranges (RFC 9110 §14).

use std::ops::Range;

use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::error::Error;

/// Maximum number of ranges in a request; with more, the field is ignored, as §14.2 allows for what
/// looks like an attack (§17.15). Go has no limit but refuses sums above the file's size; nginx has
/// none by default; Apache has 200.
const MAX_RANGES: usize = 16;

/// Result of a Range field.
#[derive(PartialEq, Eq, Debug)]
enum RequestedRange {
    /// The whole body, which is always right (§14.2).
    Whole,
    /// One range, not empty, inside the body.
    Part(Range<u64>),
    /// Ranges, none of them inside the body.
    NotSatisfiable,
}

/// Applies the Range field of a GET: makes the response a 206 or 416. Returns `None` if no body is
/// to be sent.
///
/// Ranges that touch or overlap are joined. For other sets the whole body is sent:
/// `multipart/byteranges` is not supported, since browsers and downloaders ask for one range at a
/// time.
pub(crate) fn apply(request: &Request<'_>, response: &mut Response, length: u64) -> Option<Range<u64>> {
    let offered = response.status() == StatusCode::OK && response.has_list_member("accept-ranges", "bytes");
    let wish = match request.single_value("range") {
        Some(value) if offered => parse(value, length),
        _ => RequestedRange::Whole,
    };
    match wish {
        RequestedRange::Whole => Some(0..length),
        RequestedRange::Part(part) => {
            response.set_status(StatusCode::PARTIAL_CONTENT);
            response.set_header("Content-Range", format!("bytes {}-{}/{length}", part.start, part.end - 1));
            Some(part)
        }
        RequestedRange::NotSatisfiable => {
            let error = Error::new(StatusCode::RANGE_NOT_SATISFIABLE, "The range lies outside of the content.");
            response.fail(error.with_header("Content-Range", format!("bytes */{length}")));
            None
        }
    }
}

fn parse(value: &[u8], length: u64) -> RequestedRange {
    let Some((unit, set)) = std::str::from_utf8(value).ok().and_then(|value| value.split_once('=')) else {
        return RequestedRange::Whole;
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return RequestedRange::Whole; // §14.2: a unit that is not known is ignored
    }
    let mut specs = set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty());
    let mut parts = Vec::new();
    for spec in specs.by_ref().take(MAX_RANGES) {
        match resolve(spec, length) {
            Some(part) => parts.push(part),
            None => return RequestedRange::Whole, // one invalid range makes the whole field invalid (§14.1.1)
        }
    }
    if parts.is_empty() || specs.next().is_some() {
        return RequestedRange::Whole;
    }
    parts.retain(|part| !part.is_empty());
    coalesce(parts)
}

/// Resolves one range-spec against a body of `length` bytes; the result is empty if it is
/// outside. `None` if it is not a range-spec.
fn resolve(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let suffix = digits(last)?;
        // By §14.1.2 a suffix of an empty body is satisfiable, but no Content-Range can express it.
        return if length == 0 && suffix > 0 { None } else { Some(length.saturating_sub(suffix)..length) };
    }
    let start = digits(first)?;
    let end = match last {
        "" => length,
        last => digits(last).filter(|_| magnitude(last) >= magnitude(first))?.saturating_add(1).min(length),
    };
    Some(start.min(end)..end)
}

/// Returns what orders digits as their numbers, of any length: saturated ones would all be equal.
fn magnitude(digits: &str) -> (usize, &str) {
    let significant = digits.trim_start_matches('0');
    (significant.len(), significant)
}

/// Parses digits, saturating: positions beyond 64 bits are outside anyway (nginx's CVE-2017-7529
/// was an overflow here).
fn digits(digits: &str) -> Option<u64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let add = |sum: u64, byte| Some(sum.saturating_mul(10).saturating_add(digit(byte)?));
    if digits.is_empty() { None } else { digits.bytes().try_fold(0, add) }
}

/// Joins the ranges to one, if they touch.
fn coalesce(mut parts: Vec<Range<u64>>) -> RequestedRange {
    parts.sort_by_key(|part| part.start);
    let mut parts = parts.into_iter();
    let Some(mut whole) = parts.next() else { return RequestedRange::NotSatisfiable };
    for part in parts {
        if part.start > whole.end {
            return RequestedRange::Whole;
        }
        whole.end = whole.end.max(part.end);
    }
    RequestedRange::Part(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wishes() {
        use RequestedRange::{NotSatisfiable, Part, Whole};
        for (value, length, expected) in [
            // RFC 9110 §14.1.2, a body of 10,000 bytes
            ("bytes=0-499", 10_000, Part(0..500)),
            ("bytes=500-999", 10_000, Part(500..1_000)),
            ("bytes=-500", 10_000, Part(9_500..10_000)),
            ("bytes=9500-", 10_000, Part(9_500..10_000)),
            ("bytes=500-600,601-999", 10_000, Part(500..1_000)),
            ("bytes=500-700,601-999", 10_000, Part(500..1_000)),
            ("bytes=0-0,-1", 10_000, Whole),
            ("bytes= 0-999, 4500-5499, -1000", 10_000, Whole),
            // the edges
            ("bytes=9-9", 10, Part(9..10)),
            ("bytes=10-", 10, NotSatisfiable),
            ("bytes=10-20", 10, NotSatisfiable),
            ("bytes=9-20", 10, Part(9..10)),
            ("bytes=-0", 10, NotSatisfiable),
            ("bytes=-1", 10, Part(9..10)),
            ("bytes=-99", 10, Part(0..10)),
            ("bytes=0-", 0, NotSatisfiable),
            ("bytes=-1", 0, Whole),
            ("bytes=-0", 0, NotSatisfiable),
            ("bytes=20-30,0-0", 10, Part(0..1)),
            ("bytes=20-30,40-", 10, NotSatisfiable),
            ("bytes=5-6,0-4,7-9", 10, Part(0..10)),
            ("bytes=,0-1,,2-2, ,", 10, Part(0..3)),
            ("BYTES=0-1", 10, Part(0..2)),
            // beyond 64 bits
            ("bytes=0-18446744073709551615", 10, Part(0..10)),
            ("bytes=18446744073709551615-18446744073709551615", 10, NotSatisfiable),
            ("bytes=18446744073709551615-", u64::MAX, NotSatisfiable),
            ("bytes=99999999999999999999999999-", 10, NotSatisfiable),
            ("bytes=-99999999999999999999999999", 10, Part(0..10)),
            ("bytes=-9223372036854775608,-9223372036854775608", 10, Part(0..10)),
            ("bytes=99999999999999999999-99999999999999999999", 10, NotSatisfiable),
            ("bytes=00000000000000000000009-9", 10, Part(9..10)),
            ("bytes=99999999999999999999-18446744073709551615", 10, Whole), // last-pos < first-pos (§14.1.1)
            ("bytes=99999999999999999999-99999999999999999998", 10, Whole),
            ("bytes=0-1,99999999999999999999-9", 10, Whole),
            // not valid range-specs
            ("bytes=5-4", 10, Whole),
            ("bytes=20-19", 10, Whole),
            ("bytes=0-1,5-4", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=,", 10, Whole),
            ("bytes=--1", 10, Whole),
            ("bytes=1", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("bytes=1 - 2", 10, Whole),
            ("bytes=0x0-1", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("bytes=1-2-3", 10, Whole),
            ("bytes =0-1", 10, Whole),
            ("bytes 0-1", 10, Whole),
            ("bytes", 10, Whole),
            ("=0-1", 10, Whole),
            ("lines=0-1", 10, Whole),
            ("", 10, Whole),
        ] {
            assert_eq!(parse(value.as_bytes(), length), expected, "{value} of {length}");
        }
        assert_eq!(parse(b"bytes=0-\xff", 10), Whole);
    }

    #[test]
    fn a_flood_of_ranges_is_ignored() {
        let list = |count: usize| format!("bytes={}", vec!["0-0"; count].join(","));
        assert_eq!(parse(list(MAX_RANGES).as_bytes(), 10), RequestedRange::Part(0..1));
        assert_eq!(parse(list(MAX_RANGES + 1).as_bytes(), 10), RequestedRange::Whole);
        assert_eq!(parse(list(10_000).as_bytes(), 10), RequestedRange::Whole);
    }

    proptest! {
        #[test]
        fn a_part_lies_inside(
            ranges in prop::collection::vec((prop::option::of(0..30_u64), prop::option::of(0..30_u64)), 1..6),
            length in 0..24_u64,
        ) {
            let text = |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
            let specs: Vec<_> = ranges.iter().map(|(first, last)| format!("{}-{}", text(*first), text(*last))).collect();
            let valid = ranges.iter().all(|range| match range {
                (Some(first), Some(last)) => first <= last,
                (None, suffix) => suffix.is_some_and(|suffix| suffix == 0 || length > 0),
                (Some(_), None) => true,
            });
            let asked = |at: u64| ranges.iter().any(|(first, last)| match (first, last) {
                (Some(first), last) => at >= *first && last.is_none_or(|last| at <= last),
                (None, suffix) => at + suffix.unwrap_or(0) >= length,
            });
            let bytes: Vec<u64> = (0..length).filter(|at| asked(*at)).collect();
            let gap = bytes.windows(2).any(|pair| pair[0] + 1 != pair[1]);
            let expected = match (bytes.first(), bytes.last()) {
                _ if !valid || gap => RequestedRange::Whole,
                (Some(first), Some(last)) => RequestedRange::Part(*first..last + 1),
                _ => RequestedRange::NotSatisfiable,
            };
            prop_assert_eq!(parse(format!("bytes={}", specs.join(",")).as_bytes(), length), expected, "{:?} of {}", specs, length);
        }

        #[test]
        fn any_bytes_have_an_answer(value in prop::collection::vec(any::<u8>(), 0..40), length in any::<u64>()) {
            if let RequestedRange::Part(part) = parse(&[b"bytes=", &value[..]].concat(), length) {
                prop_assert!(part.start < part.end && part.end <= length);
            }
        }
    }
}
