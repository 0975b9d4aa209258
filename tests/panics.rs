//! Panics wherever the server runs or drops code of the program: its request ends properly, the log has a line, and other connections
//! of the same event loop are not affected.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "support/panics.rs"]
mod panics;
mod support;

use std::fmt::{self, Display};
use std::io::{self, Read};
use std::net::Shutdown;
use support::bounded;

use panics::Fate::{Answered, Cut};
use panics::{Bomb, LINES, Neighbour, app, fate, listen_to_the_log, panic_quietly};
use support::server::{Client, TestServer};
use wirelight::{App, Request, Response, Router, StatusCode};

#[test]
fn a_panic_ends_one_exchange_and_no_loop() {
    listen_to_the_log();
    let server = TestServer::start(app());
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
        ("/aborted", Cut, "a log line is lost: its text or the logger panicked: an error's display"),
        ("/break-the-logger", Answered(500), "a log line is lost: its text or the logger panicked: a logger"),
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
            assert!(neighbour.is_served(), "after {target}");
            let line = LINES.wait_for(logged);
            assert!(!line.contains('\n'), "{line:?}");
        }
    }
}

#[test]
fn a_body_whose_drop_panics_ends_no_other_connection() {
    listen_to_the_log();
    let mut app = app();
    app.get("/endless", |_| {
        let bomb = Bomb("an endless iterator left alone");
        Response::default().chunks(std::iter::repeat("x".repeat(64 * 1024)).inspect(move |_| _ = &bomb))
    });
    let server = TestServer::start(app);
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
    let server = TestServer::start(app);
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
    inner.trailing_slash(wirelight::TrailingSlash::Redirect);
    inner.after(|_, response| response.set_header("X-Scope", "inner"));
    inner.on_error(503, |_, _| "busy inside");
    inner.get("/list/", |_| "list");
    inner.get("/slow", |_| "slow").blocking();
    let mut app = App::new();
    app.nest("/in", inner);
    let server = TestServer::with(app, |server| server.pool(1, 0));
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
