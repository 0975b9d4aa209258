//! TLS under a connection in virtual time: what is counted where bytes come off the socket, and what the socket took.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use socket2::{Domain, Type};

use super::*;
use crate::app::App;
use crate::net::conn::{Action, Conn};
use crate::net::millis::Millis;
use crate::net::sockets::stream::Stream;
use crate::net::threads::mailbox::Offload;
use crate::net::tick::{Buffers, Config, Context, LoopTime, ReadBuffers, Tick};
use crate::net::worker::slab::Key;
use crate::trace::probe::NoProbe;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/");

fn acceptor() -> TlsAcceptor {
    TlsAcceptor(Some(Tls::from_pem(format!("{FOLDER}cert.pem"), format!("{FOLDER}key.pem")).unwrap()))
}

fn client() -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(format!("{FOLDER}cert.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
}

/// A server's connection and a client of TLS, on the two ends of a socket; time passes when it is told to.
struct Pair<'a> {
    app: &'a App,
    config: Config,
    conn: Conn<Stream>,
    buffers: Buffers,
    offload: Offload,
    now: Millis,
    action: Action,
    socket: UnixStream,
    tls: ClientConnection,
    received: Vec<u8>,
}

impl<'a> Pair<'a> {
    /// Through the handshake already.
    fn new(app: &'a App) -> Pair<'a> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let socket = Stream::new(RawStream::Unix(mio::net::UnixStream::from_std(ours)), &acceptor()).unwrap();
        let conn = Conn::new(socket, 1, None, 0);
        let (buffers, offload, config) = (Buffers::new(), Offload::default(), Config::default());
        let (action, received) = (Action::Wait, Vec::new());
        let mut pair =
            Pair { app, config, conn, buffers, offload, now: 0, action, socket: theirs, tls: client(), received };
        for _ in 0..4 {
            let flight = pair.enciphered(b"");
            pair.deliver(&flight);
        }
        assert!(!pair.tls.is_handshaking());
        pair
    }

    /// These bytes as they go over the wire.
    fn enciphered(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(bytes).unwrap();
        let mut wire = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut wire).unwrap();
        }
        wire
    }

    fn deliver(&mut self, wire: &[u8]) {
        self.socket.write_all(wire).unwrap();
        self.conn.mark_readable();
        self.work(Conn::run::<NoProbe>);
        while let Ok(1..) = self.tls.read_tls(&mut self.socket) {
            self.tls.process_new_packets().unwrap();
        }
        let _ = self.tls.reader().read_to_end(&mut self.received); // "would block" after what is here
    }

    fn work(&mut self, work: fn(&mut Conn<Stream>, &mut ReadBuffers, &mut Tick<'_, NoProbe>) -> Action) {
        let time = LoopTime::at(self.now, None, false, &self.config.timeouts);
        let (app, offload, config) = (self.app, &self.offload, &self.config);
        let context = Context { app, key: Key { index: 0, generation: 0 }, offload, config, time: &time };
        for _ in 0..100 {
            let probe = &mut NoProbe;
            let (read, mut tick) = self.buffers.lend(&context, probe);
            self.action = work(&mut self.conn, read, &mut tick);
            if self.action != Action::Yield {
                return;
            }
        }
        panic!("a connection that never rests");
    }

    fn advance(&mut self, seconds: u64) {
        self.now += seconds * 1000;
        let time = LoopTime::at(self.now, None, false, &self.config.timeouts);
        let (app, offload, config) = (self.app, &self.offload, &self.config);
        let context = Context { app, key: Key { index: 0, generation: 0 }, offload, config, time: &time };
        if self.conn.deadline(&context) <= self.now {
            self.work(Conn::expire::<NoProbe>);
        }
    }
}

fn app() -> App {
    let mut app = App::new();
    app.get("/", |_| "ok");
    app.post("/", |req| req.body().len().to_string());
    app
}

