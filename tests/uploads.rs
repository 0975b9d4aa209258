//! Streamed request bodies, handlers that exceed their deadline, and upgraded connections, on real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use wirelight::{App, Request, Response, Result, Server, Timeouts, Trace};

mod support;

use support::bounded::{self, received};
use support::server::{Client, TestServer};

impl Client {
    fn is_closed(&mut self) -> bool {
        self.0.read(&mut [0]).is_ok_and(|n| n == 0)
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post(target: &str, fields: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")
}

/// A sum that depends on the order, so that a byte lost or moved shows.
fn sum(bytes: &[u8], sum: u64) -> u64 {
    bytes.iter().fold(sum, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

fn count(req: &Request) -> Result<String> {
    let (mut body, mut buffer, mut total, mut check) = (req.body_reader(), [0; 5000], 0, 0);
    loop {
        match body.read(&mut buffer)? {
            0 => return Ok(format!("{total} {check}")),
            n => (total, check) = (total + n, sum(&buffer[..n], check)),
        }
    }
}

/// Reads as [`count`], without a copy.
fn count_lent(req: &Request) -> Result<String> {
    let (mut body, mut total, mut check) = (req.body_reader(), 0, 0);
    loop {
        let bytes = body.fill_buf()?;
        // Not all of it, so that what stays is lent again.
        let bytes = &bytes[..bytes.len().div_ceil(2)];
        match bytes.len() {
            0 => return Ok(format!("{total} {check}")),
            n => (total, check) = (total + n, sum(bytes, check)),
        }
        let read = bytes.len();
        body.consume(read);
    }
}

/// An application whose `/count` reads its body while it comes.
fn counting() -> App {
    let mut app = App::new();
    app.post("/count", count).streaming();
    app.post("/count-lent", count_lent).streaming();
    app.post("/small", count).streaming().max_body(10);
    app.post("/first", |req: &Request| -> Result<String> {
        let mut byte = [0];
        req.body_reader().read_exact(&mut byte)?;
        Ok(format!("{}", byte[0]))
    })
    .streaming();
    app.post("/unread", |_| "not interested").streaming();
    app.get("/", |_| "next");
    app
}

/// Numbers that do not repeat soon.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn chunked(bytes: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), bytes);
    for &size in sizes.iter().cycle() {
        let (chunk, behind) = rest.split_at(size.min(rest.len()));
        out.extend(format!("{:x}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
        rest = behind;
        if chunk.is_empty() {
            return out;
        }
    }
    out
}

#[test]
fn a_body_is_read_while_it_arrives_and_the_next_request_after_it() {
    let server = TestServer::start(counting());
    for length in [0, 1, 10, 40_000, 300_000, 3_000_000] {
        let body = pattern(length);
        let expected = (200, format!("{length} {}", sum(&body, 0)));
        let mut client = server.connect();
        for target in ["/count", "/count-lent"] {
            let head = post(target, &format!("Content-Length: {length}"));
            client.send([head.as_bytes(), &body, get("/").as_bytes()].concat());
            assert_eq!(client.reply(), expected, "{target}");
            assert_eq!(client.reply().1, "next");
        }
        for sizes in [[1000, 1, 70_000], [3, 5, 7]].iter().take(if length > 100_000 { 1 } else { 2 }) {
            let body = chunked(&body, sizes);
            client.send([post("/count", "Transfer-Encoding: chunked").as_bytes(), &body, get("/").as_bytes()].concat());
            assert_eq!(client.reply(), expected);
            assert_eq!(client.reply().1, "next");
        }
    }
}

#[test]
fn the_handler_runs_before_the_body_is_whole() {
    let server = TestServer::start(counting());
    let mut client = server.connect();
    client.send(post("/first", "Content-Length: 1000000") + "A");
    assert_eq!(client.reply(), (200, "65".to_owned()));
    assert!(client.is_closed(), "the rest would be taken for a request");
    let mut client = server.connect();
    client.send(post("/first", "Content-Length: 3") + "ABC" + &get("/"));
    assert_eq!(client.reply(), (200, "65".to_owned()));
    assert_eq!(client.reply().1, "next", "the rest was here already");
}

#[test]
fn a_client_that_expects_100_gets_it_when_the_handler_reads() {
    let server = TestServer::start(counting());
    let mut client = server.connect();
    client.send(post("/count", "Content-Length: 3\r\nExpect: 100-continue"));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    assert_eq!(client.reply().0, 200);
    client.send(post("/unread", "Content-Length: 3\r\nExpect: 100-continue"));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("\r\nConnection: close\r\n"), "{head}");
}

/// Adds `/told`, which reads a body to its end and tells how that went. Its response is the same either way.
fn telling(app: &mut App, max_body: u64) -> Receiver<std::result::Result<u64, ErrorKind>> {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    app.post("/told", move |req: &Request| {
        let result = io::copy(&mut req.body_reader(), &mut io::sink());
        tell.lock().unwrap().send(result.map_err(|error| error.kind())).unwrap();
        "I do not mind"
    })
    .streaming()
    .max_body(max_body);
    told
}

/// A truncated or malformed body gives the handler an error and the client the error response, whatever the handler returns.
#[test]
fn a_broken_body_is_an_error_to_its_reader() {
    let mut app = counting();
    let told = telling(&mut app, 100);
    app.on_any_error(|req, e| format!("{} {}", req.target(), e.status().as_u16()));
    let server = TestServer::start(app);
    for (body, kind, status) in [
        ("Content-Length: 10\r\n\r\nabc", ErrorKind::UnexpectedEof, 400),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", ErrorKind::UnexpectedEof, 400),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", ErrorKind::InvalidData, 400),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nff\r\n", ErrorKind::InvalidData, 413),
    ] {
        let mut client = server.connect();
        client.send(format!("POST /told HTTP/1.1\r\nHost: a\r\n{body}"));
        client.0.get_ref().shutdown(Shutdown::Write).unwrap();
        assert_eq!(received(&told), Err(kind), "{body}");
        assert_eq!(client.reply(), (status, format!("/told {status}")), "{body}");
        assert!(client.is_closed());
    }
    let mut client = server.connect();
    client.send(post("/told", "Content-Length: 101"));
    assert_eq!(client.reply().0, 413, "no handler is bothered with what is announced as too much");
    let mut client = server.connect();
    client.send(post("/told", "Content-Length: 50") + "abc");
    client.0.get_ref().shutdown(Shutdown::Both).unwrap();
    drop(client);
    assert!(received(&told).is_err(), "who has left is noticed");
}

/// Bytes of a body that the thread of its handler reads from the socket itself.
const FAST: usize = 3_000_000;

#[test]
fn a_fault_far_into_a_fast_body_is_an_error_to_its_reader_and_the_client() {
    let mut app = counting();
    let told = telling(&mut app, FAST as u64);
    let server = TestServer::start(app);
    let chunk = [format!("{FAST:x}\r\n").as_bytes(), &pattern(FAST), b"\r\n"].concat();
    for (fields, body, end, kind, status) in [
        ("Content-Length: 3000000", &pattern(FAST - 1)[..], "", ErrorKind::UnexpectedEof, 400),
        ("Transfer-Encoding: chunked", &chunk, "", ErrorKind::UnexpectedEof, 400),
        ("Transfer-Encoding: chunked", &chunk, "g\r\n", ErrorKind::InvalidData, 400),
        ("Transfer-Encoding: chunked", &chunk, "1\r\n", ErrorKind::InvalidData, 413),
    ] {
        let mut client = server.connect();
        client.send([post("/told", fields).as_bytes(), body, end.as_bytes()].concat());
        client.0.get_ref().shutdown(Shutdown::Write).unwrap();
        assert_eq!(received(&told), Err(kind), "{fields} {end:?}");
        assert_eq!(client.reply().0, status, "{fields} {end:?}");
        assert!(client.is_closed());
    }
}

/// A handler that stops in the middle of a fast body, and one that reads no further than its end.
#[test]
fn a_handler_that_leaves_a_fast_body_leaves_the_connection_in_order() {
    let mut app = counting();
    app.post("/half", |req: &Request| {
        io::copy(&mut req.body_reader().take(FAST as u64 / 2), &mut io::sink()).map(|read| read.to_string())
    })
    .streaming();
    app.post("/exactly", |req: &Request| {
        io::copy(&mut req.body_reader().take(FAST as u64), &mut io::sink()).map(|read| read.to_string())
    })
    .streaming();
    let server = TestServer::start(app);
    for body in [pattern(FAST), chunked(&pattern(FAST), &[100_000, 7])] {
        let framing = match body.len() {
            FAST => "Content-Length: 3000000",
            _ => "Transfer-Encoding: chunked",
        };
        let mut client = server.connect();
        client.send([post("/exactly", framing).as_bytes(), &body].concat());
        assert_eq!(client.reply(), (200, FAST.to_string()));
        if body.len() == FAST {
            client.send(get("/"));
            assert_eq!(client.reply().1, "next");
        }
        let mut client = server.connect();
        client.send([post("/half", framing).as_bytes(), &body].concat());
        assert_eq!(client.reply(), (200, (FAST / 2).to_string()));
    }
}

#[test]
fn a_body_that_stops_coming_is_given_up() {
    let soon = Duration::from_millis(1);
    let timeouts = Timeouts { body_idle: soon, body_grace: soon, ..Timeouts::default() };
    let mut app = counting();
    app.post("/whole", |_| "never");
    app.on_any_error(|req, _| req.target().to_owned());
    let server = TestServer::with(app, |server| server.timeouts(timeouts));
    for (target, sent) in [("/count", 3), ("/whole", 3), ("/count", FAST)] {
        let mut client = server.connect();
        client.send([post(target, &format!("Content-Length: {}", sent + 1)).as_bytes(), &pattern(sent)].concat());
        assert_eq!(client.reply(), (408, target.to_owned()), "the page sees the head");
        assert!(client.is_closed());
    }
}

/// Answers with what it reads while it reads it.
fn echoing() -> App {
    let mut app = App::new();
    app.post("/echo", |req: &Request| {
        let mut body = req.body_reader().detach();
        let (mut sender, response) = wirelight::stream(16 * 1024);
        std::thread::spawn(move || {
            if let Err(error) = io::copy(&mut body, &mut sender) {
                sender.abort(error);
            }
        });
        response
    })
    .streaming();
    app.post("/nothing", |req: &Request| {
        drop(req.body_reader().detach());
        wirelight::StatusCode::NO_CONTENT
    })
    .streaming();
    app
}

/// One chunk of an answer.
fn chunk(client: &mut Client) -> Vec<u8> {
    let mut line = String::new();
    io::BufRead::read_line(&mut client.0, &mut line).unwrap();
    let mut chunk = vec![0; usize::from_str_radix(line.trim(), 16).unwrap() + 2];
    client.0.read_exact(&mut chunk).unwrap();
    chunk.truncate(chunk.len() - 2);
    chunk
}

#[test]
fn an_answer_may_begin_while_the_body_still_comes() {
    let server = TestServer::start(echoing());
    for half_closes in [false, true] {
        let mut client = server.connect();
        client.send(post("/echo", "Content-Length: 9") + "one");
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nConnection: close\r\n"), "{head}");
        assert_eq!(chunk(&mut client), b"one");
        client.send("two");
        assert_eq!(chunk(&mut client), b"two");
        client.send("end");
        if half_closes {
            client.0.get_ref().shutdown(Shutdown::Write).unwrap();
        }
        assert_eq!([chunk(&mut client), chunk(&mut client)], [&b"end"[..], b""]);
        assert!(client.is_closed());
    }
}

#[test]
fn both_bodies_of_an_exchange_flow_at_once() {
    let server = TestServer::start(echoing());
    let body = pattern(20_000_000);
    for bytes in [
        [post("/echo", "Content-Length: 20000000").as_bytes(), &body].concat(),
        [post("/echo", "Transfer-Encoding: chunked").as_bytes(), &chunked(&body, &[70_000, 3])].concat(),
    ] {
        let mut client = server.connect();
        let mut writer = client.0.get_ref().try_clone().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| writer.write_all(&bytes).unwrap());
            client.head();
            let (mut echo, mut piece) = (Vec::new(), chunk(&mut client));
            while !piece.is_empty() {
                echo.extend(piece);
                piece = chunk(&mut client);
            }
            assert!(echo == body, "{} bytes", echo.len());
        });
        assert!(client.is_closed());
    }
}

