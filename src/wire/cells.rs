//! Keeps the state of every open connection, one cell each, also of those that the page does not
//! show whole: what a server under load does.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Cells that a page draws. Of more connections, it gets every second, third, …
const SHOWN: usize = 512;
/// Cells that are kept. Further connections are only counted.
const KEPT: usize = 65_536;

/// A connection: worker and number.
pub(super) type Key = (u64, u64);

/// What a connection does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Activity {
    /// It has sent nothing yet.
    #[default]
    Silent,
    /// It waits for the next request.
    Idle,
    Head,
    Body,
    /// The request is here, and its response is being made.
    Answering,
    /// The response has begun, and its body follows.
    Sending,
    /// The client takes the response more slowly than it is made.
    Blocked,
    Refused,
    Closing,
}

/// One open connection.
#[derive(Default)]
struct Cell {
    activity: Activity,
    requests: u64,
    /// The client's port.
    port: u16,
}

/// The open connections, in the order of worker and accept.
#[derive(Default)]
pub(super) struct Cells {
    cells: BTreeMap<Key, Cell>,
    /// Open connections without a cell.
    more: u64,
}

impl Cells {
    /// Takes an event of a connection.
    pub(super) fn take(&mut self, key: Key, event: &str, line: &str) {
        match event {
            "conn.open" if self.cells.len() >= KEPT => self.more += 1,
            "conn.open" => _ = self.cells.insert(key, Cell { port: port(line), ..Cell::default() }),
            "conn.close" | "conn.observer" => self.remove(key),
            "conn.state" | "backpressure" | "resp.head" | "conn.half-close" => {
                if let Some(cell) = self.cells.get_mut(&key) {
                    cell.take(event, line);
                }
            }
            _ => {}
        }
    }

    fn remove(&mut self, key: Key) {
        if self.cells.remove(&key).is_none() {
            self.more = self.more.saturating_sub(1);
        }
    }

    /// Returns the cells that a page draws, as the members `open`, `every` and `cells` of a JSON
    /// object: each cell has worker, connection, activity and requests. `asks` is the port of the
    /// page that asks: the trace does not yet know that this connection is the page's.
    pub(super) fn json(&self, asks: u16) -> String {
        let cells = || self.cells.iter().filter(|(_, cell)| cell.port != asks || asks == 0);
        let count = cells().count();
        let every = count.div_ceil(SHOWN).max(1);
        let open = count as u64 + self.more;
        let mut text = format!("\"open\":{open},\"every\":{every},\"cells\":[");
        for (place, ((w, c), Cell { activity, requests, .. })) in cells().step_by(every).enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let _ = write!(text, "{comma}[{w},{c},\"{}\",{requests}]", activity.name());
        }
        text.push(']');
        text
    }
}

impl Cell {
    fn take(&mut self, event: &str, line: &str) {
        let to = || line.split_once("\"to\":\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
        self.activity = match event {
            "backpressure" => Activity::Blocked,
            "conn.half-close" => Activity::Closing,
            "resp.head" => {
                self.requests += 1;
                self.activity
            }
            _ => match to() {
                // Both sides return to the beginning: the server's after the client's.
                "recv.Idle" | "send.Idle" => Activity::Idle,
                "recv.Head" => Activity::Head,
                "recv.Body" => Activity::Body,
                "recv.Done" => Activity::Answering,
                "recv.Failed" => Activity::Refused,
                "send.Body" => Activity::Sending,
                "recv.Closed" | "send.Closed" => Activity::Closing,
                _ => self.activity,
            },
        };
    }
}

impl Activity {
    fn name(self) -> &'static str {
        match self {
            Activity::Silent => "silent",
            Activity::Idle => "idle",
            Activity::Head => "head",
            Activity::Body => "body",
            Activity::Answering => "answering",
            Activity::Sending => "sending",
            Activity::Blocked => "blocked",
            Activity::Refused => "refused",
            Activity::Closing => "closing",
        }
    }
}

/// Returns the port of the client that a `conn.open` names; 0 if it names none.
fn port(line: &str) -> u16 {
    let peer = line.split_once("\"peer\":\"").and_then(|(_, rest)| rest.split('"').next());
    peer.and_then(|peer| peer.rsplit(':').next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `events` as connection `c`: the name, and for `conn.state` the state that it leads to.
    fn take(cells: &mut Cells, c: u64, events: &[&str]) {
        for event in events {
            match event.split_once(' ') {
                Some((event, to)) => cells.take((0, c), event, &format!("{{\"to\":\"{to}\"}}")),
                None => cells.take((0, c), event, ""),
            }
        }
    }

    #[test]
    fn a_cell_follows_its_connection() {
        let head = ["conn.open", "conn.state recv.Head"];
        let body = [&head[..], &["conn.state send.Respond", "conn.state recv.Body"]].concat();
        let answer = [&body[..], &["conn.state recv.Done", "resp.head"]].concat();
        let sending = [&answer[..], &["conn.state send.Body"]].concat();
        let idle = [&sending[..], &["conn.state send.Done", "conn.state recv.Idle", "conn.state send.Idle"]].concat();
        for (events, cell) in [
            (head[..1].to_vec(), r#"[0,1,"silent",0]"#),
            (head.to_vec(), r#"[0,1,"head",0]"#),
            (body.clone(), r#"[0,1,"body",0]"#),
            (answer.clone(), r#"[0,1,"answering",1]"#),
            (sending.clone(), r#"[0,1,"sending",1]"#),
            ([&sending[..], &["backpressure"]].concat(), r#"[0,1,"blocked",1]"#),
            (idle.clone(), r#"[0,1,"idle",1]"#),
            ([&idle[..], &idle[1..]].concat(), r#"[0,1,"idle",2]"#),
            ([&head[..], &["conn.state recv.Failed"]].concat(), r#"[0,1,"refused",0]"#),
            ([&answer[..], &["conn.half-close"]].concat(), r#"[0,1,"closing",1]"#),
            ([&answer[..], &["conn.close"]].concat(), ""),
            (vec!["conn.open", "conn.observer"], ""),
        ] {
            let mut cells = Cells::default();
            take(&mut cells, 1, &events);
            let open = u8::from(!cell.is_empty());
            assert_eq!(cells.json(0), format!("\"open\":{open},\"every\":1,\"cells\":[{cell}]"), "{events:?}");
        }
    }

    #[test]
    fn the_connection_of_the_page_that_asks_has_no_cell() {
        let mut cells = Cells::default();
        for (c, port) in [(1, 4001), (2, 4002)] {
            cells.take((0, c), "conn.open", &format!("{{\"peer\":\"127.0.0.1:{port}\",\"local\":\"127.0.0.1:80\"}}"));
        }
        assert_eq!(cells.json(4002), "\"open\":1,\"every\":1,\"cells\":[[0,1,\"silent\",0]]");
    }

    #[test]
    fn of_many_connections_every_nth_is_shown_and_all_are_counted() {
        for (connections, every, shown) in [(512, 1, 512), (513, 2, 257), (10_000, 20, 500), (70_000, 128, 512)] {
            let mut cells = Cells::default();
            (1..=connections).for_each(|c| take(&mut cells, c, &["conn.open"]));
            let json = cells.json(0);
            assert!(json.starts_with(&format!("\"open\":{connections},\"every\":{every},")), "{json:.60}");
            assert_eq!(json.matches("silent").count(), shown);
            (1..=connections).for_each(|c| take(&mut cells, c, &["conn.close"]));
            assert_eq!(cells.json(0), "\"open\":0,\"every\":1,\"cells\":[]");
        }
    }
}
