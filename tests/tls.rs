//! TLS on real sockets: a rustls client, records split into bytes, bodies larger than every buffer.
#![expect(clippy::expect_used, reason = "a test that cannot go on says so by failing")]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};
use wirelight::{App, Request, Response, Timeouts, Tls, Upgraded};

mod support;
#[path = "support/tls_client.rs"]
mod tls_client;

use support::bounded;
use support::folder::Folder;
use support::server::TestServer;
use tls_client::FOLDER;

const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST: &[u8] = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// More than all buffers between two programs hold.
const TALK: usize = 32 << 20;

fn pem(certificate: &str, key: &str) -> io::Result<Tls> {
    Tls::from_pem(format!("{FOLDER}{certificate}"), format!("{FOLDER}{key}"))
}

fn server() -> TestServer {
    let mut app = App::new();
    app.get("/hello", |_| "hello");
    app.post("/echo", |req: &Request| req.body().to_vec());
    app.get("/big", |_| "0123456789abcdef".repeat(1 << 19));
    app.get("/who", |req: &Request| format!("{} {}", req.scheme(), req.url()));
    app.trusted_proxies(["127.0.0.1"]);
    app.get("/echo", |req: &Request| {
        Response::upgrade(req, "echo", |mut socket, early| {
            let _ = socket.write_all(&early);
            let _ = io::copy(&mut socket.clone(), &mut socket);
        })
    });
    app.get("/pieces", |_| wirelight::Response::default().chunks((0..200).map(|n| vec![n as u8; 50_000])));
    serve(app)
}

fn serve(app: App) -> TestServer {
    let tls = pem("cert.pem", "key.pem").expect("a certificate");
    TestServer::with(app, |server| server.tls(tls))
}

/// A socket that writes one byte a call.
struct Dripping(TcpStream);

