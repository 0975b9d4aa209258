//! Compares the access log and the metrics with what the clients of a mixed run saw: one line a request, with its status, bytes and id.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead, Read};
use std::net::Shutdown;
use std::process::Command;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use wirelight::middleware::{AccessLog, Format, Metrics, RequestId};
use wirelight::{App, Request, Response, Result, Server, StatusCode};

mod support;

use support::bounded;
use support::server::{Client, TestServer};
use support::trace::{Output, events};

/// Returns the only line of the access log with this target.
fn line_of(log: &Output, target: &str) -> Value {
    bounded::eventually("a line of the access log", || {
        let lines = events(&log.text());
        let mut found = lines.iter().filter(|line| line["target"] == target);
        let line = found.next().cloned().ok_or_else(|| format!("no {target} in {lines:#?}"));
        assert_eq!(found.next(), None, "a second line for {target}");
        line
    })
}

/// What is open until the test lets go.
#[derive(Clone)]
struct Gate(Arc<Mutex<mpsc::Receiver<()>>>);

impl Gate {
    fn new() -> (Gate, mpsc::Sender<()>) {
        let (sender, receiver) = mpsc::channel();
        (Gate(Arc::new(Mutex::new(receiver))), sender)
    }

    fn pass(&self) {
        _ = self.0.lock().unwrap().recv_timeout(bounded::BOUND); // an end of the test is one too
    }
}

fn app(log: &Output, metrics: &Metrics, gate: &Gate) -> App {
    let mut app = App::new();
    RequestId::new().add_to(&mut app);
    AccessLog::new(Format::Json).to(log.clone()).add_to(&mut app);
    metrics.add_to(&mut app);
    app.get("/text/{n:int}", |_| "twelve bytes");
    app.get("/empty", |_| StatusCode::NO_CONTENT);
    app.get("/tagged", |_| tagged("tagged"));
    app.get("/pieces", |_| Response::default().chunks((0..100).map(|n| format!("piece {n}\n"))));
    app.get("/known", |_| Response::default().reader(io::repeat(b'x').take(1_000_000), Some(1_000_000)));
    app.get("/endless", |_| Response::default().reader(io::repeat(b'x'), None));
    app.get("/broken", |_| Response::default().reader(io::repeat(b'x').take(1000), Some(2000)));
    app.get("/stream", |_| {
        let (sender, response) = wirelight::stream(10_000);
        std::thread::spawn(move || (0..1000).try_for_each(|n| sender.send(format!("{n},"))));
        response
    });
    app.get("/panic", |_| -> &'static str { std::panic::resume_unwind(Box::new("on purpose")) });
    let slow = gate.clone();
    app.get("/slow", move |_| slow.pass()).blocking().deadline(Duration::ZERO);
    app.post("/upload", |req: &Request| -> Result<String> {
        Ok(io::copy(&mut req.body_reader(), &mut io::sink())?.to_string())
    })
    .streaming()
    .max_body(1000);
    app.post("/body", |req: &Request| req.body().len().to_string());
    app.files("/files", "tests/corpus");
    app
}

fn tagged(text: &str) -> Response {
    Response::default().etag("1").text(text)
}

/// What a client got.
#[derive(Debug)]
struct Got {
    status: u64,
    bytes: u64,
    id: String,
}

/// Reads one answer to its end.
fn got(client: &mut Client, method: &str) -> Got {
    let head = client.head().to_ascii_lowercase();
    let field =
        |name: &str| head.split_once(&format!("\r\n{name}: ")).map(|(_, rest)| rest.split("\r\n").next().unwrap());
    let status = head[9..12].parse().unwrap();
    let bytes = match (method, status, field("content-length")) {
        ("HEAD", ..) | (_, 204 | 304, _) => 0,
        (.., Some(length)) => io::copy(&mut client.0.by_ref().take(length.parse().unwrap()), &mut io::sink()).unwrap(),
        _ => chunks(client),
    };
    Got { status, bytes, id: field("x-request-id").unwrap_or_default().to_owned() }
}

/// Bytes of content in the chunks that follow.
fn chunks(client: &mut Client) -> u64 {
    let mut total = 0;
    loop {
        let mut size = String::new();
        client.0.read_line(&mut size).unwrap();
        let size = u64::from_str_radix(size.trim_end(), 16).unwrap();
        io::copy(&mut client.0.by_ref().take(size + 2), &mut io::sink()).unwrap();
        total += size;
        if size == 0 {
            return total;
        }
    }
}

fn agrees(log: &Output, target: &str, got: &Got) {
    let line = line_of(log, target);
    let seen = (got.status, got.bytes, true, got.id.as_str());
    let logged = (
        line["status"].as_u64().unwrap(),
        line["bytes"].as_u64().unwrap(),
        line["complete"].as_bool().unwrap(),
        line["request_id"].as_str().unwrap(),
    );
    assert_eq!(logged, seen, "{target}");
}

#[test]
fn the_log_says_what_the_client_saw() {
    let (log, metrics, (gate, _open)) = (Output::default(), Metrics::new(), Gate::new());
    let server = TestServer::with(app(&log, &metrics, &gate), |server: Server| server);
    let size = std::fs::metadata("tests/corpus/public.json").unwrap().len();
    assert!(size > 100_000, "more than one write's worth");
    let cases = [
        ("GET", "/text/1", "", ""),
        ("HEAD", "/text/2", "", ""),
        ("GET", "/empty", "", ""),
        ("GET", "/tagged?a", "", ""),
        ("GET", "/tagged?b", "If-None-Match: \"1\"\r\n", ""),
        ("GET", "/pieces", "", ""),
        ("HEAD", "/pieces?head", "", ""),
        ("GET", "/known", "", ""),
        ("GET", "/stream", "", ""),
        ("GET", "/panic", "", ""),
        ("GET", "/nothing", "", ""),
        ("PUT", "/text/3", "", ""),
        ("GET", "/files/public.json", "", ""),
        ("GET", "/files/public.json?part", "Range: bytes=10-99999\r\n", ""),
        ("GET", "/slow", "", ""),
        ("POST", "/body", "Content-Length: 5\r\n", "hello"),
        ("POST", "/upload", "Content-Length: 5\r\n", "hello"),
        ("POST", "/upload?large", "Content-Length: 5000\r\n", ""),
        ("POST", "/upload?malformed", "Transfer-Encoding: chunked\r\n", "nonsense\r\n"),
    ];
    for (method, target, fields, body) in cases {
        let mut client = server.connect();
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}"));
        let got = got(&mut client, method);
        assert!(!got.id.is_empty(), "{target}");
        agrees(&log, target, &got);
    }
    let statuses: BTreeMap<_, _> =
        cases.iter().map(|(_, target, ..)| (*target, line_of(&log, target)["status"].as_u64().unwrap())).collect();
    for (target, status) in [
        ("/tagged?b", 304),
        ("/panic", 500),
        ("/slow", 503),
        ("/files/public.json?part", 206),
        ("/upload", 200),
        ("/upload?large", 413),
        ("/upload?malformed", 400),
    ] {
        assert_eq!(statuses[target], status, "{target}");
    }
    assert_eq!(line_of(&log, "/files/public.json")["bytes"].as_u64(), Some(size));
    assert_eq!(events(&log.text()).len(), cases.len(), "one line each");
}

