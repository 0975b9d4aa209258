//! Reads a capture file (NDJSON, schema 1) into connections with their bytes and times.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;

use serde_json::Value;

use super::failure::Failure;

/// Largest capture in bytes: all of it is kept in memory.
const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Longest line in bytes. It is a write, in which JSON takes up to six bytes for one.
const MAX_LINE: u64 = 64 * 1024 * 1024;

/// A recorded trace.
#[derive(Default)]
pub(super) struct Capture {
    /// When the server started, in nanoseconds since 1970.
    pub(super) started: u64,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    /// Events that the trace dropped, by its own count.
    pub(super) lost: u64,
    /// Whether the last line is incomplete, because the writer was stopped.
    pub(super) truncated: bool,
}

/// Identifies a connection: each worker numbers its own from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionId {
    worker: u64,
    connection: u64,
}

/// Formats it as the terminal trace does.
impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.worker {
            0 => write!(f, "{}", self.connection),
            worker => write!(f, "{worker}.{}", self.connection),
        }
    }
}

/// A connection.
#[derive(Default)]
pub(super) struct Connection {
    pub(super) peer: Option<SocketAddr>,
    pub(super) local: Option<SocketAddr>,
    /// Nanoseconds after the server started.
    pub(super) opened: u64,
    pub(super) closed: Option<u64>,
    pub(super) close_kind: String,
    /// Whether the client closed first.
    pub(super) by_client: bool,
    pub(super) transfers: Vec<Transfer>,
    /// The parser's events, in order.
    pub(super) events: Vec<ParserEvent>,
    /// Bytes in either direction that were not recorded.
    pub(super) missing: u64,
    /// End offset and time of each transfer, by direction.
    received: Vec<(u64, u64)>,
    sent: Vec<(u64, u64)>,
}

/// The bytes of one read or write.
pub(super) struct Transfer {
    pub(super) from_client: bool,
    pub(super) time: u64,
    /// Offset in the stream of its direction.
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

/// An event of the parser that depends on the bytes only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ParserEvent {
    /// Stream offset; start, end and kind of each span.
    Head(u64, Vec<(u64, u64, String)>),
    /// Decoded length of a body.
    Body(u64),
    /// Stream offset and fault.
    Error(u64, String),
}

/// Reads the capture in a file; `-` is the standard input.
pub(super) fn open(file: &OsString) -> Result<Capture, Failure> {
    let cannot = |error| Failure::usage(format!("cannot read {}: {error}", file.display()));
    let reader: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(File::open(file).map_err(cannot)?),
    };
    read(BufReader::new(reader.take(MAX_BYTES + 1)), cannot)
}

/// Reads a capture line by line. Ignores events with unknown names, because the schema grows.
pub(super) fn read(mut reader: impl BufRead, cannot: impl Fn(std::io::Error) -> Failure) -> Result<Capture, Failure> {
    let (mut capture, mut line, mut bytes, mut events) = (Capture::default(), Vec::new(), 0, 0);
    for number in 1.. {
        line.clear();
        bytes += reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line).map_err(&cannot)? as u64;
        if line.len() as u64 > MAX_LINE {
            return Err(Failure::runtime(format!("line {number} of the capture is longer than {MAX_LINE} bytes")));
        }
        if bytes > MAX_BYTES {
            return Err(Failure::usage(format!("the capture is larger than {MAX_BYTES} bytes")));
        }
        if line.is_empty() {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let invalid = |why: &str| Failure::runtime(format!("line {number} of the capture {why}"));
        let event: Value = match serde_json::from_slice(&line) {
            Ok(event) => event,
            Err(_) if events > 0 && !line.ends_with(b"\n") => {
                capture.truncated = true;
                break;
            }
            Err(error) => return Err(invalid(&format!("is not JSON: {error}; `wirelight --record FILE` writes one"))),
        };
        let name = event["e"].as_str().ok_or_else(|| invalid("is not an event: it has no \"e\""))?;
        capture.record(name, &event).ok_or_else(|| invalid(&format!("has an incomplete {name}")))?;
        events += 1;
    }
    Ok(capture)
}

