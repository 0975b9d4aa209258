//! Computes how other readers would divide the bytes of a refused message. Each accepts what this
//! server refuses and ends the message by its own rules. Two different ends allow request smuggling
//! (RFC 9112 §11.2).

use std::fmt;
use std::ops::Range;

use super::length_fields::{BodyEnd, LengthFields, LineEnding, head_end};
use super::lenient_chunks::{ChunkRules, InterpretationEnd, chunked};
use crate::http1::fault::Fault;
use crate::terminal::escape;
use crate::trace::redact::Redactor;

/// Maximum interpretations of one message.
const MAX_INTERPRETATIONS: usize = 6;
/// Maximum bytes of the next message that a sentence quotes.
const QUOTED: usize = 60;
/// `PRI * HTTP/2.0 CR LF CR LF SM CR LF CR LF` (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How one kind of reader would divide the bytes of a message that this server refuses. From
/// [`Explanation::interpretations`].
///
/// Displays as a sentence without its full stop: `A reader that trusts Content-Length: 6 takes …`.
///
/// [`Explanation::interpretations`]: super::Explanation::interpretations
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interpretation {
    /// What this reader does. It completes a sentence that begins "A reader that", as in `trusts
    /// Content-Length: 6`.
    pub reader: String,
    /// The bytes that it takes as the body, framing included, as offsets from the first byte of the
    /// message.
    pub body: Range<usize>,
    /// What it finds at the end of the body.
    pub end: InterpretationEnd,
    /// The rest of the sentence: `takes 5 bytes as the body, and …`.
    pub effect: String,
}

impl fmt::Display for Interpretation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A reader that {} {}", self.reader, self.effect)
    }
}

/// A refused message.
pub(super) struct RejectedMessage<'m> {
    /// All bytes received, from the first byte of the message.
    pub(super) bytes: &'m [u8],
    pub(super) request: bool,
    /// The fault, if it occurred in a chunked body.
    pub(super) in_chunks: Option<Fault>,
}

/// Returns each different way to divide the bytes, in the order of the readers. Readers that agree
/// share one entry.
///
/// Adds to `secrets` the byte ranges that any of these readers takes as a sensitive field value.
pub(super) fn interpretations(refused: &RejectedMessage<'_>, secrets: &mut Vec<Range<usize>>) -> Vec<Interpretation> {
    if let Some(reading) = other_protocol(refused.bytes) {
        return vec![reading];
    }
    let mut readings: Vec<Interpretation> = Vec::new();
    for lines in LineEnding::of(refused.bytes) {
        let Some(head) = head_end(refused.bytes, lines) else {
            let end = refused.bytes.len();
            add(&mut readings, reading(lines.reader(), end..end, InterpretationEnd::Waiting(None)));
            continue;
        };
        let claims = LengthFields::of(refused.bytes.get(..head).unwrap_or_default(), lines);
        for (reader, trust) in claims.readers(refused.request) {
            let reader = if reader.is_empty() { lines.reader().to_owned() } else { reader };
            for reading in refused.trusting(&reader, head, trust) {
                add(&mut readings, reading);
            }
        }
    }
    if let [only] = readings.as_mut_slice() {
        only.reader = "forgives the fault".into();
    }
    for reading in &readings {
        let start = reading.body.end;
        let mut found = Vec::new();
        Redactor::default().find(refused.bytes.get(start..).unwrap_or_default(), &mut found);
        secrets.extend(found.into_iter().map(|secret| start + secret.start..start + secret.end));
    }
    merge(secrets);
    for reading in &mut readings {
        reading.effect = refused.effect(&reading.body, reading.end, secrets);
    }
    readings
}

/// Adds a reading, unless another reader divides the bytes in the same way.
fn add(readings: &mut Vec<Interpretation>, reading: Interpretation) {
    let same = |other: &Interpretation| (&other.body, other.end) == (&reading.body, reading.end);
    if readings.len() < MAX_INTERPRETATIONS && !readings.iter().any(same) {
        readings.push(reading);
    }
}

/// Sorts the ranges and merges adjacent ones.
fn merge(ranges: &mut Vec<Range<usize>>) {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, last| {
        let touch = next.start <= last.end;
        if touch {
            last.end = last.end.max(next.end);
        }
        touch
    });
}