#[test]
fn pipelined_answers_have_a_line_each() {
    let (log, metrics, (gate, _open)) = (Output::default(), Metrics::new(), Gate::new());
    let server = TestServer::start(app(&log, &metrics, &gate));
    let mut client = server.connect();
    let requests: String = (0..50).map(|n| format!("GET /text/{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(requests);
    for n in 0..50 {
        let got = got(&mut client, "GET");
        agrees(&log, &format!("/text/{n}"), &got);
    }
    assert_eq!(events(&log.text()).len(), 50);
}

#[test]
fn departures_are_told_as_what_they_are() {
    let (log, metrics, (gate, open)) = (Output::default(), Metrics::new(), Gate::new());
    let server = TestServer::start(app(&log, &metrics, &gate));

    // In the middle of a body: the status that was sent, and fewer bytes than there were to be.
    let mut client = server.connect();
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    client.0.read_exact(&mut [0; 1000]).unwrap();
    client.0.get_ref().shutdown(Shutdown::Both).unwrap();
    drop(client);
    let line = line_of(&log, "/endless");
    assert_eq!((line["status"].as_u64(), line["complete"].as_bool()), (Some(200), Some(false)));
    assert!(line["bytes"].as_u64() >= Some(900), "{line}");

    // A body that breaks off: the bytes that left.
    let mut client = server.connect();
    client.send("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    _ = client.0.read_to_end(&mut Vec::new()); // a reset
    let line = line_of(&log, "/broken");
    assert_eq!((line["status"].as_u64(), line["complete"].as_bool()), (Some(200), Some(false)));

    // Half-way through an upload, by FIN: the refusal was sent, and it is the client's.
    let mut client = server.connect();
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nhalf");
    client.0.get_ref().shutdown(Shutdown::Write).unwrap();
    let refused = got(&mut client, "POST");
    assert_eq!(refused.status, 400);
    agrees(&log, "/upload", &refused);

    // While its handler waits for more of the upload, by a reset: nothing was sent.
    let mut client = server.connect();
    client.send("POST /upload?reset HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 100 "), "its handler reads");
    socket2::SockRef::from(client.0.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    let line = line_of(&log, "/upload?reset");
    assert_eq!((line["status"].as_u64(), line["complete"].as_bool()), (Some(499), Some(false)));
    assert_eq!(line["request_id"].as_str().map(str::len), Some(36));

    open.send(()).unwrap();
    let mut client = server.connect();
    client.send("GET /text/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(got(&mut client, "GET").status, 200);
    line_of(&log, "/text/1");
    assert_eq!(events(&log.text()).len(), 5);
    let shown = bounded::eventually("the metrics", || {
        let request = metrics.handler();
        let mut app = App::new();
        app.get("/", request);
        let text = app.test().get("/").send().text().to_owned();
        if text.contains("\nhttp_requests_in_flight 0\n") { Ok(text) } else { Err(text) }
    });
    for line in [
        "http_requests_total{method=\"POST\",route=\"/upload\",status=\"4xx\"} 2\n",
        "http_requests_total{method=\"GET\",route=\"/endless\",status=\"2xx\"} 1\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(!shown.contains("5xx"), "what a client did is not a failure of the server: {shown}");
}

#[test]
fn each_worker_counts_the_connections_it_accepts() {
    let metrics = Metrics::new();
    let mut app = App::new();
    app.get("/metrics", metrics.handler());
    let server = TestServer::with(app, |server| server.workers(2));
    let shares = |client: &mut Client| {
        client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        let text = client.reply().1;
        let share =
            |line: &str| line.strip_prefix("http_connections_accepted_total{worker=")?.split_once("} ")?.1.parse().ok();
        text.lines().filter_map(share).collect::<Vec<u64>>()
    };
    // The kernel chooses by a hash of the ports: each worker gets a client soon.
    let mut clients = Vec::new();
    let found = bounded::eventually("a client for each worker", || {
        clients.push(server.connect());
        let found = shares(clients.last_mut().unwrap());
        assert_eq!(found.iter().sum::<u64>(), clients.len() as u64);
        if found.iter().all(|share| *share > 0) { Ok(found) } else { Err(format!("{found:?}")) }
    });
    assert_eq!(found.len(), 2);
    assert_eq!(shares(&mut clients[0]), found, "a request on an open connection counts nothing");
}

/// A logger of a program that has turned it off.
struct Off(&'static str);

impl log::Log for Off {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &log::Record<'_>) {
        eprintln!("[{}", self.0);
    }

    fn flush(&self) {}
}

/// Runs in processes of its own: the other tests may set a logger.
#[test]
fn without_a_logger_stderr_has_warnings_errors_and_the_access_log() {
    const NAME: &str = "without_a_logger_stderr_has_warnings_errors_and_the_access_log";
    let Ok(logger) = env::var("LOGGER") else {
        let lines = |logger| {
            let mut child = Command::new(env::current_exe().unwrap());
            let output = bounded::output(child.args(["--exact", NAME, "--nocapture"]).env("LOGGER", logger));
            assert!(output.status.success());
            let stderr = String::from_utf8(output.stderr).unwrap();
            stderr.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect::<Vec<_>>()
        };
        let [error, access] = &lines("none")[..] else { panic!("{:?}", lines("none")) };
        assert_eq!(error, "[ERROR wirelight::app::error_handlers] GET /: no such\\nfile");
        assert!(access.starts_with("[INFO access] GET / 500 "), "{access}");
        assert_eq!(lines("off"), [""; 0]);
        return;
    };
    if logger == "off" {
        log::set_logger(&Off("called although it is off")).unwrap();
    }
    let mut app = App::new();
    AccessLog::new(Format::Dev).add_to(&mut app);
    app.get("/", |_| -> Result<()> { Err("no such\nfile")? });
    assert_eq!(app.test().get("/").send().status(), 500);
    log::warn!("a line of the program itself, which has no logger either");
}
