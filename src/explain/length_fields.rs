//! Reads the fields that determine the body length as lenient readers do: misspelled, repeated and
//! listed values included.

use crate::http1::grammar::is_tchar;
use crate::terminal::escape;

/// Maximum lines examined per field. A reader uses the first or the last one, so this covers
/// enough.
const MAX_FIELDS_OF_KIND: usize = 32;
/// Maximum bytes of a value that a message quotes.
const QUOTED: usize = 40;

/// The line endings that a reader accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnding {
    /// CR LF, and LF alone (RFC 9112 §2.2 allows this).
    Lf,
    /// CR LF only.
    CrLf,
    /// CR LF, LF and CR.
    Cr,
}

/// What a reader uses to find the end of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEnd {
    Length(u64),
    Chunks,
    /// The end of the connection.
    Close,
}

impl LineEnding {
    /// Returns the kinds of readers that see different lines in the head at the start of `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Vec<LineEnding> {
        let end = head_end(bytes, LineEnding::Lf).unwrap_or(bytes.len());
        let head = bytes.get(..end).unwrap_or_default();
        let mut kinds = vec![LineEnding::Lf];
        if memchr::memchr_iter(b'\n', head).any(|lf| lf == 0 || head.get(lf - 1) != Some(&b'\r')) {
            kinds.push(LineEnding::CrLf);
        }
        if memchr::memchr_iter(b'\r', head).any(|cr| head.get(cr + 1).is_some_and(|next| *next != b'\n')) {
            kinds.push(LineEnding::Cr);
        }
        kinds
    }

    /// Describes what such a reader does.
    pub(super) fn reader(self) -> &'static str {
        match self {
            LineEnding::Lf => "takes LF for the end of a line",
            LineEnding::CrLf => "takes only CR LF for the end of a line",
            LineEnding::Cr => "takes a lone CR for the end of a line",
        }
    }

    /// Splits off the first line. Returns its text and the offset of the next line, or `None` if
    /// the line has no end.
    fn split(self, bytes: &[u8]) -> Option<(&[u8], usize)> {
        let (end, next) = match self {
            LineEnding::Lf => {
                let lf = memchr::memchr(b'\n', bytes)?;
                (lf - usize::from(lf > 0 && bytes.get(lf - 1) == Some(&b'\r')), lf + 1)
            }
            LineEnding::CrLf => memchr::memmem::find(bytes, b"\r\n").map(|cr| (cr, cr + 2))?,
            LineEnding::Cr => {
                let end = memchr::memchr2(b'\r', b'\n', bytes)?;
                let both = bytes.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n"));
                (end, end + 1 + usize::from(both))
            }
        };
        Some((bytes.get(..end)?, next))
    }
}

/// Returns the offset of the end of the head for a reader with these line endings, or `None` if the
/// empty line is missing.
pub(super) fn head_end(bytes: &[u8], lines: LineEnding) -> Option<usize> {
    let (mut at, mut begun) = (0, false);
    loop {
        let (line, length) = lines.split(bytes.get(at..)?)?;
        at += length;
        match line {
            [] if begun => return Some(at),
            [] => {}
            _ => begun = true,
        }
    }
}

/// One field line that determines the body length.
struct LengthField {
    value: Vec<u8>,
    /// The line does not match the grammar: some readers accept it, others skip it.
    misspelled: bool,
}

/// The field lines that determine the body length.
pub(super) struct LengthFields {
    lengths: Vec<LengthField>,
    codings: Vec<LengthField>,
    old_version: bool,
}

impl LengthFields {
    pub(super) fn of(head: &[u8], lines: LineEnding) -> LengthFields {
        let mut claims = LengthFields { lengths: Vec::new(), codings: Vec::new(), old_version: false };
        let (mut rest, mut first, mut last) = (head, true, None);
        while let Some((line, length)) = lines.split(rest) {
            rest = rest.get(length..).unwrap_or_default();
            if first && !line.is_empty() {
                claims.old_version = memchr::memmem::find(line, b"HTTP/1.0").is_some();
                first = false;
            } else if !first {
                last = claims.line(line, last);
            }
        }
        claims
    }

    /// Reads one field line and returns its kind. `last` is the kind of the previous line, which a
    /// folded line continues.
    fn line(&mut self, line: &[u8], last: Option<FieldKind>) -> Option<FieldKind> {
        let folded = matches!(line, [b' ' | b'\t', ..]);
        let colon = memchr::memchr(b':', line);
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let kind = kind(name);
        match (kind, folded, last) {
            (Some(kind), ..) => {
                let misspelled = !name.iter().all(|byte| is_tchar(*byte));
                let value = value.get(1..).unwrap_or_default().trim_ascii().to_vec();
                if self.claims(kind).len() < MAX_FIELDS_OF_KIND {
                    self.claims(kind).push(LengthField { value, misspelled });
                }
                Some(kind)
            }
            (None, true, Some(last)) => {
                if let Some(claim) = self.claims(last).last_mut() {
                    claim.value.extend_from_slice(line.trim_ascii());
                    claim.misspelled = true;
                }
                Some(last)
            }
            _ => None,
        }
    }

