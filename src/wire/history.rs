//! Keeps the latest connections of a trace, each from its accept on, within fixed bounds. What does
//! not fit is counted, and what the trace itself has lost is marked.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::time::Instant;

use super::cells::{Cells, Key};

/// Bounds on what is kept.
const CONNECTIONS: usize = 200;
const BYTES: usize = 4 * 1024 * 1024;
const CONNECTION_BYTES: usize = 256 * 1024;

/// Bytes of lines a second that are kept and shown, and their burst. A page can draw some hundred
/// events a second; a busy server has a million.
const RATE: f64 = 256.0 * 1024.0;
const BURST: f64 = 1024.0 * 1024.0;
/// Lines of a client of the lab that are shown also under load: those that are not longer than this, up
/// to so many bytes together. What a visitor sends is judged by them; long runs of bytes are not needed.
const SHORT: usize = 8 * 1024;
const SHORTS: usize = 128 * 1024;

#[derive(Default)]
pub(super) struct ConnectionHistory {
    /// `server.start`.
    start: String,
    connections: HashMap<Key, Kept>,
    /// The keys in the order of their accepts.
    order: VecDeque<Key>,
    bytes: usize,
    budget: Option<Budget>,
    counts: Counts,
    cells: Cells,
}

/// The lines of one connection.
#[derive(Default)]
struct Kept {
    lines: String,
    closed: bool,
    /// Bytes of short lines that are shown in any case: its client is one of the lab.
    reserve: usize,
    /// It has had a response.
    answered: bool,
    /// Number and time of the last event.
    last: (u64, u64),
    /// The socket's descriptor, as it is in the line.
    fd: Option<u64>,
    /// Events that were left out since the last line.
    skipped: u64,
    /// The last line says that the trace has lost events.
    marked: bool,
}

/// What was seen, and how much of it is not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    connections: u64,
    requests: u64,
    /// Connections of which only this number is known.
    unsampled: u64,
    /// Connections of the page itself.
    observers: u64,
    /// Events that the trace dropped.
    lost: u64,
}

struct Budget {
    bytes: f64,
    at: Instant,
}

impl ConnectionHistory {
    /// Takes one line of the trace. Returns what a page is to be told of it, if anything.
    pub(super) fn take(&mut self, line: &str, now: Instant) -> Option<String> {
        let Some(head) = LineHead::parse(line) else {
            return line.starts_with("{\"e\":\"probe.drop\"").then(|| self.gap(line)).filter(|marks| !marks.is_empty());
        };
        self.cells.take(head.key, head.event, line);
        match head.event {
            "server.start" => {
                line.clone_into(&mut self.start);
                return Some(line.to_owned()); // a page may have opened before the trace began
            }
            "resp.head" => {
                self.counts.requests += 1;
                self.connections.get_mut(&head.key).into_iter().for_each(|kept| kept.answered = true);
            }
            "conn.open" => return self.open(head, line, now),
            "conn.observer" => return self.observer(head, line),
            _ if head.key.1 == 0 || line.contains("\"near\":false") => return None,
            _ => {}
        }
        let budget = self.budget(now);
        let kept = self.connections.get_mut(&head.key)?;
        if head.event.starts_with("lab.") {
            self.keep(head.key, line);
            return Some(line.to_owned());
        }
        kept.closed |= head.event == "conn.close";
        kept.last = (head.q, head.t);
        // Of a client of the lab, what the server decides is shown after a gap too.
        let transfers = ["conn.ready", "conn.recv", "conn.send", "conn.interest"].contains(&head.event);
        let reserved = line.len() <= SHORT.min(kept.reserve) && !(kept.skipped > 0 && transfers);
        if reserved {
            kept.reserve -= line.len();
        }
        let shown = match kept.skipped {
            _ if reserved => true,
            // After a gap, it goes on where a read begins.
            0 => budget > 0.0,
            _ => budget > BURST / 4.0 && head.event == "conn.recv",
        };
        if !shown && !kept.closed {
            kept.skipped += 1;
            return None;
        }
        let mut text = String::new();
        if kept.skipped > 0 {
            let skipped = std::mem::take(&mut kept.skipped);
            push_skip(&mut text, head.key, (head.q, head.t), Some(skipped));
        }
        text.push_str(line);
        self.keep(head.key, &text);
        Some(text)
    }

