//! What a turn of the loop does for one client while another waits: counted in bytes and turns, never in time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mio::Events;

use super::{EVENT_CAPACITY, MAX_RUNS_PER_TICK, Worker, WorkerParts};
use crate::events::{Broadcast, Event as Message, SlowSubscriber};
use crate::http1::status::StatusCode;
use crate::net::sockets::listeners::Listener;
use crate::net::threads::pool::Pool;
use crate::net::threads::shutdown::{Phase, ShutdownControl};
use crate::net::tick::Config;
use crate::trace::probe::{Event, IoOutcome, Observation, Probe};
use crate::{App, Request, Response};

/// Turns until the test fails instead of waiting on.
const PATIENCE: usize = 2_000;

/// Counts what each connection read and wrote.
#[derive(Default)]
struct Count {
    traffic: Vec<Traffic>,
    owes_notice: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    read: usize,
    writes: usize,
}

impl Probe for Count {
    const ENABLED: bool = true;

    fn record(&mut self, connection: u64, observation: Observation<'_>) {
        let connection = connection as usize;
        if self.traffic.len() <= connection {
            self.traffic.resize(connection + 1, Traffic::default());
        }
        match observation {
            Observation::Event(Event::ConnRecv { outcome: IoOutcome::Bytes(n), .. }) => {
                self.traffic[connection].read += n
            }
            Observation::Event(Event::ConnSend { outcome: IoOutcome::Bytes(_), .. }) => {
                self.traffic[connection].writes += 1
            }
            _ => {}
        }
    }

    fn flush(&mut self) {}

    fn owes_notice(&self) -> bool {
        self.owes_notice
    }
}

/// A worker whose turns the test takes one by one.
struct Loop {
    worker: Worker<Count>,
    events: Events,
    address: SocketAddr,
}

impl Loop {
    fn new(app: impl Into<Arc<App>>) -> Loop {
        Loop::with(app, Config::default())
    }

    fn with(app: impl Into<Arc<App>>, config: Config) -> Loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = mio::net::TcpListener::from_std(listener);
        let parts = WorkerParts {
            listeners: vec![Listener::Tcp { listener, shared: false }],
            accepted: Arc::default(),
            signals: Arc::default(),
            probe: Count::default(),
        };
        let (app, control) = (app.into(), Arc::new(ShutdownControl::default()));
        let worker = Worker::new(parts, app, config, 1_000, Pool::new(1, 8), control).unwrap();
        Loop { worker, events: Events::with_capacity(EVENT_CAPACITY), address }
    }

    /// A client that has come in.
    fn client(&mut self) -> TcpStream {
        let before = self.worker.accepted.load(Ordering::Relaxed);
        let client = TcpStream::connect(self.address).unwrap();
        self.until("a client comes in", |worker| worker.accepted.load(Ordering::Relaxed) > before);
        client.set_nonblocking(true).unwrap();
        client
    }

    /// Loopback delivers at once: what a client has sent is here, and a turn needs not wait for it.
    fn step(&mut self) {
        let last = self.worker.step(&mut self.events, Some(Duration::ZERO)).unwrap();
        assert!(!last, "nothing stops this loop");
    }

    /// Turns until something holds; gives how many it took.
    fn until(&mut self, what: &str, holds: impl Fn(&Worker<Count>) -> bool) -> usize {
        for turns in 0..PATIENCE {
            if holds(&self.worker) {
                return turns;
            }
            self.step();
            self.check();
        }
        panic!("not in {PATIENCE} turns: {what}; {:?}", self.worker.probe.traffic);
    }

    fn traffic(&self, connection: usize) -> Traffic {
        self.worker.probe.traffic.get(connection).copied().unwrap_or_default()
    }

    /// No connection is in the queue twice.
    fn check(&mut self) {
        let mut keys: Vec<_> = self.worker.runnable.iter().map(|key| (key.index, key.generation)).collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), all, "a connection is in the queue twice");
    }
}

/// A client that sends one request over and over, as much as the kernel takes.
struct Flood {
    client: TcpStream,
    request: Vec<u8>,
    /// How much of the request at hand was sent.
    at: usize,
}

impl Flood {
    fn new(client: TcpStream, request: impl Into<Vec<u8>>) -> Flood {
        Flood { client, request: request.into(), at: 0 }
    }

    /// Sends until the kernel takes no more, and reads the answers so far.
    fn fill(&mut self) {
        loop {
            match self.client.write(&self.request[self.at..]) {
                Ok(n) => self.at = (self.at + n) % self.request.len(),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    return drain(&mut self.client);
                }
            }
        }
    }
}

