//! Configures a trace: format, destination, events, limits.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::lab::LabClients;
use super::render_options::RenderOptions;

/// Bytes of each read and write that a terminal shows.
const SHOWN: usize = 1024;
/// Bytes of each of their lines in a summary.
const LINE: usize = 160;
/// Default terminal width; the library does not query the terminal.
const COLUMNS: usize = 80;

/// Traces what happens on the connections: bytes, system calls, states, routes, hooks, and the
/// reason for every decision.
///
/// Passed to [`Server::trace`](crate::Server::trace). Without a trace there is no cost. The server
/// never waits for the reader of a trace: if too many lines are waiting, the oldest are dropped,
/// and the next line reports it. A worker writes at most 16 MiB of lines per second; above that, it
/// skips whole iterations of its loop and reports how many events it skipped. The values of
/// `Authorization`, `Proxy-Authorization`, `Cookie`, `Set-Cookie` and `X-API-Key` are hidden.
///
/// ```no_run
/// use wirelight::{App, Server, Trace};
///
/// let mut app = App::new();
/// app.get("/", |_| "Hello!");
/// Server::bind("127.0.0.1:8000")?.trace(Trace::terminal()).run(app)
/// # as std::io::Result<()>
/// # ;Ok::<(), std::io::Error>(())
/// ```
pub struct Trace {
    pub(super) format: Format,
    pub(super) writer: Box<dyn Write + Send>,
    pub(super) filter: EventFilter,
    pub(super) options: RenderOptions,
    /// Path prefix of the requests whose connections are not traced, in any of the server's traces.
    pub(super) untraced: Option<&'static str>,
    /// Whether a page watches what this trace shows, if it has one.
    pub(super) watched: Option<Arc<AtomicBool>>,
    /// The clients of the wire view's lab.
    pub(super) lab: Option<Arc<LabClients>>,
}

/// Events to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EventFilter {
    /// The events of the summary of a request.
    Summary,
    All,
    /// Events with these names, or with these topics before the dot.
    Topics(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Terminal,
    Json,
}

impl Trace {
    /// Writes text for people to stderr: a summary of about nine lines per request, and the bytes
    /// of each read and write. [`all`](Trace::all) shows every event.
    ///
    /// The time of a connection counts from its accept, and a pause of more than 1 ms has a line of
    /// its own. On a terminal, lines have colors unless `NO_COLOR` is set, and are wrapped at words
    /// to 80 columns; [`columns`](Trace::columns) changes that.
    ///
    /// A stalled reader of stderr blocks other output that the program writes there, such as its
    /// log, but never the server.
    pub fn terminal() -> Trace {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let terminal = io::stderr().is_terminal();
        let (color, columns) = (wanted && terminal, terminal.then_some(COLUMNS));
        let look = RenderOptions {
            color,
            redact: true,
            source_locations: false,
            max_bytes: SHOWN,
            max_line_bytes: LINE,
            columns,
            brief: true,
        };
        Trace {
            format: Format::Terminal,
            writer: Box::new(io::stderr()),
            filter: EventFilter::Summary,
            options: look,
            untraced: None,
            watched: None,
            lab: None,
        }
    }

    /// Writes one JSON object per line (NDJSON) to stdout, with every event and all bytes: the
    /// capture format, schema 1.
    pub fn json() -> Trace {
        let look = RenderOptions {
            color: false,
            redact: true,
            source_locations: false,
            max_bytes: usize::MAX,
            max_line_bytes: usize::MAX,
            columns: None,
            brief: false,
        };
        Trace {
            format: Format::Json,
            writer: Box::new(io::stdout()),
            filter: EventFilter::All,
            options: look,
            untraced: None,
            watched: None,
            lab: None,
        }
    }

    /// Writes to this writer instead, from a thread of its own.
    ///
    /// ```no_run
    /// let record = wirelight::Trace::json().to(std::fs::File::create("wire.ndjson")?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn to(mut self, writer: impl Write + Send + 'static) -> Trace {
        self.writer = Box::new(writer);
        self.color(false).columns(None)
    }

    /// Omits connections from their first request with this path prefix on: what reads a trace must
    /// not add to it. `conn.observer` and `conn.close` remain.
    #[cfg(feature = "wire")]
    pub(crate) fn untraced(mut self, prefix: &'static str) -> Trace {
        self.untraced = Some(prefix);
        self
    }

    /// Writes less while this is false.
    #[cfg(feature = "wire")]
    pub(crate) fn watched(mut self, watched: Arc<AtomicBool>) -> Trace {
        self.watched = Some(watched);
        self
    }

    /// Marks the connections of these clients, and adds what they observe, in all of the server's
    /// traces.
    #[cfg(feature = "wire")]
    pub(crate) fn lab(mut self, clients: Arc<LabClients>) -> Trace {
        self.lab = Some(clients);
        self
    }

    /// Shows every event, including states, timers, hooks, readiness and each wake of the worker.
    ///
    /// ```no_run
    /// let trace = wirelight::Trace::terminal().all();
    /// ```
    #[must_use]
    pub fn all(mut self) -> Trace {
        (self.filter, self.options.brief, self.options.max_line_bytes) = (EventFilter::All, false, usize::MAX);
        self
    }

    /// Shows all events of these topics and no others. A topic is a name of the schema
    /// (`route.match`) or the part before its dot (`conn`, `parse`, `route`). Without topics, shows
    /// every event, as [`all`](Trace::all) does.
    #[must_use]
    pub fn topics<'t>(self, topics: impl IntoIterator<Item = &'t str>) -> Trace {
        let topics: Vec<_> = topics.into_iter().map(str::to_owned).collect();
        let choice = if topics.is_empty() { EventFilter::All } else { EventFilter::Topics(topics) };
        Trace { filter: choice, ..self.all() }
    }

    /// Wraps lines for people at words to this width. With `None`, the default unless the output is
    /// a terminal, lines are not wrapped.
    #[must_use]
    pub fn columns(mut self, columns: Option<usize>) -> Trace {
        self.options.columns = columns;
        self
    }

    /// Shows at most `most` bytes of each read and write. The default is 1,024 on a terminal, with
    /// at most 160 of each of their lines in a summary, and no limit in JSON.
    #[must_use]
    pub fn max_bytes(mut self, most: usize) -> Trace {
        (self.options.max_bytes, self.options.max_line_bytes) = (most, usize::MAX);
        self
    }

    /// Enables or disables colors, whatever the output is.
    #[must_use]
    pub fn color(mut self, color: bool) -> Trace {
        self.options.color = color;
        self
    }

    /// Adds to each event the line of this library that decides it, or else that recorded it.
    ///
    /// ```no_run
    /// let record = wirelight::Trace::json().source_locations(); // … ,"code":"src/net/conn/read.rs:22"}
    /// ```
    #[must_use]
    pub fn source_locations(mut self) -> Trace {
        self.options.source_locations = true;
        self
    }

    /// Shows the values that are hidden by default.
    #[must_use]
    pub fn show_secrets(mut self) -> Trace {
        self.options.redact = false;
        self
    }
}
