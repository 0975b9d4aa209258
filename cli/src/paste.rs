//! Detects what a pasted text is (messages, curl's output, a dump, another protocol) and finds the
//! messages in it.

mod curl;
mod encodings;
mod http2;

use wirelight::explain::{self, Explanation, Source};

/// A pasted text and the messages in it.
#[derive(Debug, Default)]
pub(super) struct Paste {
    /// Describes the text in one or two sentences; empty if it is just a message.
    pub(super) note: String,
    pub(super) parts: Vec<Part>,
    /// Whether it is not HTTP: then only a few bytes are shown.
    pub(super) foreign: bool,
}

/// Bytes that begin with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    pub(super) kind: Kind,
}

/// How the bytes of a part are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Unchanged.
    Raw,
    /// Unchanged, or with LF instead of CR LF.
    Text,
    /// As a tool prints them.
    Tool(Source),
}

impl Part {
    /// Returns what follows the first message, if anything.
    pub(super) fn rest(&self, explanation: &Explanation) -> Option<Part> {
        let bytes = explanation.rest().to_vec();
        (!bytes.is_empty()).then_some(Part { bytes, kind: self.kind })
    }

    pub(super) fn explain(&self) -> Explanation {
        match self.kind {
            Kind::Raw => explain::message(&self.bytes),
            Kind::Text => explain::pasted(&self.bytes),
            Kind::Tool(shown) => explain::from_source(&self.bytes, shown),
        }
    }
}

/// Methods that identify a request.
const METHODS: [&[u8]; 9] = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];
/// Fields that identify a head: other text has colons too.
const FIELDS: [&[u8]; 12] = [
    b"accept",
    b"accept-encoding",
    b"cache-control",
    b"connection",
    b"content-length",
    b"content-type",
    b"cookie",
    b"date",
    b"host",
    b"server",
    b"set-cookie",
    b"user-agent",
];

/// Detects what `text` is, in linear time.
pub(super) fn detect(text: &[u8]) -> Paste {
    if let Some((kind, decoded)) = encodings::text(text) {
        return wrapped(kind, &decoded);
    }
    let text = without_fence(text);
    binary(text)
        .or_else(|| curl::read(text))
        .or_else(|| http2::read(text))
        .or_else(|| encodings::dump(text, looks_like_http).map(|(kind, bytes)| wrapped(&kind, &bytes)))
        .unwrap_or_else(|| plain(text))
}

/// Describes a text that was decoded from another encoding.
fn wrapped(kind: &str, bytes: &[u8]) -> Paste {
    let inner = curl::read(bytes).or_else(|| http2::read(bytes)).unwrap_or_else(|| plain(bytes));
    Paste { note: format!("{kind} {}", inner.note).trim_end().to_owned(), ..inner }
}

/// Detects empty input and other protocols by the first bytes.
fn binary(text: &[u8]) -> Option<Paste> {
    let note = match text {
        _ if text.trim_ascii().is_empty() => {
            let what = if text.is_empty() { "Nothing: the input is empty." } else { "Nothing but empty lines." };
            format!("{what} A server that receives no request waits, and closes the connection when its time is up.")
        }
        [0x16, 3, 0..=4, ..] => "A TLS handshake: the client speaks HTTPS. On a plain port a server cannot read it; use http://.".to_owned(),
        [0x14..=0x17, 3, 0..=4, ..] => "A TLS record: part of an encrypted connection, not readable without its keys.".to_owned(),
        _ if text.starts_with(b"PRI * HTTP/2.0") => {
            "The preface of HTTP/2: a client that knows in advance that the server speaks it (RFC 9113 §3.3). HTTP/2 is binary \
             and a protocol of its own; a server of HTTP/1.1 refuses it."
                .to_owned()
        }
        _ if text.starts_with(b"SSH-") => "The greeting of SSH, which is not HTTP.".to_owned(),
        _ => return None,
    };
    let parts = if text.trim_ascii().is_empty() { Vec::new() } else { vec![Part::new(text, Kind::Raw)] };
    Some(Paste { note, parts, foreign: true })
}

impl Part {
    fn new(bytes: &[u8], kind: Kind) -> Part {
        Part { bytes: bytes.to_vec(), kind }
    }
}

