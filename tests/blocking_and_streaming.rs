//! Responses that take longer than an iteration of the loop: blocking handlers, streamed bodies, events. Tests that need threads or a
//! kernel use real sockets; the others use none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::{self, BufRead, Read};
use std::net::Shutdown;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use wirelight::events::{Broadcast, Event};
use wirelight::{App, Error, Request, Response, Result, StatusCode};

mod support;

use support::bounded::{self, received};
use support::server::{Client, TestServer};

impl Client {
    /// Reads the next chunk of a chunked body; `None` after the last one.
    fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut size = String::new();
        assert_ne!(self.0.read_line(&mut size).unwrap(), 0, "closed in the middle of a body");
        let mut chunk = vec![0; usize::from_str_radix(size.trim_end(), 16).unwrap() + 2];
        self.0.read_exact(&mut chunk).unwrap();
        chunk.truncate(chunk.len() - 2);
        Some(chunk).filter(|chunk| !chunk.is_empty())
    }

    fn get(&mut self, target: &str) -> (u16, String) {
        self.send(get(target));
        self.reply()
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A handler that reports its start and ends on command, so that no test guesses how long something takes.
fn gate() -> (impl Fn(&Request) -> String + Send + Sync + 'static, Receiver<()>, Sender<&'static str>) {
    let (begun, begins) = mpsc::channel();
    let (open, opened) = mpsc::channel::<&'static str>();
    let (begun, opened) = (Mutex::new(begun), Mutex::new(opened));
    let handler = move |_: &Request| {
        let _ = begun.lock().unwrap().send(());
        opened.lock().unwrap().recv_timeout(bounded::BOUND).unwrap_or("the test is over").to_owned()
    };
    (handler, begins, open)
}

#[test]
fn responses_keep_their_order_after_a_slow_one() {
    let (slow, begins, open) = gate();
    let mut app = App::new();
    app.get("/slow", slow).blocking();
    app.get("/fast", |_| "fast");
    app.post("/echo", |req| req.body().to_vec());
    let server = TestServer::start(app);
    let (mut first, mut second) = (server.connect(), server.connect());
    first.send(
        get("/fast") + &get("/slow") + &get("/fast") + "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo",
    );
    assert_eq!(first.reply().1, "fast", "what stands before the slow one does not wait for it");
    received(&begins);
    assert_eq!(second.get("/fast").1, "fast", "nor do other connections of the same loop");
    first.send("dy");
    open.send("slow").unwrap();
    assert_eq!([first.reply().1, first.reply().1, first.reply().1], ["slow", "fast", "body"]);
    assert_eq!(first.get("/fast").1, "fast");
}

#[test]
fn a_client_that_leaves_while_its_handler_runs_disturbs_no_other() {
    let (slow, begins, open) = gate();
    let mut app = App::new();
    app.get("/slow", move |req| {
        slow(req); // whichever of the words that open the gate it takes
        req.target().to_owned()
    })
    .blocking();
    let server = TestServer::start(app);
    for _ in 0..3 {
        let mut client = server.connect();
        client.send(get("/slow?for=nobody"));
        received(&begins);
        drop(client);
        open.send("open").unwrap();
    }
    let mut client = server.connect();
    client.send(get("/slow?for=me"));
    received(&begins);
    open.send("open").unwrap();
    assert_eq!(client.reply().1, "/slow?for=me");
}

#[test]
fn a_deadline_may_be_at_once_or_never() {
    let (slow, begins, open) = gate();
    let slow = Arc::new(slow);
    let mut app = App::new();
    for (path, time) in [("/zero", Duration::ZERO), ("/moment", Duration::from_nanos(1)), ("/never", Duration::MAX)] {
        let slow = slow.clone();
        app.get(path, move |req: &Request| slow(req)).blocking().deadline(time);
    }
    let server = TestServer::start(app);
    let mut patient = server.connect();
    patient.send(get("/never"));
    received(&begins);
    // These time out while their handlers wait for the first one, which does not.
    assert_eq!(server.connect().get("/zero").0, 503);
    assert_eq!(server.connect().get("/moment").0, 503);
    let client = patient.0.get_ref();
    client.set_nonblocking(true).unwrap();
    assert_eq!(client.peek(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    client.set_nonblocking(false).unwrap();
    for word in ["patience", "too late", "too late"] {
        open.send(word).unwrap();
    }
    assert_eq!(patient.reply(), (200, "patience".to_owned()));
}

#[test]
fn a_panic_on_the_pool_is_a_500_and_its_thread_lives() {
    let mut app = App::new();
    app.get("/panic", |_| -> String { std::panic::resume_unwind(Box::new("silently")) }).blocking();
    app.get("/thread", |_| format!("{:?}", std::thread::current().id())).blocking();
    let server = TestServer::with(app, |server| server.pool(1, 8));
    let mut client = server.connect();
    let thread = client.get("/thread");
    assert_eq!(client.get("/panic").0, 500);
    assert_eq!(client.get("/thread"), thread, "the same thread, the same connection");
}

#[test]
fn a_full_pool_answers_503_and_when_to_come_back() {
    let (slow, begins, open) = gate();
    let mut app = App::new();
    app.get("/slow", slow).blocking();
    app.after(|_, res| res.set_header("X-After", "yes"));
    app.on_error(503, |_, error| format!("our page: {}", error.name()));
    let server = TestServer::with(app, |server| server.pool(1, 1));
    let (mut runs, mut waits, mut refused) = (server.connect(), server.connect(), server.connect());
    runs.send(get("/slow"));
    received(&begins);
    // One worker takes them in the order in which they are connected and written.
    waits.send(get("/slow"));
    refused.send(get("/slow"));
    let full = refused.head();
    assert!(full.starts_with("HTTP/1.1 503 ") && full.contains("\r\nRetry-After: 1\r\n"), "{full}");
    assert!(full.contains("\r\nX-After: yes\r\n"), "{full}");
    let mut page = [0; 29];
    refused.0.read_exact(&mut page).unwrap();
    assert_eq!(&page, b"our page: Service Unavailable");
    open.send("one").unwrap();
    open.send("two").unwrap();
    assert_eq!([runs.reply().1, waits.reply().1], ["one", "two"]);
}

#[test]
fn a_graceful_stop_waits_for_the_pool() {
    let (slow, begins, open) = gate();
    let mut app = App::new();
    app.get("/slow", slow).blocking();
    let server = TestServer::start(app);
    let mut client = server.connect();
    client.send(get("/slow"));
    received(&begins);
    server.handle.stop();
    bounded::refused(server.address); // the loop has seen it
    open.send("finished").unwrap();
    let head = client.head();
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    let mut body = String::new();
    client.0.read_to_string(&mut body).unwrap();
    assert_eq!(body, "finished");
    drop(client);
    server.ended().unwrap();
}

/// Hooks, guards and error pages go with the handler: they may block as well.
#[test]
fn everything_around_a_blocking_handler_runs_where_it_runs() {
    fn thread() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }
    let mut app = App::new();
    app.before(|req| {
        req.set(vec![thread()]);
        Ok(())
    });
    app.after(|_, res| res.set_header("X-After", thread()));
    app.on_error(418, |_, _| thread());
    app.get("/", |req| {
        let mut threads = req.get::<Vec<String>>().cloned().unwrap_or_default();
        threads.push(thread());
        threads.join(" ")
    })
    .require(|req| {
        req.get_mut::<Vec<String>>().unwrap().push(thread());
        Ok(())
    })
    .blocking();
    app.get("/error", |_| wirelight::abort::<()>(418)).blocking();
    app.get("/guarded", |_| "").require(|_| Err(Error::forbidden(""))).blocking();
    let server = TestServer::start(app);
    let mut client = server.connect();
    client.send(get("/"));
    assert!(client.head().contains("X-After: wirelight-pool\r\n"));
    let mut body = [0; 3 * 15 - 1];
    client.0.read_exact(&mut body).unwrap();
    assert_eq!(body, *b"wirelight-pool wirelight-pool wirelight-pool");
    assert_eq!(client.get("/error"), (418, "wirelight-pool".to_owned()));
    assert_eq!(client.get("/guarded").0, 403);
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().contains("\r\nContent-Length: 44\r\n"));
    assert_eq!(client.get("/error").0, 418, "no body followed the HEAD");
}

/// The bytes move to the handler: the whole exchange allocates less than a second body's worth.
#[test]
fn the_body_of_a_blocking_handler_is_not_copied() {
    const SIZE: usize = 1024 * 1024;
    let mut app = App::new();
    app.post("/", |req| req.body().len().to_string()).blocking();
    let client = app.test();
    let mut connection = client.connect();
    let request = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n");
    connection.send(&[request.as_bytes(), &vec![b'x'; SIZE - 1]].concat());
    let info = allocation_counter::measure(|| connection.send(b"x"));
    assert!(connection.received().ends_with(b"\r\n\r\n1048576"));
    assert!(info.bytes_total < SIZE as u64 / 4, "{info:?}");
}

#[test]
fn a_slow_reader_holds_128_kib_at_most() {
    let mut app = App::new();
    app.get("/", |_| Response::default().reader(io::repeat(b'x'), Some(1 << 40)));
    let client = app.test();
    let mut connection = client.connect();
    let most = allocation_counter::measure(|| {
        connection.set_write_capacity(1024);
        connection.send(get("/").as_bytes());
        for _ in 0..100 {
            connection.advance(Duration::from_secs(1));
            connection.take_received();
            connection.set_write_capacity(1024);
        }
    });
    assert!(!connection.is_over(), "1 KiB/s is slow, but it moves");
    assert!(most.bytes_max < 300 * 1024, "{most:?}"); // the piece, the output, and what the test itself receives
    assert!(most.bytes_current < 128 * 1024, "{most:?}");
}

/// A response whose body comes from these pieces; an `Err` breaks off.
fn pieces(length: Option<u64>, pieces: &'static [&'static str]) -> Response {
    struct Pieces(std::slice::Iter<'static, &'static str>);
    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.next() {
                Some(&"error") => Err(io::Error::other("on purpose")),
                Some(piece) => piece.as_bytes().read(buffer),
                None => Ok(0),
            }
        }
    }
    Response::new(StatusCode::OK).reader(Pieces(pieces.iter()), length)
}

