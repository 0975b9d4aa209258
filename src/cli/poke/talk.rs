//! One conversation over one connection: sends by the plan, reads meanwhile, tells both; knows nothing of what the bytes mean.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::experiment::Step;
use crate::cli::{glyphs, say};

/// How to go about it.
pub(super) struct Manner {
    /// Bytes a second to read, and for how long; without an end it is the whole time.
    pub(super) slow: Option<(u64, Option<Duration>)>,
    /// Silence after which the server is taken to have said everything.
    pub(super) patience: Duration,
    /// The same as long as it has said nothing at all.
    pub(super) first: Duration,
    /// Longest wait, whatever the plan says.
    pub(super) hold: Duration,
    /// Bytes that are read at most, and how long is listened when all is sent: a stream may have no end.
    pub(super) most: (usize, Duration),
    /// Whether to print what happens.
    pub(super) told: bool,
}

/// What came of it.
pub(super) struct Talk {
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

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// What both threads share.
struct Shared {
    received: Mutex<Vec<u8>>,
    ending: Mutex<Option<Ending>>,
    began: Instant,
    /// Milliseconds after the beginning at which something was heard or said last.
    last: AtomicU64,
    stop: Mutex<bool>,
    /// Bytes that went either way.
    shown: [AtomicU64; 2],
    told: bool,
}

/// Characters of a line that are shown.
const WIDTH: usize = 160;
/// Bytes after which a side has shown enough.
const SHOWN: u64 = 8 * 1024;
/// Between two looks at whether it is over.
const TICK: Duration = Duration::from_millis(5);

impl Default for Manner {
    fn default() -> Manner {
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3_600));
        Manner { slow: None, patience: second, first: second, hold: hour, most: (64 * 1024 * 1024, hour), told: false }
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
pub(super) fn talk(server: SocketAddr, steps: &[Step], manner: &Manner) -> io::Result<Talk> {
    let explained = |error: io::Error| io::Error::new(error.kind(), format!("cannot reach {server}: {error}"));
    let stream = connect(server, manner.slow.is_some()).map_err(explained)?;
    let reader = stream.try_clone()?;
    let shared = Shared {
        received: Mutex::default(),
        ending: Mutex::default(),
        began: Instant::now(),
        last: AtomicU64::new(0),
        stop: Mutex::default(),
        shown: Default::default(),
        told: manner.told,
    };
    shared.tell(format_args!("connected to {server}"));
    std::thread::scope(|scope| {
        scope.spawn(|| listen(reader, manner, &shared));
        let result = speak(&stream, steps, manner, &shared);
        *locked(&shared.stop) = true;
        result
    })?;
    let ending = locked(&shared.ending).unwrap_or(Ending::Open);
    let received = std::mem::take(&mut *locked(&shared.received));
    shared.tell(match ending {
        Ending::Fin => format!("server FIN after {} bytes", received.len()),
        Ending::Reset => format!("server RST after {} bytes", received.len()),
        Ending::Open if received.is_empty() => {
            "left open, and nothing came; we close (--hold TIME waits longer)".to_owned()
        }
        Ending::Open => format!("left open after {} bytes; we close", received.len()),
    });
    Ok(Talk { received, ending })
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

fn speak(mut stream: &TcpStream, steps: &[Step], manner: &Manner, shared: &Shared) -> io::Result<()> {
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    for step in steps {
        match step {
            Step::Wait(time) => shared.wait(Duration::from_millis(*time).min(manner.hold)),
            Step::Hold(time) => shared.wait(Duration::from_millis(*time).min(manner.hold)),
            Step::HalfClose => {
                shared.tell("we close our side");
                let _ = stream.shutdown(Shutdown::Write); // the server was faster: the reader tells
            }
            Step::Send(bytes) => {
                shared.show(Side::Client, bytes);
                if let Err(error) = stream.write_all(bytes) {
                    shared.tell(format_args!("the server takes no more: {error}"));
                    break;
                }
            }
        }
    }
    shared.heard();
    let sent = Instant::now();
    while !shared.is_over() && shared.silence() < shared.patience(manner) && sent.elapsed() < manner.most.1 {
        std::thread::sleep(TICK);
    }
    Ok(())
}

fn listen(mut stream: TcpStream, manner: &Manner, shared: &Shared) {
    let mut buffer = vec![0; 64 * 1024];
    // Fails for a time of zero only.
    let _ = stream.set_read_timeout(Some(TICK * 4));
    while !*locked(&shared.stop) {
        let slow = manner.slow.filter(|(_, end)| end.is_none_or(|end| shared.began.elapsed() < end));
        let most = slow.map_or(buffer.len(), |(rate, _)| (rate / 10).clamp(1, 64 * 1024) as usize);
        let room = buffer.get_mut(..most).unwrap_or_default();
        match stream.read(room) {
            Ok(0) => return shared.end(Ending::Fin),
            Ok(n) => {
                let bytes = buffer.get(..n).unwrap_or_default();
                shared.show(Side::Server, bytes);
                let mut received = locked(&shared.received);
                received.extend_from_slice(bytes);
                if received.len() >= manner.most.0 {
                    return shared.end(Ending::Open); // enough, and the connection is as open as it was
                }
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => return shared.end(Ending::Reset),
        }
        if slow.is_some() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Shared {
    fn end(&self, ending: Ending) {
        *locked(&self.ending) = Some(ending);
    }

    fn is_over(&self) -> bool {
        locked(&self.ending).is_some()
    }

    fn heard(&self) {
        self.last.store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn patience(&self, manner: &Manner) -> Duration {
        if locked(&self.received).is_empty() { manner.first } else { manner.patience }
    }

    fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(last)
    }

    /// Waits, but not for a connection that is over.
    fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.is_over() {
            std::thread::sleep(TICK.min(time));
        }
    }

    fn tell(&self, what: impl fmt::Display) {
        if self.told {
            say(format_args!("{}  {what}", self.stamp()));
        }
    }

    fn show(&self, side: Side, bytes: &[u8]) {
        self.heard();
        let [server, client] = &self.shown;
        let (arrow, shown) = if side == Side::Server { ('←', server) } else { ('→', client) };
        let before = shown.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if !self.told || before > SHOWN {
            return;
        }
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(200);
        let lines: Vec<_> = lines.map(|line| glyphs::shortened(line, WIDTH)).collect();
        say(format_args!("{}  {arrow}  {}", self.stamp(), lines.join("\n               ")));
        if before + bytes.len() as u64 > SHOWN {
            self.tell(format_args!("{arrow}  and so on: the rest is not shown"));
        }
    }

    fn stamp(&self) -> String {
        format!("{:>7.1} ms", self.began.elapsed().as_secs_f64() * 1_000.0)
    }
}

/// Nothing under these locks can panic half-way.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
