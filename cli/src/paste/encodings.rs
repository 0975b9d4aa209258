//! Decodes UTF-16, hex dumps, base64 and string literals.

/// Decodes a text with a byte order mark; returns the name of its encoding, and its bytes in UTF-8.
pub(super) fn text(bytes: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    let units = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
        String::from_utf16_lossy(&units.collect::<Vec<_>>()).into_bytes()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => {
            Some(("A text in UTF-16, as PowerShell writes it.", units(rest, u16::from_le_bytes)))
        }
        [0xfe, 0xff, rest @ ..] => Some(("A text in UTF-16.", units(rest, u16::from_be_bytes))),
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            Some(("A text with a byte order mark, which an editor put there; it is not counted.", rest.to_vec()))
        }
        _ => None,
    }
}

/// Decodes a dump or literal, if `wanted` accepts the bytes.
pub(super) fn dump(text: &[u8], wanted: fn(&[u8]) -> bool) -> Option<(String, Vec<u8>)> {
    let found =
        |name: &str, bytes: Vec<u8>| wanted(&bytes).then(|| (format!("{name}, of {} bytes.", bytes.len()), bytes));
    hex_dump(text)
        .and_then(|bytes| found("A hex dump", bytes))
        .or_else(|| escaped(text).and_then(|bytes| found("A string with escapes such as \\r\\n", bytes)))
        .or_else(|| base64(text).and_then(|bytes| found("A text in base64", bytes)))
}

/// Decodes the output of `xxd`, `hexdump -C` or Wireshark, or pairs of digits alone. Offsets and
/// the text column are ignored.
fn hex_dump(text: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut offsets) = (Vec::new(), false);
    for line in super::lines(text) {
        let line = line.split(|byte| *byte == b'|').next().unwrap_or_default();
        let mut words = line.split(|byte| *byte == b' ').peekable();
        let offset = words.peek().is_some_and(|word| {
            let digits = word.strip_suffix(b":").unwrap_or(word);
            let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
            digits.len() >= 4
                && is_hex(digits)
                && (digits.len() < word.len() || digits.len() != 4 || word.starts_with(b"0"))
        });
        if offsets && offset && !line.trim_ascii().contains(&b' ') {
            continue; // the end offset
        }
        if offset && line.trim_ascii().contains(&b' ') {
            offsets = true;
            words.next();
        }
        let mut gap = 0;
        let start = bytes.len();
        for word in words {
            // One empty word is the gap in the middle of a line. The text column follows two or
            // more, or the sixteenth byte.
            gap = if word.is_empty() { gap + 1 } else { 0 };
            if gap > 1 && bytes.len() > start || bytes.len() - start >= 16 {
                break;
            }
            if word.is_empty() {
                continue;
            }
            if !is_hex(word) || word.len() % 2 == 1 {
                // A text column after a single space, or not a hex dump.
                if bytes.len() == start {
                    return None;
                }
                break;
            }
            for pair in word.chunks(2) {
                bytes.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
            }
        }
    }
    Some(bytes)
}

fn is_hex(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_hexdigit)
}

/// Decodes one line that contains `\r\n` as in source code, with or without quotes.
fn escaped(text: &[u8]) -> Option<Vec<u8>> {
    let line = text.trim_ascii();
    memchr::memmem::find(line, b"\\n").filter(|_| !line.contains(&b'\n'))?;
    let quote = line.first().filter(|first| matches!(first, b'"' | b'\''));
    let line = quote.map_or(Some(line), |quote| line.strip_prefix(&[*quote])?.strip_suffix(&[*quote]))?;
    let (mut bytes, mut rest) = (Vec::with_capacity(line.len()), line);
    while let Some(at) = memchr::memchr(b'\\', rest) {
        bytes.extend_from_slice(rest.get(..at)?);
        let escape = rest.get(at + 1..)?;
        let (byte, length) = match escape {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'0', ..] => (0, 1),
            [b'x', high, low, ..] => (u8::from_str_radix(std::str::from_utf8(&[*high, *low]).ok()?, 16).ok()?, 3),
            [other, ..] => (*other, 1),
            [] => return None,
        };
        bytes.push(byte);
        rest = escape.get(length..)?;
    }
    bytes.extend_from_slice(rest);
    Some(bytes)
}

/// Decodes base64 (RFC 4648 §4), in one line or more; `-` and `_` are accepted too.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    let text = text.trim_ascii_end();
    for byte in text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}