fn drain(client: &mut TcpStream) {
    let mut bytes = [0; 64 * 1024];
    while client.read(&mut bytes).is_ok_and(|n| n > 0) {}
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_client_that_fills_its_socket_gets_one_turn_where_its_neighbour_gets_one() {
    let mut app = App::new();
    app.get("/", |_| "ok");
    app.post("/", |_| "ok");
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(4_000));
    let post = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n{}", "x".repeat(2_000));
    let mut looped = Loop::new(app);
    for (number, request) in [(1, head), (3, post)] {
        let (mut greedy, mut neighbour) = (Flood::new(looped.client(), request), looped.client());
        for _ in 0..30 {
            greedy.fill();
            neighbour.write_all(GET).unwrap();
            let (before, answered) = (looped.traffic(number), looped.traffic(number + 1).writes);
            let turns = looped.until("the neighbour's answer", |w| w.probe.traffic[number + 1].writes > answered);
            let read = looped.traffic(number).read - before.read;
            assert!(turns <= 1, "{turns} turns for an event that was there");
            assert!(read <= 2 * 64 * 1024, "{read} bytes read before the neighbour had its turn");
            drain(&mut neighbour);
        }
    }
}

/// Events for connections that are in the queue already: they are not added again.
#[test]
fn events_for_a_connection_that_yielded_do_not_multiply_its_turns() {
    let mut app = App::new();
    app.get("/", |_| "ok");
    let mut looped = Loop::new(app);
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(14_000));
    let mut clients: Vec<_> = (0..8).map(|_| Flood::new(looped.client(), request.as_str())).collect();
    for _ in 0..50 {
        clients.iter_mut().for_each(Flood::fill);
        let before: Vec<_> = (1..=8).map(|number| looped.traffic(number).read).collect();
        looped.step();
        looped.check();
        assert!(looped.worker.runnable.len() <= 8);
        for (number, before) in (1..=8).zip(before) {
            let read = looped.traffic(number).read - before;
            assert!(read <= 2 * 64 * 1024, "connection {number} read {read} bytes in a turn of the loop");
        }
    }
}

#[test]
fn an_event_for_a_crowd_is_sent_a_few_subscribers_at_a_time() {
    const CROWD: usize = 200;
    let hub = Broadcast::new();
    let mut app = App::new();
    app.state(hub.clone());
    app.get("/", |_| "ok");
    app.get("/events", |req: &crate::Request| req.state::<Broadcast>().subscribe(req));
    let mut looped = Loop::new(app);
    let mut neighbour = looped.client();
    let crowd: Vec<_> = (0..CROWD)
        .map(|n| {
            let mut subscriber = looped.client();
            subscriber.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            looped.until("a subscriber has its head", |_| hub.subscribers() > n);
            subscriber
        })
        .collect();
    looped.until("all wait", |worker| worker.runnable.is_empty() && worker.completions.is_empty());
    let sent =
        |worker: &Worker<Count>| worker.probe.traffic.iter().skip(2).map(|traffic| traffic.writes).sum::<usize>();
    let before = sent(&looped.worker);
    hub.send(Message::data("for all"));
    neighbour.write_all(GET).unwrap();
    looped.step();
    assert_eq!(looped.traffic(1).writes, 1, "the neighbour is answered in the first turn");
    assert_eq!(sent(&looped.worker) - before, MAX_RUNS_PER_TICK, "and a few subscribers have the event");
    looped.until("all have it", |worker| sent(worker) == before + CROWD);
    for mut subscriber in crowd {
        subscriber.set_nonblocking(false).unwrap();
        subscriber.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut text = String::new();
        let mut bytes = [0; 4096];
        while !text.ends_with("data: for all\n\n\r\n") {
            let n = subscriber.read(&mut bytes).unwrap();
            assert!(n > 0, "{text}");
            text += std::str::from_utf8(&bytes[..n]).unwrap();
        }
    }
}

/// Counts the bytes of a body that are taken for compression.
struct Counted {
    left: usize,
    taken: Arc<AtomicUsize>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.left.min(into.len());
        into[..n].fill(b'x');
        self.left -= n;
        self.taken.fetch_add(n, Ordering::Relaxed);
        Ok(n)
    }
}

const GET_GZIP: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";

