//! Code of the program panics wherever the server runs or drops it: the request that it belongs to ends as it should, the log has a
//! line, and a neighbour on the same event loop notices nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "support/bounded.rs"]
mod bounded;
#[path = "support/running.rs"]
mod running;

use std::fmt::{self, Display};
use std::io::{self, Read};
use std::net::Shutdown;
use std::panic::resume_unwind;
use std::sync::{Mutex, Once};

use log::{Level, Log, Metadata, Record};
use running::{Client, Running};
use wirelight::{App, Error, Request, Response, Router, StatusCode};

/// Panics without the message that the standard hook prints: the output of the test would be full of them.
fn panic_quietly(message: &'static str) -> ! {
    resume_unwind(Box::new(message))
}

/// Panics when it is dropped, but not while another panic is on its way: that would abort the process, whoever catches.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic_quietly(self.0);
        }
    }
}

/// An error that cannot even be shown.
#[derive(Debug)]
struct Unspeakable(Armed);

/// As [`Bomb`], for where `Debug` is asked for.
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

/// Gives some pieces or reads, then panics; panics when it is dropped too.
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

/// A body that ends well and whose `Drop` panics.
fn dropped_badly() -> impl Iterator<Item = &'static str> + Send {
    let bomb = Bomb("the drop of an iterator");
    ["a", "b"].into_iter().inspect(move |_| _ = &bomb)
}

/// Keeps what is logged; a logger of the program's, so it can panic as well.
struct Lines(Mutex<Vec<(Level, String)>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

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
    fn wait_for(&self, text: &str) -> String {
        bounded::eventually("a line of the log", || {
            let lines = self.0.lock().unwrap();
            let found = lines.iter().find(|(_, line)| line.contains(text)).map(|(_, line)| line.clone());
            found.ok_or_else(|| format!("no line with {text:?} in {lines:#?}"))
        })
    }
}

fn listen_to_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&LINES).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}

/// Every place where the program's code runs, with a panic in it.
fn app() -> App {
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
    add("/pieces", |_| with(|response| response.pieces(Treacherous { good: 2, _on_drop: None })));
    add("/pieces-and-drop", |_| {
        with(|response| response.pieces(Treacherous { good: 2, _on_drop: Some(Bomb("a broken iterator")) }))
    });
    add("/reader", |_| with(|response| response.reader(Treacherous { good: 2, _on_drop: None }, None)));
    add("/reader-and-drop", |_| {
        with(|response| response.reader(Treacherous { good: 1, _on_drop: Some(Bomb("a reader's drop")) }, Some(100)))
    });
    add("/drop-of-pieces", |_| with(|response| response.pieces(dropped_badly())));
    add("/drop-of-error", |_| with(|response| fail(response, Unspeakable(Armed))));
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
            response.pieces(dropped_badly());
            response.text("replaced");
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

fn with(set: impl FnOnce(&mut Response)) -> Response {
    let mut response = Response::new(StatusCode::OK);
    set(&mut response);
    response
}

fn fail(response: &mut Response, error: impl std::error::Error + Send + Sync + 'static) {
    wirelight::IntoResponse::into_response(Error::from(error), response);
}

/// How an exchange ended.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// A whole answer.
    Answered(u16),
    /// The connection was cut in the middle of a body.
    Cut,
}

use Fate::{Answered, Cut};

