//! One exchange over one connection: sends by the plan, reads meanwhile, and notes both; what the bytes mean is read elsewhere.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::experiment::Step;

/// How to go about it.
#[derive(Clone)]
pub(super) struct ExchangeOptions {
    /// Bytes a second to read, and for how long; without an end it is the whole time.
    pub(super) slow: Option<(u64, Option<Duration>)>,
    /// Reads only after everything is sent, as a client does that is busy sending.
    pub(super) busy: bool,
    /// Silence after which the server is taken to be done.
    pub(super) patience: Duration,
    /// The same as long as it has sent nothing at all.
    pub(super) first: Duration,
    /// Longest wait, whatever the plan says.
    pub(super) hold: Duration,
    /// Bytes that are read at most, and how long to listen when all is sent: a stream may have no end.
    pub(super) most: (usize, Duration),
    /// When the clock of the notes was at 0.
    pub(super) began: Instant,
}

/// The outcome of an exchange.
pub(super) struct Transcript {
    pub(super) received: Vec<u8>,
    pub(super) ending: Ending,
}

/// Who closed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Fin,
    Reset,
    Open,
}

/// What the client does or sees.
pub(super) enum Note<'a> {
    Connected(SocketAddr),
    Sent(&'a [u8]),
    Received(&'a [u8]),
    HalfClosed,
    /// The server takes no more bytes.
    Stopped(ErrorKind),
    /// Nothing came for a moment; poke waits for at most this time.
    Waiting(Duration),
    /// Another client asked meanwhile: its status, if any, came after this time.
    Other(Option<u16>, Duration),
    /// How it ended, after so many bytes.
    Ended(Ending, usize),
}

/// Receives the notes of an exchange, from two threads.
pub(super) trait View: Sync {
    /// `at`: since the exchange began.
    fn note(&self, at: Duration, note: Note<'_>);
}

/// For an exchange that is not shown.
impl View for () {
    fn note(&self, _: Duration, _: Note<'_>) {}
}

/// What both threads share.
struct Shared<'v> {
    view: &'v dyn View,
    began: Instant,
    received: Mutex<Vec<u8>>,
    ending: Mutex<Option<Ending>>,
    /// Milliseconds after the beginning at which something came or went last.
    last: AtomicU64,
    /// Everything is sent.
    sent: AtomicBool,
    stop: AtomicBool,
}

/// Between two looks at whether it is over.
const TICK: Duration = Duration::from_millis(5);
/// Silence after which a long wait is announced.
const ANNOUNCE_AFTER: Duration = Duration::from_millis(300);
/// A shorter wait is not announced.
const MIN_ANNOUNCED: Duration = Duration::from_secs(2);

impl Default for ExchangeOptions {
    fn default() -> ExchangeOptions {
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3_600));
        ExchangeOptions {
            slow: None,
            busy: false,
            patience: second,
            first: second,
            hold: hour,
            most: (64 * 1024 * 1024, hour),
            began: Instant::now(),
        }
    }
}

impl Ending {
    /// Its name in the file of experiments.
    pub(super) fn name(self) -> &'static str {
        match self {
            Ending::Fin => "close",
            Ending::Reset => "reset",
            Ending::Open => "open",
        }
    }
}

/// Connects, and goes through the plan; then listens until the server closes or falls silent.
pub(super) fn run(
    server: SocketAddr,
    steps: &[Step],
    options: &ExchangeOptions,
    view: &dyn View,
) -> io::Result<Transcript> {
    let unreachable = |error: io::Error| io::Error::new(error.kind(), format!("cannot reach {server}: {error}"));
    let stream = connect(server, options.slow.is_some()).map_err(unreachable)?;
    let reader = stream.try_clone()?;
    let shared = Shared {
        view,
        began: options.began,
        received: Mutex::default(),
        ending: Mutex::default(),
        last: AtomicU64::new(options.began.elapsed().as_millis() as u64),
        sent: AtomicBool::new(false),
        stop: AtomicBool::new(false),
    };
    shared.note(Note::Connected(server));
    let reset = std::thread::scope(|scope| {
        scope.spawn(|| receive(reader, options, &shared));
        let result = send(&stream, steps, options, &shared);
        shared.sent.store(true, Ordering::Release); // also where sending failed
        shared.stop.store(true, Ordering::Release);
        result
    })?;
    let read = lock(&shared.ending).unwrap_or(Ending::Open);
    // A write that fails consumes the reset; a read after it sees an ordinary end.
    let ending = if reset { Ending::Reset } else { read };
    let received = std::mem::take(&mut *lock(&shared.received));
    shared.note(Note::Ended(ending, received.len()));
    Ok(Transcript { received, ending })
}