/// Requests on one connection, the bytes after the first head, and whether the connection was reset.
#[test]
fn how_streams_end() {
    let mut app = App::new();
    app.get("/known", |_| pieces(Some(6), &["abc", "def"]));
    app.get("/unknown", |_| pieces(None, &["abc", "def"]));
    app.get("/empty", |_| pieces(None, &[]));
    app.get("/none", |_| pieces(Some(0), &["x"]));
    app.get("/long", |_| pieces(Some(5), &["abc", "def"]));
    app.get("/short", |_| pieces(Some(7), &["abc", "def"]));
    app.get("/breaks", |_| pieces(None, &["abc", "error"]));
    app.get("/breaks/known", |_| pieces(Some(6), &["abc", "error"]));
    app.get("/blocking", |_| pieces(None, &["abc", "def"])).blocking();
    let chunked = "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
    for (request, body, closes, cut) in [
        ("GET /known HTTP/1.1", "abcdef", false, false),
        ("GET /unknown HTTP/1.1", chunked, false, false),
        ("GET /blocking HTTP/1.1", chunked, false, false),
        ("GET /unknown HTTP/1.0", "abcdef", true, false),
        ("GET /known HTTP/1.0", "abcdef", true, false),
        ("GET /blocking HTTP/1.0", "abcdef", true, false),
        ("HEAD /known HTTP/1.1", "", false, false),
        ("HEAD /unknown HTTP/1.1", "", false, false),
        ("HEAD /blocking HTTP/1.1", "", false, false),
        ("GET /empty HTTP/1.1", "0\r\n\r\n", false, false),
        ("GET /empty HTTP/1.0", "", true, false),
        ("GET /none HTTP/1.1", "", false, false),
        ("GET /long HTTP/1.1", "abcde", false, false),
        ("GET /short HTTP/1.1", "abcdef", true, true),
        ("GET /breaks HTTP/1.1", "3\r\nabc\r\n", true, true),
        ("GET /breaks/known HTTP/1.1", "abc", true, true),
        ("GET /breaks HTTP/1.0", "abc", true, true),
    ] {
        let client = app.test();
        let mut connection = client.connect();
        connection.send(format!("{request}\r\nHost: a\r\n\r\n").as_bytes());
        let received = String::from_utf8(connection.take_received().to_vec()).unwrap();
        let (_, rest) = received.split_once("\r\n\r\n").unwrap();
        assert_eq!(rest, body, "{request}");
        assert_eq!((connection.is_closed(), connection.is_reset()), (closes, cut), "{request}");
    }
}

