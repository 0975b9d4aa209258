//! Bodies that are files: what the kernel sends is what the file holds, whatever the socket takes at once and whatever happens to the
//! file meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use wirelight::{App, Server, TestConnection, Trace};

mod support;

use support::bounded;
use support::folder::Folder;
use support::server::TestServer;
use support::trace::{self, Output};

const GET: &[u8] = b"GET /files/large HTTP/1.1\r\nHost: a\r\n\r\n";

/// Bytes whose place can be told.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).flat_map(|n| (n / 4).to_be_bytes().into_iter().nth((n % 4) as usize)).collect()
}

fn app(folder: &Folder) -> App {
    let mut app = App::new();
    app.get("/", |_| "ok");
    app.files("/files", folder.file(""));
    app
}

/// A folder with a file of this length.
fn with_file(length: usize) -> (Folder, Vec<u8>) {
    let (folder, bytes) = (Folder::new(), pattern(length));
    fs::write(folder.file("large"), &bytes).unwrap();
    (folder, bytes)
}

/// Splits a response into head and the rest.
fn parts(received: &[u8]) -> (String, &[u8]) {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    (String::from_utf8(received[..end].to_vec()).unwrap(), &received[end..])
}

fn body(received: &[u8]) -> &[u8] {
    parts(received).1
}

/// Everything until the server's FIN or reset.
fn read_all(mut socket: impl Read) -> (Vec<u8>, std::io::Result<usize>) {
    let mut received = Vec::new();
    let result = socket.read_to_end(&mut received);
    (received, result)
}

#[test]
fn however_little_the_socket_takes() {
    let (folder, bytes) = with_file(600_000);
    let app = app(&folder);
    let client = app.test();
    let head = parts(&client.raw(GET)).0.len();
    for capacity in [1, head - 1, head, head + 1, 1_000, 65_536, 262_143, 262_144, 599_999] {
        let mut connection = client.connect();
        connection.set_write_capacity(capacity);
        connection.send(GET);
        for room in [0, 1, capacity] {
            connection.set_write_capacity(room);
        }
        assert_eq!(connection.received().len(), (2 * capacity + 1).min(head + bytes.len()), "{capacity}");
        connection.set_write_capacity(usize::MAX);
        assert!(body(connection.received()) == bytes, "{capacity}");
        connection.take_received();
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(connection.received().ends_with(b"\r\n\r\nok"), "the next request is answered");
    }
}

#[test]
fn in_the_middle_of_pipelined_requests() {
    let (folder, bytes) = with_file(300_000);
    let app = app(&folder);
    let small = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let part = b"GET /files/large HTTP/1.1\r\nHost: a\r\nRange: bytes=100000-199999\r\n\r\n";
    let head = b"HEAD /files/large HTTP/1.1\r\nHost: a\r\n\r\n";
    let received = app.test().raw(&[&small[..], GET, small, part, head, GET, small].concat());
    let mut rest = &received[..];
    for expected in [b"ok", &bytes[..], b"ok", &bytes[100_000..200_000], b"", &bytes, b"ok"] {
        let (head, after) = parts(rest);
        assert!(head.starts_with("HTTP/1.1 20"), "{head}");
        assert!(after.starts_with(expected), "{head}");
        rest = &after[expected.len()..];
    }
    assert_eq!(rest, b"");
}

/// The same bytes by way of the kernel, through TCP and unix sockets, and by reading and writing, through gzip.
#[test]
fn through_each_kind_of_socket() {
    let (folder, bytes) = with_file(5_000_000);
    let path = folder.file("socket");
    let server = Server::bind("127.0.0.1:0").unwrap().and_bind_unix(&path).unwrap().signals(false);
    let (address, handle) = (server.local_addr(), server.handle());
    let served = app(&folder);
    let running = std::thread::spawn(move || server.run(served));
    let close = b"GET /files/large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut tcp = bounded::connect(address);
    tcp.write_all(&[GET, close].concat()).unwrap();
    let received = read_all(tcp).0;
    let (first, second) = body(&received).split_at(bytes.len());
    assert!(first == bytes && body(second) == bytes);
    let mut unix = UnixStream::connect(&path).unwrap();
    unix.set_read_timeout(Some(bounded::BOUND)).unwrap();
    unix.write_all(close).unwrap();
    assert!(body(&read_all(unix).0) == bytes);
    handle.stop_now();
    bounded::joined(running).unwrap().unwrap();
}