    fn claims(&mut self, kind: FieldKind) -> &mut Vec<LengthField> {
        match kind {
            FieldKind::Length => &mut self.lengths,
            FieldKind::Coding => &mut self.codings,
        }
    }

    /// Returns the readers that disagree about these lines: what each does, and what it uses. A
    /// single reader with an empty description means that there is no disagreement.
    pub(super) fn readers(&self, request: bool) -> Vec<(String, BodyEnd)> {
        let nothing = if request { BodyEnd::Length(0) } else { BodyEnd::Close };
        let mut readers = Vec::new();
        let coding = self.codings.iter().find(|claim| names_chunked(&claim.value));
        if let Some(claim) = coding {
            readers.push((coding_reader(claim), BodyEnd::Chunks));
        }
        for claim in &self.lengths {
            for number in lenient_numbers(&claim.value) {
                let plain = claim.value.as_slice() == number.to_string().as_bytes();
                let reader = match plain {
                    true => format!("trusts Content-Length: {number}"),
                    false => format!("reads Content-Length: {} as {number}", quoted(&claim.value)),
                };
                readers.push((reader, BodyEnd::Length(number)));
            }
        }
        let plain = self.lengths.iter().any(|claim| !claim.misspelled && is_number(&claim.value))
            || (!self.old_version
                && self.codings.iter().any(|c| !c.misspelled && c.value.eq_ignore_ascii_case(b"chunked")));
        if self.lengths.is_empty() && self.codings.is_empty() {
            readers.push((String::new(), nothing));
        } else if !plain {
            let field = if self.lengths.is_empty() { "Transfer-Encoding" } else { "Content-Length" };
            readers.push((format!("ignores that {field}"), nothing));
        }
        readers
    }
}

fn coding_reader(claim: &LengthField) -> String {
    if claim.misspelled {
        format!("takes a misspelled line as Transfer-Encoding: {}", quoted(&claim.value))
    } else if claim.value.eq_ignore_ascii_case(b"chunked") {
        "trusts Transfer-Encoding: chunked".to_owned()
    } else {
        format!("finds chunked in Transfer-Encoding: {}", quoted(&claim.value))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FieldKind {
    Length,
    Coding,
}

/// Returns the kind of a field by its name, as seen by a reader that skips bytes not allowed in
/// names.
fn kind(name: &[u8]) -> Option<FieldKind> {
    let letters = || name.iter().filter(|byte| is_tchar(**byte)).map(u8::to_ascii_lowercase);
    if letters().eq(b"content-length".iter().copied()) {
        Some(FieldKind::Length)
    } else {
        letters().eq(b"transfer-encoding".iter().copied()).then_some(FieldKind::Coding)
    }
}

fn names_chunked(value: &[u8]) -> bool {
    value.to_ascii_lowercase().windows(b"chunked".len()).any(|part| part == b"chunked")
}

fn is_number(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

/// Returns the numbers that readers find in a Content-Length value: each member of a list, the
/// digits before a non-digit, `0x` as C's `strtoul` reads it, and both a huge number and its lowest
/// 64 bits.
fn lenient_numbers(value: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for member in value.split(|byte| *byte == b',').take(8) {
        let member = member.trim_ascii();
        let member = member.strip_prefix(b"+").unwrap_or(member);
        let digits = member.iter().take_while(|byte| byte.is_ascii_digit());
        if !member.first().is_some_and(u8::is_ascii_digit) {
            continue;
        }
        let (mut kept, mut overflow) = (0u64, false);
        for digit in digits {
            let (tens, over) = kept.overflowing_mul(10);
            let (sum, carry) = tens.overflowing_add(u64::from(digit - b'0'));
            (kept, overflow) = (sum, overflow || over || carry);
        }
        numbers.push(kept);
        if overflow {
            numbers.push(u64::MAX);
        }
        if let Some(hex) = member.strip_prefix(b"0x").or_else(|| member.strip_prefix(b"0X")) {
            let text = hex.iter().take_while(|byte| byte.is_ascii_hexdigit()).take(15).copied().collect();
            numbers.extend(String::from_utf8(text).ok().and_then(|text| u64::from_str_radix(&text, 16).ok()));
        }
    }
    numbers
}

fn quoted(value: &[u8]) -> String {
    let mut text = String::from("\"");
    escape::line(&mut text, value.get(..QUOTED).unwrap_or(value));
    text + if value.len() > QUOTED { "…\"" } else { "\"" }
}
