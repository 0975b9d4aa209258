//! Defines which bytes are allowed in tokens and field values.

const TCHAR: u8 = 1;
const FIELD_VALUE: u8 = 2;

/// Byte classes, with one lookup per byte: a `match` over the 15 special characters of a token
/// costs several comparisons.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphanumeric() || is_token_mark(b) {
            table[byte] |= TCHAR;
        }
        if b == b'\t' || (b >= b' ' && b != 0x7f) {
            table[byte] |= FIELD_VALUE;
        }
        byte += 1;
    }
    table
};

/// Returns whether `byte` is a `tchar`, as in method names, field names and chunk extension names
/// (RFC 9110 §5.6.2).
#[inline]
pub(crate) const fn is_tchar(byte: u8) -> bool {
    CLASS[byte as usize] & TCHAR != 0
}

/// Returns whether `byte` is allowed in a field value: SP, HTAB, visible ASCII and obs-text (RFC
/// 9110 §5.5); never CR, LF, NUL, another control or DEL.
#[inline]
pub(crate) const fn is_field_value(byte: u8) -> bool {
    CLASS[byte as usize] & FIELD_VALUE != 0
}

const fn is_token_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_bytes_are_the_visible_ones_without_delimiters() {
        for byte in 0..=255 {
            let expected = (0x21..0x7f).contains(&byte) && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
            assert_eq!(is_tchar(byte), expected, "{byte:#04x}");
        }
    }

    #[test]
    fn values_hold_no_control_but_tab() {
        for byte in 0..=255u8 {
            assert_eq!(is_field_value(byte), !byte.is_ascii_control() || byte == b'\t', "{byte:#04x}");
        }
    }
}
