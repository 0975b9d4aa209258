//! A capture file (NDJSON, schema 1) as connections with their bytes and times; any bytes in it end in data or in a sentence.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use super::Failure;

/// What was recorded.
#[derive(Default)]
pub(super) struct Capture {
    /// When the server began, in nanoseconds since 1970.
    pub(super) began: u64,
    /// By their numbers.
    pub(super) connections: BTreeMap<u64, Connection>,
}

/// One connection.
#[derive(Default)]
pub(super) struct Connection {
    pub(super) peer: Option<SocketAddr>,
    pub(super) local: Option<SocketAddr>,
    /// Nanoseconds after the server began.
    pub(super) opened: u64,
    pub(super) closed: Option<u64>,
    pub(super) how: String,
    pub(super) transfers: Vec<Transfer>,
    /// What the parser said, in order.
    pub(super) parsed: Vec<Parsed>,
    /// Bytes that went either way and were not recorded.
    pub(super) missing: u64,
}

/// Bytes that one call moved.
pub(super) struct Transfer {
    pub(super) from_client: bool,
    pub(super) time: u64,
    pub(super) bytes: Vec<u8>,
}

/// An event of the parser's, as far as the bytes alone decide it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Stream offset; start, end and kind of each span.
    Head(u64, Vec<(u64, u64, String)>),
    /// Decoded length of a body.
    Body(u64),
    /// Stream offset and fault.
    Error(u64, String),
}

/// Reads a capture. Events of unknown names are passed over: the schema grows.
pub(super) fn read(bytes: &[u8]) -> Result<Capture, Failure> {
    let mut capture = Capture::default();
    for (index, line) in
        bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty())
    {
        let wrong = |why: &str| Failure::runtime(format!("line {} of the capture {why}", index + 1));
        let event: Value = serde_json::from_slice(line).map_err(|error| wrong(&format!("is no JSON: {error}")))?;
        let name = event["e"].as_str().ok_or_else(|| wrong("is no event: it has no name in \"e\""))?;
        capture.note(name, &event).ok_or_else(|| wrong(&format!("has a {name} without all that belongs to it")))?;
    }
    Ok(capture)
}

impl Capture {
    fn note(&mut self, name: &str, event: &Value) -> Option<()> {
        if name == "server.start" {
            self.began = event["unix_ns"].as_u64()?;
            return Some(());
        }
        let number = event["c"].as_u64()?;
        let time = event["t"].as_u64()?;
        if number == 0 {
            return Some(()); // the server itself: nothing of it is shown
        }
        self.connections.entry(number).or_default().note(name, event, time)
    }
}

impl Connection {
    fn note(&mut self, name: &str, event: &Value, time: u64) -> Option<()> {
        match name {
            "conn.open" => {
                self.opened = time;
                (self.peer, self.local) = (address(&event["peer"]), address(&event["local"]));
            }
            "conn.recv" | "conn.send" if event["n"].is_u64() => {
                let bytes = data(event["data"].as_str().unwrap_or_default())?;
                self.missing += event["n"].as_u64()?.saturating_sub(bytes.len() as u64);
                self.transfers.push(Transfer { from_client: name == "conn.recv", time, bytes });
            }
            "conn.close" => {
                self.closed = Some(time);
                self.how = event["how"].as_str()?.to_owned();
            }
            "parse.head" => {
                let spans = event["spans"].as_array()?.iter().map(span).collect::<Option<_>>()?;
                self.parsed.push(Parsed::Head(event["off"].as_u64()?, spans));
            }
            "body.end" => self.parsed.push(Parsed::Body(event["len"].as_u64()?)),
            "req.error" => self.parsed.push(Parsed::Error(event["at"].as_u64()?, event["kind"].as_str()?.to_owned())),
            _ => {}
        }
        Some(())
    }

    /// All bytes of one direction.
    pub(super) fn stream(&self, from_client: bool) -> Vec<u8> {
        let own = self.transfers.iter().filter(|transfer| transfer.from_client == from_client);
        own.flat_map(|transfer| transfer.bytes.iter().copied()).collect()
    }

    /// When the byte at this offset of one direction came or went.
    pub(super) fn time_of(&self, from_client: bool, offset: usize) -> u64 {
        let mut behind = 0;
        let mut own = self.transfers.iter().filter(|transfer| transfer.from_client == from_client);
        let found = own.find(|transfer| {
            behind += transfer.bytes.len();
            behind > offset
        });
        found.or(self.transfers.last()).map_or(self.opened, |transfer| transfer.time)
    }
}

/// A character of the file is the byte of the same number; above 255 there is none.
fn data(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

fn address(text: &Value) -> Option<SocketAddr> {
    text.as_str()?.parse().ok()
}

fn span(span: &Value) -> Option<(u64, u64, String)> {
    Some((span[0].as_u64()?, span[1].as_u64()?, span[2].as_str()?.to_owned()))
}
