//! `wirelight replay`: parses the bytes of a capture again, and compares the events with the
//! recorded ones.

use wirelight::FAULTS;
use wirelight::explain::{Explanation, Span};

use super::capture::{self, Connection, ParserEvent};
use super::explain::one_file;
use super::failure::Failure;
use super::output::println_flush;
use super::responses;

/// Faults that depend on time, routes or the end of the connection, not on the bytes alone.
const NOT_BY_BYTES: &[&str] =
    &["head-timeout", "body-timeout", "body-too-slow", "ended-early", "body-too-large", "overloaded", "head-too-large"];

/// Replays a file. Fails if an event differs.
pub(super) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let Some(file) = one_file(arguments, "replay", &mut [])? else { return Ok(()) };
    let capture = capture::open(&file)?;
    capture.gaps().into_iter().for_each(println_flush);
    let (mut equal, mut different) = (0, 0);
    for (number, connection) in &capture.connections {
        if connection.missing > 0 {
            println_flush(format_args!(
                "#{number}  cannot be replayed: {} of its bytes were not recorded",
                connection.missing
            ));
            continue;
        }
        let recorded: Vec<_> = connection.events.iter().filter(|event| is_by_bytes(event)).cloned().collect();
        // If events were dropped, the parser reports more than was recorded.
        let complete = capture.lost == 0;
        let mut now = parsed(connection, if complete { recorded.len() } else { usize::MAX }).into_iter();
        for before in &recorded {
            let line = shown(before);
            let after = if complete { now.next() } else { now.find(|after| after == before) };
            if after.as_ref() == Some(before) {
                equal += 1;
                println_flush(format_args!("#{number}  {line}: equal"));
            } else {
                different += 1;
                let after = after.as_ref().map_or_else(|| "nothing".into(), shown);
                println_flush(format_args!("#{number}  recorded {line}, now {after}"));
            }
        }
    }
    println_flush(format_args!(
        "{} connections: {equal} events equal, {different} different",
        capture.connections.len()
    ));
    if different > 0 { Err(Failure::runtime(format!("{different} events differ"))) } else { Ok(()) }
}

fn is_by_bytes(event: &ParserEvent) -> bool {
    !matches!(event, ParserEvent::Error(_, kind) if NOT_BY_BYTES.contains(&kind.as_str()))
}

/// Parses the bytes of a connection: at most `max` events, and those that belong to the last
/// message.
fn parsed(connection: &Connection, max: usize) -> Vec<ParserEvent> {
    let (stream, mut at, mut events) = (connection.stream(true), 0, Vec::new());
    while at < stream.len() && events.len() < max {
        let (explanation, length) = responses::message(stream.get(at..).unwrap_or_default());
        let fault = explanation.diagnostics().iter().find(|finding| FAULTS.iter().any(|row| row.name == finding.name));
        if let Some(head_end) = head_end(&explanation).filter(|end| fault.is_none_or(|fault| fault.at >= *end)) {
            let head = explanation.spans().take_while(|piece| piece.at < head_end);
            let span =
                |piece: Span<'_>| (piece.at as u64, (piece.at + piece.bytes.len()) as u64, piece.kind.to_owned());
            events.push(ParserEvent::Head(at as u64, head.map(span).collect()));
            let whole = !explanation.diagnostics().iter().any(|finding| finding.name == "body-short");
            if whole && fault.is_none() && announces_body(&explanation) {
                let data = explanation.spans().filter(|piece| ["body", "chunk-data"].contains(&piece.kind));
                events.push(ParserEvent::Body(data.map(|piece| piece.bytes.len() as u64).sum()));
            }
        }
        if let Some(fault) = fault {
            events.push(ParserEvent::Error((at + fault.at) as u64, fault.name.to_owned()));
            break;
        }
        at += length.max(1);
    }
    events
}

/// Returns the end of the head: the first empty line. Another one may end a trailer section.
fn head_end(message: &Explanation) -> Option<usize> {
    message.spans().find(|piece| piece.kind == "blank").map(|piece| piece.at + piece.bytes.len())
}

fn announces_body(message: &Explanation) -> bool {
    let framing =
        |name: &[u8]| name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding");
    message.spans().any(|piece| piece.kind == "name" && framing(piece.bytes))
}

fn shown(event: &ParserEvent) -> String {
    match event {
        ParserEvent::Head(at, spans) => format!("parse.head at {at} with {} spans", spans.len()),
        ParserEvent::Body(length) => format!("body.end with {length} bytes"),
        ParserEvent::Error(at, kind) => format!("req.error {kind:?} at {at}"),
    }
}