#[test]
fn a_body_that_breaks_off_amid_its_answer_cuts_an_answer_that_was_to_be_whole() {
    let soon = Duration::from_millis(1);
    let timeouts = Timeouts { body_idle: soon, body_grace: soon, ..Timeouts::default() };
    for (timeouts, body) in [(Timeouts::default(), "5\r\nfirst\r\nno size\r\n"), (timeouts, "5\r\nfirst\r\n")] {
        let server = TestServer::with(echoing(), |server| server.timeouts(timeouts));
        let mut client = server.connect();
        client.send(post("/echo", "Transfer-Encoding: chunked") + body);
        let mut rest = Vec::new();
        let end = client.0.read_to_end(&mut rest);
        let rest = String::from_utf8(rest).unwrap();
        assert!(end.is_err() || !rest.ends_with("0\r\n\r\n"), "{rest}");
    }
}

#[test]
fn who_asks_before_an_echo_is_told_before_its_head() {
    let server = TestServer::start(echoing());
    let mut client = server.connect();
    client.send(post("/echo", "Content-Length: 3\r\nExpect: 100-continue"));
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 OK\r\n"));
    client.send("abc");
    assert_eq!([chunk(&mut client), chunk(&mut client)], [&b"abc"[..], b""]);
}

#[test]
fn a_detached_reader_holds_no_answer_without_a_body() {
    let server = TestServer::start(echoing());
    let mut client = server.connect();
    client.send(post("/nothing", "Content-Length: 3") + "abc" + &post("/nothing", "Content-Length: 9"));
    assert!(client.head().starts_with("HTTP/1.1 204 "));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 204 ") && head.contains("\r\nConnection: close\r\n"), "{head}");
    assert!(client.is_closed());
}