#[test]
fn requests_wait_until_a_stream_has_ended() {
    let mut app = App::new();
    app.get("/stream", |_| pieces(None, &["abc", "def"]));
    app.get("/", |_| "next");
    app.post("/", |req| req.body().to_vec());
    let body = "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    let bytes = format!("{}{}{}{post}{}", get("/stream"), get("/"), get("/stream"), get("/"));
    let client = app.test();
    for cut in 0..bytes.len() {
        let mut connection = client.connect();
        connection.set_write_capacity(cut * 2);
        connection.send(&bytes.as_bytes()[..cut]);
        connection.send(&bytes.as_bytes()[cut..]);
        connection.set_write_capacity(usize::MAX);
        let received = String::from_utf8(connection.received().to_vec()).unwrap();
        let bodies: Vec<_> =
            received.split("HTTP/1.1 200 OK\r\n").skip(1).map(|r| r.split_once("\r\n\r\n").unwrap().1).collect();
        assert_eq!(bodies, [body, "next", body, "body", "next"], "cut at {cut}");
    }
}

/// What a browser's EventSource makes of a stream: the data of each event, and the last id (WHATWG HTML §9.2.6).
struct EventSource {
    client: Client,
    text: String,
    last_id: String,
}

impl EventSource {
    fn connect(server: &TestServer, target: &str, last_id: &str) -> EventSource {
        let mut client = server.connect();
        client.send(format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: {last_id}\r\n\r\n"
        ));
        assert!(client.head().contains("Content-Type: text/event-stream\r\n"));
        EventSource { client, text: String::new(), last_id: last_id.to_owned() }
    }

    /// Name and data of the next event.
    fn next(&mut self) -> Option<(String, String)> {
        let (mut name, mut data) = ("message".to_owned(), None::<String>);
        loop {
            while !self.text.contains('\n') {
                self.text += &String::from_utf8(self.client.chunk()?).unwrap();
            }
            let rest = self.text.split_off(self.text.find('\n').unwrap() + 1);
            let line = std::mem::replace(&mut self.text, rest);
            let line = line.trim_end_matches('\n');
            match line.split_once(':').map(|(field, value)| (field, value.strip_prefix(' ').unwrap_or(value))) {
                None if line.is_empty() && data.is_some() => return Some((name, data.unwrap())),
                Some(("data", line)) => data = Some(data.map_or(line.to_owned(), |data| data + "\n" + line)),
                Some(("event", value)) => name = value.to_owned(),
                Some(("id", value)) => self.last_id = value.to_owned(),
                _ => {}
            }
        }
    }
}

