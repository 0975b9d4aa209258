//! Renders one message: its rows, what is wrong, where the body ends, what a server or client makes
//! of it, and what follows.

use std::ops::Range;

use wirelight::explain::{Diagnostic, Explanation, Span};
use wirelight::terminal;

use super::meanings;
use super::rows::{self, Row};
use crate::escape;

/// Most characters that a row shows of a piece.
const SHOWN: usize = 40;
/// Width of the widest row whose meaning is on the same line.
const WIDEST: usize = 44;
/// The column at which sentences begin.
const SENTENCES: usize = 9;
/// Most places that are listed of one fault.
const PLACES: usize = 3;

/// How a message is shown.
pub(super) struct Style {
    /// A row for each span, not for each line.
    pub(super) spans: bool,
    pub(super) show_secrets: bool,
    /// Shows only a few rows, because the bytes are not HTTP.
    pub(super) brief: bool,
    /// Columns of the terminal; if `None`, lines are not wrapped.
    pub(super) columns: Option<usize>,
}

/// Returns everything about one message.
pub(super) fn render(explanation: &Explanation, style: &Style) -> String {
    let mut lines = vec![terminal::wrap(&heading(explanation, style), 0, style.columns), String::new()];
    lines.extend(table(explanation, style));
    lines.push(String::new());
    let mut sentence = |label: &str, text: &str| {
        lines.push(format!("{label:<SENTENCES$}{}", terminal::wrap(text, SENTENCES, style.columns)));
    };
    if !style.brief {
        match explanation.diagnostics() {
            [] => sentence("wrong:", "nothing"),
            findings => grouped(findings).iter().for_each(|text| sentence("wrong:", text)),
        }
        sentence("body:", explanation.body());
    }
    sentence(if explanation.is_request() { "server:" } else { "client:" }, explanation.verdict());
    if !explanation.unread().is_empty() && !style.brief {
        sentence("after:", explanation.unread());
    }
    match explanation.interpretations() {
        [] => {}
        [only] if style.brief && !only.reader.starts_with("speaks") => {}
        [only] => sentence("", &format!("{only}.")),
        _ if style.brief => {}
        readings => {
            sentence("", "Readers that forgive the fault end the message at different bytes (RFC 9112 §11.2):");
            for reading in readings {
                let indented = terminal::wrap(&format!("{reading}."), SENTENCES + 2, style.columns);
                lines.push(format!("{:SENTENCES$}- {indented}", ""));
            }
        }
    }
    lines.join("\n")
}

fn heading(explanation: &Explanation, style: &Style) -> String {
    if style.brief {
        return "What a server of HTTP/1.1 makes of it:".to_owned();
    }
    let what = if explanation.is_request() { "a request" } else { "a response" };
    let pasted = ", pasted: its lines end with LF alone and are read, and counted, as CR LF. Sent as it is, a strict reader refuses it \
                  (RFC 9112 §2.2).";
    format!("{what}{}", if explanation.was_pasted() { pasted } else { "" })
}

/// Formats the findings in order; the same fault at several bytes is one line.
fn grouped(findings: &[Diagnostic]) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, finding) in findings.iter().enumerate() {
        let same = |other: &&Diagnostic| other.message == finding.message;
        if findings.iter().take(index).any(|other| same(&other)) {
            continue;
        }
        let places: Vec<usize> = findings.iter().filter(same).map(|finding| finding.at).collect();
        let listed: Vec<String> = places.iter().take(PLACES).map(ToString::to_string).collect();
        lines.push(match places.len() {
            1 => finding.to_string(),
            2 | PLACES => format!("bytes {}: {} ({})", listed.join(", "), finding.message, finding.rfc),
            count => format!(
                "bytes {} and {} more: {} ({})",
                listed.join(", "),
                count - PLACES,
                finding.message,
                finding.rfc
            ),
        });
    }
    lines
}