/// A handler that does not read makes the client wait: the kernel's buffers fill, ours do not.
#[test]
fn who_sends_faster_than_the_handler_reads_has_to_wait() {
    let (open, opened) = mpsc::channel::<()>();
    let opened = Mutex::new(opened);
    let mut app = App::new();
    app.post("/", move |req: &Request| {
        let mut first = [0];
        req.body_reader().read_exact(&mut first)?;
        let _ = opened.lock().unwrap().recv_timeout(bounded::BOUND);
        io::copy(&mut req.body_reader(), &mut io::sink()).map(|n| (n + 1).to_string())
    })
    .streaming();
    let server = TestServer::start(app);
    let mut client = server.connect();
    let length = 64 * 1024 * 1024;
    client.send(post("/", &format!("Content-Length: {length}")));
    let stream = client.0.get_ref();
    stream.set_nonblocking(true).unwrap();
    let (piece, mut sent) = (vec![0; 64 * 1024], 0);
    let mut refusals = 0;
    while refusals < 1000 {
        match stream.try_clone().unwrap().write(&piece) {
            Ok(n) => (sent, refusals) = (sent + n, 0),
            Err(_) => {
                refusals += 1;
                std::thread::yield_now();
            }
        }
    }
    assert!(sent < length / 2, "{sent} bytes are on their way, and nobody reads them");
    open.send(()).unwrap();
    stream.set_nonblocking(false).unwrap();
    while sent < length {
        let n = piece.len().min(length - sent);
        client.send(&piece[..n]);
        sent += n;
    }
    assert_eq!(client.reply(), (200, length.to_string()));
}

