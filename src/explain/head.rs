//! Finds every fault of a head, not only the first: patches the line that the parser refuses and
//! parses again.

use super::Diagnostic;
use crate::http1::fault::{Fault, ProtocolError};
use crate::http1::framing::{BodyLength, Framing};
use crate::http1::head::Head;
use crate::http1::limits::Limits;
use crate::http1::version::Version;

/// Maximum faults reported.
const MAX_FAULTS: usize = 32;

const NO_BODY: &str = "There is none: neither Content-Length nor Transfer-Encoding announces one (RFC 9112 §6.3).";

/// What a head contains, valid or not.
pub(super) struct HeadReport {
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The parser's faults among the diagnostics.
    pub(super) rejects: Vec<Fault>,
    /// Whether a field that determines the body length was refused.
    pub(super) length_unknown: bool,
    /// Whether the empty line is missing.
    pub(super) unfinished: bool,
    /// Whether another protocol follows the head (RFC 9110 §15.2.2).
    pub(super) switches: bool,
    /// How the body ends; `None` if it ends with the connection.
    pub(super) body: Option<BodyLength>,
    /// The reason if there is no body.
    pub(super) no_body: &'static str,
    /// Whether the connection persists (RFC 9112 §9.3).
    pub(super) persists: bool,
    /// Whether the client waits for 100 before it sends the body (RFC 9110 §10.1.1).
    pub(super) expects: bool,
}

/// Finds the faults in the head that fills `bytes`.
pub(super) fn check_head(bytes: &[u8], request: bool) -> HeadReport {
    let mut found = HeadReport {
        diagnostics: Vec::new(),
        rejects: Vec::new(),
        length_unknown: false,
        unfinished: false,
        switches: false,
        body: Some(BodyLength::Absent),
        no_body: NO_BODY,
        persists: false,
        expects: false,
    };
    let mut mended = PatchedHead { bytes: bytes.to_vec(), changes: Vec::new() };
    let status = if request { None } else { mended.take_status_line(&mut found.diagnostics) };
    let (mut head, limits) = (Head::default(), Limits::default());
    while found.diagnostics.len() < MAX_FAULTS {
        match parsed(&mut head, &mended.bytes, &limits) {
            Ok(Some(framing)) => {
                found.persists = !head.info.close && (head.version == Version::Http11 || head.info.keep_alive);
                found.body = Some(framing.length());
                found.expects = request && head.info.expect_continue && head.version == Version::Http11;
                break;
            }
            Ok(None) if found.unfinished => break, // still incomplete after `end()`
            Ok(None) => {
                found.unfinished = true;
                found.diagnostics.push(blank_line_missing(bytes.len()));
                if bytes.is_empty() {
                    break; // no line to check
                }
                mended.end();
            }
            // A missing field may still arrive.
            Err(ProtocolError { fault: Fault::HostMissing, .. }) if found.unfinished => mended.name_host(),
            Err(reject) => {
                found.reject(reject.fault, mended.original(reject.at).min(bytes.len()));
                if !mended.patch(reject) {
                    break;
                }
            }
        }
    }
    if let Some(status) = status {
        found.respond(status);
    }
    found
}

impl HeadReport {
    fn reject(&mut self, fault: Fault, at: usize) {
        self.rejects.push(fault);
        self.diagnostics.push(Diagnostic::fault(fault, at));
        self.length_unknown |= matches!(
            fault,
            Fault::LengthInvalid
                | Fault::LengthRepeated
                | Fault::LengthOverflow
                | Fault::CodingUnknown
                | Fault::CodingNotFinal
                | Fault::CodingInOldVersion
        );
    }

    /// Applies the two rules that differ for the bodies of responses (RFC 9112 §6.3).
    fn respond(&mut self, status: u16) {
        self.switches = status == 101;
        match (status, self.body) {
            (100..200 | 204 | 304, _) => {
                self.body = Some(BodyLength::Absent);
                self.no_body =
                    "There is none: responses with this status have none, whatever their fields say (RFC 9112 §6.3).";
            }
            (_, Some(BodyLength::Absent)) => self.body = None,
            _ => {}
        }
    }
}

fn parsed(head: &mut Head, bytes: &[u8], limits: &Limits) -> Result<Option<Framing>, ProtocolError> {
    if !head.parse(bytes, limits)? {
        return Ok(None);
    }
    let framing = Framing::of(head, bytes)?;
    head.check_expectation().map(|()| Some(framing))
}

fn blank_line_missing(at: usize) -> Diagnostic {
    Diagnostic {
        at,
        name: "blank-line",
        rfc: "RFC 9112 §2.1",
        message: "The empty line that ends the head is missing: a reader waits for it".into(),
    }
}

/// A head whose faulty lines were replaced by valid ones, with the resulting offset changes.
struct PatchedHead {
    bytes: Vec<u8>,
    /// For each change: its end, in the bytes at that time, and by how many bytes the following
    /// bytes moved.
    changes: Vec<(usize, isize)>,
}