/// A body of a megabyte takes 16 turns of its connection, and its neighbour is answered in each.
#[test]
fn a_large_body_is_compressed_a_piece_a_turn() {
    const SIZE: usize = 1 << 20;
    let taken = Arc::new(AtomicUsize::new(0));
    let (mut app, counter) = (App::new(), taken.clone());
    app.get("/", move |_| {
        crate::Response::default()
            .header("Content-Type", "text/plain")
            .reader(Counted { left: SIZE, taken: counter.clone() }, Some(SIZE as u64))
    });
    app.get("/small", |_| "ok");
    crate::middleware::Gzip::new().level(6).add_to(&mut app);
    let mut looped = Loop::new(app);
    let (mut large, mut neighbour) = (looped.client(), looped.client());
    large.write_all(GET_GZIP).unwrap();
    let mut turns = 0;
    while taken.load(Ordering::Relaxed) < SIZE {
        let (before, answered) = (taken.load(Ordering::Relaxed), looped.traffic(2).writes);
        neighbour.write_all(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        looped.step();
        assert_eq!(looped.traffic(2).writes, answered + 1, "the neighbour is answered in turn {turns}");
        let piece = taken.load(Ordering::Relaxed) - before;
        assert!(piece <= 64 * 1024, "{piece} bytes in turn {turns}");
        drain(&mut neighbour);
        drain(&mut large);
        turns += 1;
        assert!(turns < PATIENCE, "{} of {SIZE} bytes", taken.load(Ordering::Relaxed));
    }
    assert!(turns >= SIZE / (64 * 1024), "{turns}");
}

/// Requests whose responses are compressed at once: one each time the connection runs, which is twice where an event comes first.
#[test]
fn pipelined_responses_of_some_size_are_compressed_one_a_run() {
    for (size, most) in [(1_000, 8), (15_000, 8), (16 * 1024, 2), (60_000, 2)] {
        let made = Arc::new(AtomicUsize::new(0));
        let (mut app, counter) = (App::new(), made.clone());
        app.get("/", move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            "x".repeat(size)
        });
        crate::middleware::Gzip::new().add_to(&mut app);
        let mut looped = Loop::new(app);
        let mut client = looped.client();
        client.write_all(&GET_GZIP.repeat(8)).unwrap();
        for turn in 0.. {
            let before = made.load(Ordering::Relaxed);
            if before == 8 {
                break;
            }
            looped.step();
            let in_turn = made.load(Ordering::Relaxed) - before;
            assert!(in_turn <= most && turn < PATIENCE, "{size}: {in_turn} of {before} in turn {turn}");
            drain(&mut client);
        }
    }
}

/// A crowd of 120 comes and leaves: large requests, half heads, half bodies, and subscribers that get an event.
fn come_and_leave(looped: &mut Loop, hub: &Broadcast, requests: &[String; 4]) {
    const EACH: usize = 30;
    let mut crowd = Vec::new();
    for request in requests.iter().cycle().take(EACH * requests.len()) {
        let mut client = looped.client();
        client.write_all(request.as_bytes()).unwrap();
        crowd.push(client);
    }
    looped.until("all subscribers are here", |_| hub.subscribers() == EACH);
    hub.send(Message::data("for all"));
    looped.step();
    assert!(looped.worker.conns.len() >= crowd.len());
    drop(crowd);
    looped.until("all have left", |worker| worker.conns.len() == 0);
    assert!(looped.worker.conns.is_sparse());
    looped.worker.release_memory();
}

/// What is allocated amid a crowd and stays keeps the crowd's memory from returning to the system.
#[test]
fn a_crowd_that_has_left_leaves_no_memory_behind() {
    let hub = Broadcast::with(1, 1_000, SlowSubscriber::default(), None);
    let mut app = App::new();
    app.state(hub.clone());
    app.after(|_, response| response.on_sent(|_| ()));
    app.get("/", |_| (StatusCode::OK, [("X", "x".repeat(2_000))], "ok"));
    app.post("/", |req| req.body().len().to_string());
    app.get("/events", |req: &crate::Request| req.state::<Broadcast>().subscribe(req));
    let mut looped = Loop::new(app);
    looped.worker.probe.traffic.reserve(1_000);
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: x\r\n".repeat(60));
    let half_head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(3_000));
    let half_body = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n{half_head}");
    let requests = [large, half_head, half_body, String::from("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")];
    // The worker's initial capacity, the hub's one event and what the first request allocates are not the crowd's.
    hub.send(Message::data("for all"));
    looped.worker.release_memory();
    let mut first = looped.client();
    first.write_all(GET).unwrap();
    looped.until("an answer", |worker| worker.probe.traffic.get(1).is_some_and(|traffic| traffic.writes == 1));
    drop(first);
    looped.until("it has left", |worker| worker.conns.len() == 0);
    let left = allocation_counter::measure(|| come_and_leave(&mut looped, &hub, &requests));
    assert!(left.bytes_total > 120 * 1_000, "no crowd: {left:?}");
    assert!(left.bytes_current <= 0, "{left:?}");
}

