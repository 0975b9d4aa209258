//! Defines positions in a buffer as two offsets instead of a borrow, so that a head can be stored
//! beside its bytes.

use std::ops::Range;

/// The bytes `start..end` of a buffer. Eight bytes, since a message head is far below 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// Creates the span `start..end`. Limits keep every head far below the 4 GiB at which an offset
    /// would wrap.
    #[inline]
    pub fn new(start: usize, end: usize) -> Span {
        debug_assert!(u32::try_from(start.max(end)).is_ok());
        Span { start: start as u32, end: end as u32 }
    }

    /// Returns the number of bytes it covers.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Returns the offsets as a range of indices.
    #[inline]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Returns the bytes it covers in `buffer`; empty if the buffer is too short.
    #[inline]
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.range()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_covers_its_bytes_or_none() {
        let cases: [(Span, &[u8]); 5] = [
            (Span::new(0, 5), b"hello"),
            (Span::new(1, 3), b"el"),
            (Span::new(5, 5), b""),
            (Span::new(4, 6), b""),
            (Span::new(3, 1), b""),
        ];
        for (span, bytes) in cases {
            assert_eq!(span.of(b"hello"), bytes, "{span:?}");
        }
        assert_eq!((Span::new(1, 3).len(), Span::new(3, 1).len()), (2, 0));
        assert_eq!(Span::default().len(), 0);
    }
}
