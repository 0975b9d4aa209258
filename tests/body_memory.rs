//! The limit for request bodies in memory: their sum is bounded, and slow ones are closed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod support;

use std::net::Shutdown;
use std::time::Duration;

use support::server::{Client, TestServer};
use wirelight::{App, Limits, Request, Timeouts};

fn app() -> App {
    let mut app = App::new();
    app.get("/", |_| "ok");
    app.post("/", |req: &Request| req.body().len().to_string());
    app.post("/pool", |req: &Request| req.body().len().to_string()).blocking();
    app
}

/// A client that has sent so much of its body, and the server has read it: it answers others after it.
fn sending(server: &TestServer, target: &str, length: usize, sent: usize) -> Client {
    let mut client = server.connect();
    client.send(format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
    client.send(vec![b'x'; sent]);
    for _ in 0..3 {
        asks(server);
    }
    client
}

fn asks(server: &TestServer) {
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply(), (200, "ok".to_owned()));
}

/// The status of an answer that says when to come again, and is the last.
fn refused(client: &mut Client) {
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: 1\r\n"), "{head}");
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
}

#[test]
fn a_body_that_there_is_no_room_for_is_refused_and_may_come_again() {
    let limits = Limits { bodies: 200_000, ..Limits::default() };
    for target in ["/", "/pool"] {
        let server = TestServer::with(app(), |server| server.limits(limits.clone()));
        let mut first = sending(&server, target, 150_000, 120_000);
        let mut second = sending(&server, target, 150_000, 120_000);
        refused(&mut second);
        // What fits is taken: a small one, and the first to its end.
        let mut small = sending(&server, target, 50_000, 50_000);
        assert_eq!(small.reply(), (200, "50000".to_owned()));
        first.send(vec![b'x'; 30_000]);
        assert_eq!(first.reply(), (200, "150000".to_owned()));
        // And then there is room: also for one that is larger than all together may be.
        let mut again = sending(&server, target, 500_000, 500_000);
        assert_eq!(again.reply(), (200, "500000".to_owned()));
    }
}

#[test]
fn a_client_that_leaves_takes_nothing_with_it() {
    let server = TestServer::with(app(), |server| server.limits(Limits { bodies: 200_000, ..Limits::default() }));
    for _ in 0..20 {
        let mut client = sending(&server, "/", 150_000, 120_000);
        client.0.get_ref().shutdown(Shutdown::Write).unwrap();
        assert!(client.head().starts_with("HTTP/1.1 400 "));
    }
    let mut last = sending(&server, "/", 150_000, 120_000);
    last.send(vec![b'x'; 30_000]);
    assert_eq!(last.reply(), (200, "150000".to_owned()));
}

#[test]
fn a_body_takes_no_room_when_its_client_has_the_response() {
    let limits = Limits { bodies: 200_000, ..Limits::default() };
    let server = TestServer::with(app(), |server| server.limits(limits));
    let request = [&b"POST /pool HTTP/1.1\r\nHost: a\r\nContent-Length: 150000\r\n\r\n"[..], &[b'x'; 150_000]].concat();
    for _ in 0..500 {
        let mut client = server.connect();
        client.send(&request);
        assert_eq!(client.reply(), (200, "150000".to_owned()));
    }
}

#[test]
fn when_room_gets_scarce_the_slowest_body_goes() {
    // 100,000 bytes pay for ten seconds of sixty: slow from the beginning, and not given up for long.
    let timeouts = Timeouts {
        body_idle: Duration::from_secs(60),
        body_rate: 10_000,
        body_grace: Duration::from_millis(1),
        ..Timeouts::default()
    };
    let limits = Limits { bodies: 110_000, ..Limits::default() };
    let server = TestServer::with(app(), |server| server.limits(limits).timeouts(timeouts));
    let mut slow = sending(&server, "/", 150_000, 100_000);
    asks(&server);
    refused(&mut slow);
}