/// A slow reader needs a small buffer, or the kernel reads ahead for it.
fn connect(server: SocketAddr, slow: bool) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(server), socket2::Type::STREAM, None)?;
    if slow {
        socket.set_recv_buffer_size(4_096)?;
    }
    socket.connect_timeout(&server.into(), Duration::from_secs(5))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Returns whether the server was found to have reset the connection.
fn send(mut stream: &TcpStream, steps: &[Step], options: &ExchangeOptions, shared: &Shared<'_>) -> io::Result<bool> {
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    let mut reset = false;
    for step in steps {
        match step {
            Step::Wait(time) => shared.wait(Duration::from_millis(*time).min(options.hold), false),
            Step::Hold(time) => shared.wait(Duration::from_millis(*time).min(options.hold), true),
            Step::HalfClose => {
                shared.note(Note::HalfClosed);
                let _ = stream.shutdown(Shutdown::Write); // the server was faster: the reader sees it
            }
            Step::Send(bytes) => {
                shared.progress();
                shared.note(Note::Sent(bytes));
                if let Err(error) = stream.write_all(bytes) {
                    reset = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
                    shared.note(Note::Stopped(error.kind()));
                    break;
                }
            }
        }
    }
    shared.sent.store(true, Ordering::Release);
    shared.progress();
    let sent = Instant::now();
    while !shared.is_over() && shared.silence() < shared.patience(options) && sent.elapsed() < options.most.1 {
        std::thread::sleep(TICK);
    }
    Ok(reset)
}

fn receive(mut stream: TcpStream, options: &ExchangeOptions, shared: &Shared<'_>) {
    let mut buffer = vec![0; 64 * 1024];
    while options.busy && !shared.sent.load(Ordering::Acquire) {
        std::thread::sleep(TICK);
    }
    // Fails for a time of zero only.
    let _ = stream.set_read_timeout(Some(TICK * 4));
    while !shared.stop.load(Ordering::Acquire) {
        let slow = options.slow.filter(|(_, end)| end.is_none_or(|end| shared.began.elapsed() < end));
        let most = slow.map_or(buffer.len(), |(rate, _)| (rate / 10).clamp(1, 64 * 1024) as usize);
        match stream.read(buffer.get_mut(..most).unwrap_or_default()) {
            Ok(0) => return shared.end(Ending::Fin),
            Ok(n) => {
                let bytes = buffer.get(..n).unwrap_or_default();
                shared.progress();
                shared.note(Note::Received(bytes));
                let mut received = lock(&shared.received);
                received.extend_from_slice(bytes);
                if received.len() >= options.most.0 {
                    return shared.end(Ending::Open); // enough, and the connection is as open as it was
                }
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => return shared.end(Ending::Reset),
        }
        if slow.is_some() {
            std::thread::sleep(Duration::from_millis(100)); // the slowness itself
        }
    }
}

impl Shared<'_> {
    fn note(&self, note: Note<'_>) {
        self.view.note(self.began.elapsed(), note);
    }

    fn end(&self, ending: Ending) {
        *lock(&self.ending) = Some(ending);
    }

    fn is_over(&self) -> bool {
        lock(&self.ending).is_some()
    }

    fn progress(&self) {
        self.last.store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn patience(&self, options: &ExchangeOptions) -> Duration {
        if lock(&self.received).is_empty() { options.first } else { options.patience }
    }

    fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(last)
    }

    /// Waits, but not for a connection that is over. A long wait is announced if `aloud`.
    fn wait(&self, time: Duration, aloud: bool) {
        let (until, mut announced) = (Instant::now() + time, !aloud || time < MIN_ANNOUNCED);
        while Instant::now() < until && !self.is_over() {
            if !announced && self.silence() > ANNOUNCE_AFTER {
                announced = true;
                self.note(Note::Waiting(time));
            }
            std::thread::sleep(TICK.min(time));
        }
    }
}

/// Nothing under these locks can panic half-way.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