    /// Returns all that is kept: the state of the server for a page that begins.
    pub(super) fn snapshot(&self) -> String {
        let kept = self.order.iter().filter_map(|key| self.connections.get(key));
        let mut text = format!("{}{}", self.start, self.counts());
        kept.for_each(|kept| text.push_str(&kept.lines));
        text
    }

    /// Returns the counts as a line.
    pub(super) fn counts(&self) -> String {
        let Counts { connections, requests, unsampled, observers, lost } = self.counts;
        format!(
            "{{\"e\":\"wire.counts\",\"connections\":{connections},\"requests\":{requests},\"unsampled\":{unsampled},\
             \"observers\":{observers},\"lost\":{lost}}}\n"
        )
    }

    /// Returns what every open connection does, and the counts, as one JSON object for the page
    /// that asks from this port.
    pub(super) fn load(&self, asks: u16) -> String {
        format!("{{\"counts\":{},{}}}", self.counts().trim_end(), self.cells.json(asks))
    }

    /// Marks what the trace has lost in each open connection: any of them may have had a part of
    /// it, also its close. Returns the marks for the page, which gets the number with the counts.
    fn gap(&mut self, line: &str) -> String {
        let lost = |name| number(line, name).unwrap_or(0);
        self.counts.lost += lost("\"events\":");
        // Of what was never written, these numbers are known.
        self.counts.requests += lost("\"reqs\":");
        self.counts.connections += lost("\"conns\":");
        self.counts.unsampled += lost("\"conns\":");
        let mut text = String::new();
        for key in self.order.clone() {
            // One mark says it: the next loss adds nothing.
            let Some(kept) = self.connections.get(&key).filter(|kept| !kept.closed && !kept.marked) else { continue };
            let mut mark = String::new();
            push_skip(&mut mark, key, kept.last, None);
            self.keep(key, &mark);
            self.connections.get_mut(&key).into_iter().for_each(|kept| kept.marked = true);
            text.push_str(&mark);
        }
        text
    }

    fn open(&mut self, head: LineHead<'_>, line: &str, now: Instant) -> Option<String> {
        self.counts.connections += 1;
        let lab = line.contains(",\"lab\":true");
        if self.budget(now) < BURST / 2.0 && !lab {
            self.counts.unsampled += 1;
            return None;
        }
        let fd = number(line, "\"fd\":");
        // A descriptor is used again when its socket is closed: the line that said so was lost.
        self.connections.values_mut().filter(|kept| fd.is_some() && kept.fd == fd).for_each(|kept| kept.closed = true);
        let reserve = if lab { SHORTS } else { 0 };
        self.connections.insert(head.key, Kept { reserve, last: (head.q, head.t), fd, ..Kept::default() });
        self.order.push_back(head.key);
        self.keep(head.key, line);
        Some(line.to_owned())
    }

    /// Forgets a connection of the page itself. One that a browser has used for the application
    /// before stays as it was then.
    fn observer(&mut self, head: LineHead<'_>, line: &str) -> Option<String> {
        if self.connections.get(&head.key).is_some_and(|kept| kept.answered) {
            self.keep(head.key, line);
            return Some(line.to_owned());
        }
        self.counts.observers += 1;
        self.counts.connections = self.counts.connections.saturating_sub(1);
        let kept = self.forget(head.key);
        if !kept {
            // Its accept was only counted.
            self.counts.unsampled = self.counts.unsampled.saturating_sub(1);
        }
        kept.then(|| line.to_owned())
    }

    fn keep(&mut self, key: Key, text: &str) {
        let Some(kept) = self.connections.get_mut(&key) else { return };
        kept.lines.push_str(text);
        kept.marked = false;
        self.bytes += text.len();
        if let Some(budget) = &mut self.budget {
            budget.bytes -= text.len() as f64;
        }
        if kept.lines.len() > CONNECTION_BYTES {
            let half = kept.lines.len() - CONNECTION_BYTES / 2;
            let cut = kept.lines.as_bytes().iter().skip(half).position(|&byte| byte == b'\n');
            let cut = cut.map_or(kept.lines.len(), |at| half + at + 1);
            kept.lines.drain(..cut);
            self.bytes -= cut;
        }
        while self.bytes > BYTES || self.order.len() > CONNECTIONS {
            let closed = self.order.iter().find(|key| self.connections.get(key).is_none_or(|kept| kept.closed));
            let Some(oldest) = closed.or(self.order.front()).copied() else { break };
            self.forget(oldest);
        }
    }

