//! The settings of a trace: format, destination, events, limits.

use std::io::{self, IsTerminal, Write};

use super::render_options::RenderOptions;

/// Bytes of each read and write that a terminal shows.
const SHOWN: usize = 1024;
/// Bytes of each line of them, in a story.
const LINE: usize = 160;
/// The width of a terminal that the library does not ask.
const COLUMNS: usize = 80;

/// Shows what happens on the wire: bytes, system calls, states, routes, hooks, and the reason for every decision.
///
/// Given to [`Server::trace`](crate::Server::trace). A server without one pays nothing for it. Whoever reads may be as slow as they
/// like: the server never waits for them, and when too much waits the oldest lines go, which the next line says. A worker tells of
/// 16 MiB of lines a second at most; busier than that, it tells of a part of its turns, whole, and how much it left out. The values
/// of `Authorization`, `Proxy-Authorization`, `Cookie`, `Set-Cookie` and `X-API-Key` are hidden.
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
}

/// Which events are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EventFilter {
    /// Those that tell what became of a request.
    Summary,
    All,
    /// Those of these names, or with these names before their dot.
    Topics(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Terminal,
    Json,
}

impl Trace {
    /// For people, to stderr: the story of each request in about nine lines, and the bytes of each read and write. [`all`](Trace::all)
    /// shows every event.
    ///
    /// The clock of a connection counts from its accept, and a pause of more than 1 ms has a line of its own. On a terminal, lines
    /// have colours unless `NO_COLOR` is set, and are wrapped at words to 80 columns; [`columns`](Trace::columns) changes that.
    ///
    /// A reader of stderr that stalls holds up whatever else the program writes there itself, its log for one; the server it does not.
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
        Trace { format: Format::Terminal, writer: Box::new(io::stderr()), filter: EventFilter::Summary, options: look }
    }

    /// One JSON object a line (NDJSON), with every event and all bytes, to stdout: the capture format, schema 1.
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
        Trace { format: Format::Json, writer: Box::new(io::stdout()), filter: EventFilter::All, options: look }
    }

    /// Writes there instead, from a thread of its own.
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

    /// Shows every event: states, timers, hooks, readiness, and each wake of the worker too.
    ///
    /// ```no_run
    /// let trace = wirelight::Trace::terminal().all();
    /// ```
    #[must_use]
    pub fn all(mut self) -> Trace {
        (self.filter, self.options.brief, self.options.max_line_bytes) = (EventFilter::All, false, usize::MAX);
        self
    }

    /// Shows only events of these topics, and all of them: the names of the schema (`route.match`) or the part before their dot
    /// (`conn`, `parse`, `route`). Without a topic it is every event, as after [`all`](Trace::all).
    #[must_use]
    pub fn topics<'t>(self, topics: impl IntoIterator<Item = &'t str>) -> Trace {
        let topics: Vec<_> = topics.into_iter().map(str::to_owned).collect();
        let choice = if topics.is_empty() { EventFilter::All } else { EventFilter::Topics(topics) };
        Trace { filter: choice, ..self.all() }
    }

    /// Wraps lines for people at words, to this width. `None`: they are not wrapped, which is the default where they do not go to a
    /// terminal.
    #[must_use]
    pub fn columns(mut self, columns: Option<usize>) -> Trace {
        self.options.columns = columns;
        self
    }

    /// Shows at most `most` bytes of each read and write. Without a call it is 1,024 on a terminal, in a story 160 of each of their
    /// lines, and all in JSON.
    #[must_use]
    pub fn max_bytes(mut self, most: usize) -> Trace {
        (self.options.max_bytes, self.options.max_line_bytes) = (most, usize::MAX);
        self
    }

    /// With colours or without, whatever the reader is.
    #[must_use]
    pub fn color(mut self, color: bool) -> Trace {
        self.options.color = color;
        self
    }

    /// Shows with each event which line of this library told it, to read on there: a line more to write, so only if asked.
    ///
    /// ```no_run
    /// let record = wirelight::Trace::json().source_locations(); // … ,"code":"src/net/conn/read.rs:22"}
    /// ```
    #[must_use]
    pub fn source_locations(mut self) -> Trace {
        self.options.source_locations = true;
        self
    }

    /// Shows the values that are hidden otherwise.
    #[must_use]
    pub fn show_secrets(mut self) -> Trace {
        self.options.redact = false;
        self
    }
}
