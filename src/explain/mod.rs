//! Explains one message: what each byte is, every fault, and where the body ends and why.
//!
//! The results come from the parser itself, so they cannot differ from what the server does.

mod body;
mod count;
mod date;
mod head;
mod interpretations;
mod length_fields;
mod lenient_chunks;
mod paste;
mod query;
mod source;
mod verdict;

use std::fmt;
use std::ops::Range;

use crate::http1::fault::Fault;
use crate::trace::redact::Redactor;
use crate::trace::spans::{self, LabeledSpan};
use body::BodyExtent;
pub use interpretations::Interpretation;
use interpretations::{RejectedMessage, interpretations};
pub use lenient_chunks::InterpretationEnd;
pub use source::Source;

/// The explanation of one message. From [`message`] and [`pasted`].
#[derive(Clone, Debug)]
pub struct Explanation {
    bytes: Vec<u8>,
    spans: Vec<LabeledSpan>,
    secrets: Vec<Range<usize>>,
    request: bool,
    pasted: bool,
    diagnostics: Vec<Diagnostic>,
    interpretations: Vec<Interpretation>,
    body: String,
    verdict: String,
    unread: String,
    continues: bool,
    end: usize,
}

/// A run of bytes with one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<'e> {
    /// Offset of its first byte from the first byte of the message.
    pub at: usize,
    /// Kind of the span, by its name in the trace: `method`, `target`, `name`, `value`,
    /// `chunk-size`, `junk`, …
    pub kind: &'static str,
    /// The bytes.
    pub bytes: &'e [u8],
}

/// A fault in a message, and its position.
///
/// Displays as `byte 20: Whitespace occurs between a field name and its colon (RFC 9112 §5.1)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Offset of the invalid byte from the first byte of the message; for something missing, the
    /// offset where it was expected.
    pub at: usize,
    /// Its identifier for programs: the name of the [`Fault`], or one of `blank-line`,
    /// `status-line`, `body-short`, `lone-percent`, `date`.
    pub name: &'static str,
    /// The rule, as in `RFC 9112 §5.1`.
    pub rfc: &'static str,
    /// The explanation: one sentence without its full stop.
    pub message: String,
}

/// Explains the first request or response in `bytes`, which may be invalid in any way.
///
/// ```
/// let explanation = wirelight::explain::message(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n");
/// assert_eq!((explanation.diagnostics()[0].at, explanation.diagnostics()[0].rfc), (20, "RFC 9112 §5.1"));
/// assert_eq!(explanation.spans().next().unwrap().kind, "method");
/// assert!(explanation.verdict().contains("400 Bad Request"));
/// ```
pub fn message(bytes: &[u8]) -> Explanation {
    explain_bytes(bytes.into(), false, Source::Wire)
}

/// Explains text that was copied from a page. Like [`message`], but if the text has no CR LF, each
/// line of the head is read as if it ended with one, and indentation that all lines share is
/// removed.
///
/// ```
/// let explanation = wirelight::explain::pasted(b"GET / HTTP/1.1\nHost: a\n\n");
/// assert!(explanation.was_pasted() && explanation.diagnostics().is_empty());
/// ```
pub fn pasted(text: &[u8]) -> Explanation {
    let (text, pasted) = paste::with_line_ends(text);
    explain_bytes(text, pasted, Source::Wire)
}

/// Explains a message that a tool wrote down. Like [`message`], but the body is only what the tool
/// shows of it, so its length is not a fault.
///
/// ```
/// use wirelight::explain::{Source, from_source};
///
/// let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
/// let explanation = from_source(&[&head[..], b"not in chunks"].concat(), Source::Curl { hidden_bytes: None });
/// assert!(explanation.diagnostics().is_empty() && explanation.body().ends_with("the paste holds 13 bytes."));
/// ```
pub fn from_source(bytes: &[u8], shown: Source) -> Explanation {
    explain_bytes(bytes.into(), false, shown)
}

