//! The rows that a message is shown in: one a line of the message, or one a span; long runs of like rows are folded.

use wirelight::wire::Piece;

/// Rows of one message; a browser's request has about thirty.
const MAX_ROWS: usize = 60;
/// Rows that stay at the end when the middle is folded.
const TAIL: usize = 4;
/// Like rows next to each other that are shown before the rest is folded.
const ALIKE: usize = 3;

/// What one row shows.
pub(super) enum Row<'p, 'e> {
    Pieces(&'p [Piece<'e>]),
    /// This many rows, and their bytes, are left out.
    Folded {
        rows: usize,
        bytes: usize,
        alike: bool,
    },
}

/// One row a line of the message; the content in rows of its own.
pub(super) fn lines<'p, 'e>(pieces: &'p [Piece<'e>]) -> Vec<Row<'p, 'e>> {
    let ends = |piece: &Piece<'_>| matches!(piece.kind, "crlf" | "lf-bare" | "blank" | "body");
    let mut lines = Vec::new();
    let mut start = 0;
    for (index, piece) in pieces.iter().enumerate() {
        // The CR of an unfinished end and its LF are one piece, but two ends are two.
        if ends(piece) || pieces.get(index + 1).is_none_or(|next| next.kind == "body") {
            lines.push(pieces.get(start..=index).unwrap_or_default());
            start = index + 1;
        }
    }
    folded(lines)
}

/// One row a span.
pub(super) fn spans<'p, 'e>(pieces: &'p [Piece<'e>]) -> Vec<Row<'p, 'e>> {
    let shown = pieces.len().min(MAX_ROWS * 20);
    let mut rows: Vec<Row<'p, 'e>> = pieces.chunks(1).take(shown).map(Row::Pieces).collect();
    let left = pieces.get(shown..).unwrap_or_default();
    if !left.is_empty() {
        rows.push(Row::Folded { rows: left.len(), bytes: length(left), alike: false });
    }
    rows
}

/// Folds runs of like lines first, then the middle of what is still too long.
fn folded<'p, 'e>(lines: Vec<&'p [Piece<'e>]>) -> Vec<Row<'p, 'e>> {
    let mut rows = Vec::new();
    for run in lines.chunk_by(|a, b| alike(a).is_some() && alike(a) == alike(b)) {
        let shown = if run.len() > 2 * ALIKE { ALIKE } else { run.len() };
        let (shown, left) = run.split_at(shown);
        rows.extend(shown.iter().copied().map(Row::Pieces));
        if !left.is_empty() {
            let bytes = left.iter().map(|line| length(line)).sum();
            rows.push(Row::Folded { rows: left.len(), bytes, alike: true });
        }
    }
    if rows.len() > MAX_ROWS {
        let middle: Vec<_> = rows.splice(MAX_ROWS - TAIL..rows.len() - TAIL, []).collect();
        let counted = middle.iter().map(|row| match row {
            Row::Pieces(pieces) => (1, length(pieces)),
            Row::Folded { rows, bytes, .. } => (*rows, *bytes),
        });
        let (count, bytes) = counted.fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
        rows.insert(MAX_ROWS - TAIL, Row::Folded { rows: count, bytes, alike: false });
    }
    rows
}

/// What a line is, if many of it tell no more than a few do.
fn alike(line: &[Piece<'_>]) -> Option<&'static str> {
    match line.first()?.kind {
        "chunk-size" | "chunk-data" => Some("chunk"),
        kind @ ("junk" | "crlf" | "lf-bare" | "ows") => Some(kind),
        _ if line.iter().any(|piece| piece.kind == "junk") => Some("junk"),
        kind @ "trailer" => Some(kind),
        _ => None,
    }
}

pub(super) fn length(pieces: &[Piece<'_>]) -> usize {
    pieces.iter().map(|piece| piece.bytes.len()).sum()
}