#[test]
fn two_hundred_subscribers_get_each_event_and_what_they_missed() {
    let hub = Broadcast::new();
    let mut app = App::new();
    app.state(hub.clone());
    app.get("/events", |req| req.state::<Broadcast>().subscribe(req));
    let server = TestServer::with(app, |server| server.workers(2));
    let mut all: Vec<_> = (0..200).map(|_| EventSource::connect(&server, "/events", "")).collect();
    assert_eq!(hub.subscribers(), 200);
    let event = |n: u32| ("tick".to_owned(), format!("number\n{n}"));
    for n in 0..5 {
        hub.send(Event::data(format!("number\n{n}")).event("tick"));
        assert!(all.iter_mut().all(|one| one.next() == Some(event(n))));
    }
    let last = all[0].last_id.clone();
    drop(all);
    hub.send(Event::data("number\n5").event("tick"));
    let mut back = EventSource::connect(&server, "/events", &last);
    assert_eq!(back.next(), Some(event(5)));
    server.handle.stop();
    assert_eq!(back.next(), None, "a graceful stop ends the stream well");
    drop(back);
    server.ended().unwrap();
}

#[test]
fn a_producer_learns_that_its_client_left() {
    let (learned, learns) = mpsc::channel();
    let learned = Mutex::new(learned);
    let mut app = App::new();
    app.get("/", move |_| {
        let (sender, response) = wirelight::stream(1024);
        let learned = learned.lock().unwrap().clone();
        std::thread::spawn(move || {
            let error = loop {
                if let Err(error) = sender.send([b'x'; 1000]) {
                    break error;
                }
            };
            learned.send(error.kind()).unwrap();
        });
        response
    });
    let server = TestServer::start(app);
    let mut client = server.connect();
    client.send(get("/"));
    client.head();
    client.chunk();
    drop(client);
    assert_eq!(received(&learns), io::ErrorKind::BrokenPipe);
}

