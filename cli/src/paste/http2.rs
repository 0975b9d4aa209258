//! Converts HTTP/2 messages as tools print them to HTTP/1.1: `:method:` and `:status:` in DevTools,
//! `GET / HTTP/2` in curl.

use wirelight::explain::Source;

use super::{Kind, Part, Paste};

/// Printed before a message of HTTP/2.
pub(super) const NOTE: &str = "This is HTTP/2, which sends its fields compressed, in binary frames (RFC 9113): below is the same message as HTTP/1.1 writes it.";

/// Reads a list of fields; `None` if no name begins with a colon.
pub(super) fn read(text: &[u8]) -> Option<Paste> {
    if let Some(bytes) = (!text.contains(&b'\r')).then(|| as_http1(&with_crs(text))).flatten() {
        return Some(paste(vec![part(bytes)]));
    }
    let lines: Vec<&[u8]> = super::lines(text).collect();
    let pseudo = |line: &[u8]| PSEUDO.iter().any(|name| line.starts_with(name));
    let first = lines.iter().position(|line| pseudo(line))?;
    // Newer DevTools put a name and its value on two lines.
    let pairs = lines.get(first).is_some_and(|line| !line.get(1..).unwrap_or_default().contains(&b':'));
    let fields: Vec<(&[u8], &[u8])> = match pairs {
        true => lines.get(first..)?.chunks(2).filter_map(two_lines).collect(),
        false => lines.get(first..)?.iter().map(|line| field(line)).collect(),
    };
    Some(paste(messages(&fields)))
}

const PSEUDO: [&[u8]; 5] = [b":authority", b":method", b":path", b":scheme", b":status"];

fn paste(parts: Vec<Part>) -> Paste {
    Paste { note: NOTE.into(), parts, foreign: false }
}

fn part(bytes: Vec<u8>) -> Part {
    Part { bytes, kind: Kind::Tool(Source::Http2) }
}

fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let skipped = usize::from(line.starts_with(b":"));
    let colon =
        memchr::memchr(b':', line.get(skipped..).unwrap_or_default()).map_or(line.len(), |colon| colon + skipped);
    (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default().trim_ascii())
}

/// Reads a name and its value from two lines.
fn two_lines<'t>(lines: &[&'t [u8]]) -> Option<(&'t [u8], &'t [u8])> {
    Some((name(lines.first()?), lines.get(1).copied().unwrap_or_default()))
}

fn name(line: &[u8]) -> &[u8] {
    line.strip_suffix(b":").unwrap_or(line)
}

/// The fields of one message; those with a colon are separate.
#[derive(Default)]
struct Fields<'t> {
    pseudo: Vec<(&'t [u8], &'t [u8])>,
    others: Vec<u8>,
}

/// Splits the list where a field with a colon follows one without: there the next message begins.
fn messages(fields: &[(&[u8], &[u8])]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut message = Fields::default();
    for (name, value) in fields {
        if !name.starts_with(b":") {
            message.others.extend_from_slice(&[name, &b": "[..], value, b"\r\n"].concat());
            continue;
        }
        if !message.others.is_empty() {
            parts.push(part(std::mem::take(&mut message).written()));
        }
        message.pseudo.push((name, value));
    }
    parts.push(part(message.written()));
    parts
}

impl Fields<'_> {
    fn written(self) -> Vec<u8> {
        let value =
            |name: &str| self.pseudo.iter().find(|(other, _)| *other == name.as_bytes()).map(|(_, value)| *value);
        let mut bytes = match value(":status") {
            Some(status) => [b"HTTP/1.1 ", status, b" \r\n"].concat(),
            None => {
                let (method, path) = (value(":method").unwrap_or(b"GET"), value(":path").unwrap_or(b"/"));
                [method, b" ", path, b" HTTP/1.1\r\n"].concat()
            }
        };
        if let Some(host) = value(":authority") {
            bytes.extend_from_slice(&[b"Host: ", host, b"\r\n"].concat());
        }
        bytes.extend_from_slice(&self.others);
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

/// Replaces version 2 or 3 in the first line of a message by 1.1; `None` if it has another version.
pub(super) fn as_http1(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = bytes.trim_ascii_start();
    let end = memchr::memchr(b'\n', bytes)?;
    let line = bytes.get(..end)?.trim_ascii_end();
    let rest = bytes.get(end + 1..)?;
    let later = |version: &[u8]| matches!(version, b"HTTP/2" | b"HTTP/2.0" | b"HTTP/3" | b"HTTP/3.0");
    let space = memchr::memchr(b' ', line)?;
    let (first, others) = (line.get(..space)?, line.get(space..)?);
    let last = line.rsplit(|byte| *byte == b' ').next()?;
    let line = if later(first) {
        let reason: &[u8] = if others.get(1..)?.contains(&b' ') { b"" } else { b" " };
        [b"HTTP/1.1", others, reason].concat()
    } else if later(last) && !line.starts_with(b"PRI ") {
        [line.get(..line.len() - last.len())?, b"HTTP/1.1"].concat()
    } else {
        return None;
    };
    Some([&line, &b"\r\n"[..], rest].concat())
}

/// Ends the lines of the head with CR LF.
fn with_crs(text: &[u8]) -> Vec<u8> {
    let text = text.trim_ascii_start();
    let end = memchr::memmem::find(text, b"\n\n").map_or(text.len(), |end| end + 2);
    let (head, body) = text.split_at(end);
    let mut bytes = Vec::with_capacity(text.len() + 64);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        bytes.extend_from_slice(line.trim_ascii());
        bytes.extend_from_slice(b"\r\n");
    }
    if end == text.len() && !head.ends_with(b"\n\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(body);
    bytes
}
