//! Formats a trace for people: time, connection and step in columns, then the text, wrapped with a
//! hanging indent.
//!
//! `text.rs` formats an event's text; `summary.rs` selects the events of the summary.

mod text;

use std::fmt::Write;
use std::ops::Range;

use super::probe::Event;
use super::record::Record;
use super::render_options::RenderOptions;
use crate::terminal::{display_width, escape, wrap};

/// The heading of a trace.
pub(crate) const HEADING: &str = "        t conn step       what\n";

/// Column where texts begin, if the connection's number fits its column.
const TEXT: usize = 26;

/// Minimum pause between two lines of a connection that has a line of its own: 1 ms.
const PAUSE: u64 = 1_000_000;

/// Appends one event. `pause` is the number of nanoseconds since the previous line, if that is
/// about the same connection.
pub(crate) fn write(out: &mut Vec<u8>, line: &Record<'_>, pause: u64, look: RenderOptions) {
    if pause > PAUSE {
        let pause = format!("+ {}", text::duration(pause));
        out.extend_from_slice(format!("{pause:>9}\n").as_bytes());
    }
    let mut head = columns(line, look);
    let indent = display_width(&head);
    let mut text = text::describe(line, look).unwrap_or_default();
    if look.source_locations {
        let (file, number) = line.source_location();
        text += &format!("  [{file}:{number}]");
    }
    head += &wrap(&text, indent, look.columns);
    out.extend_from_slice(head.trim_end().as_bytes());
    out.push(b'\n');
    if let Event::ConnRecv { data, .. } | Event::ConnSend { data, .. } = line.event {
        bytes(out, data, line, look);
    }
}

/// Appends a note that belongs to no event, in the text column.
pub(crate) fn note(out: &mut Vec<u8>, sentence: &str, look: RenderOptions) {
    out.extend_from_slice(format!("{:TEXT$}{}\n", "", wrap(sentence, TEXT, look.columns)).as_bytes());
}

/// Writes the columns before the text: the time since the connection's accept, the connection, the
/// step. A worker's own events have neither time nor number.
fn columns(line: &Record<'_>, look: RenderOptions) -> String {
    let (step, ink) = text::step(line.event);
    // Each worker numbers its connections from 1.
    let (time, number) = match (line.connection, line.worker) {
        (0, _) => (String::new(), String::new()),
        (number, 0) => (clock(line.age), format!("#{number}")),
        (number, worker) => (clock(line.age), format!("#{worker}.{number}")),
    };
    match ink.filter(|_| look.color) {
        Some(ink) => format!("{time:>9} {number:<4} \x1b[{ink}m{step:<10}\x1b[0m "),
        None => format!("{time:>9} {number:<4} {step:<10} "),
    }
}

