//! Divides a message into rows, one per line or per span, and folds long runs of similar rows.

use std::collections::VecDeque;

use wirelight::explain::Span;

/// Most rows of one message; a browser's request has about thirty.
const MAX_ROWS: usize = 60;
/// Most rows of bytes that are not HTTP.
const BRIEF: usize = 4;
/// Most rows of one message if each span has its own.
const MAX_SPANS: usize = 1_000;
/// Rows that are kept at the end if the middle is folded.
const TAIL: usize = 2;
/// Similar rows in a run that are shown; the rest is folded.
const ALIKE: usize = 6;

/// One row.
pub(super) enum Row<'e> {
    Pieces(Vec<Span<'e>>),
    /// Rows that are omitted.
    Folded {
        rows: usize,
        bytes: usize,
        alike: bool,
    },
}

/// Returns one row per line; the body has its own rows. If `brief`, only a few rows are kept.
pub(super) fn lines<'e>(pieces: impl Iterator<Item = Span<'e>>, brief: bool) -> Vec<Row<'e>> {
    let mut folder = Folder { max: if brief { BRIEF } else { MAX_ROWS }, ..Folder::default() };
    let mut line = Vec::new();
    for piece in pieces {
        if piece.kind == "body" && !line.is_empty() {
            folder.line(std::mem::take(&mut line));
        }
        let ends = matches!(piece.kind, "crlf" | "lf-bare" | "blank" | "body");
        line.push(piece);
        if ends {
            folder.line(std::mem::take(&mut line));
        }
    }
    if !line.is_empty() {
        folder.line(line);
    }
    folder.finish()
}

/// Returns one row per span.
pub(super) fn spans<'e>(mut pieces: impl Iterator<Item = Span<'e>>) -> Vec<Row<'e>> {
    let mut rows: Vec<Row<'e>> = pieces.by_ref().take(MAX_SPANS).map(|piece| Row::Pieces(vec![piece])).collect();
    let (count, bytes) = pieces.fold((0, 0), |(count, bytes), piece| (count + 1, bytes + piece.bytes.len()));
    if count > 0 {
        rows.push(Row::Folded { rows: count, bytes, alike: false });
    }
    rows
}

/// Keeps the first and the last rows, and the first few of a run of similar lines.
#[derive(Default)]
struct Folder<'e> {
    max: usize,
    first: Vec<Row<'e>>,
    last: VecDeque<Row<'e>>,
    /// Number of rows omitted between the two, and their bytes.
    middle: (usize, usize),
    run: (Option<&'static str>, usize),
}

impl<'e> Folder<'e> {
    fn line(&mut self, line: Vec<Span<'e>>) {
        let kind = alike(&line);
        let length = if kind.is_some() && kind == self.run.0 { self.run.1 + 1 } else { 1 };
        self.run = (kind, length);
        if kind.is_none() || length <= ALIKE {
            return self.push(Row::Pieces(line));
        }
        let added = self::length(&line);
        let newest = if self.last.is_empty() { self.first.last_mut() } else { self.last.back_mut() };
        match newest {
            Some(Row::Folded { rows, bytes, alike: true }) => (*rows, *bytes) = (*rows + 1, *bytes + added),
            _ => self.push(Row::Folded { rows: 1, bytes: added, alike: true }),
        }
    }

    fn push(&mut self, row: Row<'e>) {
        if self.first.len() < self.max - TAIL {
            return self.first.push(row);
        }
        self.last.push_back(row);
        if self.last.len() > TAIL
            && let Some(row) = self.last.pop_front()
        {
            let (rows, bytes) = match row {
                Row::Pieces(pieces) => (1, length(&pieces)),
                Row::Folded { rows, bytes, .. } => (rows, bytes),
            };
            self.middle = (self.middle.0 + rows, self.middle.1 + bytes);
        }
    }

    fn finish(self) -> Vec<Row<'e>> {
        let mut rows = self.first;
        if self.middle.0 > 0 {
            rows.push(Row::Folded { rows: self.middle.0, bytes: self.middle.1, alike: false });
        }
        rows.extend(self.last);
        rows
    }
}

/// Returns the kind of a line, if a run of this kind may be folded.
fn alike(line: &[Span<'_>]) -> Option<&'static str> {
    match line.first()?.kind {
        "chunk-size" | "chunk-data" => Some("chunk"),
        kind @ ("junk" | "crlf" | "lf-bare" | "ows" | "trailer") => Some(kind),
        _ if line.iter().any(|piece| piece.kind == "junk") => Some("junk"),
        _ => None,
    }
}

/// Returns the number of bytes in these pieces.
pub(super) fn length(pieces: &[Span<'_>]) -> usize {
    pieces.iter().map(|piece| piece.bytes.len()).sum()
}
