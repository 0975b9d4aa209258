//! Explains one message: what each byte is, every fault, where the body ends and why.
//!
//! The verdicts are the parser's own, so they cannot differ from what the server does with the same bytes.

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

/// A message taken apart. From [`message`] and [`pasted`].
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

/// A run of bytes that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<'e> {
    /// Offset of its first byte from the first byte of the message.
    pub at: usize,
    /// What it is, by the span's name in the trace: `method`, `target`, `name`, `value`, `chunk-size`, `junk`, …
    pub kind: &'static str,
    /// The bytes.
    pub bytes: &'e [u8],
}

/// Something that is wrong with a message, and where.
///
/// It displays as `byte 20: Whitespace stands between a field name and its colon (RFC 9112 §5.1)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Offset of the guilty byte from the first byte of the message; for what is missing, of the place where it is missed.
    pub at: usize,
    /// Its name for programs: that of the [`Fault`], or one of `blank-line`, `status-line`, `body-short`,
    /// `lone-percent`, `date`.
    pub name: &'static str,
    /// The rule, as in `RFC 9112 §5.1`.
    pub rfc: &'static str,
    /// One sentence without its full stop.
    pub message: String,
}

/// Takes the first request or response in `bytes` apart: any bytes, however wrong.
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

/// As [`message`], for text that was copied from a page: without a single CR LF, each line of the head is read as if it had one, and
/// the spaces that all lines begin with are the page's.
///
/// ```
/// let explanation = wirelight::explain::pasted(b"GET / HTTP/1.1\nHost: a\n\n");
/// assert!(explanation.was_pasted() && explanation.diagnostics().is_empty());
/// ```
pub fn pasted(text: &[u8]) -> Explanation {
    let (text, pasted) = paste::with_line_ends(text);
    explain_bytes(text, pasted, Source::Wire)
}

/// As [`message`], for a message that a tool wrote down: its bodies are what the tool shows of them, so their lengths are not faults.
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

/// How many bytes there are, from the first byte of a message on.
struct Lengths {
    head: usize,
    message: usize,
    all: usize,
}

impl Explanation {
    /// Whether it is a request; else it is a response.
    pub fn is_request(&self) -> bool {
        self.request
    }

    /// Whether the lines ended with LF alone and were read as if they ended with CR LF. Offsets count the CRs.
    pub fn was_pasted(&self) -> bool {
        self.pasted
    }

    /// The message cut into pieces: no byte is left out, none is shown twice.
    pub fn spans(&self) -> impl Iterator<Item = Span<'_>> {
        self.spans.iter().map(|span| Span {
            at: span.start,
            kind: span.kind.name(),
            bytes: self.bytes.get(span.start..span.end).unwrap_or_default(),
        })
    }

    /// Byte ranges of sensitive field values, in order: the values of `Authorization`, `Cookie` and the other fields that a
    /// [`Trace`](crate::Trace) hides, by offsets from the first byte of the message. The pieces hold them all the same.
    pub fn secrets(&self) -> &[Range<usize>] {
        &self.secrets
    }

    /// What is wrong with it, in the order in which a reader stumbles; a line with two faults shows its first.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// How long the body is and why, in one sentence.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// What a strict server answers to this request; what a client makes of this response.
    pub fn verdict(&self) -> &str {
        &self.verdict
    }

    /// Returns what happens to the bytes that follow if the connection closes here, in one sentence; empty if it stays open or nothing
    /// follows. [`interpretations`](Self::interpretations) says what other readers make of these bytes.
    pub fn unread(&self) -> &str {
        &self.unread
    }

    /// Returns how readers that forgive the fault would cut the bytes of a refused message: one entry for each different cut, computed
    /// from the bytes. With two or more of them, this message is an attempt to smuggle what follows past one of the two
    /// (RFC 9112 §11.2). Empty if nothing is refused or nothing follows the head.
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

    /// Whether a strict reader takes [`rest`](Self::rest) as the next message: not after a refused message, nor after the last one of a
    /// connection (RFC 9112 §9.3).
    ///
    /// ```
    /// let last = wirelight::explain::message(b"GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n");
    /// assert!(!last.continues() && last.unread().starts_with("18 bytes follow"));
    /// ```
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// The bytes after the message. They are the next one if the connection [continues](Self::continues).
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
    /// A row of the fault table, at its byte.
    fn fault(fault: Fault, at: usize) -> Diagnostic {
        let row = fault.info();
        Diagnostic { at, name: row.name, rfc: row.rfc, message: row.message.to_owned() }
    }
}

/// The first line that is not empty.
fn start_line(bytes: &[u8]) -> &[u8] {
    let skipped = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(skipped..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
