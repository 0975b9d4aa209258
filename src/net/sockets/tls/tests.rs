//! TLS under a connection in virtual time: what is counted where bytes come off the socket, and what the socket took.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::os::unix::net::UnixStream;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::*;
use crate::app::App;
use crate::net::conn::{Action, Conn};
use crate::net::millis::Millis;
use crate::net::sockets::stream::Stream;
use crate::net::threads::mailbox::Offload;
use crate::net::tick::{Buffers, Config, Context, LoopTime};
use crate::net::worker::slab::Key;
use crate::trace::probe::NoProbe;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/");

fn cover() -> TlsAcceptor {
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
        let socket = Stream::new(RawStream::Unix(mio::net::UnixStream::from_std(ours)), &cover()).unwrap();
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
        self.conn.mark_readable(false);
        self.work(Conn::run::<NoProbe>);
        while let Ok(1..) = self.tls.read_tls(&mut self.socket) {
            self.tls.process_new_packets().unwrap();
        }
        let _ = self.tls.reader().read_to_end(&mut self.received); // "would block" behind what is here
    }

    fn work(&mut self, work: fn(&mut Conn<Stream>, &mut Buffers, &Context<'_>, &mut NoProbe) -> Action) {
        let time = LoopTime::at(self.now, None, false, &self.config.timeouts);
        let (app, offload, config) = (self.app, &self.offload, &self.config);
        let context = Context { app, key: Key { index: 0, generation: 0 }, offload, config, time: &time };
        for _ in 0..100 {
            self.action = work(&mut self.conn, &mut self.buffers, &context, &mut NoProbe);
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

#[test]
fn what_the_socket_took_of_a_record_counts_as_sent() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let mut theirs = theirs;
    let Ok(Stream::Tls(mut server)) = Stream::new(RawStream::Unix(mio::net::UnixStream::from_std(ours)), &cover())
    else {
        panic!("a cover that does not cover");
    };
    let mut tls = client();
    for _ in 0..4 {
        while tls.wants_write() {
            tls.write_tls(&mut theirs).unwrap();
        }
        let _ = server.read(&mut [0; 9]); // "would block": there is nothing but the handshake
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
