//! Escapes bytes for a terminal: controls, invisible and reordering characters become visible.

/// Returns the bytes as one line of text: CR LF becomes `␍␊`, a byte that is not UTF-8 `\xff`.
pub(super) fn visible(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(&mut out, c));
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out
}

/// As [`visible`], cut after `max` characters and followed by the number of bytes.
pub(super) fn shortened(bytes: &[u8], max: usize) -> String {
    // A character has at most four bytes, so the rest of the bytes is not needed.
    let text = visible(bytes.get(..max.saturating_mul(4) + 4).unwrap_or(bytes));
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), bytes.len()),
        None => text,
    }
}

fn push(out: &mut String, c: char) {
    match c {
        // Unicode lists control pictures in the order of the controls.
        '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + c as u32)),
        '\x7f' => out.push('␡'),
        c if is_unsafe(c) => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
        c => out.push(c),
    }
}

/// Returns whether `c` is a C1 control, a separator of lines or paragraphs, invisible, or reorders
/// text.
fn is_unsafe(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let cases: &[(&[u8], &str)] = &[
            (b"GET / HTTP/1.1\r\n", "GET / HTTP/1.1␍␊"),
            (b"\x1b[2J\x00\x7f\t", "␛[2J␀␡␉"),
            ("Zoë €".as_bytes(), "Zoë €"),
            (b"a\xff\xfeb", "a\\xff\\xfeb"),
            ("\u{202e}\u{9b}\u{feff}\u{2028}".as_bytes(), "\\u{202e}\\u{9b}\\u{feff}\\u{2028}"),
        ];
        for (bytes, text) in cases {
            assert_eq!(visible(bytes), *text);
        }
        let all: Vec<u8> = (0..=255).collect();
        assert!(!visible(&all).chars().any(char::is_control));
        assert_eq!(shortened(b"abcdef", 3), "abc… (6 bytes)");
    }
}
