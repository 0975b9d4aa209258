//! Reads responses as a strict client does (RFC 9112 §6.3). Shares no code with the encoder.

use wirelight::Method;

/// A final response.
#[derive(Debug, PartialEq)]
pub(crate) struct FinalResponse {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl FinalResponse {
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }
}

/// Returns the final responses on a connection whose requests had these methods, in order. The last response may be to a request
/// that was refused, which has no method here.
///
/// # Panics
/// Panics at a byte that a server must not send there.
pub(crate) fn read(mut bytes: &[u8], methods: &[Method]) -> Vec<FinalResponse> {
    let (mut responses, mut methods) = (Vec::new(), methods.iter());
    while !bytes.is_empty() {
        let (response, rest) = head(bytes);
        bytes = rest;
        if response.status < 200 {
            assert!(
                response.values("content-length").chain(response.values("transfer-encoding")).next().is_none(),
                "§6.1, §6.2"
            );
            continue;
        }
        let method = methods.next();
        let (body, rest) = body(&response, method.copied(), bytes);
        assert!(method.is_some() || rest.is_empty(), "a response after that to a refused request");
        responses.push(FinalResponse { body, ..response });
        bytes = rest;
    }
    responses
}

/// Returns a response without its body, and the bytes after its head.
fn head(bytes: &[u8]) -> (FinalResponse, &[u8]) {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| unreachable!("a head without an end: {}", bytes.escape_ascii()));
    let mut lines = bytes[..end].split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = lines.next().unwrap_or_default();
    assert!(line.starts_with(b"HTTP/1.1 ") && line.get(12) == Some(&b' '), "{}", line.escape_ascii());
    assert!(is_value(&line[13..]), "{}", line.escape_ascii());
    let status = std::str::from_utf8(&line[9..12]).ok().and_then(|code| code.parse().ok());
    let status =
        status.filter(|status| (100..600).contains(status)).unwrap_or_else(|| unreachable!("{}", line.escape_ascii()));
    let fields = lines.map(field).collect();
    (FinalResponse { status, fields, body: Vec::new() }, &bytes[end + 4..])
}

fn field(line: &[u8]) -> (String, Vec<u8>) {
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or_else(|| unreachable!("{}", line.escape_ascii()));
    let (name, value) = line.split_at(colon);
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    assert!(!name.is_empty() && name.iter().all(token), "{}", line.escape_ascii());
    let value = value[1..].strip_prefix(b" ").unwrap_or(&value[1..]);
    assert!(is_value(value) && value.trim_ascii() == value, "{}", line.escape_ascii());
    (String::from_utf8_lossy(name).into_owned(), value.to_vec())
}

/// Returns whether the bytes are a field value: no control except the tab (RFC 9110 §5.5).
fn is_value(value: &[u8]) -> bool {
    value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f))
}

/// Returns the body and the bytes after it. Without a method, the request was refused: it may have been HEAD.
fn body<'b>(response: &FinalResponse, method: Option<Method>, bytes: &'b [u8]) -> (Vec<u8>, &'b [u8]) {
    let lengths: Vec<_> = response.values("content-length").collect();
    let coded = response.values("transfer-encoding").count();
    assert!(lengths.len() + coded <= 1, "two lengths: {response:?}");
    if method == Some(Method::HEAD) || matches!(response.status, 204 | 304) || (method.is_none() && bytes.is_empty()) {
        assert!(response.status != 204 || lengths.len() + coded == 0, "RFC 9110 §8.6");
        return (Vec::new(), bytes);
    }
    match lengths.first() {
        Some(length) => {
            let length: usize =
                std::str::from_utf8(length).ok().and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
            assert!(length <= bytes.len(), "{length} bytes announced, {} received: {response:?}", bytes.len());
            (bytes[..length].to_vec(), &bytes[length..])
        }
        None if coded == 1 => chunks(bytes),
        None => (bytes.to_vec(), b""),
    }
}

fn chunks(mut bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|window| window == b"\r\n").unwrap_or(bytes.len());
        let size = std::str::from_utf8(&bytes[..line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.unwrap_or_else(|| unreachable!("no size of a chunk: {}", bytes.escape_ascii()));
        let chunk = &bytes[line + 2..];
        assert_eq!(chunk.get(size..size + 2), Some(&b"\r\n"[..]), "the end of a chunk");
        body.extend_from_slice(&chunk[..size]);
        bytes = &chunk[size + 2..];
        if size == 0 {
            return (body, bytes);
        }
    }
}
