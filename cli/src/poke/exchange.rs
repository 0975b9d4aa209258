//! Runs one exchange over one connection: sends the steps, reads at the same time, and reports
//! both.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::experiment::Step;

/// Options of an exchange.
#[derive(Clone)]
pub(super) struct ExchangeOptions {
    /// Bytes per second to read, and for how long; `None` is until the end.
    pub(super) slow: Option<(u64, Option<Duration>)>,
    /// Reads only after everything is sent, as some clients do.
    pub(super) busy: bool,
    /// Resets the connection when everything is sent.
    pub(super) reset: bool,
    /// Silence after which the server is assumed to have finished.
    pub(super) patience: Duration,
    /// As `patience`, until the first byte from the server.
    pub(super) first: Duration,
    /// Longest pause; longer pauses of the steps are cut.
    pub(super) hold: Duration,
    /// Most bytes to read, and longest time to read after everything is sent: a stream may be
    /// endless.
    pub(super) most: (usize, Duration),
    /// Start of the times in the notes.
    pub(super) began: Instant,
}

/// The outcome of an exchange.
pub(super) struct Transcript {
    pub(super) received: Vec<u8>,
    pub(super) ending: Ending,
}

/// Which side closed the connection, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Fin,
    Reset,
    Open,
}

/// An action or observation of the client.
pub(super) enum Note<'a> {
    Connected(SocketAddr),
    Sent(&'a [u8]),
    Received(&'a [u8]),
    HalfClosed,
    Reset,
    /// A write failed: the server accepts no more bytes.
    Stopped(ErrorKind),
    /// Nothing was received for a moment; the wait takes at most this time.
    Waiting(Duration),
    /// Another client's request: the status of its response, if any, and the time it took.
    Other(Option<u16>, Duration),
    /// How the exchange ended, and the number of bytes received.
    Ended(Ending, usize),
}

/// Receives the notes of an exchange, from two threads.
pub(super) trait View: Sync {
    /// Receives one note; `at` is the time since the exchange began.
    fn note(&self, at: Duration, note: Note<'_>);
}

/// Ignores the notes.
impl View for () {
    fn note(&self, _: Duration, _: Note<'_>) {}
}

/// State that both threads share.
struct Shared<'v> {
    view: &'v dyn View,
    began: Instant,
    received: Mutex<Vec<u8>>,
    ending: Mutex<Option<Ending>>,
    /// Time of the last transfer, in milliseconds after the start.
    last: AtomicU64,
    /// Whether everything is sent.
    sent: AtomicBool,
    stop: AtomicBool,
}

/// Interval at which a wait checks whether the exchange has ended.
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
            reset: false,
            patience: second,
            first: second,
            hold: hour,
            most: (64 * 1024 * 1024, hour),
            began: Instant::now(),
        }
    }
}

impl Ending {
    /// Returns its name in `experiments.json`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Ending::Fin => "close",
            Ending::Reset => "reset",
            Ending::Open => "open",
        }
    }
}

/// Connects and runs the steps; then reads until the server closes or is silent.
pub(super) fn run(
    server: SocketAddr,
    steps: &[Step],
    options: &ExchangeOptions,
    view: &dyn View,
) -> io::Result<Transcript> {
    let unreachable = |error: io::Error| {
        let reason = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                "no program listens there; start `wirelight` in another terminal, or write demo for the address"
                    .to_owned()
            }
            _ => error.to_string(),
        };
        io::Error::new(error.kind(), format!("cannot reach {server}: {reason}"))
    };
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
        shared.sent.store(true, Ordering::Release); // also if sending failed
        shared.stop.store(true, Ordering::Release);
        result
    })?;
    let read = lock(&shared.ending).unwrap_or(Ending::Open);
    // A failed write consumes the reset: a later read reports an ordinary end.
    let ending = if reset { Ending::Reset } else { read };
    let received = std::mem::take(&mut *lock(&shared.received));
    if !options.reset {
        shared.note(Note::Ended(ending, received.len()));
    }
    Ok(Transcript { received, ending })
}

/// Connects. A slow reader gets a small receive buffer, since the kernel reads ahead into it.
fn connect(server: SocketAddr, slow: bool) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(server), socket2::Type::STREAM, None)?;
    if slow {
        socket.set_recv_buffer_size(4_096)?;
    }
    socket.connect_timeout(&server.into(), Duration::from_secs(5))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Runs the steps, then waits until the server has finished. Returns whether it reset the
/// connection.
fn send(mut stream: &TcpStream, steps: &[Step], options: &ExchangeOptions, shared: &Shared<'_>) -> io::Result<bool> {
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    let mut reset = false;
    for step in steps {
        match step {
            Step::Wait(time) => shared.wait(Duration::from_millis(*time).min(options.hold), false),
            Step::Hold(time) => shared.wait(Duration::from_millis(*time).min(options.hold), true),
            Step::HalfClose => {
                shared.note(Note::HalfClosed);
                let _ = stream.shutdown(Shutdown::Write); // fails if the server closed first; the reader reports that
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
    if options.reset {
        shared.note(Note::Reset);
        SockRef::from(stream).set_linger(Some(Duration::ZERO))?; // the close resets
        return Ok(false);
    }
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
    // Fails only for a timeout of zero.
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
                    return shared.end(Ending::Open); // at the limit; the connection is still open
                }
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => return shared.end(Ending::Reset),
        }
        if slow.is_some() {
            std::thread::sleep(Duration::from_millis(100)); // limits the rate
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

    /// Waits for `time` or until the exchange ends. Announces a long wait if `aloud`.
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

/// Locks the mutex. Ignores poisoning: no code panics with a value half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
