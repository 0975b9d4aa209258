//! A capture file (NDJSON, schema 1) as connections with their bytes and times; any bytes in it end in data or in a sentence.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;

use serde_json::Value;

use super::Failure;

/// The bytes of all connections are kept in memory: more than this is a job for tcpdump.
const MOST_BYTES: u64 = 512 * 1024 * 1024;
/// The longest line is a write, as much as a socket takes at once; a byte of it takes six at most.
const MOST_LINE: u64 = 64 * 1024 * 1024;

/// What was recorded.
#[derive(Default)]
pub(super) struct Capture {
    /// When the server began, in nanoseconds since 1970.
    pub(super) began: u64,
    pub(super) connections: BTreeMap<Number, Connection>,
    /// Events that the trace lost, by its own count.
    pub(super) lost: u64,
    /// The last line is not all there: whoever wrote it was stopped.
    pub(super) broken_off: bool,
}

/// Which connection: each worker counts its own from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    worker: u64,
    connection: u64,
}

/// As the trace in a terminal has it.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.worker {
            0 => write!(f, "{}", self.connection),
            worker => write!(f, "{worker}.{}", self.connection),
        }
    }
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
    /// Whether the client closed first.
    pub(super) by_client: bool,
    pub(super) transfers: Vec<Transfer>,
    /// What the parser said, in order.
    pub(super) parsed: Vec<Parsed>,
    /// Bytes that went either way and were not recorded.
    pub(super) missing: u64,
    /// Of each direction: the offsets at which its transfers end, and their times.
    received: Vec<(u64, u64)>,
    sent: Vec<(u64, u64)>,
}

/// Bytes that one call moved.
pub(super) struct Transfer {
    pub(super) from_client: bool,
    pub(super) time: u64,
    /// In the stream of its direction.
    pub(super) offset: u64,
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

/// Reads the capture in a file, `-` being the standard input.
pub(super) fn open(file: &OsString) -> Result<Capture, Failure> {
    let cannot = |error| Failure::usage(format!("cannot read {}: {error}", file.display()));
    let reader: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(File::open(file).map_err(cannot)?),
    };
    read(BufReader::new(reader.take(MOST_BYTES + 1)), cannot)
}

/// Reads a capture line by line. Events of unknown names are passed over: the schema grows.
pub(super) fn read(mut reader: impl BufRead, cannot: impl Fn(std::io::Error) -> Failure) -> Result<Capture, Failure> {
    let (mut capture, mut line, mut bytes, mut events) = (Capture::default(), Vec::new(), 0, 0);
    for number in 1.. {
        line.clear();
        bytes += reader.by_ref().take(MOST_LINE + 1).read_until(b'\n', &mut line).map_err(&cannot)? as u64;
        if line.len() as u64 > MOST_LINE {
            return Err(Failure::runtime(format!("line {number} of the capture is longer than any that was recorded")));
        }
        if bytes > MOST_BYTES {
            return Err(Failure::usage(format!("the capture is larger than {MOST_BYTES} bytes")));
        }
        if line.is_empty() {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |why: &str| Failure::runtime(format!("line {number} of the capture {why}"));
        let event: Value = match serde_json::from_slice(&line) {
            Ok(event) => event,
            Err(_) if events > 0 && !line.ends_with(b"\n") => {
                capture.broken_off = true;
                break;
            }
            Err(error) => return Err(wrong(&format!("is no JSON: {error}"))),
        };
        let name = event["e"].as_str().ok_or_else(|| wrong("is no event: it has no name in \"e\""))?;
        capture.note(name, &event).ok_or_else(|| wrong(&format!("has a {name} without all that belongs to it")))?;
        events += 1;
    }
    Ok(capture)
}

impl Capture {
    fn note(&mut self, name: &str, event: &Value) -> Option<()> {
        match name {
            "server.start" => self.began = event["unix_ns"].as_u64()?,
            "probe.drop" => self.lost = self.lost.saturating_add(event["events"].as_u64()?),
            _ if Connection::KNOWN.contains(&name) => {
                let number = Number { worker: event["w"].as_u64().unwrap_or(0), connection: event["c"].as_u64()? };
                self.connections.entry(number).or_default().note(name, event, event["t"].as_u64()?)?;
            }
            _ => {}
        }
        Some(())
    }

    /// What is not in it, for whoever reads what was made of it; none: it is whole.
    pub(super) fn gaps(&self) -> Option<String> {
        let lost = (self.lost > 0).then(|| format!("{} events were lost while it was recorded", self.lost));
        let broken = self.broken_off.then(|| "its last line broke off".to_owned());
        let gaps: Vec<_> = lost.into_iter().chain(broken).collect();
        (!gaps.is_empty()).then(|| format!("The capture is not whole: {}.", gaps.join(", ")))
    }
}

impl Connection {
    const KNOWN: [&str; 7] =
        ["conn.open", "conn.recv", "conn.send", "conn.close", "parse.head", "body.end", "req.error"];

    fn note(&mut self, name: &str, event: &Value, time: u64) -> Option<()> {
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
                self.how = event["how"].as_str()?.to_owned();
                self.by_client = event["by"] == "client";
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

    /// Offsets never start again: what lies between two of them was lost.
    fn transfer(&mut self, from_client: bool, time: u64, n: u64, offset: Option<u64>, bytes: Vec<u8>) {
        let ends = if from_client { &mut self.received } else { &mut self.sent };
        let behind = ends.last().map_or(0, |(end, _)| *end);
        let offset = offset.unwrap_or(behind).max(behind);
        let lost = (offset - behind).saturating_add(n.saturating_sub(bytes.len() as u64));
        ends.push((offset.saturating_add(n.max(bytes.len() as u64)), time));
        self.missing = self.missing.saturating_add(lost);
        self.transfers.push(Transfer { from_client, time, offset, bytes });
    }

    /// All bytes of one direction.
    pub(super) fn stream(&self, from_client: bool) -> Vec<u8> {
        let own = self.transfers.iter().filter(|transfer| transfer.from_client == from_client);
        own.flat_map(|transfer| transfer.bytes.iter().copied()).collect()
    }

    /// When the byte at this offset of one direction came or went.
    pub(super) fn time_of(&self, from_client: bool, offset: usize) -> u64 {
        let ends = if from_client { &self.received } else { &self.sent };
        let place = ends.partition_point(|(end, _)| *end <= offset as u64);
        ends.get(place).or(ends.last()).map_or(self.opened, |(_, time)| *time)
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
