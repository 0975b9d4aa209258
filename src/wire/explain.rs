//! Takes one message apart for people: what each byte is, every fault, where the body ends and why; knows no connection and no terminal.
//!
//! The verdicts are the parser's own, so they cannot differ from what the server does with the same bytes.

mod date;
mod faults;
mod query;

use std::fmt;
use std::ops::Range;

use crate::http1::chunked::{Decoder, Progress};
use crate::http1::fault::Fault;
use crate::http1::framing::Body;
use crate::http1::limits::Limits;
use crate::wire::secret::Secrets;
use crate::wire::spans::{self, Chunks, Kind, Span};
use faults::Examined;

/// A message taken apart. From [`explain`] and [`explain_pasted`].
#[derive(Clone, Debug)]
pub struct Explanation {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    secrets: Vec<Range<usize>>,
    request: bool,
    pasted: bool,
    findings: Vec<Finding>,
    body: String,
    verdict: String,
    end: usize,
}

/// A run of bytes that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'e> {
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
pub struct Finding {
    /// Offset of the guilty byte from the first byte of the message; for what is missing, of the place where it is missed.
    pub at: usize,
    /// Its name for programs: that of the [`Fault`](crate::Fault), or one of `blank-line`, `status-line`, `body-short`,
    /// `lone-percent`, `date`.
    pub name: &'static str,
    /// The rule, as in `RFC 9112 §5.1`.
    pub rfc: &'static str,
    /// One sentence without its full stop.
    pub sentence: String,
}

/// Takes the first request or response in `bytes` apart: any bytes, however wrong.
///
/// ```
/// let explanation = wirelight::wire::explain(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n");
/// assert_eq!((explanation.findings()[0].at, explanation.findings()[0].rfc), (20, "RFC 9112 §5.1"));
/// assert_eq!(explanation.pieces().next().unwrap().kind, "method");
/// assert!(explanation.verdict().contains("400 Bad Request"));
/// ```
pub fn explain(bytes: &[u8]) -> Explanation {
    taken_apart(bytes.to_vec(), false)
}

/// As [`explain`], for text that was copied from a page: without a single CR LF, each line of the head is read as if it had one, and
/// the blanks that all lines begin with are the page's.
///
/// ```
/// let explanation = wirelight::wire::explain_pasted(b"GET / HTTP/1.1\nHost: a\n\n");
/// assert!(explanation.was_pasted() && explanation.findings().is_empty());
/// ```
pub fn explain_pasted(text: &[u8]) -> Explanation {
    let pasted = !text.contains(&b'\r') && text.contains(&b'\n');
    taken_apart(if pasted { from_paste(&outdented(text)) } else { text.to_vec() }, pasted)
}

fn taken_apart(bytes: Vec<u8>, pasted: bool) -> Explanation {
    let mut spans = spans::head_spans(&bytes);
    let head_end = spans.last().map_or(0, |span| span.end);
    let request = !start_line(&bytes).starts_with(b"HTTP/");
    let mut examined = faults::examine(bytes.get(..head_end).unwrap_or_default(), request);
    let body = Measured::of(&bytes, head_end, &examined, pasted);
    if let Some(length) = body.spans {
        spans.extend(spans::body_spans(&bytes, head_end, length));
    }
    examined.findings.extend(body.finding.clone());
    examined.findings.extend(query::findings(&bytes, &spans));
    examined.findings.extend(date::findings(&bytes, &spans));
    let verdict = if request { answer(&examined, &body) } else { reading(&examined, &body) };
    let end = spans.last().map_or(0, |span| span.end);
    let mut secrets = Vec::new();
    Secrets::default().find(bytes.get(..end).unwrap_or_default(), &mut secrets);
    Explanation {
        spans,
        secrets,
        request,
        pasted,
        findings: examined.findings,
        body: body.sentence,
        verdict,
        end,
        bytes,
    }
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
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.spans.iter().map(|span| Piece {
            at: span.start,
            kind: span.kind.name(),
            bytes: self.bytes.get(span.start..span.end).unwrap_or_default(),
        })
    }

    /// Which of its bytes nobody should read over a shoulder, in order: the values of `Authorization`, `Cookie` and the other fields that a
    /// [`Trace`](crate::Trace) hides, by offsets from the first byte of the message. The pieces hold them all the same.
    pub fn secrets(&self) -> &[Range<usize>] {
        &self.secrets
    }

    /// What is wrong with it, in the order in which a reader stumbles; a line with two faults shows its first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How long the body is and why, in one sentence.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// What a strict server answers to this request; what a client makes of this response.
    pub fn verdict(&self) -> &str {
        &self.verdict
    }

    /// The bytes behind the message: the next one, on a connection that stays.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.end..).unwrap_or_default()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {} ({})", self.at, self.sentence, self.rfc)
    }
}

