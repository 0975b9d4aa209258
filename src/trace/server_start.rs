//! Writes the first event of a trace: addresses, limits, routes and states of the server.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use super::json_writer::JsonObject;
use super::probe::nanoseconds;
use super::render_options::RenderOptions;
use super::schema::{state_name, state_names};
use super::terminal::HEADING;
use crate::http1::limits::Limits;
use crate::http1::limits::MAX_FIELDS;
use crate::http1::states::TRANSITIONS;
use crate::terminal::wrap;

/// Configuration of a server at its start.
pub(crate) struct ServerStart<'a> {
    /// Addresses as text: `127.0.0.1:8000`, `unix:/run/app.sock`.
    pub(crate) addresses: Vec<String>,
    pub(crate) backlog: i32,
    pub(crate) workers: usize,
    pub(crate) limits: &'a Limits,
    pub(crate) routes: Vec<RouteEntry<'a>>,
}

/// One route: its index in the table, its method and pattern, and where it was added.
pub(crate) struct RouteEntry<'a> {
    pub(crate) id: u32,
    pub(crate) method: String,
    pub(crate) pattern: &'a str,
    pub(crate) source: String,
}

impl ServerStart<'_> {
    /// Appends the event `server.start`.
    pub(crate) fn json(&self, out: &mut Vec<u8>) {
        let mut json = JsonObject::open(out, "q", 0);
        ["t", "w", "c"].iter().for_each(|name| json.number(name, 0));
        json.word("e", "server.start");
        json.number("v", 1);
        json.text("addr", self.addresses.first().map_or("", String::as_str));
        json.number("backlog", u64::try_from(self.backlog).unwrap_or_default());
        json.number("workers", self.workers as u64);
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        json.number("unix_ns", nanoseconds(unix));
        json.name("limits");
        let limits = self.limits;
        let mut inner = JsonObject::open(json.0, "head", limits.head as u64);
        inner.number("request_line", limits.request_line as u64);
        inner.number("fields", limits.fields.min(MAX_FIELDS) as u64);
        inner.number("body", limits.body);
        inner.number("chunk_extension", limits.chunk_extension as u64);
        inner.number("chunk_extensions", limits.chunk_extensions as u64);
        inner.number("trailers", limits.trailers as u64);
        inner.0.push(b'}');
        json.name("routes");
        json.list(&self.routes, |json, route| {
            let mut json = JsonObject::open(json.0, "id", route.id.into());
            json.text("method", &route.method);
            json.text("pattern", route.pattern);
            json.text("src", &route.source);
            json.0.push(b'}');
        });
        json.name("states");
        json.list(&state_names(), |json, state| json.quoted(state));
        json.name("transitions");
        json.list(TRANSITIONS, |json, row| {
            let row = [state_name(row.from), state_name(row.to), row.why];
            json.list(&row, |json, text| json.quoted(text));
        });
        out.extend_from_slice(b"}\n");
    }

    /// Appends the ten steps, marked as done or still to come, and the column headings. Writing
    /// into memory cannot fail.
    pub(crate) fn terminal(&self, out: &mut Vec<u8>, look: RenderOptions) {
        let ServerStart { addresses, backlog, workers, .. } = self;
        let unix = addresses.iter().filter(|address| address.starts_with("unix:")).count();
        let kind = [(addresses.len() > unix, "TCP"), (unix > 0, "unix")];
        let kind: Vec<_> = kind.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        let (routes, plural) = (self.routes.len(), if *workers == 1 { " sleeps" } else { "s sleep" });
        let next = format!(
            "accept; for each request: recv, parse, route (one of {routes}), handler, send; keep-alive or close"
        );
        let queue = format!("up to {backlog} clients wait in the kernel; {workers} worker{plural} in epoll_wait()");
        for (number, step, text) in [
            ("step 1", "socket", format!("{} socket", kind.join(" and "))),
            ("step 2", "bind", format!("to {}", addresses.join(" and "))),
            ("step 3", "listen", queue),
            ("4 to 10", "serve", next),
        ] {
            let head = format!("{number:<7} {step:<7} ");
            let _ = writeln!(out, "{head}{}", wrap(&text, head.len(), look.columns));
        }
        let _ = write!(out, "\n{HEADING}");
    }
}
