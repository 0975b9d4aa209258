//! The server on real sockets: cases that need threads, kernel buffers or closing connections.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use wirelight::{App, Handle, Request, Timeouts};

mod support;

use support::bounded::{self, connect};
use support::server::{Client, Reply, TestServer};

const PANIC: &str = "a panic that the test provokes";

fn app() -> App {
    let mut app = App::new();
    app.get("/", |_| "ok");
    app.get("/thread", |_| format!("{:?}", std::thread::current().id()));
    app.get("/panic", |_| -> &'static str { panic!("{PANIC}") });
    app.get("/large", |_| "x".repeat(32 << 20));
    app.post("/", |req: &Request| req.body().len().to_string());
    app
}

impl Client {
    fn get(&mut self, target: &str) -> Reply {
        self.send(get(target));
        self.response()
    }

    /// Checks that the server stops after this response. If request and stop arrived in one iteration of the loop, the response may
    /// lack `Connection: close`; the next one has it.
    fn assert_last(&mut self, reply: &Reply) {
        assert!(reply.closes || self.get("/").closes);
        assert!(self.is_closed());
    }

    /// Whether the server has closed, cleanly or not.
    fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(n) => n == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// Times for clients that a busy machine holds up.
fn patient() -> Timeouts {
    let (drain_idle, body_idle, body_grace) = (bounded::BOUND, bounded::BOUND, bounded::BOUND);
    Timeouts { drain_idle, body_idle, body_grace, ..Timeouts::default() }
}

#[test]
fn a_handle_stops_the_server_from_another_thread() {
    for stop in [Handle::stop, Handle::stop_now] {
        let server = TestServer::start(app());
        let (address, handle) = (server.address, server.handle.clone());
        assert_eq!(server.connect().get("/").body, "ok");
        stop(&handle);
        server.ended().unwrap();
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn a_stop_lets_requests_that_have_begun_finish() {
    let server = TestServer::with(app(), |server| server.workers(2).timeouts(patient()));
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert!(!client.get("/").closes);
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
    }
    server.handle.stop();
    for client in &mut clients {
        client.send(b"56789");
        let reply = client.response();
        assert_eq!((reply.status, &*reply.body), (200, "10"));
        client.assert_last(&reply);
    }
    drop(clients);
    server.ended().unwrap();
}

#[test]
fn a_stop_gives_idle_connections_a_last_request() {
    let server = TestServer::with(app(), |server| server.timeouts(patient()));
    let mut client = server.connect();
    assert!(!client.get("/").closes);
    server.handle.stop();
    let reply = client.get("/");
    assert_eq!((reply.status, &*reply.body), (200, "ok"));
    client.assert_last(&reply);
    drop(client);
    server.ended().unwrap();
}

#[test]
fn every_worker_gets_connections() {
    let server = TestServer::with(app(), |server| server.workers(2));
    let mut threads = BTreeSet::new();
    // The kernel deals by a hash of the addresses: that 64 ports go to one worker happens once in 2^63 runs.
    for _ in 0..64 {
        threads.insert(server.connect().get("/thread").body);
    }
    assert_eq!(threads.len(), 2);
}

#[test]
fn ten_thousand_panics_are_ten_thousand_answers() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(PANIC) {
            report(info);
        }
    }));
    let server = TestServer::start(app());
    let (mut bad, mut good) = (server.connect(), server.connect());
    for _ in 0..100 {
        bad.send(get("/panic").repeat(100).as_bytes());
        for _ in 0..100 {
            let reply = bad.response();
            assert_eq!((reply.status, reply.closes), (500, false));
            assert!(!reply.body.contains("panic"), "{}", reply.body);
        }
        assert_eq!(good.get("/").body, "ok");
    }
    assert_eq!(server.connect().get("/").body, "ok");
}

#[test]
fn where_all_places_are_taken_the_oldest_idle_connection_makes_room() {
    let server = TestServer::with(app(), |server| server.max_connections(4));
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for _ in 0..100 {
        for client in &mut clients {
            assert_eq!(client.get("/").body, "ok", "nobody goes while nobody comes");
        }
    }
    let mut fifth = server.connect();
    assert_eq!(fifth.get("/").body, "ok");
    assert!(clients[0].is_closed());
    for client in &mut clients[1..] {
        assert_eq!(client.get("/").body, "ok");
    }
}

#[test]
fn where_no_connection_is_idle_the_oldest_unfinished_head_makes_room() {
    let server = TestServer::with(app(), |server| server.max_connections(4));
    let mut slow: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for client in &mut slow {
        // In one piece: the response proves that the beginning after the request was read too.
        client.send((get("/") + "GET / HT").as_bytes());
        assert_eq!(client.response().body, "ok");
    }
    assert_eq!(server.connect().get("/").body, "ok");
    assert!(slow[0].is_closed());
}

#[test]
fn a_client_that_closes_its_side_gets_its_answers() {
    let server = TestServer::start(app());
    for requests in [1, 3, 100] {
        let mut stream = connect(server.address);
        stream.write_all(get("/").repeat(requests).as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), requests, "{text}");
    }
}

/// The answer stops half-way on a connection that the poll does not know yet: it is read from as soon as it is accepted.
#[test]
fn a_first_answer_may_be_larger_than_any_buffer_of_the_kernel() {
    let server = TestServer::start(app());
    for _ in 0..20 {
        let mut client = server.connect();
        let reply = client.get("/large");
        assert_eq!((reply.status, reply.body.len()), (200, 32 << 20));
        assert_eq!(client.get("/").body, "ok");
    }
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = TestServer::start(app());
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n";
    for reads_meanwhile in [true, false] {
        for _ in 0..20 {
            let stream = connect(server.address);
            let mut sender = stream.try_clone().unwrap();
            let send = move || {
                sender.write_all(head).unwrap();
                // The server stops reading at some point, and may cut the connection: then the rest is not wanted.
                let _ = sender.write_all(&vec![b'x'; 8 << 20]);
            };
            let sending = std::thread::spawn(send);
            if !reads_meanwhile {
                bounded::joined(sending).unwrap();
                assert_eq!(Client(BufReader::new(stream)).response().status, 413);
            } else {
                assert_eq!(Client(BufReader::new(stream)).response().status, 413);
                bounded::joined(sending).unwrap();
            }
        }
    }
}