impl RejectedMessage<'_> {
    fn trusting(&self, reader: &str, head: usize, trust: BodyEnd) -> Vec<Interpretation> {
        let here = self.bytes.len() - head;
        let (length, end) = match trust {
            BodyEnd::Close => (here, InterpretationEnd::Waiting(None)),
            BodyEnd::Length(length) => match usize::try_from(length).ok().filter(|length| *length <= here) {
                Some(length) => (length, InterpretationEnd::Complete),
                None => (here, InterpretationEnd::Waiting(Some(length - here as u64))),
            },
            BodyEnd::Chunks => {
                let rules = ChunkRules::after(self.in_chunks);
                let read = |(name, rules): &(&str, ChunkRules)| {
                    let (at, end) = chunked(self.bytes, head, rules);
                    reading(if name.is_empty() { reader } else { name }, head..at, end)
                };
                return rules.iter().map(read).collect();
            }
        };
        vec![reading(reader, head..head + length, end)]
    }

    fn effect(&self, body: &Range<usize>, end: InterpretationEnd, secrets: &[Range<usize>]) -> String {
        let taken = match body.len() {
            0 => "takes none of them as the body".to_owned(),
            1 => "takes 1 byte as the body".to_owned(),
            length => format!("takes {length} bytes as the body"),
        };
        match end {
            InterpretationEnd::Waiting(None) if body.is_empty() => {
                "does not find the end of the head, and waits for it".into()
            }
            InterpretationEnd::Waiting(Some(missing)) => format!("{taken}, and waits for {missing} more"),
            InterpretationEnd::Waiting(None) => format!("{taken}, and waits for the rest"),
            InterpretationEnd::Lost => format!("{taken}, finds no chunk at byte {}, and gives up", body.end),
            InterpretationEnd::Complete => format!("{taken}, and {}", self.next(body.end, secrets)),
        }
    }

    /// Describes what a reader does with the bytes from `at` on.
    fn next(&self, at: usize, secrets: &[Range<usize>]) -> String {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let message = if self.request { "request" } else { "response" };
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank == rest.len() {
            return match blank {
                0 => "nothing follows".to_owned(),
                _ => format!("skips the {blank} bytes of empty lines that follow"),
            };
        }
        let bytes = if rest.len() == 1 { "byte" } else { "bytes" };
        let quote = self.quoted(at + blank, secrets);
        format!("the next {} {bytes} as the start of another {message}: {quote}", rest.len())
    }

    /// Quotes the first line from `at` on, with secrets masked.
    fn quoted(&self, at: usize, secrets: &[Range<usize>]) -> String {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let end = at + memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let shown = end.min(at + QUOTED);
        let (mut text, mut from) = (String::from("`"), at);
        let first = secrets.partition_point(|secret| secret.end <= at);
        for secret in secrets.iter().skip(first).take_while(|secret| secret.start < shown) {
            let start = secret.start.max(from);
            escape::line(&mut text, self.bytes.get(from..start).unwrap_or_default());
            text += "•••";
            from = secret.end.min(shown);
        }
        escape::line(&mut text, self.bytes.get(from..shown).unwrap_or_default());
        text + if shown < end { "…`" } else { "`" }
    }
}

/// Creates a reading whose `effect` is still empty.
fn reading(reader: &str, body: Range<usize>, end: InterpretationEnd) -> Interpretation {
    Interpretation { reader: reader.to_owned(), body, end, effect: String::new() }
}

/// Returns the reading in the protocol of these bytes, if that is not HTTP/1.
fn other_protocol(bytes: &[u8]) -> Option<Interpretation> {
    let reading = |reader: &str, end: usize, effect| {
        let body = 0..end.min(bytes.len());
        Interpretation { reader: reader.into(), body, end: InterpretationEnd::Complete, effect }
    };
    match bytes {
        [0x16, 3, _, high, low, ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let effect =
                format!("takes the first {} bytes as a TLS record of the handshake (RFC 8446 §5.1)", length + 5);
            Some(reading("speaks TLS", length + 5, effect))
        }
        _ if bytes.starts_with(PREFACE) => {
            let effect = match bytes.len() - PREFACE.len() {
                0 => "takes all 24 bytes as the start of a connection (RFC 9113 §3.4)".to_owned(),
                rest => format!(
                    "takes the first 24 bytes as the start of a connection (RFC 9113 §3.4), and the other {rest} as frames"
                ),
            };
            Some(reading("speaks HTTP/2", PREFACE.len(), effect))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