#[test]
fn a_handler_that_misses_its_deadline_is_not_waited_for() {
    let (open, opened): (Sender<&'static str>, Receiver<&'static str>) = mpsc::channel();
    let (done, ended) = mpsc::channel();
    let (opened, done) = (Mutex::new(opened), Mutex::new(done));
    let handler = Arc::new(move || {
        let answer = received(&opened.lock().unwrap());
        done.lock().unwrap().send(()).unwrap();
        answer
    });
    let mut app = App::new();
    let patient = handler.clone();
    app.get("/", move |_| handler()).blocking().deadline(Duration::from_millis(50));
    app.get("/patient", move |_| patient()).blocking();
    app.get("/next", |_| "next");
    app.on_error(503, |_, _| "too late");
    let server = TestServer::start(app);
    let mut client = server.connect();
    client.send(get("/") + &get("/next"));
    assert_eq!(client.reply(), (503, "too late".to_owned()));
    assert_eq!(client.reply().1, "next");
    open.send("the late answer").unwrap();
    received(&ended);
    open.send("in time").unwrap();
    client.send(get("/next") + &get("/patient"));
    assert_eq!([client.reply().1, client.reply().1], ["next", "in time"], "the late answer went nowhere");
}

/// The lines of the log.
struct Told(Mutex<Vec<String>>);