/// A record costs the same whatever it carries: a read of such bytes ends after so many of them, and the rest waits for its turn.
#[cfg(feature = "tls")]
#[test]
fn records_of_one_byte_are_deciphered_a_few_thousand_at_a_time() {
    let mut app = App::new();
    app.post("/", |req| req.body().len().to_string());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");
    let tls = crate::Tls::from_pem(format!("{folder}/cert.pem"), format!("{folder}/key.pem")).unwrap();
    let acceptor = crate::net::sockets::tls::TlsAcceptor(Some(tls));
    let mut looped = Loop::with(app, Config { tls: acceptor, ..Config::default() });
    let mut greedy = looped.client();
    let mut client = tls_client(folder);
    for _ in 0..PATIENCE {
        if !client.is_handshaking() {
            break;
        }
        while client.wants_write() {
            client.write_tls(&mut greedy).unwrap();
        }
        looped.step();
        if client.read_tls(&mut greedy).is_ok() {
            client.process_new_packets().unwrap();
        }
    }
    assert!(!client.is_handshaking());
    let body = "x".repeat(20_000);
    let mut records = Vec::new();
    for byte in format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()).bytes() {
        client.writer().write_all(&[byte]).unwrap();
        while client.wants_write() {
            client.write_tls(&mut records).unwrap();
        }
    }
    assert!(records.len() > 20 * body.len(), "a record a byte");
    let sent = greedy.write(&records).unwrap();
    assert_eq!(sent, records.len(), "the socket has room for all of it");
    let (answered, before) = (looped.traffic(1).writes, looped.traffic(1).read);
    looped.step();
    let first = looped.traffic(1).read - before;
    assert!((1..=12_000).contains(&first), "{first} of {} bytes in the first turn", body.len());
    looped.until("the answer", |worker| worker.probe.traffic[1].writes > answered);
}

/// The kernel has accepted these clients: to close the listener would reset them.
#[test]
fn a_stop_at_the_connection_limit_serves_the_clients_in_the_queue() {
    let mut app = App::new();
    app.post("/", |_| "ok");
    let mut looped = Loop::new(app);
    looped.worker.max_connections = 1;
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n";
    let mut uploading = looped.client();
    uploading.write_all(head).unwrap();
    let waiting: Vec<_> = (0..3).map(|_| TcpStream::connect(looped.address).unwrap()).collect();
    waiting.iter().for_each(|mut client| client.write_all(&[&head[..], b"x"].concat()).unwrap());
    looped.worker.control.advance(Phase::Draining);
    looped.until("the stop has begun", |worker| worker.time.draining.is_some());
    looped.step(); // the one place is taken
    uploading.write_all(b"x").unwrap();
    let ends = (0..PATIENCE).any(|_| looped.worker.step(&mut looped.events, looped.worker.timeout()).unwrap());
    assert!(ends, "the stop does not end: {:?}", looped.worker.probe.traffic);
    for mut client in waiting {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

/// The connections of an iterator have ended for one worker, or a stop has; another still serves.
#[test]
fn a_worker_that_ends_with_nothing_left_shuts_down_no_upgrade_of_another() {
    let mut app = App::new();
    app.get("/", |req: &Request<'_>| {
        Response::upgrade(req, "echo", |mut socket, _| {
            let mut byte = [0];
            socket.read_exact(&mut byte).and_then(|()| socket.write_all(&byte)).unwrap();
        })
    });
    let app = Arc::new(app);
    let (mut ending, mut serving) = (Loop::new(app.clone()), Loop::new(app));
    let mut client = serving.client();
    ending.worker.control.advance(Phase::Draining);
    assert!((0..PATIENCE).any(|_| ending.worker.step(&mut ending.events, Some(Duration::ZERO)).unwrap()));
    assert_eq!(ending.worker.abort_all(), 0);
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").unwrap();
    serving.until("the upgrade", |worker| worker.conns.len() == 0);
    client.set_nonblocking(false).unwrap();
    client.write_all(b"x").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nx"), "{answer}");
}

/// A trace that has left something out tells it soon: the loop does not sleep until something else happens.
#[test]
fn a_loop_wakes_for_a_trace_that_owes_a_notice() {
    let mut looped = Loop::new(App::new());
    looped.step(); // nobody comes in
    assert!(looped.worker.timeout().is_none_or(|timeout| timeout > Duration::from_millis(super::NOTICE_DELAY)));
    looped.worker.probe.owes_notice = true;
    assert_eq!(looped.worker.timeout(), Some(Duration::from_millis(super::NOTICE_DELAY)));
}

#[cfg(feature = "tls")]
fn tls_client(folder: &str) -> rustls::ClientConnection {
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    let certificate = rustls::pki_types::CertificateDer::from_pem_file(format!("{folder}/cert.pem")).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap()
}
