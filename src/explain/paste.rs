//! Text that was copied from a page: gives its lines the ends that they have on the wire.

use std::borrow::Cow;

/// Returns the message as it is on the wire, and whether its lines had to be given their ends.
pub(super) fn with_line_ends(text: &[u8]) -> (Vec<u8>, bool) {
    let pasted = memchr::memchr(b'\r', text).is_none() && memchr::memchr(b'\n', text).is_some();
    (if pasted { with_crs(&outdented(text)) } else { text.to_vec() }, pasted)
}

/// Removes the empty lines at the beginning, and as many spaces from each line as all lines begin with.
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

/// Gives the lines of the head their CRs, and those of a chunked body, whose line ends count too.
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

/// Appends the lines, each LF as CR LF.
fn push_crlf(bytes: &mut Vec<u8>, lines: &[u8]) {
    let mut start = 0;
    for lf in memchr::memchr_iter(b'\n', lines) {
        bytes.extend_from_slice(lines.get(start..lf).unwrap_or_default());
        bytes.extend_from_slice(b"\r\n");
        start = lf + 1;
    }
    bytes.extend_from_slice(lines.get(start..).unwrap_or_default());
}