/// Reads the trace of one response on a real socket.
fn traced(server: impl FnOnce(Server) -> Server, app: App, request: &[u8]) -> (Vec<Value>, Vec<u8>) {
    let page = Output::default();
    let trace = Trace::json().to(page.clone());
    let server = TestServer::with(app, |bound| server(bound.trace(trace)));
    let mut client = bounded::connect(server.address);
    client.write_all(request).unwrap();
    let received = read_all(client).0;
    server.handle.stop();
    server.ended().unwrap();
    (trace::events(&page.text()), received)
}

#[cfg(target_os = "linux")]
#[test]
fn the_trace_names_the_call() {
    let (folder, bytes) = with_file(3_000_000);
    let request = b"GET /files/large HTTP/1.1\r\nHost: a\r\nConnection: close\r\nRange: bytes=7-2999999\r\n\r\n";
    let (events, received) = traced(|server| server, app(&folder), request);
    let (head, content) = parts(&received);
    assert!(content == &bytes[7..]);
    let sends: Vec<_> = events.iter().filter(|event| event["e"] == "conn.send").collect();
    assert_eq!((sends[0]["sys"].as_str(), sends[0]["n"].as_u64()), (Some("sendto"), Some(head.len() as u64)));
    assert_eq!(sends[0].get("file"), None);
    let (mut offset, mut place) = (7, head.len() as u64);
    for send in &sends[1..] {
        assert_eq!((send["sys"].as_str(), send["file"].as_u64()), (Some("sendfile"), Some(offset)), "{send}");
        assert_eq!((send["off"].as_u64(), send.get("data")), (Some(place), None), "{send}");
        assert!(send["want"].as_u64().unwrap() <= 1024 * 1024, "a turn's budget: {send}");
        let sent = send["n"].as_u64().unwrap_or_default();
        (offset, place) = (offset + sent, place + sent);
    }
    assert_eq!(offset, 3_000_000);
    let done = events.iter().find(|event| event["e"] == "resp.done").unwrap();
    assert_eq!(done["bytes"].as_u64(), Some(received.len() as u64));
    let closed = events.iter().find(|event| event["e"] == "conn.close").unwrap();
    assert_eq!(closed["out"].as_u64(), Some(received.len() as u64));
}

/// A file that has a length and that the kernel does not send: Linux refuses `sendfile` for files of `/proc` that only know `read`.
#[cfg(target_os = "linux")]
#[test]
fn a_file_system_that_refuses_sendfile() {
    let Ok(bytes) = fs::read("/proc/config.gz") else {
        println!("skipped: this kernel does not show its configuration in /proc/config.gz");
        return;
    };
    let mut app = App::new();
    app.files("/proc", "/proc");
    app.get("/", |_| "ok");
    let get = b"GET /proc/config.gz HTTP/1.1\r\nHost: a\r\n\r\n";
    let part = b"GET /proc/config.gz HTTP/1.1\r\nHost: a\r\nRange: bytes=7-20006\r\n\r\n";
    let close = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let (events, received) = traced(|server| server, app, &[&get[..], part, close].concat());
    let (head, rest) = parts(&received);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let (whole, rest) = rest.split_at(bytes.len());
    assert!(whole == bytes);
    let (head, rest) = parts(rest);
    assert!(head.starts_with("HTTP/1.1 206 Partial Content\r\n"), "{head}");
    let (some, rest) = rest.split_at(20_000);
    assert!(some == &bytes[7..20_007]);
    assert!(rest.ends_with(b"\r\n\r\nok"), "the next request is answered");
    let calls: Vec<_> = events.iter().filter(|event| event["sys"] == "sendfile").collect();
    assert_eq!(calls.len(), 2, "one call a response");
    assert!(calls.iter().all(|call| call["err"] == "invalid input parameter"), "{calls:?}");
}

