//! Readers of chunked bodies that forgive what RFC 9112 §7.1 forbids, each in its own way.

use crate::http1::fault::Fault;

/// What a reader finds where the bytes of a body end. See [`Interpretation::end`](super::Interpretation::end).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InterpretationEnd {
    /// The end of the message. What follows is the next message.
    Complete,
    /// The end of the bytes that came. It waits for this many more; `None` if nothing tells how many.
    Waiting(Option<u64>),
    /// A byte that no rule of it explains: it gives up there.
    Lost,
}

/// How a reader that forgives finds its way through a chunked body.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkRules {
    /// LF alone ends a line too.
    lf: bool,
    size: SizeSyntax,
    /// After the data: goes on after the next line end; otherwise passes over two bytes, whatever they are.
    resync: bool,
    /// Reads the trailer section; otherwise the line of the last chunk ends the body.
    trailers: bool,
}

/// How it reads a chunk size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SizeSyntax {
    /// The hexadecimal digits that the line begins with.
    Digits,
    /// As C's `strtoul` in base 16: after spaces, a sign and `0x`.
    Strtoul,
    /// The digits, of which only the lowest 64 bits are kept.
    Wrapping,
}

const LENIENT: ChunkRules = ChunkRules { lf: true, size: SizeSyntax::Digits, resync: true, trailers: true };

impl ChunkRules {
    /// The readers that differ over this fault, and what each does; an empty name where only one kind exists.
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

    /// Where the line at `at` ends, and where the next one begins.
    fn line(&self, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        let rest = bytes.get(at..)?;
        if self.lf {
            let lf = at + memchr::memchr(b'\n', rest)?;
            let cr = lf > at && bytes.get(lf - 1) == Some(&b'\r');
            return Some((lf - usize::from(cr), lf + 1));
        }
        memchr::memmem::find(rest, b"\r\n").map(|cr| (at + cr, at + cr + 2))
    }

    /// The size that a line announces; `None` if it announces none.
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

/// Follows the chunks from `start` on. Returns where the reader ends, and what it finds there.
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

/// Passes over lines up to and with the empty one.
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