fn explain_bytes(mut bytes: Vec<u8>, pasted: bool, shown: Source) -> Explanation {
    let mut spans = spans::head_spans(&bytes);
    let head_end = spans.last().map_or(0, |span| span.end);
    let request = !start_line(&bytes).starts_with(b"HTTP/");
    let mut examined = head::check_head(bytes.get(..head_end).unwrap_or_default(), request);
    let body = BodyExtent::measure(bytes.get(head_end..).unwrap_or_default(), head_end, &examined, pasted, shown);
    bytes.truncate(bytes.len() - body.surplus);
    if let Some(length) = body.spans {
        spans.extend(spans::body_spans(&bytes, head_end, length));
    }
    examined.diagnostics.extend(body.diagnostic.clone());
    examined.diagnostics.extend(query::diagnostics(&bytes, &spans));
    examined.diagnostics.extend(date::diagnostics(&bytes, &spans));
    let end = spans.last().map_or(0, |span| span.end);
    let fate = verdict::evaluate(&examined, &body, request, Lengths { head: head_end, message: end, all: bytes.len() });
    let mut secrets = Vec::new();
    Redactor::default().find(bytes.get(..end).unwrap_or_default(), &mut secrets);
    let readings = match fate.refused && !examined.unfinished && head_end < bytes.len() {
        true => {
            let in_chunks = body.reject.map(|(fault, _)| fault);
            interpretations(&RejectedMessage { bytes: &bytes, request, in_chunks }, &mut secrets)
        }
        false => Vec::new(),
    };
    secrets.retain(|secret| secret.start < end);
    Explanation {
        bytes,
        spans,
        secrets,
        request,
        pasted,
        diagnostics: examined.diagnostics,
        interpretations: readings,
        body: body.sentence,
        verdict: fate.verdict,
        unread: fate.unread,
        continues: fate.continues,
        end,
    }
}

/// Byte counts from the first byte of the message.
struct Lengths {
    head: usize,
    message: usize,
    all: usize,
}

impl Explanation {
    /// Returns whether the message is a request; otherwise it is a response.
    pub fn is_request(&self) -> bool {
        self.request
    }

    /// Returns whether the lines ended with LF alone and were read as if they ended with CR LF.
    /// Offsets count the added CRs.
    pub fn was_pasted(&self) -> bool {
        self.pasted
    }

    /// Returns the spans of the message, which cover each byte exactly once.
    pub fn spans(&self) -> impl Iterator<Item = Span<'_>> {
        self.spans.iter().map(|span| Span {
            at: span.start,
            kind: span.kind.name(),
            bytes: self.bytes.get(span.start..span.end).unwrap_or_default(),
        })
    }

    /// Returns the byte ranges of sensitive field values, in order, as offsets from the first byte
    /// of the message: the values of `Authorization`, `Cookie` and the other fields that a
    /// [`Trace`](crate::Trace) hides. The spans contain these bytes unmasked.
    pub fn secrets(&self) -> &[Range<usize>] {
        &self.secrets
    }

    /// Returns the diagnostics in the order in which a reader finds them. A line with two faults
    /// shows the first.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Returns one sentence about how long the body is and why.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Returns what a strict server responds to this request, or how a client treats this response.
    pub fn verdict(&self) -> &str {
        &self.verdict
    }

    /// Returns one sentence about what happens to the bytes that follow if the connection closes
    /// here; empty if it stays open or nothing follows. [`interpretations`](Self::interpretations)
    /// describes how other readers treat these bytes.
    pub fn unread(&self) -> &str {
        &self.unread
    }

    /// Returns how lenient readers would divide the bytes of a refused message, with one entry per
    /// different result. Two or more entries mean that the message can smuggle what follows past
    /// one of the readers (RFC 9112 §11.2). Empty if nothing is refused or nothing follows the
    /// head.
    ///
    /// ```
    /// let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n";
    /// let explanation = wirelight::explain::message(format!("{head}0\r\n\r\nG").as_bytes());
    /// let lengths: Vec<_> = explanation.interpretations().iter().map(|reading| reading.body.len()).collect();
    /// assert_eq!(lengths, [5, 6]); // the chunks, the length
    /// assert_eq!(explanation.interpretations()[1].reader, "trusts Content-Length: 6");
    /// ```
    pub fn interpretations(&self) -> &[Interpretation] {
        &self.interpretations
    }

    /// Returns whether a strict reader takes [`rest`](Self::rest) as the next message. It does not
    /// after a refused message or after the last one of a connection (RFC 9112 §9.3).
    ///
    /// ```
    /// let last = wirelight::explain::message(b"GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    /// assert!(!last.continues() && last.unread().starts_with("18 bytes follow"));
    /// ```
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// Returns the bytes after the message. They are the next message if the connection
    /// [continues](Self::continues).
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.end..).unwrap_or_default()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {} ({})", self.at, self.message, self.rfc)
    }
}

impl Diagnostic {
    /// Creates a diagnostic from the fault table.
    fn fault(fault: Fault, at: usize) -> Diagnostic {
        let row = fault.info();
        Diagnostic { at, name: row.name, rfc: row.rfc, message: row.message.to_owned() }
    }
}

/// Returns the bytes from the first non-empty line on.
fn start_line(bytes: &[u8]) -> &[u8] {
    let skipped = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(skipped..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