#[test]
fn callbacks_count_what_left() {
    let (folder, bytes) = with_file(1_000_000);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut app = app(&folder);
    let notes = seen.clone();
    app.after(move |_, response| {
        let notes = notes.clone();
        response.on_sent(move |sent| {
            notes.lock().unwrap().push((sent.status().as_u16(), sent.bytes(), sent.is_complete()))
        });
    });
    let client = app.test();
    client.raw(&[GET, b"HEAD /files/large HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    let whole = bytes.len() as u64;
    assert_eq!(*seen.lock().unwrap(), [(200, whole, true), (200, 0, true), (200, 2, true)]);
    seen.lock().unwrap().clear();
    let mut connection = client.connect();
    connection.set_write_capacity(400_000);
    connection.send(&[b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", GET].concat());
    let sent = body(&body(connection.received())[2..]).len() as u64;
    assert_eq!(*seen.lock().unwrap(), [(200, 2, true)]);
    connection.disconnect();
    assert_eq!(*seen.lock().unwrap(), [(200, 2, true), (200, sent, false)]);
}

#[test]
fn a_client_that_reads_too_slowly_is_reset() {
    let (folder, _) = with_file(2_000_000);
    let app = app(&folder);
    let client = app.test();
    let pause = |connection: &mut TestConnection<'_>, time: u64| connection.advance(Duration::from_millis(time));
    let mut connection = client.connect();
    connection.set_write_capacity(300_000);
    connection.send(GET);
    for _ in 0..4 {
        pause(&mut connection, 9_999);
        assert!(!connection.is_reset(), "it takes enough");
        connection.set_write_capacity(200_000);
    }
    pause(&mut connection, 9_999);
    assert!(!connection.is_reset());
    pause(&mut connection, 1);
    assert!(connection.is_reset(), "ten seconds without a byte");
}

/// A download that is cut off looks cut off: by a reset, with fewer bytes than announced.
#[test]
fn a_file_that_shrinks_while_it_is_sent() {
    for left in [0, 100_000] {
        let (folder, bytes) = with_file(8_000_000);
        let server = TestServer::start(app(&folder));
        let mut client = bounded::connect(server.address);
        client.write_all(GET).unwrap();
        client.peek(&mut [0]).unwrap(); // it has begun, and waits for its reader
        File::options().write(true).open(folder.file("large")).unwrap().set_len(left).unwrap();
        let (received, result) = read_all(&client);
        assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        assert!(body(&received).len() < bytes.len());
        // The server goes on, with the file that is there now.
        let mut next = bounded::connect(server.address);
        next.write_all(b"GET /files/large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(body(&read_all(next).0).len() as u64, left);
    }
}

/// Starts a response of this file, changes the file, and returns the body.
fn changed_while_sent(change: impl FnOnce(&Folder)) -> (Vec<u8>, Vec<u8>) {
    let (folder, bytes) = with_file(600_000);
    let app = app(&folder);
    let client = app.test();
    let mut connection = client.connect();
    connection.set_write_capacity(300_000);
    connection.send(GET);
    change(&folder);
    connection.set_write_capacity(usize::MAX);
    assert!(!connection.is_reset());
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let received = connection.received().to_vec();
    let (content, next) = body(&received).split_at(bytes.len());
    assert!(next.starts_with(b"HTTP/1.1 200 OK\r\n"), "the next response follows the announced length");
    (content.to_vec(), bytes)
}

#[test]
fn a_file_that_grows_is_sent_with_the_announced_length() {
    let (sent, bytes) = changed_while_sent(|folder| {
        File::options().append(true).open(folder.file("large")).unwrap().write_all(b"more").unwrap();
    });
    assert!(sent == bytes);
}

#[test]
fn a_file_that_is_replaced_or_deleted_is_sent_to_its_end() {
    let (sent, bytes) = changed_while_sent(|folder| {
        fs::write(folder.file("new"), "another").unwrap();
        fs::rename(folder.file("new"), folder.file("large")).unwrap();
    });
    assert!(sent == bytes);
    let (sent, bytes) = changed_while_sent(|folder| fs::remove_file(folder.file("large")).unwrap());
    assert!(sent == bytes);
}

/// A client that goes away in the middle is not reported as a fault of the file, and its neighbour is served.
#[test]
fn a_client_that_leaves_in_the_middle() {
    let (folder, bytes) = with_file(8_000_000);
    let server = TestServer::start(app(&folder));
    let leaving: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut client = bounded::connect(server.address);
            client.write_all(GET).unwrap();
            client.peek(&mut [0]).unwrap();
            client
        })
        .collect();
    drop(leaving);
    let mut next = bounded::connect(server.address);
    next.write_all(b"GET /files/large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert!(body(&read_all(next).0) == bytes);
}
