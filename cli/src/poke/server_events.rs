//! Describes the events of a server's trace in a few words each; omits those that are not about the
//! request.

use std::time::Duration;

use serde_json::Value;

use super::entry::{Entry, Side};
use crate::escape;

/// The connection that the timeline shows; another client's has a higher number.
const FIRST: u64 = 1;
/// Most characters that are shown of a target.
const TARGET: usize = 40;

/// State of the server's side, from the events so far.
#[derive(Default)]
pub(super) struct ServerEvents {
    /// The bytes received on the first connection; zeros where the trace omitted some.
    received: Vec<u8>,
    /// The last text: a repeated parse attempt is shown once.
    last: String,
}

impl ServerEvents {
    /// Returns the entry for an event; `None` if it is omitted.
    pub(super) fn entry(&mut self, at: Duration, event: &Value) -> Option<Entry> {
        let connection = event["c"].as_u64().filter(|number| *number > 0)?;
        let arrow = match event["e"].as_str()? {
            "conn.recv" => '→',
            "conn.send" | "resp.head" | "conn.half-close" | "req.continue" => '←',
            _ => ' ',
        };
        if connection != FIRST {
            let text = match event["e"].as_str()? {
                "conn.open" => "another connection".to_owned(),
                "resp.head" => format!("response {} on the other connection", event["status"]),
                _ => return None,
            };
            return Some(Entry { at, side: Side::Server, arrow, text, moved: 0 });
        }
        let text = self.connection(event).or_else(|| self.request(event)).or_else(|| response(event))?;
        if text == self.last && event["e"] == "parse.try" {
            return None;
        }
        self.last.clone_from(&text);
        let length = event["n"].as_u64().or_else(|| (event["n"] == "eof").then_some(1));
        let moved = length.map_or(0, |length| length + event["off"].as_u64().unwrap_or(0)) as usize;
        Some(Entry { at, side: Side::Server, arrow, text, moved })
    }

    fn connection(&mut self, event: &Value) -> Option<String> {
        Some(match event["e"].as_str()? {
            "conn.open" => "accept(): a connection".to_owned(),
            "conn.recv" => match event["n"].as_u64() {
                Some(n) => {
                    self.keep(event);
                    format!("recv(): {}", count(n))
                }
                None if event["n"] == "eof" => "recv(): 0, the client closed its side".to_owned(),
                None => return None,
            },
            "conn.send" => match event["n"].as_u64() {
                Some(n) => format!("send(): {n} of {} bytes", event["want"]),
                None => format!("send(): {}", event["n"].as_str().unwrap_or_default().replace('_', " ")),
            },
            "conn.timer" if event["fired"] == true => {
                format!("the deadline passes: {}", event["kind"].as_str().unwrap_or_default())
            }
            "conn.half-close" => "shutdown(): FIN, and reads on".to_owned(),
            "backpressure" => format!("{} bytes wait for the client", event["pending"]),
            "conn.close" => {
                let unread = event["unread"].as_u64().filter(|unread| *unread > 0);
                let reset = unread.map_or(String::new(), |unread| format!("; {unread} bytes unread, so a RST"));
                format!("close(): {}{reset}", why(event))
            }
            _ => return None,
        })
    }

    fn request(&self, event: &Value) -> Option<String> {
        Some(match event["e"].as_str()? {
            "parse.try" if event["result"] == "partial" => {
                format!("head incomplete: {}", count(event["have"].as_u64().unwrap_or_default()))
            }
            "parse.head" => format!("request: {} {}", self.span(event, "method"), self.span(event, "target")),
            "body.plan" if event["plan"] == "length" => format!("body: {} bytes are announced", event["len"]),
            "body.plan" if event["plan"] == "chunked" => "body: in chunks".to_owned(),
            "body.end" => format!("body complete: {} bytes", event["len"]),
            "req.error" => {
                let (text, rfc) =
                    (event["text"].as_str().unwrap_or_default(), event["rfc"].as_str().unwrap_or_default());
                format!("refused, {}: {text} (byte {}, {rfc})", event["status"], event["at"])
            }
            "limit.hit" => format!("limit: {} {}", event["which"].as_str().unwrap_or_default(), event["value"]),
            "rate.limited" => {
                let which = event["which"].as_str().unwrap_or_default();
                format!("rate limit: {which}; again in {} s", event["retry_after"])
            }
            "pipeline" => format!("{} more bytes are here: the next request", event["left_bytes"]),
            _ => return None,
        })
    }

    /// Stores the bytes of a read at their stream offset.
    fn keep(&mut self, event: &Value) {
        let offset = event["off"].as_u64().unwrap_or(0) as usize;
        self.received.resize(offset, 0);
        self.received
            .extend(event["data"].as_str().unwrap_or_default().chars().map(|c| u8::try_from(c).unwrap_or(b'?')));
    }

    /// Returns the bytes of the first span of this kind in a head.
    fn span(&self, event: &Value, kind: &str) -> String {
        let start = event["off"].as_u64().unwrap_or(0) as usize;
        let found = event["spans"].as_array().into_iter().flatten().find(|span| span[2] == kind);
        let place = |span: &Value| Some(start + span[0].as_u64()? as usize..start + span[1].as_u64()? as usize);
        let bytes = found.and_then(place).and_then(|range| self.received.get(range)).unwrap_or_default();
        escape::shortened(bytes, TARGET)
    }
}

/// Returns `1 byte`, `2 bytes`.
fn count(bytes: u64) -> String {
    format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" })
}

fn response(event: &Value) -> Option<String> {
    Some(match event["e"].as_str()? {
        "req.continue" if event["sent"] == true => "response 100: the client waits for it".to_owned(),
        "route.match" => format!("route: {}", event["pattern"].as_str().unwrap_or_default()),
        "route.miss" => match event["allow"].as_str().unwrap_or_default() {
            "" => "route: none with this path".to_owned(),
            allow => format!("route: this path, but only {allow}"),
        },
        "handler.end" => format!("handler: {:.1} ms", event["ns"].as_u64().unwrap_or(0) as f64 / 1e6),
        "resp.head" => format!("response {}", event["status"]),
        "keepalive" if event["keep"] == true => format!("keep: {}", why(event)),
        "keepalive" => format!("close after it: {}", why(event)),
        _ => return None,
    })
}

fn why(event: &Value) -> &str {
    event["why"].as_str().unwrap_or_default()
}
