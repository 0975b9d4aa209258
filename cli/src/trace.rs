//! `--trace`, `--trace-bytes`, `--trace-src`, `--color` and `--record`: what of the wire is shown, and where; shows nothing itself.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::FileTypeExt;

use wirelight::{Server, Trace};

use super::{Failure, screen};

/// What the topics of `--trace` may be: what stands before the dot of an event's name.
const TOPICS: &[&str] = &[
    "all",
    "backpressure",
    "body",
    "conn",
    "handler",
    "hook",
    "keepalive",
    "limit",
    "parse",
    "pipeline",
    "poll",
    "rate",
    "req",
    "resp",
    "route",
];

/// The options, as they were given.
#[derive(Default)]
pub(super) struct Options {
    /// `--trace`: nothing, `json`, or topics with commas between them.
    pub(super) trace: Option<OsString>,
    pub(super) bytes: Option<OsString>,
    pub(super) color: Option<OsString>,
    pub(super) record: Option<OsString>,
    /// `--trace-src`.
    pub(super) sources: bool,
    /// `--show-secrets`.
    pub(super) secrets: bool,
}

/// The traces that were asked for.
#[derive(Default)]
pub(super) struct Wanted {
    traces: Vec<Trace>,
    /// One of them is for people: it tells what the log would.
    pub(super) for_people: bool,
    /// `--color`: `None` is auto.
    pub(super) color: Option<bool>,
    /// One of them is written to stdout, a line for each event: nothing else may stand there.
    pub(super) take_stdout: bool,
}

impl Wanted {
    pub(super) fn watch(self, server: Server) -> Server {
        self.traces.into_iter().fold(server, Server::trace)
    }
}

impl Options {
    /// Checks the options, and opens the file of `--record`.
    pub(super) fn read(self) -> Result<Wanted, Failure> {
        let idle = [
            ("--trace-bytes", self.bytes.is_some() && self.trace.is_none(), "--trace"),
            ("--show-secrets", self.secrets && self.trace.is_none() && self.record.is_none(), "--trace or --record"),
            ("--trace-src", self.sources && self.trace.is_none() && self.record.is_none(), "--trace or --record"),
        ];
        if let Some((name, _, needed)) = idle.iter().find(|(_, idle, _)| *idle) {
            return Err(Failure::usage(format!("{name} does nothing without {needed}")));
        }
        let mut wanted = Wanted { color: color(self.color)?, ..Wanted::default() };
        let bytes = self.bytes.map(|bytes| number(&bytes)).transpose()?;
        if let Some(trace) = self.trace {
            wanted.take_stdout = trace == "json";
            let trace = match trace.to_str() {
                Some("json") => Trace::json(),
                topics => terminal(topics.unwrap_or("\u{fffd}"), wanted.color)?,
            };
            wanted.for_people = !wanted.take_stdout;
            wanted.traces.push(bytes.into_iter().fold(trace, Trace::bytes));
        }
        if let Some(path) = self.record {
            let recording = Recording::open(path)?;
            wanted.traces.push(Trace::json().to(recording));
        }
        if self.secrets {
            wanted.traces = wanted.traces.into_iter().map(Trace::secrets).collect();
        }
        if self.sources {
            wanted.traces = wanted.traces.into_iter().map(Trace::sources).collect();
        }
        Ok(wanted)
    }
}

/// The file of `--record`.
struct Recording {
    path: OsString,
    /// None: a pipe with a name, which cannot be opened before somebody reads it. The first line waits for them, not the server.
    file: Option<File>,
}

impl Recording {
    fn open(path: OsString) -> Result<Recording, Failure> {
        if std::fs::metadata(&path).is_ok_and(|found| found.file_type().is_fifo()) {
            return Ok(Recording { path, file: None });
        }
        let file = File::create(&path)
            .map_err(|error| Failure::usage(format!("--record cannot write {}: {error}", path.display())))?;
        Ok(Recording { path, file: Some(file) })
    }

    fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(File::options().write(true).open(&self.path)?)),
        }
    }
}

impl Write for Recording {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file()?.flush()
    }
}

fn terminal(topics: &str, color: Option<bool>) -> Result<Trace, Failure> {
    let topics: Vec<_> = topics.split(',').filter(|topic| !topic.is_empty()).collect();
    let known = |topic: &&str| TOPICS.contains(&topic.split('.').next().unwrap_or(topic));
    if let Some(unknown) = topics.iter().find(|topic| !known(topic)) {
        return Err(Failure::usage(format!("--trace knows no {unknown:?}; it knows json, {}", TOPICS.join(", "))));
    }
    // `wirelight --trace | less`: a pipe on stdout and a terminal on stderr mean that the pipe's reader is to have it.
    let piped = !io::stdout().is_terminal() && io::stderr().is_terminal();
    let trace = match piped {
        true => Trace::terminal().to(io::stdout()).columns(screen::columns(&io::stdout())),
        false => Trace::terminal().columns(screen::columns(&io::stderr())),
    };
    let trace = color.into_iter().fold(trace, Trace::color);
    Ok(match &*topics {
        [] => trace,
        topics if topics.contains(&"all") => trace.all(),
        topics => trace.only(topics.iter().copied()),
    })
}

fn color(when: Option<OsString>) -> Result<Option<bool>, Failure> {
    match when.as_ref().map(|when| when.to_str()) {
        None | Some(Some("auto")) => Ok(None),
        Some(Some("always")) => Ok(Some(true)),
        Some(Some("never")) => Ok(Some(false)),
        Some(_) => Err(Failure::usage("--color is auto, always or never")),
    }
}

fn number(bytes: &OsString) -> Result<usize, Failure> {
    match bytes.to_str() {
        Some("all") => Ok(usize::MAX),
        text => text
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Failure::usage("--trace-bytes is a number of bytes, or all")),
    }
}
