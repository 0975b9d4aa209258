//! Writes JSON members in ASCII straight into the output, without intermediate values.

use std::io::Write;
use std::ops::Range;

use super::spans::LabeledSpan;

/// An object that already has its first member.
pub(super) struct JsonObject<'o>(pub(super) &'o mut Vec<u8>);

impl<'o> JsonObject<'o> {
    /// Opens an object with its first member, a number.
    pub(super) fn open(out: &'o mut Vec<u8>, name: &str, number: u64) -> JsonObject<'o> {
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        push_decimal(out, number);
        JsonObject(out)
    }
}

impl JsonObject<'_> {
    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        push_decimal(self.0, number);
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) {
        self.name(name);
        self.0.extend_from_slice(if flag { b"true" } else { b"false" });
    }

    /// Appends text that needs no escapes.
    pub(super) fn word(&mut self, name: &str, word: &str) {
        self.name(name);
        self.0.push(b'"');
        self.0.extend_from_slice(word.as_bytes());
        self.0.push(b'"');
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.quoted(text);
    }

    /// Appends a member name; the value follows.
    pub(super) fn name(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    pub(super) fn quoted(&mut self, text: &str) {
        self.0.push(b'"');
        let mut rest = text;
        // Copies whole runs, since most bytes need no escape.
        while let Some(at) = rest.bytes().position(|byte| !is_plain(byte)) {
            let (plain, special) = rest.split_at(at);
            self.0.extend_from_slice(plain.as_bytes());
            let mut chars = special.chars();
            match chars.next() {
                Some(c @ ('"' | '\\')) => self.0.extend_from_slice(&[b'\\', c as u8]),
                Some(c) => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| self.unit(*unit)),
                None => {}
            }
            rest = chars.as_str();
        }
        self.0.extend_from_slice(rest.as_bytes());
        self.0.push(b'"');
    }

    /// Writing into memory cannot fail.
    fn unit(&mut self, unit: u16) {
        let _ = write!(self.0, "\\u{unit:04x}");
    }

    pub(super) fn bytes(&mut self, name: &str, data: &[u8], secrets: &[Range<usize>]) {
        self.name(name);
        self.0.push(b'"');
        let mut at = 0;
        for secret in secrets {
            let (start, end) = (secret.start.min(data.len()), secret.end.min(data.len()));
            self.latin1(data.get(at..start).unwrap_or_default());
            self.0.extend(std::iter::repeat_n(b'*', end - start));
            at = end;
        }
        self.latin1(data.get(at..).unwrap_or_default());
        self.0.push(b'"');
        let shown = secrets.iter().take_while(|secret| secret.start < data.len()).count();
        if let Some(secrets @ [_, ..]) = secrets.get(..shown) {
            self.name("masked");
            self.list(secrets, |json, secret| json.pair(secret.start as u64, secret.end.min(data.len()) as u64));
        }
    }

    fn latin1(&mut self, mut data: &[u8]) {
        while let Some(at) = data.iter().position(|byte| !is_plain(*byte)) {
            let (plain, special) = data.split_at(at);
            self.0.extend_from_slice(plain);
            match special.first() {
                Some(byte @ (b'"' | b'\\')) => self.0.extend_from_slice(&[b'\\', *byte]),
                Some(b'\r') => self.0.extend_from_slice(b"\\r"),
                Some(b'\n') => self.0.extend_from_slice(b"\\n"),
                Some(byte) => self.unit(u16::from(*byte)),
                None => {}
            }
            data = special.get(1..).unwrap_or_default();
        }
        self.0.extend_from_slice(data);
    }

    pub(super) fn spans(&mut self, spans: &[LabeledSpan]) {
        self.name("spans");
        self.list(spans, |json, span| {
            json.0.push(b'[');
            push_decimal(json.0, span.start as u64);
            json.0.push(b',');
            push_decimal(json.0, span.end as u64);
            json.0.extend_from_slice(b",\"");
            json.0.extend_from_slice(span.kind.name().as_bytes());
            json.0.push(b'"');
            if let Some(index) = span.index {
                json.0.push(b',');
                push_decimal(json.0, u64::from(index));
            }
            json.0.push(b']');
        });
    }

    pub(super) fn range(&mut self, name: &str, start: u64, end: u64) {
        self.name(name);
        self.pair(start, end);
    }

    fn pair(&mut self, start: u64, end: u64) {
        self.0.push(b'[');
        push_decimal(self.0, start);
        self.0.push(b',');
        push_decimal(self.0, end);
        self.0.push(b']');
    }

    pub(super) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.0.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.0.push(b',');
            }
            write(self, item);
        }
        self.0.push(b']');
    }

    pub(super) fn object(&mut self, name: &str, members: &[(&str, String)]) {
        self.name(name);
        self.0.push(b'{');
        for (index, (name, value)) in members.iter().enumerate() {
            if index > 0 {
                self.0.push(b',');
            }
            self.quoted(name);
            self.0.push(b':');
            self.quoted(value);
        }
        self.0.push(b'}');
    }

    pub(super) fn source(&mut self, place: &std::panic::Location<'_>) {
        self.text("src", &format!("{}:{}", place.file(), place.line()));
    }
}

/// Returns whether a byte represents itself in a JSON string.
fn is_plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\'
}

/// Appends a number.
pub(super) fn push_decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
