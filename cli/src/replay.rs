//! `wirelight replay`: gives the bytes of a capture to the parser again, and holds what it says against what was recorded.

use wirelight::FAULTS;
use wirelight::wire::{Explanation, Piece};

use super::capture::{self, Connection, Parsed};
use super::explain::one_file;
use super::{Failure, answers, say};

/// Faults that time, the routes or the end of the connection decide, not the bytes alone.
const NOT_OF_BYTES: &[&str] =
    &["head-timeout", "body-timeout", "body-too-slow", "ended-early", "body-too-large", "overloaded", "head-too-large"];

/// Replays a file, and fails when anything came out otherwise.
pub(super) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let Some(file) = one_file(arguments, "replay", &mut [])? else { return Ok(()) };
    let capture = capture::open(&file)?;
    capture.gaps().into_iter().for_each(say);
    let (mut same, mut other) = (0, 0);
    for (number, connection) in &capture.connections {
        if connection.missing > 0 {
            say(format_args!("#{number}  cannot be replayed: {} of its bytes were not recorded", connection.missing));
            continue;
        }
        let recorded: Vec<_> = connection.parsed.iter().filter(|parsed| of_bytes(parsed)).cloned().collect();
        // Where events were lost, the parser has more to say than what was recorded.
        let whole = capture.lost == 0;
        let mut now = parsed(connection, if whole { recorded.len() } else { usize::MAX }).into_iter();
        for before in &recorded {
            let line = shown(before);
            let after = if whole { now.next() } else { now.find(|after| after == before) };
            if after.as_ref() == Some(before) {
                same += 1;
                say(format_args!("#{number}  {line}: the same"));
            } else {
                other += 1;
                let after = after.as_ref().map_or_else(|| "nothing".into(), shown);
                say(format_args!("#{number}  recorded {line}, now {after}"));
            }
        }
    }
    say(format_args!("{} connections, {same} events the same, {other} otherwise", capture.connections.len()));
    if other > 0 { Err(Failure::runtime(format!("{other} events came out otherwise"))) } else { Ok(()) }
}

fn of_bytes(parsed: &Parsed) -> bool {
    !matches!(parsed, Parsed::Error(_, kind) if NOT_OF_BYTES.contains(&kind.as_str()))
}

/// What the parser says about the bytes of a connection: at most `most` events and what belongs to the last.
fn parsed(connection: &Connection, most: usize) -> Vec<Parsed> {
    let (stream, mut at, mut events) = (connection.stream(true), 0, Vec::new());
    while at < stream.len() && events.len() < most {
        let (explanation, length) = answers::message(stream.get(at..).unwrap_or_default());
        let fault = explanation.findings().iter().find(|finding| FAULTS.iter().any(|row| row.name == finding.name));
        if let Some(head_end) = head_end(&explanation).filter(|end| fault.is_none_or(|fault| fault.at >= *end)) {
            let head = explanation.pieces().take_while(|piece| piece.at < head_end);
            let span =
                |piece: Piece<'_>| (piece.at as u64, (piece.at + piece.bytes.len()) as u64, piece.kind.to_owned());
            events.push(Parsed::Head(at as u64, head.map(span).collect()));
            let whole = !explanation.findings().iter().any(|finding| finding.name == "body-short");
            if whole && fault.is_none() && announces_body(&explanation) {
                let data = explanation.pieces().filter(|piece| ["body", "chunk-data"].contains(&piece.kind));
                events.push(Parsed::Body(data.map(|piece| piece.bytes.len() as u64).sum()));
            }
        }
        if let Some(fault) = fault {
            events.push(Parsed::Error((at + fault.at) as u64, fault.name.to_owned()));
            break;
        }
        at += length.max(1);
    }
    events
}

/// The first empty line ends the head; another one may end a trailer section.
fn head_end(message: &Explanation) -> Option<usize> {
    message.pieces().find(|piece| piece.kind == "blank").map(|piece| piece.at + piece.bytes.len())
}

fn announces_body(message: &Explanation) -> bool {
    let framing =
        |name: &[u8]| name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding");
    message.pieces().any(|piece| piece.kind == "name" && framing(piece.bytes))
}

fn shown(event: &Parsed) -> String {
    match event {
        Parsed::Head(at, spans) => format!("parse.head at {at} with {} spans", spans.len()),
        Parsed::Body(length) => format!("body.end with {length} bytes"),
        Parsed::Error(at, kind) => format!("req.error {kind:?} at {at}"),
    }
}
