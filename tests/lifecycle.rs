//! The life of a server from the first to the last client: several addresses, stops that lose nothing, restarts, bad deploys.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use wirelight::{App, Handle, Server, Timeouts, middleware};

mod support;

use support::bounded::{self, connect};
use support::folder::Folder;

fn app() -> App {
    let mut app = App::new();
    app.get("/", |_| "ok");
    app.get("/health", middleware::health());
    app
}

fn run(server: Server) -> (Handle, JoinHandle<io::Result<()>>) {
    let server = server.signals(false);
    (server.handle(), std::thread::spawn(move || server.run(app())))
}

fn local(path: &std::path::Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(bounded::BOUND)).unwrap();
    stream
}

/// Reads everything from a connection that closes after the response.
fn ask(mut stream: impl Read + Write, target: &str) -> String {
    write!(stream, "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// One answer on a connection that stays.
fn ask_on(stream: &mut TcpStream, target: &str) -> String {
    write!(stream, "GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut bytes = [0; 4096];
    let n = bounded::uninterrupted(|| stream.read(&mut bytes)).unwrap();
    String::from_utf8(bytes[..n].to_vec()).unwrap()
}

#[test]
fn a_server_listens_on_several_ports_and_files() {
    let folder = Folder::new();
    let path = folder.file("a.sock");
    let server = Server::bind("127.0.0.1:0").unwrap().and_bind("127.0.0.1:0").unwrap().and_bind_unix(&path).unwrap();
    let server = server.unix_mode(0o600).unwrap().workers(2);
    let addresses = server.addresses();
    let second: SocketAddr = addresses[1].parse().unwrap();
    assert_eq!(addresses[2], format!("unix:{}", path.display()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let first = server.local_addr();
    let (handle, running) = run(server);
    for _ in 0..8 {
        assert!(ask(connect(first), "/").ends_with("ok"));
        assert!(ask(connect(second), "/").ends_with("ok"));
        assert!(ask(local(&path), "/").ends_with("ok"));
    }
    handle.stop();
    bounded::joined(running).unwrap().unwrap();
    assert!(!path.exists(), "the file goes with the server");
}

#[test]
fn a_file_that_a_dead_server_left_is_replaced_and_nothing_else_is() {
    let folder = Folder::new();
    let kind = |path: &PathBuf| Server::bind_unix(path).map(|_| ()).map_err(|error| (error.kind(), error.to_string()));
    let dead = folder.file("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    assert_eq!(kind(&dead), Ok(()));
    let alive = folder.file("alive.sock");
    let _listener = UnixListener::bind(&alive).unwrap();
    let said = format!("cannot listen on unix:{}: another program listens there", alive.display());
    assert_eq!(kind(&alive), Err((ErrorKind::AddrInUse, said)));
    let plain = folder.file("plain");
    fs::write(&plain, "kept").unwrap();
    let said = format!("cannot listen on unix:{}: the path exists and is not a socket", plain.display());
    assert_eq!(kind(&plain), Err((ErrorKind::AlreadyExists, said)));
    assert_eq!(fs::read(&plain).unwrap(), b"kept");
    assert_eq!(kind(&folder.file("none/a.sock")).unwrap_err().0, ErrorKind::NotFound);
    let said = "cannot listen on unix:: the path is empty".to_owned();
    assert_eq!(kind(&PathBuf::new()), Err((ErrorKind::InvalidInput, said)));
}

#[test]
fn more_workers_than_the_process_may_have_descriptors_are_an_error() {
    for workers in [usize::MAX, usize::MAX / 1024] {
        let server = Server::bind("127.0.0.1:0").unwrap().workers(workers);
        let error = bounded::joined(run(server).1).unwrap().unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot start {workers} workers: ")), "{error}");
    }
}

/// To connect to it would wait until it accepts.
#[test]
fn a_server_whose_queue_is_full_is_another_program() {
    let folder = Folder::new();
    let path = folder.file("full.sock");
    let listener = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    let name = socket2::SockAddr::unix(&path).unwrap();
    listener.bind(&name).unwrap();
    listener.listen(0).unwrap();
    let connect = || {
        let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        client.connect(&name).map(|()| client)
    };
    let waiting: Vec<_> = (0..100).map_while(|_| connect().ok()).collect();
    assert!(waiting.len() < 100, "its queue has no end");
    let bound = std::thread::spawn(move || Server::bind_unix(path).err().unwrap().kind());
    assert_eq!(bounded::joined(bound).unwrap(), ErrorKind::AddrInUse);
}

/// One worker removes the name at a stop. Before the other does, which is slow, a second server may take it.
#[test]
fn a_stop_leaves_the_file_of_the_next_server_alone() {
    let folder = Folder::new();
    let path = folder.file("a.sock");
    let (handle, running) = run(Server::bind_unix(&path).unwrap());
    assert!(ask(local(&path), "/").ends_with("ok"));
    // Not removed: the next file could have its inode, and be created in the same tick of the clock.
    fs::rename(&path, folder.file("old.sock")).unwrap();
    let (next, serving) = run(Server::bind_unix(&path).unwrap());
    handle.stop();
    bounded::joined(running).unwrap().unwrap();
    assert!(ask(local(&path), "/").ends_with("ok"));
    next.stop();
    bounded::joined(serving).unwrap().unwrap();
    assert!(!path.exists());
}

#[test]
fn whoever_waits_in_the_queue_at_a_stop_is_answered() {
    let folder = Folder::new();
    let path = folder.file("a.sock");
    let timeouts = Timeouts { drain_idle: Duration::ZERO, ..Timeouts::default() };
    let server = Server::bind("127.0.0.1:0").unwrap().and_bind_unix(&path).unwrap().timeouts(timeouts);
    let address = server.local_addr();
    let mut waiting: Vec<_> = (0..100).map(|_| connect(address)).collect();
    let mut local = local(&path);
    for client in &mut waiting {
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    local.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    server.handle().stop(); // before it ran at all
    let (_, running) = run(server);
    let mut answer = String::new();
    for client in &mut waiting {
        client.read_to_string(&mut answer).unwrap();
    }
    local.read_to_string(&mut answer).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 101);
    drop(waiting);
    bounded::joined(running).unwrap().unwrap();
}

#[test]
fn at_the_end_of_a_stop_who_is_left_is_cut_and_counted() {
    let timeouts = Timeouts { shutdown: Duration::ZERO, ..Timeouts::default() };
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts);
    let address = server.local_addr();
    let (handle, running) = run(server);
    let mut slow = connect(address);
    assert!(ask_on(&mut slow, "/").ends_with("ok"));
    slow.write_all(b"GET / HT").unwrap();
    assert!(ask(connect(address), "/").ends_with("ok"), "by now the half head was read");
    handle.stop();
    let error = bounded::joined(running).unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), &*error.to_string()),
        (ErrorKind::TimedOut, "1 connection was cut at the end of the stop")
    );
    assert_eq!(bounded::uninterrupted(|| slow.read(&mut [0])).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_stop_waits_for_no_client_whose_answer_is_long_gone() {
    // Nothing but the grace of idle connections may end this stop, and that is over at once.
    let hour = Duration::from_secs(3600);
    let timeouts =
        Timeouts { drain_idle: Duration::ZERO, linger: hour, linger_idle: hour, shutdown: hour, ..Timeouts::default() };
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts);
    let address = server.local_addr();
    let (handle, running) = run(server);
    let mut idle = connect(address);
    assert!(ask_on(&mut idle, "/").ends_with("ok"));
    handle.stop();
    bounded::joined(running).unwrap().unwrap();
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn at_the_end_of_a_stop_a_client_that_has_its_answer_is_not_counted() {
    let timeouts = Timeouts { shutdown: Duration::from_millis(200), ..Timeouts::default() };
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(timeouts);
    let address = server.local_addr();
    let (handle, running) = run(server);
    let mut lingering = connect(address);
    lingering.write_all(b"BAD\r\n\r\n").unwrap();
    let mut answer = String::new();
    lingering.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    handle.stop();
    bounded::joined(running).unwrap().unwrap();
}

#[test]
fn a_lame_duck_says_so_and_serves_on() {
    let server = Server::bind("127.0.0.1:0").unwrap().lame_duck(Duration::from_secs(600));
    let address = server.local_addr();
    let (handle, running) = run(server);
    assert!(ask(connect(address), "/health").starts_with("HTTP/1.1 200 "));
    handle.stop();
    let mut kept = connect(address);
    assert!(ask_on(&mut kept, "/health").starts_with("HTTP/1.1 503 "));
    assert!(!ask_on(&mut kept, "/").contains("Connection: close"), "nothing else changes yet");
    assert!(ask(connect(address), "/").ends_with("ok"));
    handle.stop_now();
    bounded::joined(running).unwrap().unwrap();
}

#[test]
fn a_lame_duck_may_be_one_for_no_time_or_for_ever() {
    for time in [Duration::ZERO, Duration::from_nanos(1)] {
        let (handle, running) = run(Server::bind("127.0.0.1:0").unwrap().lame_duck(time));
        handle.stop();
        bounded::joined(running).unwrap().unwrap();
    }
    let server = Server::bind("127.0.0.1:0").unwrap().lame_duck(Duration::MAX);
    let address = server.local_addr();
    let (handle, running) = run(server);
    let mut kept = connect(address);
    assert!(ask_on(&mut kept, "/").ends_with("ok"));
    handle.stop();
    for _ in 0..3 {
        assert!(!ask_on(&mut kept, "/").contains("Connection: close"));
        assert!(ask(connect(address), "/health").starts_with("HTTP/1.1 503 "));
    }
    handle.stop_now();
    bounded::joined(running).unwrap().unwrap();
}

/// The only server of this program that handles signals, which go to the whole process.
#[test]
fn usr1_opens_the_logs_anew_and_ends_nothing() {
    let (told, reopened) = std::sync::mpsc::channel();
    let server = Server::bind("127.0.0.1:0").unwrap().on_reopen(move || told.send(()).unwrap());
    let (address, handle) = (server.local_addr(), server.handle());
    let running = std::thread::spawn(move || server.run(app()));
    let mut kept = connect(address);
    for _ in 0..3 {
        assert!(ask_on(&mut kept, "/").ends_with("ok"), "it runs, so it hears");
        let process = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-USR1", &process]).status().unwrap().success());
        bounded::received(&reopened);
    }
    assert!(ask_on(&mut kept, "/").ends_with("ok"));
    handle.stop_now();
    bounded::joined(running).unwrap().unwrap();
}
