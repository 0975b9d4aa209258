//! Waits with an end: whatever a test waits for comes within [`BOUND`], or the test fails and names what it waited for.
#![allow(
    dead_code,
    clippy::panic,
    clippy::unwrap_used,
    reason = "each test program uses a part, and stops at the first surprise"
)]

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Far more than anything takes on a loaded machine, and less than the patience of a person.
pub const BOUND: Duration = Duration::from_secs(90);

/// Looks again and again until `look` returns `Ok`. Its last `Err` is what the test saw when it fails.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + BOUND;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= end => panic!("{what}: not within {BOUND:?}; seen: {seen}"),
            Err(_) => std::thread::park_timeout(Duration::from_millis(1)),
        }
    }
}

/// What another thread sent.
#[track_caller]
pub fn received<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(BOUND).unwrap_or_else(|error| panic!("nothing was sent: {error}"))
}

/// What the thread returned, or the payload of its panic.
#[track_caller]
pub fn joined<T>(thread: JoinHandle<T>) -> std::thread::Result<T> {
    let running = || if thread.is_finished() { Ok(()) } else { Err("it still runs".to_owned()) };
    eventually("the end of a thread", running);
    thread.join()
}

/// Waits for the thread of a test that is over, as far as it ends at all: for `Drop`, where a failure would hide the first one.
pub fn left<T>(thread: JoinHandle<T>) {
    let end = Instant::now() + Duration::from_secs(10);
    while !thread.is_finished() && Instant::now() < end {
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// A connection whose reads and writes fail instead of waiting without an end.
#[track_caller]
pub fn connect(address: impl ToSocketAddrs) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream.set_write_timeout(Some(BOUND)).unwrap();
    stream
}

/// One `read` or `recv` that a signal of another test does not end: with a timeout set, the kernel does not restart it.
pub fn uninterrupted<T>(mut call: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Waits until the address refuses connections: its listener is closed.
#[track_caller]
pub fn refused(address: SocketAddr) {
    eventually("a closed listener", || match TcpStream::connect(address) {
        Ok(_) => Err(format!("{address} accepts connections")),
        Err(_) => Ok(()),
    });
}

/// How a process ended. One that does not is killed, and the test fails.
#[track_caller]
pub fn exited(child: &mut Child) -> ExitStatus {
    eventually("the end of a process", || match child.try_wait().unwrap() {
        Some(status) => Ok(status),
        None => Err(format!("process {} still runs", child.id())),
    })
}

/// [`Command::output`] of a process that is killed when it does not end.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let (child, leash) = leashed(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    leash.output(child)
}

/// Starts a process in a group of its own. The group is killed after [`BOUND`] unless the leash was dropped before: then whoever
/// reads from one of its pipes reads the end, and fails with what it read.
#[track_caller]
pub fn leashed(command: &mut Command) -> (Child, Leash) {
    use std::os::unix::process::CommandExt;
    let child = command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let leash = Leash::new(child.id());
    (child, leash)
}

pub struct Leash {
    /// Dropped with the leash, which ends the thread that waits to kill.
    _held: Sender<()>,
}

impl Leash {
    fn new(process: u32) -> Leash {
        let (held, dropped) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            if dropped.recv_timeout(BOUND) == Err(RecvTimeoutError::Timeout) {
                // Fails where the group has ended by itself.
                let _ = Command::new("kill").args(["-KILL", "--", &format!("-{process}")]).status();
            }
        });
        Leash { _held: held }
    }

    /// All that the process says until it ends.
    #[track_caller]
    pub fn output(self, child: Child) -> Output {
        child.wait_with_output().unwrap()
    }
}
