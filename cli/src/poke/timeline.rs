//! Prints both sides of an exchange on one timeline: the client's notes on the left, the events of
//! the server's trace on the right.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use wirelight::{Trace, terminal};

use super::entry::{Entry, Side};
use super::exchange::{Ending, Note, View, lock};
use super::server_events::ServerEvents;
use super::splitter::ResponseSplitter;
use super::{fold, printer};
use crate::output::{self, println_flush};

/// Width of the time column, and the separator between the two sides.
const TIME: usize = 12;
const RULE: &str = " │ ";
/// Width of the page: without a terminal, and at most.
const USUAL: usize = 80;
const WIDEST: usize = 120;
/// Most lines that are shown of one piece.
const LINES: usize = 6;
/// Most bytes of each read and write in the server's trace.
const DATA: usize = 4 * 1024;
/// The longest pattern of entries whose repetition is detected, and the number of repetitions that
/// are folded.
const PATTERN: usize = 12;
const TIMES: usize = 4;

/// Collects the reports of both sides until [`Timeline::print`].
pub(super) struct Timeline {
    /// The start on two clocks: the client's notes use the first, the server's trace the second.
    pub(super) began: Instant,
    began_wall: SystemTime,
    notes: Mutex<Notes>,
    trace: Arc<Mutex<Vec<u8>>>,
}

/// The client's side.
struct Notes {
    entries: Vec<Entry>,
    splitter: ResponseSplitter,
    sent: usize,
    received: usize,
}

/// Collects the trace in memory.
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl View for Timeline {
    fn note(&self, at: Duration, note: Note<'_>) {
        let notes = &mut *lock(&self.notes);
        let mut push = |arrow, text, moved| notes.entries.push(Entry { at, side: Side::Client, arrow, text, moved });
        match note {
            Note::Sent(bytes) => {
                notes.sent += bytes.len();
                push('→', drawn(bytes), notes.sent);
            }
            Note::Received(bytes) => {
                let mut from = 0;
                for part in notes.splitter.push(bytes) {
                    let piece = bytes.get(from..from + part.length).unwrap_or_default();
                    from += part.length;
                    notes.received += part.length;
                    push('←', first_line(piece), notes.received);
                }
            }
            Note::Waiting(_) => println_flush(printer::sentence(&note)),
            // The end of a stream follows its last byte.
            Note::HalfClosed | Note::Ended(Ending::Open, _) => push(' ', brief(&note), notes.sent + 1),
            note => push(' ', brief(&note), 0),
        }
    }
}

impl Timeline {
    /// Creates a timeline. For `heads`, see [`crate::responses::heads`].
    pub(super) fn new(heads: Vec<bool>) -> Timeline {
        let notes = Notes { entries: Vec::new(), splitter: ResponseSplitter::new(heads), sent: 0, received: 0 };
        let (began, began_wall) = (Instant::now(), SystemTime::now());
        Timeline { began, began_wall, notes: Mutex::new(notes), trace: Arc::default() }
    }

    /// Returns the trace that the server must write.
    pub(super) fn trace(&self) -> Trace {
        Trace::json().to(Lines(Arc::clone(&self.trace))).max_bytes(DATA)
    }