    fn forget(&mut self, key: Key) -> bool {
        self.order.retain(|one| *one != key);
        let kept = self.connections.remove(&key);
        self.bytes -= kept.as_ref().map_or(0, |kept| kept.lines.len());
        kept.is_some()
    }

    /// Returns how many bytes may be kept now.
    fn budget(&mut self, now: Instant) -> f64 {
        let budget = self.budget.get_or_insert(Budget { bytes: BURST, at: now });
        let seconds = now.saturating_duration_since(budget.at).as_secs_f64();
        (budget.bytes, budget.at) = ((budget.bytes + seconds * RATE).min(BURST), now);
        budget.bytes
    }
}

/// Appends a line about events of a connection that are missing: how many, if that is known.
fn push_skip(text: &mut String, (w, c): Key, (q, t): (u64, u64), events: Option<u64>) {
    let events = events.map_or(String::new(), |events| format!(",\"events\":{events}"));
    let _ = writeln!(text, "{{\"q\":{q},\"t\":{t},\"w\":{w},\"c\":{c},\"e\":\"wire.skip\"{events}}}");
}

/// The members that every line begins with. The trace writes them in this order.
#[derive(Clone, Copy)]
struct LineHead<'l> {
    q: u64,
    t: u64,
    key: Key,
    event: &'l str,
}

impl LineHead<'_> {
    fn parse(line: &str) -> Option<LineHead<'_>> {
        let (q, t) = (number(line, "{\"q\":")?, number(line, ",\"t\":")?);
        let (w, c) = (number(line, ",\"w\":")?, number(line, ",\"c\":")?);
        let event = line.split_once("\"e\":\"")?.1.split_once('"')?.0;
        Some(LineHead { q, t, key: (w, c), event })
    }
}