/// Formats a time in nine columns, to the microsecond if that fits.
fn clock(ns: u64) -> String {
    match ns {
        0..100_000_000 => format!("{:.3} ms", ns as f64 / 1e6),
        100_000_000..10_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}

/// Appends data line by line, with the stream offset of each line before it.
fn bytes(out: &mut Vec<u8>, data: &[u8], line: &Record<'_>, look: RenderOptions) {
    let shown = data.get(..look.max_bytes).unwrap_or(data);
    let mut at = 0;
    for piece in shown.split_inclusive(|byte| *byte == b'\n') {
        let part = piece.get(..look.max_line_bytes).unwrap_or(piece);
        let mut text = String::new();
        push_redacted(&mut text, part, at, if look.redact { line.secrets } else { &[] });
        let end = if at + piece.len() == shown.len() { data.len() } else { at + piece.len() };
        if at + part.len() < end {
            // Writing into memory cannot fail.
            _ = write!(text, " … {} more bytes", end - at - part.len());
        }
        let offset = line.position.offset + at as u64;
        let text = wrap(&text, TEXT, look.columns);
        out.extend_from_slice(format!("{offset:>0$} {text}\n", TEXT - 1).as_bytes());
        at += piece.len();
    }
}

/// Returns data that begins at `at`, with `•••(22 bytes)` in place of secrets.
fn push_redacted(text: &mut String, data: &[u8], at: usize, secrets: &[Range<usize>]) {
    let mut from = 0;
    for secret in secrets {
        let start = secret.start.saturating_sub(at).min(data.len());
        let end = secret.end.saturating_sub(at).min(data.len());
        if start < end {
            escape::data(text, data.get(from..start).unwrap_or_default());
            // Writing into memory cannot fail.
            _ = write!(text, "•••({} bytes)", end - start);
            from = end;
        }
    }
    escape::data(text, data.get(from..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::conversation::Position;
    use crate::trace::probe::{CloseReason, IoOutcome};
    use std::panic::Location;

    fn shown(line: &Record<'_>, pause: u64, columns: Option<usize>) -> String {
        let look = RenderOptions {
            color: false,
            redact: true,
            source_locations: false,
            max_bytes: 1024,
            max_line_bytes: 40,
            columns,
            brief: true,
        };
        let mut out = Vec::new();
        write(&mut out, line, pause, look);
        String::from_utf8(out).unwrap()
    }

    fn line(event: Event<'_>, age: u64) -> Record<'_> {
        let (place, code) = (Position { request: 1, offset: 7 }, Location::caller());
        Record {
            sequence: 1,
            time: 9_000_000_000,
            age,
            worker: 0,
            connection: 3,
            position: place,
            event,
            caller: code,
            secrets: &[],
        }
    }

    fn close(ending: CloseReason, reset: bool, unread: usize) -> Event<'static> {
        let why = "the client closed first";
        Event::ConnClose {
            how: ending,
            reset,
            ignored: None,
            by: "client",
            why,
            unread,
            received: 83,
            sent: 135,
            requests: 1,
            ns: 5,
        }
    }

    #[test]
    fn the_clock_counts_from_the_accept_and_shows_pauses() {
        let closed = "#3   close      the client closed first; 1 request, 83 in / 135 out\n";
        for (age, pause, time) in [
            (0, 0, " 0.000 ms "),
            (52_000, 1_000_000, " 0.052 ms "),
            (21_731_000, 20_719_000, "+ 20.7 ms\n21.731 ms "),
            (159_000_751, 1_200_000, " + 1.2 ms\n 159.0 ms "),
            (15_000_000_000, 14_990_000_000, " + 15.0 s\n  15.00 s "),
        ] {
            let text = shown(&line(close(CloseReason::Fin, false, 0), age), pause, None);
            assert_eq!(text, format!("{time}{closed}"));
        }
        let wake = Record { connection: 0, ..line(Event::PollWake { events: 1, waited_ns: 5 }, 0) };
        assert_eq!(shown(&wake, 0, None), "               wake       epoll_wait() = 1 event, after 5 ns\n");
    }

    #[test]
    fn a_reset_is_never_called_a_fin() {
        let text = |ending, reset, unread| shown(&line(close(ending, reset, unread), 0), 0, None);
        assert!(text(CloseReason::Lingered, false, 0).contains("in stages: the client closed first"));
        for ending in [CloseReason::Fin, CloseReason::Lingered] {
            let text = text(ending, true, 5);
            assert!(text.contains("RST, since 5 bytes were not read: ") && !text.contains("FIN"), "{text}");
        }
        assert!(text(CloseReason::Reset, true, 0).contains("RST: "));
    }

    #[test]
    fn texts_and_bytes_are_wrapped_below_themselves() {
        let data = b"GET /a-path-of-some-length HTTP/1.1\r\nA: b\r\n";
        let event = Event::ConnRecv { outcome: IoOutcome::Bytes(data.len()), data };
        let expected = [
            " 0.000 ms #3   → recv     recv() = 43 bytes  (stream",
            "                          7..50)",
            "                        7 GET␠/a-path-of-some-length␠",
            "                          HTTP/1.1␍␊",
            "                       44 A:␠b␍␊",
        ];
        assert_eq!(shown(&line(event, 0), 0, Some(54)).lines().collect::<Vec<_>>(), expected);
        let data = [b"A: b\r\n", &b"x".repeat(2_000)[..]].concat();
        let event = Event::ConnRecv { outcome: IoOutcome::Bytes(data.len()), data: &data };
        let text = shown(&line(event, 0), 0, None);
        let folded = format!("                       13 {} … 1960 more bytes", "x".repeat(40));
        assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), ["                        7 A:␠b␍␊", &folded]);
    }
}
