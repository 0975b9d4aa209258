//! Prints an exchange while it runs: times, both directions, a line between responses. Long
//! repetitions are folded.

use std::sync::Mutex;
use std::time::Duration;

use wirelight::terminal;

use super::exchange::{Ending, Note, View, lock};
use super::fold;
use super::splitter::ResponseSplitter;
use crate::output::{self, println_flush};
use crate::responses::RawResponse;

/// The column at which text begins, after the time and the arrow.
const MARGIN: usize = 15;
/// Most bytes that are printed of one direction.
const SHOWN: usize = 8 * 1024;
/// Most lines that are printed of one piece.
const LINES: usize = 200;

/// Prints each note immediately.
pub(super) struct Printer(Mutex<State>);

struct State {
    columns: Option<usize>,
    splitter: ResponseSplitter,
    /// Number of responses that have begun.
    number: usize,
    /// The last complete response, the number of similar ones that followed and were folded, and
    /// the first of these.
    before: Option<RawResponse>,
    alike: usize,
    folded: Vec<u8>,
    /// The last byte received, and the number of folded reads and bytes that repeat it.
    last: Option<u8>,
    run: (usize, usize),
    /// Bytes printed of the client's and of the server's direction.
    shown: [usize; 2],
}

impl Printer {
    /// Creates a printer. For `heads`, see [`crate::responses::heads`].
    pub(super) fn new(heads: Vec<bool>) -> Printer {
        Printer(Mutex::new(State {
            columns: output::columns(&std::io::stdout()),
            splitter: ResponseSplitter::new(heads),
            number: 0,
            before: None,
            alike: 0,
            folded: Vec::new(),
            last: None,
            run: (0, 0),
            shown: [0; 2],
        }))
    }
}

impl View for Printer {
    fn note(&self, at: Duration, note: Note<'_>) {
        let mut state = lock(&self.0);
        if let Note::Received(bytes) = note {
            return state.received(at, bytes);
        }
        state.flush(at);
        match note {
            Note::Sent(bytes) => match fold::repetition(bytes) {
                Some((unit, count)) => {
                    state.bytes(at, '→', unit);
                    state.text(at, '→', &format!("… {} more like it", count - 1));
                }
                None => state.bytes(at, '→', bytes),
            },
            note => state.text(at, ' ', &sentence(&note)),
        }
    }
}

/// Returns the text of a note that has no bytes.
pub(super) fn sentence(note: &Note<'_>) -> String {
    match note {
        Note::Connected(server) => format!("connected to {server}"),
        Note::Sent(bytes) | Note::Received(bytes) => format!("{} bytes", bytes.len()),
        Note::HalfClosed => "we close our side".to_owned(),
        Note::Reset => "we reset the connection".to_owned(),
        Note::Stopped(kind) => format!("the server stopped reading: {kind}"),
        Note::Waiting(time) => {
            format!("…  waiting for the server (it may take {} s; Ctrl-C stops)", time.as_secs())
        }
        Note::Other(Some(status), took) => {
            format!("another client asks meanwhile, and has its {status} {:.1} ms later", took.as_secs_f64() * 1_000.0)
        }
        Note::Other(None, took) => {
            format!("another client asks meanwhile, and has nothing after {} ms", took.as_millis())
        }
        Note::Ended(Ending::Fin, length) => format!("server FIN after {length} bytes"),
        Note::Ended(Ending::Reset, length) => format!("server RST after {length} bytes"),
        Note::Ended(Ending::Open, 0) => {
            "nothing came, the server kept the connection open; poke closes it (--hold TIME waits longer)".to_owned()
        }
        Note::Ended(Ending::Open, length) => {
            format!("{length} bytes came, the server kept the connection open; poke closes it")
        }
    }
}

impl State {
    fn received(&mut self, at: Duration, bytes: &[u8]) {
        let mut from = 0;
        for part in self.splitter.push(bytes) {
            let piece = bytes.get(from..from + part.length).unwrap_or_default();
            from += part.length;
            if part.begins && part.completes.as_ref().is_some_and(|response| self.has_seen(response)) {
                if self.alike == 0 {
                    self.folded = piece.to_vec();
                }
                self.alike += 1;
                continue;
            }
            if !part.begins && fold::is_uniform(piece) && piece.last().copied() == self.last {
                self.run = (self.run.0 + 1, self.run.1 + piece.len());
            } else {
                self.flush(at);
                if part.begins {
                    self.rule();
                }
                self.bytes(at, '←', piece);
            }
            self.last = piece.last().copied();
            self.before = part.completes.or(self.before.take());
        }
    }

    /// Returns whether `response` differs from the previous one in digits only, such as a date or a
    /// count.
    fn has_seen(&self, response: &RawResponse) -> bool {
        let words = |head: &[u8]| head.iter().filter(|byte| !byte.is_ascii_digit()).copied().collect::<Vec<_>>();
        self.before.as_ref().is_some_and(|before| {
            (before.status, &before.body) == (response.status, &response.body)
                && words(&before.head) == words(&response.head)
        })
    }

    /// Prints what was folded.
    fn flush(&mut self, at: Duration) {
        match (std::mem::take(&mut self.alike), &self.before) {
            // A single response is printed, not counted.
            (1, _) => {
                self.rule();
                let folded = std::mem::take(&mut self.folded);
                self.bytes(at, '←', &folded);
            }
            (alike @ 2.., Some(before)) => {
                let line = format!("… {alike} more like it ({})", before.status);
                self.number += alike;
                self.text(at, '←', &line);
            }
            _ => {}
        }
        if let (reads @ 1.., length) = std::mem::take(&mut self.run) {
            let byte = fold::line(&[self.last.unwrap_or_default()]);
            self.text(at, '←', &format!("… {reads} more reads: {length} × {byte}"));
        }
    }

    /// Prints the line between two responses.
    fn rule(&mut self) {
        self.number += 1;
        if self.number > 1 {
            println_flush(format_args!("{:MARGIN$}── response {} {}", "", self.number, "─".repeat(24)));
        }
    }

    fn bytes(&mut self, at: Duration, arrow: char, bytes: &[u8]) {
        let [client, server] = &mut self.shown;
        let shown = if arrow == '→' { client } else { server };
        if *shown > SHOWN {
            return;
        }
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let text: Vec<_> = lines.by_ref().take(LINES).map(fold::line).collect();
        let text = text.join("\n");
        *shown += text.len();
        let enough = *shown > SHOWN || lines.next().is_some();
        self.text(at, arrow, &text);
        if enough {
            self.text(at, arrow, "and so on: the rest is not shown");
        }
    }

    fn text(&self, at: Duration, arrow: char, text: &str) {
        let stamp = format!("{:>7.1} ms  {arrow}  ", at.as_secs_f64() * 1_000.0);
        // Further lines, wrapped or not, begin under the text.
        let text = terminal::wrap(text, MARGIN, self.columns);
        println_flush(format_args!("{stamp}{text}"));
    }
}