impl log::Log for Told {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

#[test]
fn a_handler_that_holds_the_loop_is_named_once() {
    static LOG: OnceLock<Told> = OnceLock::new();
    let told = LOG.get_or_init(|| Told(Mutex::default()));
    log::set_logger(told).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let untraced = named(told, |server| server);
    let traced = named(told, |server| server.trace(Trace::json().to(io::sink())));
    for lines in [untraced, traced] {
        let [body, busy] = &lines[..] else { panic!("{lines:?}") };
        assert!(body.starts_with("the body of GET /body held"), "{body}");
        assert!(busy.starts_with("GET /busy/{id:int} held") && busy.contains(".blocking()"), "{busy}");
    }
}

/// Returns what the log says about handlers that hold the loop of a server with these options.
fn named(told: &Told, options: impl FnOnce(Server) -> Server) -> Vec<String> {
    told.0.lock().unwrap().clear();
    let mut app = App::new();
    // It is the time that is tested: a handler that computes this long.
    app.get("/busy/{id:int}", |_| std::thread::sleep(Duration::from_millis(12)));
    app.get("/fast", |_| "fast");
    app.get("/body", |_| {
        let mut response = Response::new(wirelight::StatusCode::OK);
        response = response.chunks((0..30).map(|_| {
            std::thread::sleep(Duration::from_millis(12));
            vec![b'x'; 64 * 1024]
        }));
        response
    });
    let server = TestServer::with(app, options);
    let mut streamed = server.connect();
    streamed.send("GET /body HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    std::io::copy(&mut streamed.0, &mut std::io::sink()).unwrap();
    let mut client = server.connect();
    for _ in 0..4 {
        client.send(get("/busy/7") + &get("/fast"));
        assert!(client.head().starts_with("HTTP/1.1 204 "));
        assert_eq!(client.reply().1, "fast");
    }
    // Other tests of this program log here too.
    let about_it = |line: &&String| line.contains("GET /busy/{id:int} held") || line.contains("GET /body held");
    let lines = told.0.lock().unwrap();
    lines.iter().filter(about_it).cloned().collect()
}

#[test]
fn an_upgraded_connection_belongs_to_its_new_owner() {
    let mut app = App::new();
    app.get("/echo", |req: &Request| {
        Response::upgrade(req, "echo", |mut socket, early| {
            let _ = socket.write_all(&early);
            let _ = io::copy(&mut socket.clone(), &mut socket);
        })
    });
    app.get("/", |_| "before");
    let server = TestServer::start(app);
    let mut client = server.connect();
    let ask = "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: Echo\r\n\r\n";
    client.send(get("/") + ask + "early");
    assert_eq!(client.reply().1, "before");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert!(head.contains("\r\nUpgrade: echo\r\nConnection: Upgrade\r\n") && !head.contains("Content-"), "{head}");
    client.send(" and late");
    let mut echo = [0; 14];
    client.0.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"early and late");
    client.0.get_ref().shutdown(Shutdown::Write).unwrap();
    assert!(client.is_closed());
    for ask in [ask.replace("Upgrade: Echo", "Upgrade: other"), ask.replace("HTTP/1.1", "HTTP/1.0"), get("/echo")] {
        let mut client = server.connect();
        client.send(&ask);
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 426 ") && head.contains("\r\nUpgrade: echo\r\n"), "{ask}: {head}");
    }
    server.handle.stop();
}