/// Returns the number after the first `name`.
fn number(line: &str, name: &str) -> Option<u64> {
    let rest = line.split_once(name)?.1;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(c: u64, event: &str, rest: &str) -> String {
        format!("{{\"q\":1,\"t\":2,\"w\":0,\"c\":{c},\"e\":\"{event}\"{rest}}}\n")
    }

    fn history(lines: &[String]) -> (ConnectionHistory, Vec<Option<String>>) {
        let (mut history, now) = (ConnectionHistory::default(), Instant::now());
        let told = lines.iter().map(|line| history.take(line, now)).collect();
        (history, told)
    }

    #[test]
    fn a_page_that_opens_later_sees_whole_connections() {
        let lines = [line(0, "server.start", ""), line(1, "conn.open", ""), line(1, "conn.close", "")];
        let (history, _) = history(&lines);
        assert!(history.snapshot().starts_with(&lines[0]));
        assert!(history.snapshot().ends_with(&format!("{}{}", lines[1], lines[2])));
    }

    #[test]
    fn connections_of_the_page_are_counted_and_forgotten() {
        let (history, told) =
            history(&[line(1, "conn.open", ""), line(1, "conn.observer", ""), line(1, "conn.close", "")]);
        assert!(told[1].is_some() && told[2].is_none());
        assert!(!history.snapshot().contains("conn.open"));
        assert!(history.counts().contains("\"connections\":0,\"requests\":0,\"unsampled\":0,\"observers\":1"));
    }

    #[test]
    fn a_connection_that_the_page_uses_later_keeps_what_it_had() {
        let lines =
            ["conn.open", "conn.recv", "resp.head", "conn.observer", "conn.close"].map(|event| line(1, event, ""));
        let (history, told) = history(&lines);
        assert!(told.iter().all(Option::is_some) && history.snapshot().ends_with(&lines.concat()));
        assert!(history.counts().contains("\"connections\":1,\"requests\":1,\"unsampled\":0,\"observers\":0"));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let (mut history, now) = (ConnectionHistory::default(), Instant::now());
        let big = line(1, "conn.recv", &format!(",\"data\":\"{}\"", "x".repeat(100_000)));
        assert!(history.take(&line(1, "conn.open", ""), now).is_some());
        let shown = (0..100).filter(|_| history.take(&big, now).is_some()).count();
        assert_eq!(shown, 11); // the burst is 1 MiB
        assert!(history.take(&line(2, "conn.open", ""), now).is_none());
        let end = history.take(&line(1, "conn.close", ""), now).unwrap();
        assert!(end.contains("\"e\":\"wire.skip\",\"events\":89}") && end.contains("conn.close"), "{end}");
        assert!(history.counts().contains("\"connections\":2,\"requests\":0,\"unsampled\":1"));
        assert!(history.snapshot().len() < CONNECTION_BYTES + 1000);
    }

    #[test]
    fn a_client_of_the_lab_is_shown_also_under_load() {
        let (mut history, now) = (ConnectionHistory::default(), Instant::now());
        history.take(&line(1, "conn.open", ""), now);
        let big = line(1, "conn.recv", &format!(",\"data\":\"{}\"", "x".repeat(100_000)));
        (0..100).for_each(|_| _ = history.take(&big, now));
        assert!(history.take(&line(2, "conn.open", ""), now).is_none());
        assert!(history.take(&line(3, "conn.open", ",\"lab\":true"), now).is_some());
        assert!(history.take(&line(3, "conn.recv", ",\"n\":1"), now).is_some());
        let taken = (0..100).filter(|_| history.take(&big.replace("\"c\":1", "\"c\":3"), now).is_some()).count();
        assert_eq!(taken, 0, "long runs of bytes do not fit");
        let answer = history.take(&line(3, "resp.head", ",\"status\":200"), now).unwrap();
        assert!(answer.contains("\"e\":\"wire.skip\",\"events\":100}") && answer.contains("resp.head"), "{answer}");
        assert!(history.take(&line(3, "lab.got", ",\"n\":1"), now).is_some());
        history.take(&line(2, "conn.observer", ""), now);
        assert!(history.counts().contains("\"connections\":2,\"requests\":1,\"unsampled\":0"), "{}", history.counts());
        let small = line(3, "resp.head", &format!(",\"x\":\"{}\"", "x".repeat(1000)));
        let taken = (0..1000).filter(|_| history.take(&small, now).is_some()).count();
        assert!((100..200).contains(&taken), "{taken}: the reserve has an end");
    }

    #[test]
    fn the_oldest_closed_connections_go_first() {
        let (mut history, now) = (ConnectionHistory::default(), Instant::now());
        for c in 1..=(CONNECTIONS as u64 + 50) {
            history.take(&line(c, "conn.open", ""), now);
            if c > 1 {
                history.take(&line(c, "conn.close", ""), now);
            }
        }
        let snapshot = history.snapshot();
        assert_eq!(snapshot.matches("conn.open").count(), CONNECTIONS);
        assert!(snapshot.contains(&line(1, "conn.open", "")), "it is open");
        assert!(!snapshot.contains(&line(2, "conn.open", "")));
    }

    #[test]
    fn a_loss_is_marked_in_every_open_connection() {
        let lost = "{\"e\":\"probe.drop\",\"events\":7,\"bytes\":0}\n".to_owned();
        let open = |c: u64, fd: u64| line(c, "conn.open", &format!(",\"fd\":{fd}"));
        let (mut history, told) = history(&[open(1, 5), open(2, 6), line(2, "conn.close", ""), lost.clone(), lost]);
        let mark = line(1, "wire.skip", "");
        assert_eq!(told[3], Some(mark.clone()));
        assert_eq!(told[4], None, "the mark is there already");
        assert!(history.snapshot().ends_with(&format!("{mark}{}{}", open(2, 6), line(2, "conn.close", ""))));
        // Its close was lost: another connection has its descriptor now.
        history.take(&open(3, 5), Instant::now());
        let closed = |key| history.connections[&key].closed;
        assert_eq!([closed((0, 1)), closed((0, 3))], [true, false]);
    }

    #[test]
    fn a_notice_of_loss_is_counted_and_no_other_line_breaks_it() {
        let (history, told) = history(&[
            "{\"e\":\"probe.drop\",\"events\":7,\"bytes\":0,\"conns\":2,\"reqs\":3}\n".to_owned(),
            "nonsense\n".to_owned(),
            line(9, "conn.recv", ""),
            line(0, "poll.wake", ""),
        ]);
        assert_eq!(told.iter().flatten().count(), 0);
        assert!(history.counts().contains("\"connections\":2,\"requests\":3,\"unsampled\":2"));
        assert!(history.counts().contains("\"lost\":7"));
    }
}
