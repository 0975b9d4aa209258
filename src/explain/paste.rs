//! Restores the CR LF line ends of text that was copied from a page.

use std::borrow::Cow;

/// Returns the message as sent, and whether its line ends had to be restored.
pub(super) fn with_line_ends(text: &[u8]) -> (Vec<u8>, bool) {
    let pasted = memchr::memchr(b'\r', text).is_none() && memchr::memchr(b'\n', text).is_some();
    (if pasted { with_crs(&outdented(text)) } else { text.to_vec() }, pasted)
}

/// Removes leading empty lines and the indentation that all lines share.
fn outdented(text: &[u8]) -> Cow<'_, [u8]> {
    let lines = || text.split_inclusive(|byte| *byte == b'\n');
    let empty = lines().take_while(|line| line.trim_ascii().is_empty()).map(<[u8]>::len).sum();
    let text = text.get(empty..).unwrap_or_default();
    let spaces = |line: &[u8]| line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if text.is_empty() || spaces(text) == 0 {
        return Cow::Borrowed(text);
    }
    let lines = || text.split_inclusive(|byte| *byte == b'\n');
    let depth = lines().filter(|line| !line.trim_ascii().is_empty()).map(spaces).min().unwrap_or(0);
    let mut bytes = Vec::with_capacity(text.len());
    lines().for_each(|line| bytes.extend_from_slice(line.get(depth.min(spaces(line))..).unwrap_or_default()));
    Cow::Owned(bytes)
}

/// Adds the missing CRs to the lines of the head, and to those of a chunked body, whose framing
/// needs them.
fn with_crs(text: &[u8]) -> Vec<u8> {
    let blank = memchr::memmem::find(text, b"\n\n").map_or(text.len(), |at| at + 2);
    let (head, body) = text.split_at(blank);
    let chunked = head.split(|byte| *byte == b'\n').any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with(b"transfer-encoding:") && line.ends_with(b"chunked")
    });
    let mut bytes = Vec::with_capacity(text.len() + text.len() / 16);
    push_crlf(&mut bytes, head);
    if chunked {
        push_crlf(&mut bytes, body);
    } else {
        bytes.extend_from_slice(body);
    }
    bytes
}

/// Appends the lines with each LF as CR LF.
fn push_crlf(bytes: &mut Vec<u8>, lines: &[u8]) {
    let mut start = 0;
    for lf in memchr::memchr_iter(b'\n', lines) {
        bytes.extend_from_slice(lines.get(start..lf).unwrap_or_default());
        bytes.extend_from_slice(b"\r\n");
        start = lf + 1;
    }
    bytes.extend_from_slice(lines.get(start..).unwrap_or_default());
}