fn fate(server: &Running, target: &str) -> Fate {
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
struct Neighbour(Client);

impl Neighbour {
    fn is_served(&mut self) -> bool {
        self.0.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n");
        self.0.reply() == (200, "fine".to_owned())
    }
}

#[test]
fn a_panic_ends_one_exchange_and_no_loop() {
    listen_to_the_log();
    let server = Running::start(app());
    let mut neighbour = Neighbour(server.connect());
    for (target, expected, logged) in [
        ("/handler", Answered(500), "/handler: panicked: a handler"),
        ("/payload", Answered(500), "/payload: panicked: a value that is not text"),
        ("/payloads", Answered(500), "/payloads: panicked: a value that is not text"),
        ("/pieces", Cut, "broke off: panicked: an iterator"),
        ("/pieces-and-drop", Cut, "a destructor panicked: a broken iterator"),
        ("/reader", Cut, "broke off: panicked: a reader"),
        ("/reader-and-drop", Cut, "a destructor panicked: a reader's drop"),
        ("/drop-of-pieces", Answered(200), "a destructor panicked: the drop of an iterator"),
        ("/drop-of-error", Answered(500), "a destructor panicked: an error's drop"),
        ("/aborted", Cut, "a log line is lost, its text or the logger panicked: an error's display"),
        ("/break-the-logger", Answered(500), "a log line is lost, its text or the logger panicked: a logger"),
        ("/around/before", Answered(500), "/around/before: panicked: a before hook"),
        ("/around/values", Answered(200), "a destructor panicked: the drop of a third value"),
        ("/around/after", Answered(500), "/around/after: panicked: an after hook"),
        ("/around/replaced", Answered(200), "a destructor panicked: the drop of an iterator"),
        ("/around/guard", Answered(500), "/around/guard: panicked: a guard"),
        ("/around/page", Answered(403), "panicked: an error page"),
    ] {
        for place in ["/loop", "/pool"] {
            let target = format!("{place}{target}");
            assert_eq!(fate(&server, &target), expected, "{target}");
            assert!(neighbour.is_served(), "behind {target}");
            let line = LINES.wait_for(logged);
            assert!(!line.contains('\n'), "{line:?}");
        }
    }
}

#[test]
fn a_client_that_leaves_a_body_whose_drop_panics_takes_nobody_along() {
    listen_to_the_log();
    let mut app = app();
    app.get("/endless", |_| {
        let bomb = Bomb("an endless iterator left alone");
        with(|response| response.pieces(std::iter::repeat("x".repeat(64 * 1024)).inspect(move |_| _ = &bomb)))
    });
    let server = Running::start(app);
    let mut neighbour = Neighbour(server.connect());
    for _ in 0..3 {
        let mut client = server.connect();
        client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
        client.head();
        client.0.get_ref().shutdown(Shutdown::Both).unwrap();
        drop(client);
        LINES.wait_for("an endless iterator left alone");
        assert!(neighbour.is_served());
    }
    // A stop drops several of them at once.
    let mut held: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    for client in &mut held {
        client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
        client.head();
    }
    assert!(neighbour.is_served());
    let mut server = server;
    server.handle.stop_now();
    let ended = bounded::joined(server.thread.take().unwrap());
    assert!(ended.unwrap().is_ok(), "the server's own end");
}

#[test]
fn an_upgrade_that_panics_is_logged_and_its_socket_closed() {
    listen_to_the_log();
    let mut app = app();
    app.get("/upgrade", |req: &Request| {
        let bomb = Bomb("the drop of an upgrade");
        Response::upgrade(req, "quiet", move |_, _| {
            let _bomb = bomb;
            panic_quietly("an upgrade")
        })
    });
    let server = Running::start(app);
    let mut neighbour = Neighbour(server.connect());
    let mut client = server.connect();
    client.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: quiet\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(client.0.read_to_end(&mut Vec::new()).unwrap(), 0);
    LINES.wait_for("the handler of an upgraded connection panicked: an upgrade");
    // Without the question it is the handler itself that drops its closure.
    assert_eq!(fate(&server, "/upgrade"), Answered(500));
    assert!(neighbour.is_served());
}

#[test]
fn what_a_client_sent_is_escaped_in_the_log_and_every_cause_is_there() {
    listen_to_the_log();
    #[derive(Debug)]
    struct Outer(String, io::Error);
    impl Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "no such name: {}", self.0)
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.1)
        }
    }
    let mut app = App::new();
    app.post("/chain", |req: &Request| -> wirelight::Result<&'static str> {
        Err(Outer(req.text_body()?.to_owned(), io::Error::other("the disk\tis gone")))?;
        Ok("never")
    });
    let reply = app.test().post("/chain").body("text/plain", "a\r\n[ERROR] forged \u{1b}[2J\u{202e}").send();
    assert_eq!(reply.status(), 500);
    let line = LINES.wait_for("POST /chain");
    let expected = "POST /chain: no such name: a\\r\\n[ERROR] forged \\u{1b}[2J\\u{202e}: the disk\\tis gone";
    assert_eq!(line, expected);
}

