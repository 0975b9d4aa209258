//! Connections that leave HTTP: how many there may be, how long they wait, and how a graceful stop ends them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod support;

use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use support::bounded;

use support::server::{Client, TestServer};
use wirelight::{App, Request, Response, Timeouts, Upgraded};

const ASK: &str = "GET /raw HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// An application whose `/raw` hands the socket to `run`.
fn app(run: impl Fn(Upgraded) + Clone + Send + Sync + 'static) -> App {
    let mut app = App::new();
    app.get("/", |_| "ok");
    app.get("/raw", move |req: &Request| {
        let run = run.clone();
        Response::upgrade(req, "raw", move |socket, _| run(socket))
    });
    app
}

fn echo(mut socket: Upgraded) {
    let _ = io::copy(&mut socket.clone(), &mut socket);
}

/// A client that asks for the upgrade, and the head of the answer.
fn asks(server: &TestServer) -> (Client, String) {
    let mut client = server.connect();
    client.send(ASK);
    let head = client.head();
    (client, head)
}

fn upgraded(server: &TestServer) -> Client {
    let (client, head) = asks(server);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client
}

/// An upgrade is refused, and the connection goes on.
fn refused(server: &TestServer) {
    let mut client = server.connect();
    client.send(ASK);
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: 5\r\n"), "{head}");
    assert!(!head.contains("\r\nConnection: close\r\n") && !head.contains("\r\nUpgrade:"), "{head}");
    let length = head.split_once("Content-Length: ").unwrap().1.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    client.0.read_exact(&mut body).unwrap();
    client.send(GET);
    assert_eq!(client.reply(), (200, "ok".to_owned()));
}

/// A place that was given back is taken: looked for until the thread that had it has ended.
fn becomes_free(server: &TestServer) -> Client {
    bounded::eventually("a free place", || {
        let (client, head) = asks(server);
        if head.starts_with("HTTP/1.1 101 ") { Ok(client) } else { Err(head) }
    })
}

#[test]
fn upgraded_connections_have_a_bound_of_their_own() {
    let server = TestServer::with(app(echo), |server| server.max_upgraded(2));
    let mut first = upgraded(&server);
    let second = upgraded(&server);
    refused(&server);
    first.send("still here");
    let mut bytes = [0; 10];
    first.0.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"still here");
    drop(second);
    let _third = becomes_free(&server);
    refused(&server);
}

#[test]
fn they_take_no_more_than_half_of_the_connections() {
    let server = TestServer::with(app(echo), |server| server.max_connections(6));
    let _open: Vec<_> = (0..3).map(|_| upgraded(&server)).collect();
    refused(&server);
    let mut clients: Vec<_> = (0..6).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(GET);
        assert_eq!(client.reply().0, 200);
    }
    // Three places are left for HTTP, and idle connections made room.
    let closed = |client: &Client| {
        client.0.get_ref().set_nonblocking(true).unwrap();
        matches!(client.0.get_ref().peek(&mut [0; 1]), Ok(0))
    };
    bounded::eventually("three closed connections", || match clients.iter().filter(|client| closed(client)).count() {
        3 => Ok(()),
        other => Err(format!("{other} of them")),
    });
}

#[test]
fn a_place_is_free_again_however_the_upgrade_ends() {
    let panics = |_| panic!("a fault that the test provokes");
    let mut app = app(panics);
    app.get("/changed", |req: &Request| Response::upgrade(req, "raw", |_, _| ()));
    app.after(|req, res| {
        if req.path() == "/changed" {
            *res = Response::default();
            res.set_text("no upgrade after all");
        }
    });
    let server = TestServer::with(app, |server| server.max_upgraded(1));
    let mut client = server.connect();
    client.send(ASK.replace("/raw", "/changed"));
    assert_eq!(client.reply().0, 200);
    for _ in 0..3 {
        drop(becomes_free(&server));
    }
}

#[test]
fn times_without_end_and_without_length_hold_for_upgraded_connections_too() {
    // More than the buffers hold: the client reads only on command.
    const MUCH: usize = 32 << 20;
    for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let (told, tells) = channel();
        let app = app(move |mut socket| {
            let read = socket.read_exact(&mut [0; 4]).map_err(|error| error.kind());
            told.send(("read", read)).unwrap();
            let written = socket.write_all(&vec![b'x'; MUCH]).map_err(|error| error.kind());
            told.send(("written", written)).unwrap();
        });
        let times = Timeouts { upgraded_read: time, upgraded_write: time, ..Timeouts::default() };
        let server = TestServer::with(app, |server| server.timeouts(times));
        let mut client = upgraded(&server);
        let expected = if time == Duration::MAX { Ok(()) } else { Err(ErrorKind::WouldBlock) };
        if expected.is_ok() {
            client.send("read");
        }
        assert_eq!(bounded::received(&tells), ("read", expected), "{time:?}");
        if expected.is_ok() {
            client.0.read_exact(&mut vec![0; MUCH]).unwrap();
        }
        assert_eq!(bounded::received(&tells), ("written", expected), "{time:?}");
    }
}

