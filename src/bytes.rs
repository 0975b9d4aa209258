//! Parts of a byte slice that are cut at the slice's end instead of panicking.

pub(crate) mod base64;

use std::ops::Range;

/// Returns the bytes from `at` on; empty if `at` is beyond the end.
#[inline]
pub(crate) fn tail(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// Returns the first `length` bytes, or all if there are fewer.
#[inline]
pub(crate) fn head(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}

/// Returns the bytes of `range`; empty if it is not within `bytes`.
#[inline]
pub(crate) fn part(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_with_the_slice() {
        assert_eq!((tail(b"abc", 1), tail(b"abc", 3), tail(b"abc", 4)), (&b"bc"[..], &b""[..], &b""[..]));
        assert_eq!((head(b"abc", 2), head(b"abc", 9)), (&b"ab"[..], &b"abc"[..]));
        assert_eq!((part(b"abc", 1..2), part(b"abc", 2..9)), (&b"b"[..], &b""[..]));
    }
}
