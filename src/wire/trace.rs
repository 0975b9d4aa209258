//! Who hears of the wire, in which form and how much of it: the settings of a trace; what is told is decided elsewhere.

use std::io::{self, IsTerminal, Write};

use super::terminal::Look;

/// Bytes of each read and write that a terminal shows.
const SHOWN: usize = 1024;

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
    pub(super) form: Form,
    pub(super) to: Box<dyn Write + Send>,
    pub(super) topics: Vec<String>,
    pub(super) look: Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Terminal,
    Json,
}

impl Trace {
    /// One aligned line for each event, for people, to stderr; in colour when that is a terminal and `NO_COLOR` is not set.
    ///
    /// A reader of stderr that stalls holds up whatever else the program writes there itself, its log for one; the server it does not.
    pub fn terminal() -> Trace {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let color = wanted && io::stderr().is_terminal();
        let look = Look { color, hide: true, sources: false, most: SHOWN };
        Trace { form: Form::Terminal, to: Box::new(io::stderr()), topics: Vec::new(), look }
    }

    /// One JSON object a line (NDJSON), with all bytes, to stdout: the capture format, schema 1.
    pub fn json() -> Trace {
        let look = Look { color: false, hide: true, sources: false, most: usize::MAX };
        Trace { form: Form::Json, to: Box::new(io::stdout()), topics: Vec::new(), look }
    }

    /// Writes there instead, from a thread of its own.
    ///
    /// ```no_run
    /// let record = wirelight::Trace::json().to(std::fs::File::create("wire.ndjson")?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn to(mut self, writer: impl Write + Send + 'static) -> Trace {
        self.to = Box::new(writer);
        self.color(false)
    }

    /// Only events of these topics: the names of the schema (`route.try`) or what stands before their dot (`conn`, `parse`,
    /// `route`). Without a call a terminal leaves out `poll`.
    #[must_use]
    pub fn only<'t>(mut self, topics: impl IntoIterator<Item = &'t str>) -> Trace {
        self.topics = topics.into_iter().map(str::to_owned).collect();
        self
    }

    /// Shows so many bytes of each read and write; 1,024 on a terminal and all in JSON without a call.
    #[must_use]
    pub fn bytes(mut self, most: usize) -> Trace {
        self.look.most = most;
        self
    }

    /// With colours or without, whatever the reader is.
    #[must_use]
    pub fn color(mut self, color: bool) -> Trace {
        self.look.color = color;
        self
    }

    /// Shows with each event which line of this library told it, to read on there: a line more to write, so only if asked.
    ///
    /// ```no_run
    /// let record = wirelight::Trace::json().sources(); // … ,"code":"src/net/conn/arrive.rs:22"}
    /// ```
    #[must_use]
    pub fn sources(mut self) -> Trace {
        self.look.sources = true;
        self
    }

    /// Shows the values that are hidden otherwise.
    #[must_use]
    pub fn secrets(mut self) -> Trace {
        self.look.hide = false;
        self
    }
}