impl Finding {
    /// A row of the fault table, at its byte.
    fn fault(fault: Fault, at: usize) -> Finding {
        let row = fault.row();
        Finding { at, name: row.name, rfc: row.rfc, sentence: row.sentence.to_owned() }
    }
}

/// The body, as far as it is here.
struct Measured {
    sentence: String,
    /// How it is cut into spans; none: there is no telling.
    spans: Option<Body>,
    finding: Option<Finding>,
    /// Whether bytes are still to come.
    waits: bool,
    /// Whether nothing stands behind the head.
    bare: bool,
}

impl Measured {
    fn of(bytes: &[u8], start: usize, examined: &Examined, pasted: bool) -> Measured {
        let here = bytes.get(start..).unwrap_or_default();
        let measured =
            |sentence, spans| Measured { sentence, spans, finding: None, waits: false, bare: here.is_empty() };
        match examined.body {
            _ if examined.unfinished => {
                Measured { waits: true, ..measured("There is no telling yet: the head has not ended.".into(), None) }
            }
            _ if examined.switches => measured(
                "There is none: what follows is no HTTP, but the protocol that was agreed on (RFC 9110 §15.2.2)."
                    .into(),
                Some(Body::Length(u64::MAX)),
            ),
            _ if examined.boundless => measured(
                "There is no telling: what the fields say about its end is refused (RFC 9112 §6.3).".into(),
                Some(Body::Length(u64::MAX)),
            ),
            None => measured(
                format!(
                    "It ends when the connection does: nothing else says where (RFC 9112 §6.3). {} bytes are here.",
                    here.len()
                ),
                Some(Body::Length(u64::MAX)),
            ),
            Some(Body::Absent) => {
                let blank = pasted && here.iter().all(u8::is_ascii_whitespace);
                let spans = if blank { Body::Length(u64::MAX) } else { Body::Absent };
                measured(examined.no_body.to_owned(), Some(spans))
            }
            Some(Body::Length(length)) => Measured::counted(here, start, length, pasted),
            Some(Body::Chunked) => Measured::chunked(here, start),
        }
    }

    fn counted(here: &[u8], start: usize, length: u64, pasted: bool) -> Measured {
        let mut present = here.len();
        // The line end behind the last line of a pasted text belongs to the text, unless the length counts it.
        if pasted && here.ends_with(b"\n") && present as u64 != length {
            present -= 1;
        }
        let taken = usize::try_from(length).map_or(present, |length| length.min(present));
        let missing = length - taken as u64;
        let mut sentence = format!("{length} bytes, says Content-Length (RFC 9112 §6.3)");
        let finding = (missing > 0).then(|| Finding {
            at: start + taken,
            name: "body-short",
            rfc: "RFC 9112 §6.3",
            sentence: format!(
                "Content-Length promises {length} bytes and {taken} are here: a reader waits for {missing} more"
            ),
        });
        match (missing, present - taken) {
            (0, 0) => sentence += ", and all of them are here.",
            (0, more) => sentence += &format!("; {more} more bytes follow, which a reader takes for the next message."),
            (_, _) if present < here.len() => {
                sentence += &format!("; only {taken} are here, the line end behind the pasted text not counted.");
            }
            (_, _) => sentence += &format!("; only {taken} are here."),
        }
        let length = if present == taken { here.len() } else { taken };
        Measured {
            sentence,
            spans: Some(Body::Length(length as u64)),
            finding,
            waits: missing > 0,
            bare: here.is_empty(),
        }
    }

    fn chunked(here: &[u8], start: usize) -> Measured {
        let (mut decoder, mut copy) = (Decoder::new(), here.to_vec());
        let progress = decoder.decode(&mut copy, &Limits::default(), u64::MAX);
        let data = decoder.decoded();
        let mut measured = Measured {
            sentence: format!(
                "Chunks, says Transfer-Encoding (RFC 9112 §7.1): each begins with its size in hexadecimal. {data} bytes of data"
            ),
            spans: Some(Body::Chunked),
            finding: None,
            waits: false,
            bare: here.is_empty(),
        };
        match progress {
            Ok(Progress::Done) => measured.sentence += ", and the last chunk is here.",
            Ok(Progress::NeedData) => {
                measured.sentence += " so far.";
                measured.waits = true;
                let sentence = unfinished_chunk(here).unwrap_or_else(|| {
                    "The last chunk, of size 0, and the empty line behind it are not here: a reader waits for them"
                        .into()
                });
                measured.finding =
                    Some(Finding { at: start + here.len(), name: "body-short", rfc: "RFC 9112 §7.1", sentence });
            }
            Err(reject) => {
                measured.sentence += " before the fault.";
                measured.finding = Some(Finding::fault(reject.fault, start + reject.at));
            }
        }
        measured
    }
}