    /// Waits until the server has closed its first connection; at most a second, since the event
    /// may be lost.
    pub(super) fn wait_for_the_end(&self) {
        let until = Instant::now() + Duration::from_secs(1);
        let closed = |event: &Value| event["e"] == "conn.close" && event["c"] == 1;
        while Instant::now() < until && !self.events().iter().any(closed) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Prints the timeline.
    pub(super) fn print(&self) {
        let width = output::columns(&io::stdout()).unwrap_or(USUAL).min(WIDEST);
        let events = self.events();
        let mut server = ServerEvents::default();
        let mut entries = lock(&self.notes).entries.clone();
        entries.extend(events.iter().filter_map(|event| {
            let wall = Duration::from_nanos(events.first()?["unix_ns"].as_u64()?.saturating_add(event["t"].as_u64()?));
            let began = self.began_wall.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            server.entry(wall.saturating_sub(began), event)
        }));
        page(merged(entries), width).iter().for_each(println_flush);
    }

    fn events(&self) -> Vec<Value> {
        let text = lock(&self.trace).clone();
        text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// Returns the text of a note, short enough for a column.
fn brief(note: &Note<'_>) -> String {
    match note {
        Note::Connected(_) => "connected".to_owned(),
        Note::Ended(Ending::Fin, length) => format!("FIN after {length} bytes"),
        Note::Ended(Ending::Reset, length) => format!("RST after {length} bytes"),
        Note::Ended(Ending::Open, length) => format!("poke closes, after {length} bytes"),
        Note::Other(Some(status), took) => {
            format!("another client asks, and has its {status} {:.1} ms later", took.as_secs_f64() * 1_000.0)
        }
        note => printer::sentence(note),
    }
}

/// Returns the first line of a piece, and the length of the piece.
fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let rest = if line.len() < bytes.len() { format!("\n… {} bytes", bytes.len()) } else { String::new() };
    format!("{}{rest}", fold::line(line))
}

/// Returns the first lines of a piece.
fn drawn(bytes: &[u8]) -> String {
    if let Some((unit, count)) = fold::repetition(bytes) {
        return format!("{}\n({count} times in a row)", drawn(unit));
    }
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let mut shown: Vec<_> = lines.by_ref().take(LINES).map(fold::line).collect();
    let rest = lines.count();
    if rest > 0 {
        shown.push(format!("… {rest} more lines, {} bytes in all", bytes.len()));
    }
    shown.join("\n")
}

/// Sorts the entries by time. The two clocks differ slightly, so times are corrected: bytes are
/// received after they were sent.
fn merged(mut entries: Vec<Entry>) -> Vec<Entry> {
    let moves = |side, receives| {
        let own = entries.iter().filter(move |one| one.side == side && one.receives() == receives && one.moved > 0);
        own.cloned().collect::<Vec<_>>()
    };
    let after = |sent: &[Entry], moved| {
        let cause = sent.iter().find(|one| one.moved >= moved);
        cause.map_or(Duration::ZERO, |cause| cause.at + Duration::from_nanos(1))
    };
    let (asked, mut answered) = (moves(Side::Client, false), moves(Side::Server, false));
    let late = moves(Side::Server, true).iter().map(|read| after(&asked, read.moved).saturating_sub(read.at)).max();
    let late = late.unwrap_or_default();
    answered.iter_mut().for_each(|entry| entry.at += late);
    let mut now = Duration::ZERO;
    for entry in &mut entries {
        match (entry.side, entry.arrow) {
            (Side::Server, _) => entry.at += late,
            (Side::Client, '←') => now = now.max(after(&answered, entry.moved)),
            (Side::Client, _) => {}
        }
        if entry.side == Side::Client {
            entry.at = entry.at.max(now);
        }
    }
    entries.sort_by_key(|entry| entry.at);
    let first = entries.first().map_or(Duration::ZERO, |entry| entry.at);
    entries.iter_mut().for_each(|entry| entry.at -= first);
    entries
}

/// Returns the lines of the page, with repetitions folded.
fn page(entries: Vec<Entry>, width: usize) -> Vec<String> {
    let left = (width.saturating_sub(TIME + RULE.chars().count())) * 3 / 7;
    let right = width.saturating_sub(TIME + RULE.chars().count() + left);
    let mut lines = vec![format!("{:TIME$}{:left$}{RULE}server", "", "client")];
    lines.push(format!("{:TIME$}{}─┼─{}", "", "─".repeat(left), "─".repeat(right)));
    let mut at = 0;
    while let Some(entry) = entries.get(at) {
        let (length, times) = repetition(entries.get(at..).unwrap_or_default());
        lines.extend(row(entry, left, right));
        at += 1;
        if times >= TIMES {
            let shown = at - 1 + length;
            lines.extend(entries.get(at..shown).unwrap_or_default().iter().flat_map(|entry| row(entry, left, right)));
            lines.push(format!("{:>TIME$}{} more like it", "…  ", times - 1));
            at = shown + length * (times - 1);
        }
    }
    lines
}

/// Returns the length of the pattern at the start of `entries`, and how often it occurs in a row.
/// Digits are ignored.
fn repetition(entries: &[Entry]) -> (usize, usize) {
    let alike = |a: &Entry, b: &Entry| a.side == b.side && a.arrow == b.arrow && shape(a) == shape(b);
    let times = |length: usize| {
        let pattern = entries.get(..length).unwrap_or_default();
        // A repetition of both sides is easier to read if it begins with the client.
        let mixed = pattern.iter().any(|one| one.side == Side::Client);
        if mixed && pattern.first().is_some_and(|one| one.side == Side::Server) {
            return 1;
        }
        let is_like = |one: &&[Entry]| one.len() == length && one.iter().zip(pattern).all(|(a, b)| alike(a, b));
        entries.chunks(length).take_while(is_like).count()
    };
    (1..=PATTERN.min(entries.len()))
        .map(|length| (length, times(length)))
        .find(|(_, times)| *times >= TIMES)
        .unwrap_or((1, 1))
}

/// Returns the text without what differs between repetitions: digits, and the byte of a one-byte
/// piece.
fn shape(entry: &Entry) -> String {
    let single = entry.side == Side::Client && entry.arrow == '→' && entry.text.chars().count() == 1;
    if single { String::new() } else { entry.text.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect() }
}

/// Returns the lines of one entry, in the column of its side.
fn row(entry: &Entry, left: usize, right: usize) -> Vec<String> {
    let columns = if entry.side == Side::Client { left } else { right };
    let text = format!("{} {}", entry.arrow, terminal::wrap(&entry.text, 2, Some(columns)));
    let mut stamp = format!("{:>7.1} ms  ", entry.at.as_secs_f64() * 1_000.0);
    let mut lines = Vec::new();
    for line in text.lines() {
        let cell = match entry.side {
            Side::Client => {
                let padding = " ".repeat(left.saturating_sub(terminal::display_width(line)));
                format!("{line}{padding}{}", RULE.trim_end())
            }
            Side::Server => format!("{:left$}{RULE}{line}", ""),
        };
        lines.push(format!("{stamp}{cell}").trim_end().to_owned());
        stamp = " ".repeat(TIME);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: u64, side: Side, arrow: char, text: &str, moved: usize) -> Entry {
        Entry { at: Duration::from_millis(at), side, arrow, text: text.to_owned(), moved }
    }

    #[test]
    fn nothing_arrives_before_it_was_sent() {
        let order = |entries: Vec<Entry>| merged(entries).iter().map(|one| one.text.clone()).collect::<Vec<_>>();
        let entries = vec![
            entry(10, Side::Client, '→', "ask", 3),
            entry(9, Side::Server, ' ', "accept", 0),
            entry(9, Side::Server, '→', "read", 3),
            entry(11, Side::Client, '←', "answer", 5),
            entry(12, Side::Server, '←', "write", 5),
            entry(13, Side::Client, ' ', "close", 0),
        ];
        assert_eq!(order(entries), ["ask", "accept", "read", "write", "answer", "close"]);
    }

    #[test]
    fn a_page_is_no_wider_than_the_screen_and_repetitions_fold() {
        let long = "a sentence that is much longer than half of a narrow screen has columns";
        let mut entries = vec![entry(0, Side::Client, ' ', long, 0), entry(1, Side::Server, '→', long, 0)];
        for at in 2..12 {
            entries.push(entry(at, Side::Client, '→', "G", 0));
            entries.push(entry(at, Side::Server, '→', &format!("recv(): {at} bytes"), 0));
        }
        let lines = page(entries, 60);
        assert!(lines.iter().all(|line| terminal::display_width(line) <= 60), "{lines:#?}");
        assert!(lines.contains(&"         …  9 more like it".to_owned()), "{lines:#?}");
        assert_eq!(lines.iter().filter(|line| line.contains("recv()")).count(), 1, "{lines:#?}");
    }
}
