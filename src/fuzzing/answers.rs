//! Reads answers as a strict client does (RFC 9112 §6.3); shares no code with the encoder, and knows nothing of what was asked but methods.

use crate::http1::method::Method;

/// One final answer.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }
}

/// The final answers on a connection whose requests had these methods, in turn. A request that was refused has none: its answer is
/// the last.
///
/// # Panics
/// When a byte is not what a server may send there.
pub(super) fn read(mut bytes: &[u8], methods: &[Method]) -> Vec<Answer> {
    let (mut answers, mut methods) = (Vec::new(), methods.iter());
    while !bytes.is_empty() {
        let (answer, rest) = head(bytes);
        bytes = rest;
        if answer.status < 200 {
            assert!(
                answer.values("content-length").chain(answer.values("transfer-encoding")).next().is_none(),
                "§6.1, §6.2"
            );
            continue;
        }
        let method = methods.next();
        let (body, rest) = body(&answer, method.copied(), bytes);
        assert!(method.is_some() || rest.is_empty(), "an answer behind that of a refused request");
        answers.push(Answer { body, ..answer });
        bytes = rest;
    }
    answers
}

/// An answer without its body, and what is behind its head.
fn head(bytes: &[u8]) -> (Answer, &[u8]) {
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
    (Answer { status, fields, body: Vec::new() }, &bytes[end + 4..])
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

/// RFC 9110 §5.5: no control but the tab.
fn is_value(value: &[u8]) -> bool {
    value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f))
}

/// `None`: the request was refused, and nobody knows whether it was a HEAD.
fn body<'b>(answer: &Answer, method: Option<Method>, bytes: &'b [u8]) -> (Vec<u8>, &'b [u8]) {
    let lengths: Vec<_> = answer.values("content-length").collect();
    let coded = answer.values("transfer-encoding").count();
    assert!(lengths.len() + coded <= 1, "two lengths: {answer:?}");
    if method == Some(Method::HEAD) || matches!(answer.status, 204 | 304) || (method.is_none() && bytes.is_empty()) {
        assert!(answer.status != 204 || lengths.len() + coded == 0, "RFC 9110 §8.6");
        return (Vec::new(), bytes);
    }
    match lengths.first() {
        Some(length) => {
            let length: usize =
                std::str::from_utf8(length).ok().and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
            assert!(length <= bytes.len(), "{length} bytes promised, {} are here: {answer:?}", bytes.len());
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
