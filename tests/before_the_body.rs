//! Hooks, guards and rate limits that respond to the head of a request, before its body is read and before `100 Continue`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::server::TestServer;
use wirelight::{App, Error, Request, Response, Result, Route, TestConnection};

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const NEXT: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// How often each part has run.
#[derive(Default)]
struct Ran {
    before: AtomicUsize,
    guard: AtomicUsize,
    handler: AtomicUsize,
    after: AtomicUsize,
}

impl Ran {
    fn take(&self) -> [usize; 4] {
        [&self.before, &self.guard, &self.handler, &self.after].map(|count| count.swap(0, Ordering::Relaxed))
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The user that the before hook found.
struct User(String);

fn app() -> (App, Arc<Ran>) {
    with(|_| ())
}

/// The application, whose `/private` has these options too.
fn with(options: impl FnOnce(&mut Route)) -> (App, Arc<Ran>) {
    let ran = Arc::<Ran>::default();
    let mut app = App::new();
    let counts = ran.clone();
    app.before(move |req| {
        count(&counts.before);
        let user = req.header("X-User").unwrap_or("nobody").to_owned();
        req.set(User(user));
        Ok(())
    });
    let counts = ran.clone();
    app.after(move |req, res| {
        count(&counts.after);
        res.set_header("X-Seen", req.get::<User>().map_or("no user", |user| &user.0));
    });
    let counts = ran.clone();
    let key = move |req: &mut Request<'_>| -> Result<()> {
        count(&counts.guard);
        if req.header("X-Key") == Some("k") { Ok(()) } else { Err(Error::unauthorized("Key", "A key is needed.")) }
    };
    let counts = ran.clone();
    let route = app.post("/private", move |req: &Request| {
        count(&counts.handler);
        format!("{} from {}", req.body().len(), req.get::<User>().unwrap().0)
    });
    options(route.max_body(50 << 20).require(key));
    app.get("/", |_| "next");
    (app, ran)
}

fn head(target: &str, fields: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: a\r\nX-User: zoe\r\n{fields}\r\n\r\n")
}

fn received(connection: &mut TestConnection) -> String {
    String::from_utf8(connection.take_received().to_vec()).unwrap()
}

/// One answer, with this status, and the last on its connection.
#[track_caller]
fn last(connection: &mut TestConnection, status: &str) {
    let text = received(connection);
    assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
    assert!(text.contains("\r\nX-Seen: zoe\r\n"), "{text}");
    assert!(connection.is_closed());
}

#[test]
fn a_client_that_may_not_learns_so_before_it_sends() {
    let (app, ran) = app();
    let client = app.test();
    for fields in [
        "Content-Length: 50000000",
        "Content-Length: 50000000\r\nExpect: 100-continue",
        "Content-Length: 5\r\nExpect: 100-continue",
        "Transfer-Encoding: chunked\r\nExpect: 100-continue",
        "Content-Length: 99999999999\r\nExpect: 100-continue",
    ] {
        let mut connection = client.connect();
        connection.send(head("/private", fields).as_bytes());
        last(&mut connection, "401");
        assert_eq!(ran.take(), [1, 1, 0, 1], "{fields}");
        // Also where a part of the body came with the head: then there is nothing to wait for but more of it.
        if fields.starts_with("Content-Length: 5000") {
            let mut connection = client.connect();
            connection.send((head("/private", fields) + "a part").as_bytes());
            last(&mut connection, "401");
            assert_eq!(ran.take(), [1, 1, 0, 1], "{fields}");
        }
    }
}

#[test]
fn what_no_route_is_for_is_answered_on_the_head() {
    let (app, ran) = app();
    let client = app.test();
    for (target, status) in [("/nowhere", "404"), ("/", "405")] {
        for fields in ["Content-Length: 3000000", "Content-Length: 3\r\nExpect: 100-continue"] {
            let mut connection = client.connect();
            connection.send(head(target, fields).as_bytes());
            last(&mut connection, status);
            assert_eq!(ran.take(), [1, 0, 0, 1], "{target} {fields}");
        }
        // A body without an announced end is looked at until it is long.
        let mut connection = client.connect();
        connection.send(head(target, "Transfer-Encoding: chunked").as_bytes());
        assert_eq!(received(&mut connection), "");
        connection.send(&[b"20000\r\n".to_vec(), vec![b'x'; 0x20000]].concat());
        last(&mut connection, status);
        assert_eq!(ran.take(), [1, 0, 0, 1], "{target} chunked");
    }
}

#[test]
fn a_client_that_may_is_told_to_send_and_its_values_wait_for_the_handler() {
    let (app, ran) = app();
    let client = app.test();
    for (framing, body) in [("Content-Length: 5", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")] {
        let mut connection = client.connect();
        for _ in 0..2 {
            connection.send(head("/private", &format!("X-Key: k\r\nExpect: 100-continue\r\n{framing}")).as_bytes());
            assert_eq!(received(&mut connection), CONTINUE);
            assert_eq!(ran.take(), [1, 1, 0, 0]);
            for byte in body.as_bytes() {
                connection.send(&[*byte]);
            }
            let text = received(&mut connection);
            assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("5 from zoe"), "{text}");
            assert!(text.contains("\r\nX-Seen: zoe\r\n"), "{text}");
            assert_eq!(ran.take(), [0, 0, 1, 1]);
        }
    }
}

#[test]
fn a_streamed_answer_to_a_head_may_announce_the_largest_body() {
    let mut app = app().0;
    app.on_error(404, |_, _| Response::default().chunks(["not ", "here"]));
    let raw = app.test().raw(head("/none", "Content-Length: 18446744073709551615").as_bytes());
    let raw = String::from_utf8(raw).unwrap();
    assert!(raw.starts_with("HTTP/1.1 404 ") && raw.contains("\r\nConnection: close\r\n"), "{raw}");
    assert!(raw.ends_with("\r\n\r\n4\r\nnot \r\n4\r\nhere\r\n0\r\n\r\n"), "{raw}");
}

#[test]
fn a_small_body_is_no_reason_to_connect_anew() {
    let (app, ran) = app();
    let client = app.test();
    for (target, status, counts) in [("/private", "401", [2, 1, 0, 2]), ("/nowhere", "404", [2, 0, 0, 2])] {
        for (framing, body) in
            [("Content-Length: 5", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")]
        {
            let bytes = head(target, framing) + body + NEXT;
            let mut whole = client.connect();
            whole.send(bytes.as_bytes());
            let expected = received(&mut whole);
            assert!(expected.starts_with(&format!("HTTP/1.1 {status} ")) && expected.ends_with("next"), "{expected}");
            assert!(!whole.is_closed());
            assert_eq!(ran.take(), counts);
            for cut in 1..bytes.len() {
                let mut connection = client.connect();
                connection.send(&bytes.as_bytes()[..cut]);
                connection.send(&bytes.as_bytes()[cut..]);
                assert_eq!(received(&mut connection), expected, "cut at {cut}");
                assert_eq!(ran.take(), counts, "cut at {cut}");
            }
        }
    }
}

#[test]
fn what_the_head_decided_stands_when_the_body_breaks_off() {
    let (app, ran) = app();
    let client = app.test();
    for rest in ["x\r\n", "5\r\nhel"] {
        let mut connection = client.connect();
        connection.send((head("/private", "Transfer-Encoding: chunked") + rest).as_bytes());
        connection.half_close();
        last(&mut connection, "401");
        assert_eq!(ran.take(), [1, 1, 0, 1], "{rest:?}");
    }
    let mut connection = client.connect();
    connection.send((head("/private", "Content-Length: 5") + "hel").as_bytes());
    connection.advance(Duration::from_secs(5));
    last(&mut connection, "401");
    assert_eq!(ran.take(), [1, 1, 0, 1]);
}

#[test]
fn a_body_that_is_refused_after_its_head_passed_sees_the_values_and_runs_nothing_twice() {
    let (app, ran) = app();
    let client = app.test();
    let key = |fields: &str| head("/private", &format!("X-Key: k\r\n{fields}"));
    for (bytes, status) in [
        (key("Content-Length: 99999999999"), "413"),
        (key("Content-Length: 99999999999\r\nExpect: 100-continue"), "413"),
        (key("Transfer-Encoding: chunked") + "x\r\n", "400"),
        (key("Content-Length: 5") + "hel", "400"),
    ] {
        let mut connection = client.connect();
        connection.send(bytes.as_bytes());
        if status == "400" {
            connection.half_close();
        }
        last(&mut connection, status);
        assert_eq!(ran.take(), [1, 1, 0, 1], "{bytes}");
    }
    let mut connection = client.connect();
    connection.send((key("Content-Length: 5") + "hel").as_bytes());
    connection.advance(Duration::from_secs(5));
    last(&mut connection, "408");
    assert_eq!(ran.take(), [1, 1, 0, 1]);
}

#[test]
fn a_hook_or_guard_that_asks_for_the_body_is_a_mistake_of_the_program() {
    let reads = |req: &mut Request<'_>| if req.body().is_empty() { Ok(()) } else { Err(Error::forbidden("")) };
    let mut hooked = App::new();
    hooked.before(reads);
    hooked.post("/", |req: &Request| req.body().len().to_string());
    hooked.get("/", |_| "no body");
    let mut guarded = App::new();
    guarded.post("/", |req: &Request| req.body().len().to_string()).require(reads);
    guarded.get("/", |_| "no body").require(reads);
    for app in [hooked, guarded] {
        assert_eq!(app.test().post("/").body("text/plain", "hello").send().status(), 500);
        assert_eq!(app.test().get("/").send().text(), "no body");
        let raw = app.test().raw(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n");
        assert!(raw.starts_with(b"HTTP/1.1 500 "), "{}", raw.escape_ascii());
    }
}

#[test]
fn hooks_that_need_the_body_run_when_it_is_here() {
    let (mut app, ran) = app();
    app.before_with_body(|req| match req.header("X-Sum") {
        Some(sum) if sum == req.body().len().to_string() && req.get::<User>().is_some() => Ok(()),
        _ => Err(Error::bad_request("The sum is wrong.")),
    });
    let client = app.test();
    for (sum, status, handled) in [("5", "200", 1), ("6", "400", 0)] {
        let fields = format!("X-Key: k\r\nX-Sum: {sum}\r\nExpect: 100-continue\r\nContent-Length: 5");
        let mut connection = client.connect();
        connection.send(head("/private", &fields).as_bytes());
        assert_eq!(received(&mut connection), CONTINUE);
        connection.send(b"hello");
        let text = received(&mut connection);
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(!connection.is_closed());
        assert_eq!(ran.take(), [1, 1, handled, 1]);
    }
}

/// On a route whose handler may block, hooks and guards may too: they run on the pool, and so does what they decide on the head.
#[test]
fn a_blocking_route_decides_on_the_head_too() {
    let (app, ran) = with(|route| _ = route.blocking());
    let server = TestServer::start(app);
    for fields in ["Content-Length: 50000000", "Transfer-Encoding: chunked\r\nExpect: 100-continue"] {
        let mut client = server.connect();
        client.send(head("/private", fields));
        let answer = client.head();
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert_eq!(ran.take(), [1, 1, 0, 1], "{fields}");
    }
    let mut client = server.connect();
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let body = if framing.starts_with('C') { "hello" } else { "5\r\nhello\r\n0\r\n\r\n" };
        // After `100 Continue`; at once in two parts; at once in one.
        client.send(head("/private", &format!("X-Key: k\r\nExpect: 100-continue\r\n{framing}")));
        assert_eq!(client.head(), CONTINUE);
        assert_eq!(ran.take(), [1, 1, 0, 0]);
        client.send(body);
        assert_eq!(client.reply(), (200, "5 from zoe".to_owned()));
        assert_eq!(ran.take(), [0, 0, 1, 1]);
        client.send(head("/private", &format!("X-Key: k\r\n{framing}")) + &body[..2]);
        client.send(&body[2..]);
        assert_eq!(client.reply(), (200, "5 from zoe".to_owned()));
        assert_eq!(ran.take(), [1, 1, 1, 1]);
        client.send(head("/private", &format!("X-Key: k\r\n{framing}")) + body + NEXT);
        assert_eq!(client.reply(), (200, "5 from zoe".to_owned()));
        assert_eq!(client.reply(), (200, "next".to_owned()));
        assert_eq!(ran.take(), [2, 1, 1, 2]);
        // Refused: what is small is received, and the connection stays.
        client.send(head("/private", framing) + &body[..2]);
        client.send(body[2..].to_owned() + NEXT);
        assert_eq!(client.reply().0, 401);
        assert_eq!(client.reply(), (200, "next".to_owned()));
        assert_eq!(ran.take(), [2, 1, 0, 2]);
    }
    // Too large for the route, though it may.
    client.send(head("/private", "X-Key: k\r\nContent-Length: 99999999999\r\nExpect: 100-continue"));
    assert_eq!(client.reply().0, 413);
    assert_eq!(ran.take(), [1, 1, 0, 1]);
}

#[test]
fn a_test_without_threads_sees_the_same() {
    let (app, ran) = with(|route| _ = route.blocking());
    let client = app.test();
    let mut connection = client.connect();
    connection.send(head("/private", "Content-Length: 5\r\nExpect: 100-continue").as_bytes());
    last(&mut connection, "401");
    assert_eq!(ran.take(), [1, 1, 0, 1]);
    let mut connection = client.connect();
    connection.send(head("/private", "X-Key: k\r\nContent-Length: 5\r\nExpect: 100-continue").as_bytes());
    assert_eq!(received(&mut connection), CONTINUE);
    connection.send(b"hello");
    assert!(received(&mut connection).ends_with("5 from zoe"));
    assert_eq!(ran.take(), [1, 1, 1, 1]);
}

#[test]
fn a_streaming_route_decides_before_it_asks_for_the_body() {
    let mut app = App::new();
    app.post("/", |req: &Request| std::io::copy(&mut req.body_reader(), &mut std::io::sink()).unwrap().to_string())
        .require(|req| if req.header("X-Key") == Some("k") { Ok(()) } else { Err(Error::forbidden("")) })
        .streaming();
    let server = TestServer::start(app);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nX-Key: k\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.head(), CONTINUE);
    client.send("hello");
    assert_eq!(client.reply(), (200, "5".to_owned()));
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.reply().0, 403);
}
