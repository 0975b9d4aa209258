//! Shortens long repetitions, so that a flood of bytes takes a few lines on a screen.

use crate::{escape, responses};

/// Most characters that are shown of a line.
const WIDTH: usize = 160;
/// Equal bytes in a row that are counted instead of shown, and how many are shown before the count.
const RUN: usize = 32;
const SHOWN: usize = 8;
/// Bytes that are searched for repetitions.
const SEARCHED: usize = 64 * 1024;

/// Returns one line, escaped for a terminal; a long run of one byte becomes `xxxxxxxx… (1048576 ×
/// x)`.
pub(super) fn line(bytes: &[u8]) -> String {
    // Spaces at the end of a piece would be invisible.
    let trailing = bytes.iter().rev().take_while(|byte| **byte == b' ').count();
    if trailing > 0 {
        let (text, _) = bytes.split_at(bytes.len() - trailing);
        return line(text) + &"␠".repeat(trailing.min(WIDTH));
    }
    let Some((start, end)) = longest_run(bytes) else { return escape::shortened(bytes, WIDTH) };
    let part = |from: usize, to: usize| escape::shortened(bytes.get(from..to).unwrap_or_default(), WIDTH);
    let (before, after) = (part(0, start), part(end, bytes.len()));
    let byte = part(start, start + 1);
    format!("{before}{}… ({} × {byte}){after}", byte.repeat(SHOWN), end - start)
}

/// Returns whether all of `bytes` are equal.
pub(super) fn is_uniform(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| bytes.iter().all(|byte| byte == first))
}

/// Returns the first message in `bytes` and its count, if only copies of it follow.
pub(super) fn repetition(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let searched = Some(bytes).filter(|bytes| bytes.len() <= SEARCHED)?;
    let unit = bytes.get(..responses::message(searched).1).filter(|unit| !unit.is_empty())?;
    let count = bytes.len() / unit.len();
    (count > 2 && bytes.len().is_multiple_of(unit.len()) && bytes.chunks(unit.len()).all(|one| one == unit))
        .then_some((unit, count))
}

/// Returns the longest run that starts in the first [`SEARCHED`] bytes. A full search would delay
/// the next send.
fn longest_run(bytes: &[u8]) -> Option<(usize, usize)> {
    let beginning = bytes.get(..SEARCHED).unwrap_or(bytes);
    let (mut longest, mut start) = (0..0, 0);
    for run in beginning.chunk_by(|a, b| a == b) {
        if run.len() > longest.len() {
            longest = start..start + run.len();
        }
        start += run.len();
    }
    if longest.end == beginning.len() {
        let byte = bytes.get(longest.start);
        let beyond = bytes.get(longest.end..).unwrap_or_default();
        longest.end += beyond.iter().take_while(|other| Some(*other) == byte).count();
    }
    (longest.len() >= RUN).then_some((longest.start, longest.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floods_fold() {
        assert_eq!(line(b"GET / HTTP/1.1\r\n"), "GET / HTTP/1.1␍␊");
        assert_eq!((line(b" "), line(b"GET "), line(b"")), ("␠".into(), "GET␠".into(), "".into()));
        assert_eq!(line(&[b'x'; 1024]), "xxxxxxxx… (1024 × x)");
        assert_eq!(line(&[b'x'; 100_000]), "xxxxxxxx… (100000 × x)");
        assert_eq!(line(&[&b"a"[..], &[0; 40], b"\r\n"].concat()), "a␀␀␀␀␀␀␀␀… (40 × ␀)␍␊");
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(repetition(&request.repeat(11)), Some((&request[..], 11)));
        assert_eq!(repetition(&request.repeat(2)), None);
        assert_eq!(repetition(&[&request.repeat(3)[..], b"G"].concat()), None);
        assert_eq!(repetition(b""), None);
        assert!(is_uniform(b"xx") && !is_uniform(b"xy") && !is_uniform(b""));
    }
}