/// Formats the rows: offset, bytes, meaning. A `!` marks a row with a fault.
fn table(explanation: &Explanation, style: &Style) -> Vec<String> {
    let pieces = explanation.spans();
    let rows = if style.spans { rows::spans(pieces) } else { rows::lines(pieces, style.brief) };
    let secrets = if style.show_secrets { &[] } else { explanation.secrets() };
    let mut in_chunks = false;
    let mut table = Vec::new();
    for row in rows {
        table.push(match row {
            Row::Folded { rows, bytes, alike } => {
                let (what, like) =
                    (if style.spans { "pieces" } else { "lines" }, if alike { " like them" } else { "" });
                (String::new(), format!("… {rows} more {what}{like} ({bytes} bytes)"), String::new())
            }
            Row::Pieces(pieces) => {
                in_chunks |= pieces.iter().any(|piece| piece.kind == "chunk-size");
                let place = place(&pieces, explanation.diagnostics());
                match pieces.as_slice() {
                    [piece] if style.spans => {
                        let meaning = meanings::of_piece(piece).to_owned();
                        (format!("{place}  {:<10}", piece.kind), text(&pieces, secrets), meaning)
                    }
                    line => {
                        let meaning = if style.brief { String::new() } else { meanings::of_line(line, in_chunks) };
                        (place, text(&pieces, secrets), meaning)
                    }
                }
            }
        });
    }
    let width = |(_, text, _): &(String, String, String)| terminal::display_width(text);
    let widest = table.iter().map(width).filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let first = table.iter().map(|(place, ..)| place.len()).max().unwrap_or(0) + 2;
    table.iter().map(|(place, text, meaning)| line((place, first), (text, widest), meaning, style.columns)).collect()
}

/// Formats the offset of a row, with the mark of a fault.
fn place(pieces: &[Span<'_>], findings: &[Diagnostic]) -> String {
    let Some(start) = pieces.first().map(|piece| piece.at) else { return String::new() };
    let bytes = start..start + rows::length(pieces);
    let mark = if findings.iter().any(|finding| bytes.contains(&finding.at)) { '!' } else { ' ' };
    format!("{mark}{start:>6}")
}

/// Formats one row. `place` is the offset and the width of its column, `text` the bytes and the
/// width of theirs. The meaning is put on the next line if it does not fit.
fn line(place: (&str, usize), text: (&str, usize), meaning: &str, columns: Option<usize>) -> String {
    let ((place, first), (text, widest)) = (place, text);
    let bytes = terminal::wrap(text, first, columns);
    let line = format!("{place:<0$}{bytes}", first);
    if meaning.is_empty() {
        return line;
    }
    let (used, indent) = (terminal::display_width(line.lines().last().unwrap_or_default()) + 2, first + widest + 2);
    let (gap, at) = match used <= indent {
        true => (" ".repeat(indent + 2 - used), indent),
        false if columns.is_none() => ("  ".to_owned(), used),
        false => (format!("\n{}", " ".repeat(indent)), indent),
    };
    format!("{line}{gap}{}", terminal::wrap(meaning, at, columns))
}

/// Returns the bytes of a row, with a space before the line end: `Host: a ␍␊`.
fn text(pieces: &[Span<'_>], secrets: &[Range<usize>]) -> String {
    let mut text = String::new();
    for (index, piece) in pieces.iter().enumerate() {
        let plain_space = piece.bytes == b" " && pieces.get(index + 1).is_some_and(|next| next.kind != "crlf");
        match piece.kind {
            "sp" | "ows" if plain_space && pieces.len() > 1 && index > 0 => text.push(' '),
            "sp" | "ows" | "junk" => text += &escape::shortened(piece.bytes, SHOWN).replace(' ', "␠"),
            "crlf" | "lf-bare" | "blank" => {
                text += if index > 0 { " " } else { "" };
                text += &escape::visible(piece.bytes);
            }
            _ => text += &masked(piece, secrets).unwrap_or_else(|| escape::shortened(piece.bytes, SHOWN)),
        }
        if index == SHOWN && pieces.len() > SHOWN + 1 {
            return format!("{text}… ({} bytes)", rows::length(pieces));
        }
    }
    text
}

/// Replaces the secrets in a piece by `•••(22 bytes)`; `None` if it contains none.
fn masked(piece: &Span<'_>, secrets: &[Range<usize>]) -> Option<String> {
    let end = piece.at + piece.bytes.len();
    let own = secrets.get(secrets.partition_point(|secret| secret.end <= piece.at)..).unwrap_or_default();
    let (mut text, mut from) = (Vec::new(), 0);
    for secret in own.iter().take_while(|secret| secret.start < end) {
        let (start, stop) = (secret.start.saturating_sub(piece.at).max(from), secret.end.min(end) - piece.at);
        text.extend_from_slice(piece.bytes.get(from..start).unwrap_or_default());
        text.extend(format!("•••({} bytes)", stop - start).into_bytes());
        from = stop;
    }
    text.extend_from_slice(piece.bytes.get(from..).unwrap_or_default());
    (from > 0).then(|| escape::shortened(&text, SHOWN * 2))
}