/// RFC 9112 §9.6: a FIN says that the client sends no more. Whatever makes the response, all of it is sent.
#[test]
fn a_client_that_half_closes_gets_the_whole_response() {
    let (slow, begins, open) = gate();
    let (opened, opens) = mpsc::channel();
    let opened = Mutex::new(opened);
    let mut app = App::new();
    app.get("/pool", slow).blocking();
    app.get("/pieces", |_| pieces(None, &["one", "two"]));
    app.get("/stream", move |_| {
        let (sender, response) = wirelight::stream(1024);
        opened.lock().unwrap().send(sender).unwrap();
        response
    });
    let server = TestServer::start(app);
    let half_closed = |target: &str| {
        let mut client = server.connect();
        client.send(get(target));
        client.0.get_mut().shutdown(Shutdown::Write).unwrap();
        client
    };
    let rest = |mut client: Client| {
        let mut text = String::new();
        client.0.read_to_string(&mut text).unwrap();
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    assert_eq!(rest(half_closed("/pieces")), "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");

    let client = half_closed("/pool");
    received(&begins);
    open.send("slow").unwrap();
    assert_eq!(rest(client), "slow");

    let mut client = half_closed("/stream");
    let sender: wirelight::Sender = received(&opens);
    client.head();
    for piece in ["one", "two"] {
        sender.send(piece).unwrap();
        assert_eq!(client.chunk().unwrap(), piece.as_bytes());
    }
    drop(sender);
    assert_eq!(client.chunk(), None);
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
}

/// Event streams never end, and their clients reconnect: a reset shows those that still read that events may be missing.
#[test]
fn an_event_stream_ends_with_a_reset_when_its_client_half_closes() {
    let hub = Broadcast::new();
    let mut app = App::new();
    app.state(hub.clone());
    app.get("/events", |req: &Request| req.state::<Broadcast>().subscribe(req));
    let server = TestServer::start(app);
    let mut client = server.connect();
    client.send(get("/events"));
    client.head();
    client.0.get_mut().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.0.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let none_left = || if hub.subscribers() == 0 { Ok(()) } else { Err("still subscribed".to_owned()) };
    bounded::eventually("the subscriber is forgotten", none_left);
}

#[test]
fn blocking_handlers_run_side_by_side() {
    let barrier = Arc::new(Barrier::new(4));
    let mut app = App::new();
    app.get("/", move |_| -> Result<String> { Ok(barrier.wait().is_leader().to_string()) }).blocking();
    let server = TestServer::start(app);
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(get("/")));
    let leaders = clients.iter_mut().map(Client::reply).filter(|(_, leads)| leads == "true").count();
    assert_eq!(leaders, 1);
}

/// Reads when the test lets it.
struct Gated(Receiver<&'static str>, Sender<()>);

impl Read for Gated {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1.send(()).unwrap();
        self.0.recv_timeout(bounded::BOUND).unwrap_or_default().as_bytes().read(out)
    }
}

#[test]
fn the_body_of_a_blocking_handler_waits_on_the_pool() {
    let (open, gate) = mpsc::channel();
    let (told, reading) = mpsc::channel();
    let reader = Mutex::new(Some(Gated(gate, told)));
    let mut app = App::new();
    app.get("/slow", move |_| Response::new(StatusCode::OK).reader(reader.lock().unwrap().take().unwrap(), None))
        .blocking();
    app.get("/quick", |_| "quick");
    let server = TestServer::start(app);
    let (mut slow, mut quick) = (server.connect(), server.connect());
    slow.send(get("/slow"));
    slow.0.get_ref().shutdown(std::net::Shutdown::Write).unwrap(); // a half-close does not end the exchange
    bounded::received(&reading);
    for piece in ["one", "two"] {
        assert_eq!(quick.get("/quick"), (200, "quick".into()), "the loop is free while the body waits");
        open.send(piece).unwrap();
        bounded::received(&reading);
    }
    drop(open);
    slow.head();
    assert_eq!([slow.chunk(), slow.chunk(), slow.chunk()], [Some(b"one".to_vec()), Some(b"two".to_vec()), None]);
}