impl Capture {
    fn record(&mut self, name: &str, event: &Value) -> Option<()> {
        match name {
            "server.start" => self.started = event["unix_ns"].as_u64()?,
            "probe.drop" => self.lost = self.lost.saturating_add(event["events"].as_u64()?),
            _ if Connection::KNOWN.contains(&name) => {
                let number =
                    ConnectionId { worker: event["w"].as_u64().unwrap_or(0), connection: event["c"].as_u64()? };
                self.connections.entry(number).or_default().record(name, event, event["t"].as_u64()?)?;
            }
            _ => {}
        }
        Some(())
    }

    /// Describes what is missing; `None` if the capture is complete.
    pub(super) fn gaps(&self) -> Option<String> {
        let lost = (self.lost > 0).then(|| format!("{} events were dropped while it was recorded", self.lost));
        let broken = self.truncated.then(|| "its last line is incomplete".to_owned());
        let gaps: Vec<_> = lost.into_iter().chain(broken).collect();
        (!gaps.is_empty()).then(|| format!("The capture is incomplete: {}.", gaps.join(", ")))
    }
}

impl Connection {
    const KNOWN: [&str; 7] =
        ["conn.open", "conn.recv", "conn.send", "conn.close", "parse.head", "body.end", "req.error"];

    fn record(&mut self, name: &str, event: &Value, time: u64) -> Option<()> {
        match name {
            "conn.open" => {
                self.opened = time;
                (self.peer, self.local) = (address(&event["peer"]), address(&event["local"]));
            }
            "conn.recv" | "conn.send" if event["n"].is_u64() => {
                let bytes = data(event["data"].as_str().unwrap_or_default())?;
                self.transfer(name == "conn.recv", time, event["n"].as_u64()?, event["off"].as_u64(), bytes);
            }
            "conn.close" => {
                self.closed = Some(time);
                self.close_kind = event["how"].as_str()?.to_owned();
                self.by_client = event["by"] == "client";
            }
            "parse.head" => {
                let spans = event["spans"].as_array()?.iter().map(span).collect::<Option<_>>()?;
                self.events.push(ParserEvent::Head(event["off"].as_u64()?, spans));
            }
            "body.end" => self.events.push(ParserEvent::Body(event["len"].as_u64()?)),
            "req.error" => {
                self.events.push(ParserEvent::Error(event["at"].as_u64()?, event["kind"].as_str()?.to_owned()))
            }
            _ => {}
        }
        Some(())
    }

    /// Offsets only grow, so a gap between two transfers was not recorded.
    fn transfer(&mut self, from_client: bool, time: u64, n: u64, offset: Option<u64>, bytes: Vec<u8>) {
        let ends = if from_client { &mut self.received } else { &mut self.sent };
        let end = ends.last().map_or(0, |(end, _)| *end);
        let offset = offset.unwrap_or(end).max(end);
        let lost = (offset - end).saturating_add(n.saturating_sub(bytes.len() as u64));
        ends.push((offset.saturating_add(n.max(bytes.len() as u64)), time));
        self.missing = self.missing.saturating_add(lost);
        self.transfers.push(Transfer { from_client, time, offset, bytes });
    }

    /// Returns all bytes of one direction.
    pub(super) fn stream(&self, from_client: bool) -> Vec<u8> {
        let own = self.transfers.iter().filter(|transfer| transfer.from_client == from_client);
        own.flat_map(|transfer| transfer.bytes.iter().copied()).collect()
    }

    /// Returns when the byte at this offset of one direction was transferred.
    pub(super) fn time_of(&self, from_client: bool, offset: usize) -> u64 {
        let ends = if from_client { &self.received } else { &self.sent };
        let place = ends.partition_point(|(end, _)| *end <= offset as u64);
        ends.get(place).or(ends.last()).map_or(self.opened, |(_, time)| *time)
    }
}

/// Decodes text in which each character stands for the byte of the same number.
fn data(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

fn address(text: &Value) -> Option<SocketAddr> {
    text.as_str()?.parse().ok()
}

fn span(span: &Value) -> Option<(u64, u64, String)> {
    Some((span[0].as_u64()?, span[1].as_u64()?, span[2].as_str()?.to_owned()))
}