#[test]
fn a_body_in_large_records_is_held_to_the_rate_of_its_bytes() {
    // Below the least rate of 500 bytes a second, and above it: a record takes from 6 to 40 s.
    for (rate, answer) in [(400, "408"), (600, "200"), (1000, "200"), (3000, "200")] {
        let app = app();
        let mut pair = Pair::new(&app);
        let head = pair.enciphered(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n");
        pair.deliver(&head);
        for part in pair.enciphered(&[b'x'; 40_000]).chunks(rate) {
            if pair.received.is_empty() {
                pair.deliver(part);
                pair.advance(1);
            }
        }
        pair.deliver(b"");
        let text = String::from_utf8_lossy(&pair.received).into_owned();
        assert!(text.starts_with(&format!("HTTP/1.1 {answer} ")), "{rate} bytes a second: {text}");
    }
}

#[test]
fn a_record_that_does_not_get_whole_has_the_time_of_a_head() {
    let app = app();
    let mut pair = Pair::new(&app);
    for _ in 0..2 {
        let whole = pair.enciphered(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        pair.deliver(&whole);
        assert!(std::mem::take(&mut pair.received).ends_with(b"ok"));
        pair.advance(14);
        assert_eq!(pair.action, Action::Wait, "idle connections have 15 s");
    }
    let part = pair.enciphered(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for byte in part[..9].chunks(1) {
        pair.deliver(byte);
        pair.advance(1);
        assert_eq!(pair.action, Action::Wait);
    }
    pair.deliver(&part[9..10]);
    pair.advance(1);
    assert!(matches!(pair.action, Action::Close(_)), "a byte a second keeps no connection");
}

/// epoll reports a FIN once: a read that finds no whole record must not leave it in the socket.
#[test]
fn a_fin_after_half_a_record_ends_the_connection() {
    let app = app();
    let mut pair = Pair::new(&app);
    let part = pair.enciphered(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    pair.socket.write_all(&part[..9]).unwrap();
    pair.socket.shutdown(std::net::Shutdown::Write).unwrap();
    pair.conn.mark_half_closed();
    pair.work(Conn::run);
    assert!(matches!(pair.action, Action::Close(_)), "{:?}", pair.action);
}

#[test]
fn what_the_socket_took_of_a_record_counts_as_sent() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let mut theirs = theirs;
    let Ok(Stream::Tls(mut server)) = Stream::new(RawStream::Unix(mio::net::UnixStream::from_std(ours)), &acceptor())
    else {
        panic!("no TLS");
    };
    let mut tls = client();
    for _ in 0..4 {
        while tls.wants_write() {
            tls.write_tls(&mut theirs).unwrap();
        }
        let _ = server.read(&mut [0; 999]); // "would block": there is nothing but the handshake
        while let Ok(1..) = tls.read_tls(&mut theirs) {
            tls.process_new_packets().unwrap();
        }
    }
    assert!(!tls.is_handshaking());
    server.take_sent(0);
    let body = vec![b'x'; 1 << 20];
    let (mut written, mut departed, mut taken) = (0, 0, 0);
    while let Ok(n) = server.write(&body) {
        written += n;
        departed += server.take_sent(n);
    }
    departed += server.take_sent(0);
    let mut wire = vec![0; 1 << 20];
    while let Ok(n @ 1..) = theirs.read(&mut wire) {
        taken += n;
    }
    assert!(written > 0 && departed > written, "{departed} bytes for {written}");
    assert_eq!(departed, taken, "every byte that the socket took, those of half a record too");
}

/// A server's session and a client on a socket that keeps the bounds of writes: each is one packet.
struct Packets {
    server: TlsStream,
    socket: UnixStream,
    tls: ClientConnection,
}

impl Packets {
    fn new() -> Packets {
        let (ours, theirs) = socket2::Socket::pair(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let ours = mio::net::UnixStream::from_std(OwnedFd::from(ours).into());
        let server = TlsStream::new(RawStream::Unix(ours), acceptor().session().unwrap().unwrap());
        Packets { server, socket: OwnedFd::from(theirs).into(), tls: client() }
    }

    /// Sends what the client has to send, with `bytes` at the end, as one packet.
    fn send(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).unwrap();
        let mut wire = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut wire).unwrap();
        }
        self.socket.write_all(&wire).unwrap();
    }

    /// The number of packets that the server has sent, and their content.
    fn receive(&mut self) -> (usize, Vec<u8>) {
        let (mut packets, mut plaintext, mut wire) = (0, Vec::new(), vec![0; 1 << 18]);
        while let Ok(n @ 1..) = self.socket.read(&mut wire) {
            packets += 1;
            let mut rest = &wire[..n];
            while !rest.is_empty() {
                self.tls.read_tls(&mut rest).unwrap();
                self.tls.process_new_packets().unwrap();
                let _ = self.tls.reader().read_to_end(&mut plaintext); // ends with "would block"
            }
        }
        (packets, plaintext)
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut into = vec![0; 32 * 1024];
        let n = self.server.read(&mut into)?;
        into.truncate(n);
        Ok(into)
    }

    /// Completes the handshake: a read and a write each way.
    fn connect(&mut self) {
        self.send(b"");
        assert_eq!(self.read().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(self.receive().0, 1, "from ServerHello to Finished");
        self.send(b"first");
        assert_eq!(self.read().unwrap(), b"first", "with the client's Finished");
    }
}

#[test]
fn many_records_leave_in_one_write() {
    let mut packets = Packets::new();
    packets.connect();
    assert_eq!(packets.receive().0, 0, "the tickets wait for the response");
    assert_eq!(packets.server.write(b"response").unwrap(), 8);
    assert_eq!(packets.receive(), (1, b"response".to_vec()));
    assert_eq!(packets.tls.tls13_tickets_received(), 2);
    let chunk = vec![b'x'; 64 * 1024 + b"10000\r\n\r\n".len()];
    assert_eq!(packets.server.write(&chunk).unwrap(), chunk.len());
    assert_eq!(packets.receive(), (1, chunk));
    packets.server.shutdown_write();
    assert_eq!(packets.receive().0, 1, "close_notify");
}

#[test]
fn tickets_leave_at_the_close_if_there_was_no_response() {
    let mut packets = Packets::new();
    packets.connect();
    packets.server.shutdown_write();
    assert_eq!(packets.receive().0, 1);
    assert_eq!(packets.tls.tls13_tickets_received(), 2);
}

#[test]
fn a_read_asks_the_socket_once() {
    let mut packets = Packets::new();
    packets.connect();
    packets.send(b"one");
    packets.send(b"two");
    assert_eq!((packets.read().unwrap(), packets.server.may_have_more()), (b"one".to_vec(), false));
    assert_eq!((packets.read().unwrap(), packets.server.may_have_more()), (b"two".to_vec(), false));
    assert_eq!(packets.read().unwrap_err().kind(), ErrorKind::WouldBlock);
    // The last bytes of one flight: what follows them is reported by the next read.
    packets.tls.writer().write_all(b"last").unwrap();
    packets.tls.send_close_notify();
    packets.send(b"");
    assert_eq!((packets.read().unwrap(), packets.server.may_have_more()), (b"last".to_vec(), true));
    assert_eq!(packets.read().unwrap(), b"");
}

/// Cuts the wire at each place in turn; a record that began in an earlier read may be longer than the read that ends it.
#[test]
fn records_are_read_whole_wherever_they_are_cut() {
    let body: Vec<u8> = (0..40_000).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (cut, room) in
        [(1, 32_768), (5, 32_768), (4_095, 32_768), (16_404, 32_768), (16_405, 9), (16_500, 100), (20_000, 4_096)]
    {
        let mut packets = Packets::new();
        packets.connect();
        packets.tls.set_buffer_limit(None);
        packets.tls.writer().write_all(&body).unwrap();
        let (mut wire, mut received, mut into) = (Vec::new(), Vec::new(), vec![0; room]);
        while packets.tls.wants_write() {
            packets.tls.write_tls(&mut wire).unwrap();
        }
        for part in [&wire[..cut], &wire[cut..]].into_iter().flat_map(|part| part.chunks(room)) {
            packets.socket.write_all(part).unwrap();
            for reads in 0.. {
                assert!(reads < 5_000, "no end, {} of {} bytes", received.len(), body.len());
                match packets.server.read(&mut into) {
                    Ok(n) => received.extend_from_slice(&into[..n]),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{cut} {room}: {error}"),
                }
                if !packets.server.may_have_more() {
                    break;
                }
            }
        }
        assert!(received == body, "{cut} {room}: {} bytes", received.len());
    }
}

#[test]
fn bytes_before_a_broken_record_are_read_and_the_fault_after_them() {
    let mut packets = Packets::new();
    packets.connect();
    packets.tls.writer().write_all(b"whole").unwrap();
    let mut wire = Vec::new();
    packets.tls.write_tls(&mut wire).unwrap();
    wire.extend_from_slice(b"\x17\x03\x03\x00\x20 thirty-two bytes of no ciphertext");
    packets.socket.write_all(&wire).unwrap();
    assert_eq!((packets.read().unwrap(), packets.server.may_have_more()), (b"whole".to_vec(), true));
    assert_eq!(packets.read().unwrap_err().kind(), ErrorKind::InvalidData);
}