/// Reads a text as one or more messages, or describes what it is instead.
fn plain(text: &[u8]) -> Paste {
    let first = first_line(text);
    if looks_like_http(text) {
        let note = match old_request(text) {
            true => {
                "A request of HTTP/0.9: one line without a version, answered with the content alone. HTTP/1.1 has dropped it."
            }
            false => "",
        };
        return Paste { note: note.into(), parts: conversation(text), foreign: false };
    }
    if is_field(first) {
        let start: &[u8] = if is_response_field(text) { b"HTTP/1.1 200 OK" } else { b"GET / HTTP/1.1" };
        let note = format!(
            "Fields without a first line. They are explained as if they followed {}, which is counted.",
            String::from_utf8_lossy(start)
        );
        let end: &[u8] = if text.contains(&b'\r') { b"\r\n" } else { b"\n" };
        let text = text.get(text.iter().take_while(|byte| byte.is_ascii_whitespace()).count()..).unwrap_or_default();
        return Paste {
            note,
            parts: vec![Part { bytes: [start, end, text].concat(), kind: Kind::Text }],
            foreign: false,
        };
    }
    let note = if first.starts_with(b"curl ") || first.starts_with(b"$ curl ") {
        "A command, not a message: run it with -v, and paste what it prints."
    } else {
        "This does not look like HTTP: no line is METHOD /path HTTP/1.1 or HTTP/1.1 200."
    };
    Paste { note: note.into(), parts: vec![Part::new(text, Kind::Text)], foreign: true }
}

/// Splits a text where a response follows a request: on the wire they are in opposite directions.
fn conversation(text: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let (mut start, mut at, mut request) = (0, 0, !first_line(text).starts_with(b"HTTP/"));
    let first = Part::new(text, Kind::Text).explain();
    // The framing of a valid request determines its end, whatever its body contains.
    let own = if first.diagnostics().is_empty() { text.len().saturating_sub(first.rest().len()) } else { 0 };
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let begins = line.trim_ascii_start();
        let response = begins.starts_with(b"HTTP/") && begins.get(8..13).is_some_and(is_status);
        if response && request && at > start && at >= own {
            parts.push(Part::new(text.get(start..at).unwrap_or_default(), Kind::Text));
            (start, request) = (at, false);
        }
        at += line.len();
    }
    parts.push(Part::new(text.get(start..).unwrap_or_default(), Kind::Text));
    parts
}

/// Returns whether these are ` 200 ` or ` 200` at the end of a line.
fn is_status(bytes: &[u8]) -> bool {
    matches!(bytes, [b' ', b'1'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ' | b'\r' | b'\n'])
}

fn old_request(text: &[u8]) -> bool {
    let words = first_line(text).split(|byte| *byte == b' ').count();
    words == 2 && text.trim_ascii().split(|byte| *byte == b'\n').nth(1).is_none()
}

/// Returns whether the text begins as a message does, even an invalid one.
fn looks_like_http(text: &[u8]) -> bool {
    let first = first_line(text);
    let word = first.split(|byte| *byte == b' ').next().unwrap_or_default();
    let upper = first.get(..first.len().min(8_192)).unwrap_or_default().to_ascii_uppercase();
    let method = first.len() > word.len() && METHODS.iter().any(|method| word.eq_ignore_ascii_case(method));
    method
        || memchr::memmem::find(&upper, b"HTTP/").is_some_and(|at| at == 0 || upper.get(at - 1) == Some(&b' '))
        || (!is_field(first) && lines(text).nth(1).is_some_and(is_field))
}

/// Returns whether the line is one of the [`FIELDS`].
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let name = line.get(..colon).unwrap_or_default().trim_ascii();
    FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field))
}

fn is_response_field(text: &[u8]) -> bool {
    let of_response = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        [&b"server"[..], b"set-cookie", b"etag", b"location"].iter().any(|field| name.eq_ignore_ascii_case(field))
    };
    lines(text).take(64).any(of_response)
}

/// Returns the lines that are not blank, trimmed.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

fn first_line(text: &[u8]) -> &[u8] {
    lines(text).next().unwrap_or_default()
}

/// Removes the fence of a code block in Markdown.
fn without_fence(text: &[u8]) -> &[u8] {
    let Some(rest) = text.trim_ascii_start().strip_prefix(b"```") else { return text };
    let Some(line) = memchr::memchr(b'\n', rest) else { return text };
    let inside = rest.get(line + 1..).unwrap_or_default();
    memchr::memmem::rfind(inside, b"```").and_then(|end| inside.get(..end)).unwrap_or(inside)
}

#[cfg(test)]
mod tests;
