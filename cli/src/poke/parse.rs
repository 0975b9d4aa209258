//! Parses bytes, offsets, sizes and rates on the command line.

use std::time::Duration;

use crate::experiment::Step;
use crate::failure::Failure;

/// Most bytes that are generated.
const LARGEST: usize = 1024 * 1024 * 1024;

/// Parses the escapes `\r \n \t \0 \xHH \\`; other characters stand for themselves.
pub(super) fn unescaped(text: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = match escape.as_bytes() {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'0', ..] => (0, 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', ..] => (hexadecimal(escape).ok_or_else(|| unknown(escape))?, 3),
            _ => return Err(unknown(escape)),
        };
        bytes.push(byte);
        rest = escape.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

fn hexadecimal(escape: &str) -> Option<u8> {
    let digits = escape.get(1..3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

fn unknown(escape: &str) -> Failure {
    let shown: String = escape.chars().take(3).collect();
    Failure::usage(format!("there is no escape {:?}; there are \\r \\n \\t \\0 \\xHH and \\\\", format!("\\{shown}")))
}

/// Cuts `bytes` at the offsets in `marks`, with pauses of `gap` milliseconds.
pub(super) fn cut(bytes: &[u8], marks: &[usize], gap: u64) -> Vec<Step> {
    let (mut steps, mut from) = (Vec::new(), 0);
    for mark in marks.iter().copied().chain([bytes.len()]) {
        let Some(piece) = bytes.get(from..mark.min(bytes.len())).filter(|piece| !piece.is_empty()) else { continue };
        if !steps.is_empty() {
            steps.push(Step::Wait(gap));
        }
        steps.push(Step::Send(piece.to_vec()));
        from += piece.len();
    }
    steps
}

/// Parses offsets: `4,9`.
pub(super) fn marks(text: &str) -> Result<Vec<usize>, Failure> {
    let marks: Option<Vec<usize>> = text.split(',').map(|mark| mark.trim().parse().ok()).collect();
    let rising = marks.filter(|marks| marks.is_sorted());
    rising.ok_or_else(|| Failure::usage(format!("--at must be rising numbers of bytes, as in 4,9, not {text:?}")))
}

/// Parses a number from 1 to 1,000,000.
pub(super) fn count(name: &str, text: &str) -> Result<usize, Failure> {
    let count = text.parse().ok().filter(|count| (1..=1_000_000).contains(count));
    count.ok_or_else(|| Failure::usage(format!("{name} must be a number from 1 to 1000000, not {text:?}")))
}

/// Parses a rate in bytes per second and how long it applies: `1KiB/s`, `1KiB/s,2s`.
pub(super) fn rate(text: &str) -> Result<(u64, Option<Duration>), Failure> {
    let (rate, end) = text.split_once(',').map_or((text, None), |(rate, end)| (rate, Some(end)));
    let end = end.map(|end| crate::options::duration("--slow-read", end)).transpose()?;
    let rate = rate.strip_suffix("/s").and_then(bytes).filter(|rate| *rate > 0);
    let rate = rate.ok_or_else(|| {
        Failure::usage(format!(
            "--slow-read must be a rate, as in 512B/s or 1KiB/s, and 1KiB/s,2s ends it, not {text:?}"
        ))
    })?;
    Ok((rate, end))
}

/// Parses a size: `8MiB`, at most [`LARGEST`].
pub(super) fn size(name: &str, text: &str) -> Result<usize, Failure> {
    let size = bytes(text).and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= LARGEST);
    size.ok_or_else(|| {
        Failure::usage(format!("{name} must be a size up to 1024MiB, as in 100B, 4KiB or 8MiB, not {text:?}"))
    })
}

fn bytes(text: &str) -> Option<u64> {
    let units = [("KiB", 1024), ("MiB", 1024 * 1024), ("B", 1)];
    let (number, unit) = units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    number.parse::<u64>().ok()?.checked_mul(*unit)
}

/// Checks the path of a request target.
pub(super) fn path(text: &str) -> Result<String, Failure> {
    let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Failure::usage(format!("--path must be a path, as in /, not {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_bytes() {
        for (text, bytes) in [
            (r"GET / HTTP/1.1\r\n\r\n", Some(&b"GET / HTTP/1.1\r\n\r\n"[..])),
            (r"\t\0\x00\xfF\\r", Some(b"\t\0\0\xff\\r")),
            ("é", Some("é".as_bytes())),
            ("", Some(b"")),
            (r"\", None),
            (r"\q", None),
            (r"\x1", None),
            (r"\x+1", None),
            ("\\xé", None),
        ] {
            assert_eq!(unescaped(text).ok().as_deref(), bytes, "{text}");
        }
    }

    #[test]
    fn rates_have_their_units_and_numbers_their_order() {
        assert_eq!(rate("1KiB/s").ok(), Some((1024, None)));
        assert_eq!(rate("3B/s,2s").ok(), Some((3, Some(Duration::from_secs(2)))));
        assert_eq!(size("", "8MiB").ok(), Some(8 << 20));
        assert!(size("", "8").is_err() && size("", "1025MiB").is_err() && path("a").is_err() && path("/a b").is_err());
        for text in ["", "1", "0B/s", "KiB/s", "99999999999999999999B/s", "1KiB/s,", "1KiB/s,2"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert!(marks("9,4").is_err() && marks("a").is_err() && count("", "0").is_err());
    }

    #[test]
    fn cuts_lie_where_they_should() {
        let sent = |steps: Vec<Step>| {
            let text = |step| {
                if let Step::Send(bytes) = step { String::from_utf8(bytes).unwrap_or_default() } else { "|".into() }
            };
            steps.into_iter().map(text).collect::<String>()
        };
        assert_eq!(sent(cut(b"abcdef", &[2, 5], 1)), "ab|cde|f");
        assert_eq!(sent(cut(b"abc", &[0, 3, 9], 1)), "abc");
        assert_eq!(sent(cut(b"", &[1], 1)), "");
    }
}