/// What is to be said when the bytes end within a chunk's data.
fn unfinished_chunk(here: &[u8]) -> Option<String> {
    let (mut chunks, mut at) = (Chunks::default(), 0);
    let (mut size, mut data) = (Vec::new(), 0);
    while let Some((kind, length)) = chunks.next(here.get(at..).unwrap_or_default()) {
        match kind {
            Kind::ChunkSize => {
                if data > 0 {
                    (size, data) = (Vec::new(), 0);
                }
                size.extend(here.get(at..at + length).unwrap_or_default());
            }
            Kind::ChunkData => data += length as u64,
            _ => {}
        }
        at += length;
    }
    let digits = String::from_utf8(size).ok()?;
    let promised = u64::from_str_radix(&digits, 16).ok().filter(|promised| *promised > data)?;
    let missing = promised - data;
    Some(format!(
        "The chunk promises {digits}, which is hexadecimal for {promised} bytes, and {data} are here: a reader waits for {missing} more"
    ))
}

/// What a strict server answers.
fn answer(examined: &Examined, body: &Measured) -> String {
    let in_body = body.finding.as_ref().filter(|finding| finding.name != "body-short").map(|finding| finding.name);
    let in_head = examined.rejects.first().map(|fault| fault.row().name);
    let row = in_head.or(in_body).and_then(|name| crate::http1::fault::FAULTS.iter().find(|row| row.name == name));
    if let Some(row) = row {
        return format!("{}, and closes the connection: {} ({}).", row.status, row.sentence, row.rfc);
    }
    if examined.unfinished || body.waits {
        return "Nothing yet: it waits for the rest, and answers 408 Request Timeout when its patience ends (RFC 9110 §15.5.9), or 400 \
                Bad Request when the connection closes first (RFC 9112 §8)."
            .into();
    }
    let after = if examined.persists { "stays open for the next request" } else { "closes behind the answer" };
    format!("What its routes say; the request is in order. The connection {after} (RFC 9112 §9.3).")
}

/// What a client makes of a response.
fn reading(examined: &Examined, body: &Measured) -> String {
    if examined.unfinished {
        return "The client waits for the rest of the head until its own patience ends; when the connection closes, the response is lost \
                (RFC 9112 §8)."
            .into();
    }
    let patience = ["body-short", "date"];
    if examined.findings.iter().any(|finding| !patience.contains(&finding.name)) {
        return "A strict client refuses it; a lenient one may guess, and two that guess differently are an attack (RFC 9112 §11.2).".into();
    }
    if body.waits {
        let waits = "The client waits for the rest: for ever while the connection stays open, and when it closes the response is \
                     incomplete (RFC 9112 §8).";
        let head = if body.bare { " As the answer to HEAD it is complete (RFC 9110 §9.3.2)." } else { "" };
        return format!("{waits}{head}");
    }
    "The client takes it as it is.".into()
}

/// The first line that is not empty.
fn start_line(bytes: &[u8]) -> &[u8] {
    let skipped = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(skipped..).unwrap_or_default()
}

/// Takes away the empty lines at the beginning, and as many blanks from each line as all lines begin with.
fn outdented(text: &[u8]) -> Vec<u8> {
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
fn from_paste(bytes: &[u8]) -> Vec<u8> {
    let blank = memchr::memmem::find(bytes, b"\n\n").map_or(bytes.len(), |at| at + 2);
    let (head, body) = bytes.split_at(blank);
    let chunked = head.split(|byte| *byte == b'\n').any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with(b"transfer-encoding:") && line.ends_with(b"chunked")
    });
    let with_crs = |part: &[u8]| {
        part.iter()
            .flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) })
            .copied()
            .collect::<Vec<_>>()
    };
    let body = if chunked { with_crs(body) } else { body.to_vec() };
    [with_crs(head), body].concat()
}

#[cfg(test)]
mod tests;
