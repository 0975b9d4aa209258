//! Determines where a message body ends, why, and how much of it is present.

use super::Diagnostic;
use super::count::{are, are_count, bytes};
use super::head::HeadReport;
use super::source::Source;
use crate::http1::chunked::{Decoder, Progress};
use crate::http1::fault::Fault;
use crate::http1::framing::BodyLength;
use crate::http1::limits::Limits;
use crate::trace::spans::{ChunkScanner, SpanKind};

/// Bytes of a chunked body decoded at a time.
const WINDOW: usize = 64 * 1024;

/// The body, as far as it is present.
pub(super) struct BodyExtent {
    pub(super) sentence: String,
    /// How to divide it into spans; `None` if that is unknown.
    pub(super) spans: Option<BodyLength>,
    pub(super) diagnostic: Option<Diagnostic>,
    /// The fault that a strict reader finds in it, and the offset of that byte.
    pub(super) reject: Option<(Fault, usize)>,
    /// Whether more bytes are expected.
    pub(super) waits: bool,
    /// Whether nothing follows the head.
    pub(super) bare: bool,
    /// Bytes at the end of the text that the sender did not send: the line end of a pasted text.
    pub(super) surplus: usize,
}

impl BodyExtent {
    /// Measures the body. `here` holds the bytes after the head, which ends at `start`.
    pub(super) fn measure(here: &[u8], start: usize, examined: &HeadReport, pasted: bool, shown: Source) -> BodyExtent {
        let measured = |sentence, spans| BodyExtent {
            sentence,
            spans,
            diagnostic: None,
            reject: None,
            waits: false,
            bare: here.is_empty(),
            surplus: 0,
        };
        let to_the_end = Some(BodyLength::Length(u64::MAX));
        match examined.body {
            _ if examined.unfinished => {
                BodyExtent { waits: true, ..measured("Unknown so far: the head has not ended.".into(), None) }
            }
            _ if examined.switches => measured(
                "There is none: what follows is not HTTP, but the protocol that was agreed on (RFC 9110 §15.2.2)."
                    .into(),
                to_the_end,
            ),
            _ if examined.length_unknown => {
                measured("Unknown: what the fields say about its end is invalid (RFC 9112 §6.3).".into(), to_the_end)
            }
            body if shown != Source::Wire && (body != Some(BodyLength::Absent) || !here.trim_ascii().is_empty()) => {
                BodyExtent::of_source(here, body, shown, measured(String::new(), to_the_end))
            }
            Some(BodyLength::Absent) => {
                let blank = pasted && here.iter().all(u8::is_ascii_whitespace);
                let surplus = if blank { here.len() } else { 0 };
                BodyExtent { surplus, ..measured(examined.no_body.to_owned(), Some(BodyLength::Absent)) }
            }
            None => measured(
                format!(
                    "It ends when the connection does: nothing else says where (RFC 9112 §6.3). {} here.",
                    are(here.len())
                ),
                to_the_end,
            ),
            Some(_) if examined.expects && here.is_empty() => BodyExtent {
                diagnostic: Some(Diagnostic {
                    at: start,
                    name: "body-short",
                    rfc: "RFC 9110 §10.1.1",
                    message: "The body is not here: the client waits for 100 Continue before it sends it".into(),
                }),
                waits: true,
                ..measured("It follows after 100 Continue (RFC 9110 §10.1.1).".into(), Some(BodyLength::Absent))
            },
            Some(BodyLength::Length(length)) => BodyExtent::with_length(here, start, length, pasted),
            Some(BodyLength::Chunked) => BodyExtent::chunked(here, start),
        }
    }

    /// Describes a body whose source does not show the bytes as sent.
    fn of_source(here: &[u8], body: Option<BodyLength>, shown: Source, measured: BodyExtent) -> BodyExtent {
        // The LF after the last line belongs to the text, unless the length counts it.
        let counted = matches!(body, Some(BodyLength::Length(length)) if length == here.len() as u64);
        let surplus = usize::from(here.ends_with(b"\n") && !counted);
        BodyExtent { sentence: shown.body_sentence(body, here.len() - surplus), surplus, ..measured }
    }

