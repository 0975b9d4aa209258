//! Text that was copied from a page: gives its lines the ends that they have on the wire.

/// Returns the message as it is on the wire, and whether its lines had to be given their ends.
pub(super) fn with_line_ends(text: &[u8]) -> (Vec<u8>, bool) {
    let pasted = !text.contains(&b'\r') && text.contains(&b'\n');
    let bytes = if pasted { with_crs(&outdented(text)) } else { text.to_vec() };
    (bytes, pasted)
}

/// Removes the empty lines at the beginning, and as many spaces from each line as all lines begin with.
pub(super) fn outdented(text: &[u8]) -> Vec<u8> {
    let mut lines =
        text.split_inclusive(|byte| *byte == b'\n').skip_while(|line| line.trim_ascii().is_empty()).peekable();
    let blanks = |line: &[u8]| line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let Some(first) = lines.peek() else { return text.to_vec() };
    let depth = if blanks(first) == 0 {
        0
    } else {
        lines.clone().filter(|line| !line.trim_ascii().is_empty()).map(blanks).min().unwrap_or(0)
    };
    lines.flat_map(|line| line.get(depth.min(blanks(line))..).unwrap_or_default()).copied().collect()
}

/// Gives the lines of the head their CRs, and those of a chunked body, whose line ends count too.
fn with_crs(bytes: &[u8]) -> Vec<u8> {
    let blank = memchr::memmem::find(bytes, b"\n\n").map_or(bytes.len(), |at| at + 2);
    let (head, body) = bytes.split_at(blank);
    let chunked = head.split(|byte| *byte == b'\n').any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with(b"transfer-encoding:") && line.ends_with(b"chunked")
    });
    let crlf = |part: &[u8]| {
        part.iter()
            .flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) })
            .copied()
            .collect::<Vec<_>>()
    };
    let body = if chunked { crlf(body) } else { body.to_vec() };
    [crlf(head), body].concat()
}
