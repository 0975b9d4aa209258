//! Escapes control and invisible characters, so that received bytes cannot control a terminal.

/// Appends text with control and invisible characters escaped.
pub(crate) fn text(out: &mut String, text: &str) {
    for c in text.chars() {
        visible(out, c);
    }
}

/// Appends data with spaces and line ends shown as `␠`, `␍` and `␊`.
pub(crate) fn data(out: &mut String, data: &[u8]) {
    drawn(out, data, '␠');
}

/// Appends data with line ends shown as `␍` and `␊`, and spaces unchanged.
pub(crate) fn line(out: &mut String, data: &[u8]) {
    drawn(out, data, ' ');
}

fn drawn(out: &mut String, data: &[u8], space: char) {
    for chunk in data.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                ' ' => out.push(space),
                '\r' => out.push('␍'),
                '\n' => out.push('␊'),
                c => visible(out, c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str("\\x");
            out.extend([byte >> 4, byte & 15].map(|half| char::from_digit(u32::from(half), 16).unwrap_or('?')));
        }
    }
}

/// Appends a character as `char::escape_debug` does, which escapes C0 and C1 controls, bidi marks,
/// zero-width and unassigned characters.
fn visible(out: &mut String, c: char) {
    match c {
        ' '..='~' => out.push(c),
        c => out.extend(c.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = String::new();
        data(&mut out, bytes);
        out
    }

    #[test]
    fn what_could_drive_a_terminal_is_spelled_out() {
        let cases: &[(&[u8], &str)] = &[
            (b"GET / \r\n", "GET␠/␠␍␊"),
            (b"\x1b[2J\x07\x00\x7f", "\\u{1b}[2J\\u{7}\\0\\u{7f}"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("a\u{202e}b\u{2066}\u{200b}\u{feff}".as_bytes(), "a\\u{202e}b\\u{2066}\\u{200b}\\u{feff}"),
            (b"\xff\xc3", "\\xff\\xc3"),
            ("Zo\u{eb} \u{1f980} \"'\\".as_bytes(), "Zoë␠🦀␠\"'\\"),
            (b"\t", "\\t"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(shown(bytes), *expected);
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_a_control(bytes in proptest::collection::vec(any::<u8>(), 0..64), string in ".{0,16}") {
            for bytes in [&bytes[..], string.as_bytes()] {
                let drives = |c: char| c.is_control() || ('\u{2066}'..='\u{2069}').contains(&c);
                prop_assert!(!shown(bytes).chars().any(drives));
            }
        }
    }
}