    fn with_length(here: &[u8], start: usize, length: u64, pasted: bool) -> BodyExtent {
        // The line end after the last line belongs to the pasted text, unless the length counts it.
        let surplus = usize::from(pasted && here.ends_with(b"\n") && here.len() as u64 != length);
        let present = here.len() - surplus;
        let taken = usize::try_from(length).map_or(present, |length| length.min(present));
        let (missing, more) = (length - taken as u64, present - taken);
        let finding = (missing > 0).then(|| Diagnostic {
            at: start + taken,
            name: "body-short",
            rfc: "RFC 9112 §6.3",
            message: format!(
                "Content-Length promises {length} bytes and {} here: a reader waits for {missing} more",
                are_count(taken)
            ),
        });
        let ending = match (missing, more) {
            (0, 0) => ", and all of them are here.".to_owned(),
            (0, 1) => "; 1 more byte follows.".to_owned(),
            (0, more) => format!("; {more} more bytes follow."),
            _ if surplus > 0 => format!("; here are {} and the paste's last line end.", bytes(taken as u64)),
            _ => format!("; only {} here.", are_count(taken)),
        };
        BodyExtent {
            sentence: format!("{}, says Content-Length (RFC 9112 §6.3){ending}", bytes(length)),
            spans: Some(BodyLength::Length(taken as u64)),
            diagnostic: finding,
            reject: None,
            waits: missing > 0,
            bare: here.is_empty(),
            surplus: if more == 0 { surplus } else { 0 },
        }
    }

    fn chunked(here: &[u8], start: usize) -> BodyExtent {
        let (progress, data) = decoded(here);
        let mut measured = BodyExtent {
            sentence: format!(
                "Chunks, says Transfer-Encoding (RFC 9112 §7.1): each begins with its size in hexadecimal. {} of data",
                bytes(data)
            ),
            spans: Some(BodyLength::Chunked),
            diagnostic: None,
            reject: None,
            waits: false,
            bare: here.is_empty(),
            surplus: 0,
        };
        match progress {
            Ok(Progress::Done) => measured.sentence += ", and the last chunk is here.",
            Ok(Progress::NeedData) => {
                measured.sentence += " so far.";
                measured.waits = true;
                let sentence = unfinished_chunk(here).unwrap_or_else(|| {
                    "The last chunk, of size 0, and the empty line after it are not here: a reader waits for them"
                        .into()
                });
                measured.diagnostic = Some(Diagnostic {
                    at: start + here.len(),
                    name: "body-short",
                    rfc: "RFC 9112 §7.1",
                    message: sentence,
                });
            }
            Err((fault, at)) => {
                measured.sentence += " before the fault.";
                measured.reject = Some((fault, start + at));
                measured.diagnostic = Some(Diagnostic::fault(fault, start + at));
            }
        }
        measured
    }
}

/// Decodes a chunked body. Returns the progress, or the fault and its offset, and the number of
/// data bytes.
fn decoded(here: &[u8]) -> (Result<Progress, (Fault, usize)>, u64) {
    let (mut decoder, limits) = (Decoder::new(), Limits::default());
    let (mut buffer, mut data) = (Vec::new(), 0);
    for part in here.chunks(WINDOW) {
        buffer.extend_from_slice(part);
        let progress = decoder.decode(&mut buffer, &limits, u64::MAX);
        data += decoder.decoded() as u64;
        match progress {
            Ok(Progress::NeedData) => {}
            Ok(Progress::Done) => return (Ok(Progress::Done), data),
            Err(reject) => return (Err((reject.fault, reject.at)), data),
        }
        buffer.drain(..decoder.consumed().min(buffer.len()));
        decoder.rebase();
    }
    (Ok(Progress::NeedData), data)
}

/// Returns a sentence about what is missing if the bytes end within a chunk's data.
fn unfinished_chunk(here: &[u8]) -> Option<String> {
    let (mut chunks, mut at) = (ChunkScanner::default(), 0);
    let (mut size, mut data) = (Vec::new(), 0);
    while let Some((kind, length)) = chunks.next(here.get(at..).unwrap_or_default()) {
        match kind {
            SpanKind::ChunkSize => {
                if data > 0 {
                    (size, data) = (Vec::new(), 0);
                }
                size.extend(here.get(at..at + length).unwrap_or_default());
            }
            SpanKind::ChunkData => data += length as u64,
            _ => {}
        }
        at += length;
    }
    let digits = String::from_utf8(size).ok()?;
    let promised = u64::from_str_radix(&digits, 16).ok().filter(|promised| *promised > data)?;
    let missing = promised - data;
    Some(format!(
        "The chunk promises {digits}, which is hexadecimal for {}, and {data} are here: a reader waits for {missing} more",
        bytes(promised)
    ))
}
