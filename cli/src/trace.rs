//! Turns `--trace`, `--trace-bytes`, `--trace-src`, `--color` and `--record` into traces for the
//! server.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::unix::fs::FileTypeExt;

use wirelight::{Server, Trace};

use super::failure::Failure;
use super::output;

/// The topics of `--trace`: the part before the dot of an event's name.
const TOPICS: &[&str] = &[
    "all",
    "backpressure",
    "body",
    "conn",
    "handler",
    "hook",
    "keepalive",
    "lab",
    "limit",
    "parse",
    "pipeline",
    "poll",
    "rate",
    "req",
    "resp",
    "route",
];

/// The options as given.
#[derive(Default)]
pub(super) struct TraceOptions {
    /// `--trace`: empty, `json`, or topics separated by commas.
    pub(super) trace: Option<OsString>,
    pub(super) bytes: Option<OsString>,
    pub(super) color: Option<OsString>,
    pub(super) record: Option<OsString>,
    /// `--trace-src`.
    pub(super) sources: bool,
    /// `--show-secrets`.
    pub(super) secrets: bool,
}

/// The requested traces.
#[derive(Default)]
pub(super) struct Traces {
    traces: Vec<Trace>,
    /// Whether one of them is text for a terminal, which replaces the log.
    pub(super) on_terminal: bool,
    /// `--color`; `None` is auto.
    pub(super) color: Option<bool>,
    /// Whether one of them is JSON on stdout: nothing else may be printed there.
    pub(super) json_on_stdout: bool,
}

impl Traces {
    pub(super) fn attach(self, server: Server) -> Server {
        self.traces.into_iter().fold(server, Server::trace)
    }
}

impl TraceOptions {
    /// Checks the options and opens the file of `--record`.
    pub(super) fn open(self) -> Result<Traces, Failure> {
        let unused = [
            ("--trace-bytes", self.bytes.is_some() && self.trace.is_none(), "--trace"),
            ("--show-secrets", self.secrets && self.trace.is_none() && self.record.is_none(), "--trace or --record"),
            ("--trace-src", self.sources && self.trace.is_none() && self.record.is_none(), "--trace or --record"),
        ];
        if let Some((name, _, needed)) = unused.iter().find(|(_, unused, _)| *unused) {
            return Err(Failure::usage(format!("{name} has no effect without {needed}")));
        }
        let mut traces = Traces { color: color(self.color)?, ..Traces::default() };
        let bytes = self.bytes.map(|bytes| number(&bytes)).transpose()?;
        if let Some(trace) = self.trace {
            traces.json_on_stdout = trace == "json";
            let trace = match trace.to_str() {
                Some("json") => Trace::json(),
                topics => terminal(topics.unwrap_or("\u{fffd}"), traces.color)?,
            };
            traces.on_terminal = !traces.json_on_stdout;
            traces.traces.push(bytes.into_iter().fold(trace, Trace::max_bytes));
        }
        if let Some(path) = self.record {
            let recording = Recording::open(path)?;
            traces.traces.push(Trace::json().to(recording));
        }
        if self.secrets {
            traces.traces = traces.traces.into_iter().map(Trace::show_secrets).collect();
        }
        if self.sources {
            traces.traces = traces.traces.into_iter().map(Trace::source_locations).collect();
        }
        Ok(traces)
    }
}

/// The file of `--record`.
struct Recording {
    path: OsString,
    /// `None` for a named pipe until the first write: opening it blocks until it has a reader.
    file: Option<File>,
}

impl Recording {
    fn open(path: OsString) -> Result<Recording, Failure> {
        if std::fs::metadata(&path).is_ok_and(|found| found.file_type().is_fifo()) {
            return Ok(Recording { path, file: None });
        }
        let file = create(&path)
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

/// Creates the file of `--record`. After a restart the predecessor still writes to `path`, and
/// numbers its connections alike: the successor records to the first of `path.1`, `path.2`, … that
/// does not exist.
fn create(path: &OsString) -> io::Result<File> {
    let is_successor = std::env::var_os("WIRELIGHT_FDS").is_some();
    if !is_successor || !std::fs::metadata(path).is_ok_and(|found| found.is_file()) {
        return File::create(path);
    }
    let mut numbers = 1..u32::MAX;
    loop {
        let mut numbered = path.clone();
        numbered.push(format!(".{}", numbers.next().ok_or(ErrorKind::AlreadyExists)?));
        match File::create_new(numbered) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created,
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
        return Err(Failure::usage(format!("--trace has no topic {unknown:?}; it has json, {}", TOPICS.join(", "))));
    }
    // `wirelight --trace | less`: if stdout alone is a pipe, the trace is for its reader.
    let piped = !io::stdout().is_terminal() && io::stderr().is_terminal();
    let trace = match piped {
        true => Trace::terminal().to(io::stdout()).columns(output::columns(&io::stdout())),
        false => Trace::terminal().columns(output::columns(&io::stderr())),
    };
    let trace = color.into_iter().fold(trace, Trace::color);
    Ok(match &*topics {
        [] => trace,
        topics if topics.contains(&"all") => trace.all(),
        topics => trace.topics(topics.iter().copied()),
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
