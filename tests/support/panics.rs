//! An application that panics wherever code of the program runs, and the responses that its clients get.

use std::fmt::{self, Display};
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::sync::{Mutex, Once};

use log::{Level, Log, Metadata, Record};
use wirelight::{App, Error, Request, Response, Router};

use crate::support::bounded;
use crate::support::server::{Client, TestServer};

/// Panics without the message that the standard hook prints: the output of the test would be full of them.
pub fn panic_quietly(message: &'static str) -> ! {
    resume_unwind(Box::new(message))
}

/// Panics when it is dropped, but not during another panic: that would abort the process.
pub struct Bomb(pub &'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic_quietly(self.0);
        }
    }
}

/// An error whose `Display` panics.
#[derive(Debug)]
struct Unspeakable(Armed);

/// As [`Bomb`], with `Debug`.
#[derive(Debug)]
struct Armed;

impl Drop for Armed {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic_quietly("an error's drop");
        }
    }
}

impl Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic_quietly("an error's display")
    }
}

impl std::error::Error for Unspeakable {}

/// Returns some pieces or reads, then panics; panics when it is dropped too.
struct Treacherous {
    good: u32,
    _on_drop: Option<Bomb>,
}

impl Treacherous {
    fn next_good(&mut self) -> bool {
        let left = self.good > 0;
        self.good = self.good.saturating_sub(1);
        left
    }
}

impl Iterator for Treacherous {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        if self.next_good() { Some("piece") } else { panic_quietly("an iterator") }
    }
}

impl Read for Treacherous {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.next_good() { b"piece".as_slice().read(out) } else { panic_quietly("a reader") }
    }
}

/// A body whose `Drop` panics after a good end.
fn dropped_badly() -> impl Iterator<Item = &'static str> + Send {
    let bomb = Bomb("the drop of an iterator");
    ["a", "b"].into_iter().inspect(move |_| _ = &bomb)
}

/// Collects log lines; may panic, as any logger.
pub struct Lines(pub Mutex<Vec<(Level, String)>>);

pub static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = record.args().to_string();
        if line.contains("/break-the-logger") {
            panic_quietly("a logger");
        }
        self.0.lock().unwrap().push((record.level(), line));
    }

    fn flush(&self) {}
}

impl Lines {
    /// Waits until the log has a line with this text.
    pub fn wait_for(&self, text: &str) -> String {
        bounded::eventually("a line of the log", || {
            let lines = self.0.lock().unwrap();
            let found = lines.iter().find(|(_, line)| line.contains(text)).map(|(_, line)| line.clone());
            found.ok_or_else(|| format!("no line with {text:?} in {lines:#?}"))
        })
    }
}

pub fn listen_to_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&LINES).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}

/// Panics in every place where the program's code runs.
pub fn app() -> App {
    let mut app = App::new();
    app.get("/fine", |_| "fine");
    for (name, blocking) in [("loop", false), ("pool", true)] {
        app.nest(&format!("/{name}"), places(blocking));
    }
    app
}

/// The places of a route, on the event loop or on the pool.
fn places(blocking: bool) -> Router {
    let mut places = Router::new();
    let mut add = |path: &str, handler: fn(&Request<'_>) -> Response| {
        let route = places.get(path, handler);
        if blocking {
            route.blocking();
        }
    };
    add("/handler", |_| panic_quietly("a handler"));
    add("/payload", |_| resume_unwind(Box::new(Bomb("the drop of a payload"))));
    add("/payloads", |_| resume_unwind(Box::new((Bomb("the first of two"), 7))));
    add("/pieces", |_| Response::default().chunks(Treacherous { good: 2, _on_drop: None }));
    add("/pieces-and-drop", |_| {
        Response::default().chunks(Treacherous { good: 2, _on_drop: Some(Bomb("a broken iterator")) })
    });
    add("/reader", |_| Response::default().reader(Treacherous { good: 2, _on_drop: None }, None));
    add("/reader-and-drop", |_| {
        Response::default().reader(Treacherous { good: 1, _on_drop: Some(Bomb("a reader's drop")) }, Some(100))
    });
    add("/drop-of-pieces", |_| Response::default().chunks(dropped_badly()));
    add("/drop-of-error", |_| Response::from(Error::from(Unspeakable(Armed))));
    add("/aborted", |_| {
        let (sender, response) = wirelight::stream(1024);
        sender.send("piece").unwrap();
        sender.abort(Unspeakable(Armed));
        response
    });
    add("/break-the-logger", |_| panic_quietly("under a logger that panics"));
    let plain = |_: &Request<'_>| "plain";
    let mut around = Router::new();
    around.before(|req| {
        match req.path().rsplit('/').next() {
            Some("before") => panic_quietly("a before hook"),
            Some("values") => {
                req.set(Bomb("the drop of a value"));
                req.set((Bomb("the drop of another value"), 1_u8));
                req.set([Bomb("the drop of a third value")]);
            }
            _ => {}
        }
        Ok(())
    });
    around.after(|req, response| match req.path().rsplit('/').next() {
        Some("after") => panic_quietly("an after hook"),
        Some("replaced") => {
            *response = Response::default().chunks(dropped_badly());
            response.set_text("replaced");
        }
        _ => {}
    });
    around.on_error(403, |_, _| -> &'static str { panic_quietly("an error page") });
    for path in ["/before", "/values", "/after", "/replaced"] {
        let route = around.get(path, plain);
        if blocking {
            route.blocking();
        }
    }
    around.get("/guard", plain).require(|_| panic_quietly("a guard"));
    around.get("/page", |_| Err::<&str, _>(Error::forbidden("no")));
    places.nest("/around", around);
    places
}

/// How an exchange ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// A whole answer.
    Answered(u16),
    /// The connection was cut in the middle of a body.
    Cut,
}

pub use Fate::{Answered, Cut};

pub fn fate(server: &TestServer, target: &str) -> Fate {
    let mut client = server.connect();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    let head = client.head();
    let status = head[9..12].parse().unwrap();
    let mut body = Vec::new();
    let read = client.0.read_to_end(&mut body);
    let whole = match head.contains("Transfer-Encoding: chunked") {
        true => body.ends_with(b"\r\n0\r\n\r\n"),
        false => head.contains(&format!("Content-Length: {}\r\n", body.len())),
    };
    if read.is_ok() && whole { Answered(status) } else { Cut }
}

/// On one keep-alive connection through all of it: it ends when its loop dies.
pub struct Neighbour(pub Client);

impl Neighbour {
    pub fn is_served(&mut self) -> bool {
        self.0.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n");
        self.0.reply() == (200, "fine".to_owned())
    }
}
