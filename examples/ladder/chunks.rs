//! Decodes a chunked body (RFC 9112 §7.1): a line with the size of each chunk, the chunk, CR LF; at the
//! end a size of 0, trailer fields, an empty line. The new code of step 10.

/// Returns the body and how many bytes of `input` it takes up; `None` while it is incomplete.
/// Trailer fields are read and dropped.
pub fn decode(input: &[u8]) -> Result<Option<(Vec<u8>, usize)>, &'static str> {
    let (mut body, mut at, mut in_trailer) = (Vec::new(), 0, false);
    loop {
        let Some(end) = input[at..].windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let line = &input[at..at + end];
        at += end + 2;
        match (in_trailer, line) {
            (true, []) => return Ok(Some((body, at))),
            (true, _) => continue,
            (false, _) => {}
        }
        let size = chunk_size(line)?;
        if size == 0 {
            in_trailer = true;
            continue;
        }
        match input.get(at..at + size + 2) {
            Some([data @ .., b'\r', b'\n']) => body.extend_from_slice(data),
            Some(_) => return Err("a chunk is longer than its size"),
            None => return Ok(None),
        }
        at += size + 2;
    }
}

/// Parses the line before a chunk. An extension may follow the size.
fn chunk_size(line: &[u8]) -> Result<usize, &'static str> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    // from_str_radix alone would accept "+5". Seven digits cannot overflow.
    let is_size = (1..8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let size = is_size.then(|| usize::from_str_radix(&String::from_utf8_lossy(digits), 16).ok()).flatten();
    size.ok_or("a chunk begins with its size in hexadecimal")
}