impl PatchedHead {
    /// Replaces the status line with a request line, so that the parser accepts it, and returns the
    /// status.
    fn take_status_line(&mut self, findings: &mut Vec<Diagnostic>) -> Option<u16> {
        let start = self.bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let line = self.line(start);
        let text = self.bytes.get(start..line.end).unwrap_or_default();
        let status = status(text.trim_ascii_end());
        let wrong =
            |at, sentence: &str| Diagnostic { at, name: "status-line", rfc: "RFC 9112 §4", message: sentence.into() };
        if status.is_none() {
            let form =
                "The first line is not a version, a status of three digits and a reason with one space between them";
            findings.push(wrong(start, form));
        } else if text.trim_ascii_end().len() == 12 && text.get(12) != Some(&b' ') {
            findings.push(wrong(start + 12, "The space after the status is required even without a reason"));
        }
        if text.ends_with(b"\n") && !text.ends_with(b"\r\n") {
            findings.push(Diagnostic::fault(Fault::BareLf, line.end - 1));
        }
        let has_host = self
            .bytes
            .split(|byte| *byte == b'\n')
            .any(|line| line.len() > 4 && line[..5].eq_ignore_ascii_case(b"host:"));
        let first: &[u8] = match has_host {
            _ if text.starts_with(b"HTTP/1.0") => b"GET / HTTP/1.0\r\n",
            true => b"GET / HTTP/1.1\r\n",
            false => b"GET / HTTP/1.1\r\nHost: a\r\n",
        };
        self.replace(line, first);
        Some(status.unwrap_or(200))
    }

    /// Completes an unfinished head.
    fn end(&mut self) {
        let missing: &[u8] = match self.bytes.as_slice() {
            [.., b'\n'] => b"\r\n",
            [.., b'\r'] => b"\n\r\n",
            _ => b"\r\n\r\n",
        };
        self.bytes.extend_from_slice(missing);
    }

    /// Replaces the faulty line with a valid one. Returns `false` if no replacement would help.
    fn patch(&mut self, reject: ProtocolError) -> bool {
        match reject.fault {
            Fault::FieldsTooMany | Fault::HeadTooLarge | Fault::TlsOnPlainPort => return false,
            Fault::EmptyLines => self.replace(0..2, b""),
            Fault::HostMissing => self.name_host(),
            // A lenient reader uses the chunks: Transfer-Encoding overrides the length (RFC 9112
            // §6.3).
            Fault::LengthAndCoding => {
                let length = self.bytes.split_inclusive(|byte| *byte == b'\n').scan(0, |end, line| {
                    let start = std::mem::replace(end, *end + line.len());
                    Some((
                        start..*end,
                        line.get(..15).is_some_and(|name| name.eq_ignore_ascii_case(b"content-length:")),
                    ))
                });
                let Some((line, _)) = length.into_iter().find(|(_, is_length)| *is_length) else { return false };
                self.replace(line, b"x: x\r\n");
            }
            _ => {
                let line = self.line(reject.at);
                let text = self.bytes.get(line.clone()).unwrap_or_default().trim_ascii();
                let innocent: &[u8] = match (line.start, text) {
                    (_, b"") if line.start > 0 => b"\r\n",
                    (0, _) => b"GET / HTTP/1.1\r\n",
                    // Host is present although invalid: do not report it as missing too.
                    _ if reject.fault != Fault::HostRepeated && is_host(text) => b"Host: a\r\n",
                    _ => b"x: x\r\n",
                };
                self.replace(line, innocent);
            }
        }
        true
    }

    fn name_host(&mut self) {
        let first = self.line(0).end;
        self.replace(first..first, b"Host: a\r\n");
    }

    /// Returns the range of the line that contains the byte at `at`, with its line end.
    fn line(&self, at: usize) -> std::ops::Range<usize> {
        let before = self.bytes.get(..at).unwrap_or(&self.bytes);
        let start = memchr::memrchr(b'\n', before).map_or(0, |lf| lf + 1);
        let rest = self.bytes.get(at..).unwrap_or_default();
        start..memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |lf| at + lf + 1)
    }

    fn replace(&mut self, range: std::ops::Range<usize>, by: &[u8]) {
        self.changes.push((range.start + by.len(), by.len() as isize - range.len() as isize));
        self.bytes.splice(range, by.iter().copied());
    }

    /// Returns the offset that a byte had before all changes.
    fn original(&self, at: usize) -> usize {
        let back =
            |at: usize, change: &(usize, isize)| if at >= change.0 { at.saturating_add_signed(-change.1) } else { at };
        self.changes.iter().rev().fold(at, back)
    }
}

fn is_host(line: &[u8]) -> bool {
    line.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"host"))
        && line.get(4..).is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b':'))
}

/// `HTTP/1.1 SP 3DIGIT SP [reason]` (RFC 9112 §4).
fn status(line: &[u8]) -> Option<u16> {
    let [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9', b' ', a, b, c, rest @ ..] = line else {
        return None;
    };
    let digits = [a, b, c].map(|digit| (*digit as char).to_digit(10));
    let [Some(hundreds @ 1..), Some(tens), Some(ones)] = digits else { return None };
    matches!(rest, [] | [b' ', ..]).then_some((hundreds * 100 + tens * 10 + ones) as u16)
}