#[test]
fn a_clone_that_outlives_the_thread_keeps_its_place() {
    let kept = std::sync::Arc::new(Mutex::new(None));
    let keep = kept.clone();
    let run = move |socket: Upgraded| *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
    let server = TestServer::with(app(run), |server| server.max_upgraded(1));
    let _client = upgraded(&server);
    bounded::eventually("the clone", || kept.lock().unwrap().is_some().then_some(()).ok_or_else(|| "none".to_owned()));
    refused(&server);
    kept.lock().unwrap().take();
    becomes_free(&server);
}

/// A handler that reports what `work` came to.
fn reporting<T: Send + 'static>(work: impl Fn(Upgraded) -> T + Send + Sync + Clone + 'static) -> (App, Receiver<T>) {
    let (sender, receiver): (Sender<T>, _) = channel();
    (app(move |socket| _ = sender.send(work(socket))), receiver)
}

#[test]
fn a_client_that_says_nothing_or_takes_nothing_is_not_waited_for() {
    let short = Duration::from_millis(50);
    let timeouts = Timeouts { upgraded_read: short, upgraded_write: short, ..Timeouts::default() };
    let (app, results) = reporting(|mut socket| {
        let read = socket.read(&mut [0; 1]).unwrap_err().kind();
        let written = loop {
            if let Err(error) = socket.write_all(&[0; 64 * 1024]) {
                break error.kind();
            }
        };
        (read, written)
    });
    let server = TestServer::with(app, |server| server.timeouts(timeouts));
    let _client = upgraded(&server);
    assert_eq!(bounded::received(&results), (ErrorKind::WouldBlock, ErrorKind::WouldBlock));
}

#[test]
fn no_time_is_no_panic_and_all_time_is_no_end() {
    for (time, ends) in [(Duration::ZERO, true), (Duration::from_nanos(1), true), (Duration::MAX, false)] {
        let timeouts = Timeouts { upgraded_read: time, upgraded_write: time, ..Timeouts::default() };
        let (app, results) = reporting(|mut socket| socket.read(&mut [0; 1]).map_err(|error| error.kind()));
        let server = TestServer::with(app, |server| server.timeouts(timeouts));
        let mut client = upgraded(&server);
        let said = if ends { Err(ErrorKind::WouldBlock) } else { Ok(1) };
        if !ends {
            client.send("x");
        }
        assert_eq!(bounded::received(&results), said, "{time:?}");
    }
}

#[test]
fn at_a_stop_a_waiting_thread_hears_the_end_and_may_say_goodbye() {
    let timeouts = Timeouts { drain_idle: Duration::from_millis(50), ..Timeouts::default() };
    let (app, results) = reporting(|mut socket| {
        let before = socket.is_stopping();
        let read = socket.read(&mut [0; 1]).map_err(|error| error.kind());
        let _ = socket.write_all(b"bye");
        (before, read, socket.is_stopping())
    });
    let server = TestServer::with(app, |server| server.timeouts(timeouts).workers(2));
    let mut client = upgraded(&server);
    server.handle.stop();
    let mut said = String::new();
    client.0.read_to_string(&mut said).unwrap();
    assert_eq!(said, "bye");
    let (_, read, stopping) = bounded::received(&results);
    assert_eq!((read, stopping), (Ok(0), true));
    server.ended().unwrap();
}

#[test]
fn at_the_end_of_a_stop_what_is_left_is_shut_down_and_counted() {
    let timeouts = Timeouts { drain_idle: Duration::ZERO, shutdown: Duration::from_millis(100), ..Timeouts::default() };
    let (app, results) = reporting(|mut socket| {
        // It reads nothing and writes until it cannot.
        let _ = io::copy(&mut io::repeat(b'm'), &mut socket);
        socket.read(&mut [0; 1]).map_err(|error| error.kind())
    });
    let server = TestServer::with(app, |server| server.timeouts(timeouts));
    let mut client = upgraded(&server);
    let reader = std::thread::spawn(move || io::copy(&mut client.0, &mut io::sink()).map_err(|error| error.kind()));
    server.handle.stop();
    let error = server.ended().unwrap_err();
    assert_eq!(error.to_string(), "1 connection was cut at the end of the stop");
    assert_eq!(bounded::received(&results), Ok(0));
    assert!(bounded::joined(reader).unwrap().is_ok(), "the client sees an end");
}

#[test]
fn a_stop_without_grace_ends_them_too() {
    let server = TestServer::start(app(echo));
    let mut client = upgraded(&server);
    server.handle.stop_now();
    server.ended().unwrap();
    // A reset where the socket was still on its way to its thread.
    let end = client.0.read(&mut [0; 1]).map_err(|error| error.kind());
    assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{end:?}");
}
