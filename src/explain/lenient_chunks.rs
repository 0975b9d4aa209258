//! Decodes chunked bodies as lenient readers do, which accept what RFC 9112 §7.1 forbids.

use crate::http1::fault::Fault;

/// What a reader finds at the end of a body. See
/// [`Interpretation::end`](super::Interpretation::end).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InterpretationEnd {
    /// The end of the message. The next message follows.
    Complete,
    /// The end of the received bytes. The reader waits for this many more; `None` if the number is
    /// unknown.
    Waiting(Option<u64>),
    /// A byte that its rules do not allow: it stops there.
    Lost,
}

/// How a lenient reader decodes a chunked body.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkRules {
    /// LF alone also ends a line.
    lf: bool,
    size: SizeSyntax,
    /// After the data: continue after the next line end. Otherwise skip two bytes, whatever they
    /// are.
    resync: bool,
    /// Reads the trailer section. Otherwise the line of the last chunk ends the body.
    trailers: bool,
}

/// How a lenient reader parses a chunk size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SizeSyntax {
    /// The hexadecimal digits at the start of the line.
    Digits,
    /// As C's `strtoul` in base 16, which accepts leading spaces, a sign and `0x`.
    Strtoul,
    /// The hexadecimal digits, reduced to the lowest 64 bits.
    Wrapping,
}

const LENIENT: ChunkRules = ChunkRules { lf: true, size: SizeSyntax::Digits, resync: true, trailers: true };

impl ChunkRules {
    /// Returns the readers that disagree about this fault and the rules of each. The name is empty
    /// if there is only one kind.
    pub(super) fn after(fault: Option<Fault>) -> Vec<(&'static str, ChunkRules)> {
        match fault {
            Some(Fault::BareLf | Fault::BareCr | Fault::ChunkLineEnd | Fault::ChunkExtension) => vec![
                ("takes LF for the end of a chunk's line", LENIENT),
                ("takes only CR LF for the end of a chunk's line", ChunkRules { lf: false, ..LENIENT }),
            ],
            Some(Fault::ChunkSize) => vec![
                ("reads only the hexadecimal digits of a chunk's size", LENIENT),
                ("reads only those digits, and knows no trailers", ChunkRules { trailers: false, ..LENIENT }),
                ("reads a chunk's size as C's strtoul does", ChunkRules { size: SizeSyntax::Strtoul, ..LENIENT }),
            ],
            Some(Fault::ChunkSizeOverflow) => vec![
                ("trusts the chunk's size", LENIENT),
                ("keeps 64 bits of the chunk's size", ChunkRules { size: SizeSyntax::Wrapping, ..LENIENT }),
            ],
            Some(Fault::ChunkDelimiter) => vec![
                ("passes over two bytes after the data of a chunk", ChunkRules { resync: false, ..LENIENT }),
                ("passes over everything up to the next line", LENIENT),
            ],
            Some(Fault::TrailerInvalid) => vec![
                ("reads the lines after the last chunk as trailers", LENIENT),
                ("knows no trailers", ChunkRules { trailers: false, ..LENIENT }),
            ],
            _ => vec![("", LENIENT)],
        }
    }

    /// Returns the end of the line at `at` and the start of the next one.
    fn line(&self, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        let rest = bytes.get(at..)?;
        if self.lf {
            let lf = at + memchr::memchr(b'\n', rest)?;
            let cr = lf > at && bytes.get(lf - 1) == Some(&b'\r');
            return Some((lf - usize::from(cr), lf + 1));
        }
        memchr::memmem::find(rest, b"\r\n").map(|cr| (at + cr, at + cr + 2))
    }

    /// Returns the chunk size of a line, or `None` if it has none.
    fn size(&self, line: &[u8]) -> Option<u64> {
        let mut digits = line;
        if self.size == SizeSyntax::Strtoul {
            digits = digits.trim_ascii_start();
            digits = digits.strip_prefix(b"+").unwrap_or(digits);
            digits = digits.strip_prefix(b"0x").or_else(|| digits.strip_prefix(b"0X")).unwrap_or(digits);
        }
        let mut size = None;
        for byte in digits {
            let Some(digit) = (*byte as char).to_digit(16) else { break };
            let before: u64 = size.unwrap_or(0);
            let fits = self.size == SizeSyntax::Wrapping || before <= u64::MAX >> 4;
            size = Some(if fits { before << 4 | u64::from(digit) } else { u64::MAX });
        }
        size
    }
}

/// Follows the chunks from `start` on. Returns where the reader stops and what it finds there.
pub(super) fn chunked(bytes: &[u8], start: usize, rules: &ChunkRules) -> (usize, InterpretationEnd) {
    let mut at = start;
    loop {
        let Some((end, next)) = rules.line(bytes, at) else { return (bytes.len(), InterpretationEnd::Waiting(None)) };
        let Some(size) = rules.size(bytes.get(at..end).unwrap_or_default()) else {
            return (at, InterpretationEnd::Lost);
        };
        at = next;
        if size == 0 {
            return if rules.trailers { trailers(bytes, at, rules) } else { (at, InterpretationEnd::Complete) };
        }
        let here = bytes.len() - at;
        let Some(length) = usize::try_from(size).ok().filter(|size| *size <= here) else {
            return (bytes.len(), InterpretationEnd::Waiting(Some(size - here as u64)));
        };
        at += length;
        let next = if rules.resync { rules.line(bytes, at).map(|(_, next)| next) } else { Some(at + 2) };
        match next.filter(|next| *next <= bytes.len()) {
            Some(next) => at = next,
            None => return (bytes.len(), InterpretationEnd::Waiting(None)),
        }
    }
}

/// Skips lines up to and including the empty one.
fn trailers(bytes: &[u8], start: usize, rules: &ChunkRules) -> (usize, InterpretationEnd) {
    let mut at = start;
    while let Some((end, next)) = rules.line(bytes, at) {
        if end == at {
            return (next, InterpretationEnd::Complete);
        }
        at = next;
    }
    (bytes.len(), InterpretationEnd::Waiting(None))
}