#[test]
fn what_answers_in_a_handlers_place_has_the_scope_of_its_route() {
    let mut inner = Router::new();
    inner.slashes(wirelight::Slashes::Redirect);
    inner.after(|_, response| response.header("X-Scope", "inner"));
    inner.on_error(503, |_, _| "busy inside");
    inner.get("/list/", |_| "list");
    inner.get("/slow", |_| "slow").blocking();
    let mut app = App::new();
    app.nest("/in", inner);
    let server = Running::with(app, |server| server.pool(1, 0));
    let scope = |head: &str| head.to_ascii_lowercase().contains("\r\nx-scope: inner\r\n");
    for (method, target, status) in [
        ("GET", "/in/list", "308"),
        ("POST", "/in/list/", "405"),
        ("OPTIONS", "/in/slow", "200"),
        ("OPTIONS", "/in/list", "308"),
    ] {
        let mut client = server.connect();
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let head = client.head();
        assert!(head.contains(status) && scope(&head), "{method} {target}: {head}");
    }
    let mut client = server.connect();
    client.send("GET /in/none HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!scope(&client.head()), "what is about no route belongs to the app");
}

#[test]
fn a_page_that_says_200_is_obeyed_and_one_that_says_nothing_keeps_the_errors_status() {
    let mut app = App::new();
    app.on_error(404, |req, _| (StatusCode::OK, if req.path() == "/" { "root" } else { "fallback" }));
    app.on_error(405, |_, _| "no status of its own");
    app.get("/get", |_| "get");
    let client = app.test();
    assert_eq!(
        (client.get("/none").send().status().as_u16(), client.get("/none").send().text().to_owned()),
        (200, "fallback".into())
    );
    assert_eq!(client.post("/get").send().status(), 405);
}

/// How long `mixed_traffic_with_panics_at_random` runs, in seconds; for a moment when it is not set.
const MIXED: &str = "WIRELIGHT_MIXED_SECONDS";

/// All places at once, by several clients that leave as they like. `WIRELIGHT_MIXED_SECONDS=900` makes a quarter of an hour of it.
#[test]
fn mixed_traffic_with_panics_at_random() {
    listen_to_the_log();
    let server = Running::start(app());
    let seconds: u64 = std::env::var(MIXED).map_or(0, |text| text.parse().unwrap());
    let until = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    let targets =
        ["/fine", "/loop/handler", "/pool/handler", "/pool/payload", "/loop/pieces-and-drop", "/pool/pieces-and-drop"];
    let more = [
        "/loop/reader-and-drop",
        "/loop/drop-of-pieces",
        "/pool/around/values",
        "/loop/around/after",
        "/pool/around/before",
    ];
    let targets: Vec<_> = targets.into_iter().chain(more).collect();
    std::thread::scope(|scope| {
        for seed in 1..5_u64 {
            let (server, targets) = (&server, &targets);
            scope.spawn(move || {
                let (mut state, mut neighbour) = (seed, Neighbour(server.connect()));
                for round in 0_u64.. {
                    if round >= 100 && std::time::Instant::now() >= until {
                        break;
                    }
                    // Knuth's MMIX: the upper bits are random enough, and a seed tells the run.
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let target = targets[(state >> 33) as usize % targets.len()];
                    if state >> 62 == 0 {
                        let mut client = server.connect();
                        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
                    } else {
                        fate(server, target);
                    }
                    assert!(neighbour.is_served(), "seed {seed}, round {round}, {target}");
                }
            });
        }
    });
    let lines = LINES.0.lock().unwrap();
    assert!(!lines.iter().any(|(_, line)| line.contains("a worker died")), "{lines:#?}");
}