impl Read for Dripping {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Dripping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn client<S: Read + Write>(socket: S) -> StreamOwned<ClientConnection, S> {
    tls_client::client(&tls_client::client_config(), socket)
}

fn connect(server: &TestServer) -> TcpStream {
    let socket = bounded::connect(server.address);
    socket.set_nodelay(true).expect("no delay");
    socket
}

/// Everything until the server's close_notify; without one, an error.
fn rest(client: &mut impl Read) -> Vec<u8> {
    let mut received = Vec::new();
    client.read_to_end(&mut received).expect("a close_notify");
    received
}

fn count(received: &[u8]) -> usize {
    String::from_utf8_lossy(received).matches("\r\n\r\nhello").count()
}

#[test]
fn requests_on_one_connection_pipelined_and_cut_to_bytes() {
    let server = server();
    let mut one = client(connect(&server));
    one.write_all(HELLO).expect("sent");
    let mut answer = [0; 1024];
    let n = one.read(&mut answer).expect("an answer");
    assert!(answer[..n].starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert_eq!(one.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    one.write_all(&[HELLO.repeat(500), LAST.to_vec()].concat()).expect("sent");
    assert_eq!(count(&rest(&mut one)), 501);

    let mut dripping = client(Dripping(connect(&server)));
    dripping.write_all(&[HELLO, LAST].concat()).expect("sent");
    assert_eq!(count(&rest(&mut dripping)), 2);
}

/// They acknowledge the end of the handshake: a client with Nagle's algorithm sends its request only then.
#[test]
fn tickets_do_not_wait_for_a_request() {
    let server = server();
    let mut silent = client(connect(&server));
    silent.conn.complete_io(&mut silent.sock).expect("a handshake");
    silent.conn.read_tls(&mut silent.sock).expect("bytes without a request");
    silent.conn.process_new_packets().expect("a ticket");
    assert!(silent.conn.tls13_tickets_received() > 0);
    silent.write_all(LAST).expect("sent");
    assert_eq!(count(&rest(&mut silent)), 1);
}

#[test]
fn bodies_larger_than_every_buffer() {
    let server = server();
    let body: Vec<u8> = (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut one = client(connect(&server));
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    one.write_all(&[head.as_bytes(), &body].concat()).expect("sent");
    assert!(rest(&mut one).ends_with(&body));
    for (path, size) in [("/big", 8 << 20), ("/pieces", 10_000_000)] {
        let mut one = client(connect(&server));
        one.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).expect("sent");
        assert!(rest(&mut one).len() > size, "{path}");
    }
}

/// The kernel cannot encrypt what `sendfile` sends: under TLS a file is read and written.
#[test]
fn files_of_any_size_and_parts_of_them() {
    let folder = Folder::new();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut app = App::new();
    app.files("/files", folder.file(""));
    app.get("/hello", |_| "hello");
    let server = serve(app);
    for length in [100, 8 * 1024, 8 * 1024 + 1, 300_000, bytes.len()] {
        let (name, content) = (format!("{length}.bin"), &bytes[..length]);
        std::fs::write(folder.file(&name), content).expect("a file");
        let get = |fields: &str| format!("GET /files/{name} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        let mut tls = client(connect(&server));
        tls.write_all(&[get("").as_bytes(), get("Range: bytes=10-\r\n").as_bytes(), LAST].concat()).expect("sent");
        let received = rest(&mut tls);
        let mut left = &received[..];
        for body in [content, &content[10..], b"hello"] {
            let head = left.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
            assert!(left[head + 4..].starts_with(body), "{length}: another body");
            left = &left[head + 4 + body.len()..];
        }
        assert!(left.is_empty(), "{length}");
    }
}

/// Each direction closes by itself (RFC 8446 §6.1, RFC 9112 §9.6): after a close_notify, and after a FIN that follows it, the response still comes.
#[test]
fn a_client_that_half_closes_gets_the_whole_response() {
    let (opened, opens) = std::sync::mpsc::channel();
    let opened = std::sync::Mutex::new(opened);
    let mut app = App::new();
    app.get("/", move |_| {
        let (sender, response) = wirelight::stream(1024);
        opened.lock().expect("no panic").send(sender).expect("a test that waits");
        response
    });
    let server = serve(app);
    for fin in [false, true] {
        let mut client = client(connect(&server));
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
        client.conn.send_close_notify();
        client.flush().expect("a close_notify");
        if fin {
            client.sock.shutdown(std::net::Shutdown::Write).expect("a FIN");
        }
        let sender: wirelight::Sender = bounded::received(&opens);
        let mut first = [0; 12];
        client.read_exact(&mut first).expect("a head");
        assert_eq!(&first, b"HTTP/1.1 200");
        sender.send("late").expect("a client that reads");
        drop(sender);
        assert!(rest(&mut client).ends_with(b"\r\n\r\n4\r\nlate\r\n0\r\n\r\n"), "FIN: {fin}");
    }
}

/// It is bytes, unlike a FIN: a socket that is closed answers them with a reset.
#[test]
fn a_close_notify_before_the_end_of_the_last_response_takes_nothing_from_it() {
    let body = "0123456789abcdef".repeat(6_000); // less than the kernel takes at once
    let (mut app, sent) = (App::new(), body.clone());
    app.get("/", move |_| sent.clone());
    let server = serve(app);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.connect(&server.address.into()).expect("a server");
    socket.set_read_timeout(Some(bounded::BOUND)).expect("a bound");
    let mut client = client(TcpStream::from(socket));
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
    client.read_exact(&mut [0; 12]).expect("a response that begins");
    client.conn.send_close_notify();
    client.flush().expect("a close_notify");
    assert!(rest(&mut client).ends_with(body.as_bytes()));
}

#[test]
fn a_request_knows_that_it_came_by_tls_unless_a_proxy_knows_better() {
    let server = server();
    for (field, expected) in [
        ("Host: localhost", "https https://localhost/who"),
        ("Host: localhost:443", "https https://localhost/who"),
        ("Host: localhost\r\nX-Forwarded-Proto: http", "http http://localhost/who"),
    ] {
        let mut one = client(connect(&server));
        one.write_all(format!("GET /who HTTP/1.1\r\n{field}\r\nConnection: close\r\n\r\n").as_bytes()).expect("sent");
        let answer = String::from_utf8(rest(&mut one)).expect("text");
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{field}: {answer}");
    }
}

/// Asks for another protocol, says the first of it in the same breath, and reads the 101.
fn upgraded<S: Read + Write>(socket: S, protocol: &str, early: &[u8]) -> StreamOwned<ClientConnection, S> {
    let mut one = client(socket);
    let head = format!("GET /{protocol} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n\r\n");
    one.write_all(&[HELLO, head.as_bytes(), early].concat()).expect("sent");
    let mut received = Vec::new();
    while received.windows(4).filter(|end| end == b"\r\n\r\n").count() < 2 {
        assert!(received.len() < 16 * 1024, "no two heads: {:?}", String::from_utf8_lossy(&received));
        let mut byte = [0];
        one.read_exact(&mut byte).expect("an answer");
        received.push(byte[0]);
    }
    let text = String::from_utf8(received).expect("text");
    assert!(
        text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("helloHTTP/1.1 101 Switching Protocols\r\n"),
        "{text}"
    );
    one
}

#[test]
fn an_upgraded_connection_stays_under_tls() {
    let server = server();
    let mut one = upgraded(connect(&server), "echo", b"early ");
    let late: Vec<u8> = (0..300_000).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for piece in late.chunks(40_000) {
        one.write_all(piece).expect("sent");
        let mut echo = vec![0; piece.len() + if piece.as_ptr() == late.as_ptr() { 6 } else { 0 }];
        one.read_exact(&mut echo).expect("an echo");
        assert!(echo.ends_with(piece));
    }
    one.conn.send_close_notify();
    one.flush().expect("sent");
    assert_eq!(rest(&mut one), b"", "a close_notify answers the client's");

    let mut dripping = upgraded(Dripping(connect(&server)), "echo", b"early");
    dripping.write_all(b" and late").expect("sent");
    let mut echo = [0; 14];
    dripping.read_exact(&mut echo).expect("an echo");
    assert_eq!(&echo, b"early and late");
}

/// Writes on one thread and reads on another; returns what it read up to the client's close_notify.
fn talk(mut socket: Upgraded) -> io::Result<usize> {
    let mut writer = socket.clone();
    let speaker = std::thread::spawn(move || {
        writer.write_all(&vec![7; TALK])?;
        writer.shutdown(Shutdown::Write)
    });
    let heard = io::copy(&mut socket, &mut io::sink())?;
    speaker.join().expect("no panic")?;
    Ok(heard as usize)
}

/// If one direction waited for the other, both would deadlock: each sends more than the buffers hold.
#[test]
fn both_directions_of_an_upgraded_connection_flow_at_once() {
    let (told, outcome) = std::sync::mpsc::channel();
    let mut app = App::new();
    app.get("/hello", |_| "hello");
    app.get("/talk", move |req: &Request| {
        let told = told.clone();
        Response::upgrade(req, "talk", move |socket, _| told.send(talk(socket)).expect("a test that listens"))
    });
    let server = serve(app);
    let mut one = upgraded(connect(&server), "talk", b"");
    one.sock.set_nonblocking(true).expect("a mode");
    let (piece, mut buffer) = (vec![3; 60_000], vec![0; 60_000]);
    let (mut sent, mut heard) = (0, 0);
    let unless_it_blocks = |result: io::Result<usize>| match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        other => other.expect("a connection"),
    };
    let end = std::time::Instant::now() + bounded::BOUND;
    while sent < TALK || heard < TALK {
        assert!(std::time::Instant::now() < end, "stuck after {sent} sent and {heard} received");
        sent += unless_it_blocks(one.write(&piece[..piece.len().min(TALK - sent)]));
        heard += unless_it_blocks(one.read(&mut buffer));
    }
    one.sock.set_nonblocking(false).expect("a mode");
    one.conn.send_close_notify();
    one.flush().expect("sent");
    assert_eq!(rest(&mut one), b"");
    assert_eq!(bounded::received(&outcome).expect("a talk"), TALK);
}

/// The end of the stream that the server makes is not a truncation (RFC 8446 §6.1).
#[test]
fn at_a_stop_an_upgraded_connection_under_tls_hears_the_end_too() {
    let (told, outcome) = std::sync::mpsc::channel();
    let mut app = App::new();
    app.get("/hello", |_| "hello");
    app.get("/talk", move |req: &Request| {
        let told = told.clone();
        Response::upgrade(req, "talk", move |mut socket, _| {
            told.send(socket.read(&mut [0; 1]).map_err(|error| error.kind())).expect("a test that listens");
            let _ = socket.write_all(b"bye"); // checked at the other end
        })
    });
    let tls = pem("cert.pem", "key.pem").expect("a certificate");
    let timeouts = Timeouts { drain_idle: Duration::ZERO, ..Timeouts::default() };
    let server = TestServer::with(app, |server| server.tls(tls).timeouts(timeouts));
    let mut one = upgraded(connect(&server), "talk", b"");
    server.handle.stop();
    assert_eq!(bounded::received(&outcome), Ok(0));
    assert_eq!(rest(&mut one), b"bye");
    server.ended().expect("nothing is cut");
}

#[test]
fn who_speaks_no_tls() {
    let server = server();
    let mut plain = connect(&server);
    plain.write_all(HELLO).expect("sent");
    let mut answer = String::new();
    plain.read_to_string(&mut answer).expect("an answer, no reset");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("https"), "{answer}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");

    let mut noise = connect(&server);
    noise.write_all(b"\x16\x03\x01\x00\x05hello").expect("sent");
    let mut alert = Vec::new();
    noise.read_to_end(&mut alert).expect("an alert");
    assert_eq!(alert.first(), Some(&21), "{alert:?}");

    let mut other = client(connect(&server));
    other.write_all(LAST).expect("the server lives on");
    assert_eq!(count(&rest(&mut other)), 1);
}

#[test]
fn files_that_are_no_use_are_named() {
    for (certificate, key, expected) in [
        ("missing.pem", "key.pem", "missing.pem"),
        ("cert.pem", "missing.pem", "missing.pem"),
        ("key.pem", "key.pem", "no certificate"),
        ("cert.pem", "cert.pem", "cert.pem"),
        ("cert.pem", "other-key.pem", "other-key.pem: as the key of"),
    ] {
        let error = pem(certificate, key).expect_err("no use").to_string();
        assert!(error.contains(expected), "{certificate} {key}: {error}");
    }
}
