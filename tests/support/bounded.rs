//! Bounded waits: what a test waits for comes within [`BOUND`], or the test fails and names it.
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

/// Far more than anything takes on a loaded machine.
pub const BOUND: Duration = Duration::from_secs(90);

/// Calls `look` until it returns `Ok`. When the time is over, the test fails with its last `Err`.
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

/// Receives what another thread sent.
#[track_caller]
pub fn received<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(BOUND).unwrap_or_else(|error| panic!("nothing was sent: {error}"))
}

/// Joins a thread: returns its value, or the payload of its panic.
#[track_caller]
pub fn joined<T>(thread: JoinHandle<T>) -> std::thread::Result<T> {
    let running = || if thread.is_finished() { Ok(()) } else { Err("it still runs".to_owned()) };
    eventually("the end of a thread", running);
    thread.join()
}

/// Waits for a thread for 10 seconds at most. For `Drop`, where a failure would hide the first one.
pub fn left<T>(thread: JoinHandle<T>) {
    let end = Instant::now() + Duration::from_secs(10);
    while !thread.is_finished() && Instant::now() < end {
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Connects. Reads and writes of the connection have a timeout.
#[track_caller]
pub fn connect(address: impl ToSocketAddrs) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream.set_write_timeout(Some(BOUND)).unwrap();
    stream
}

/// Repeats a call that a signal of another test interrupts: with a timeout set, the kernel does not restart it.
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

/// Waits for the end of a process and returns its status.
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

/// Starts a process in its own group. The group is killed after [`BOUND`] unless the leash was dropped before: a test that reads from
/// one of its pipes then reads the end, and fails with what it read.
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

    /// Waits for the end of the process and returns its output.
    #[track_caller]
    pub fn output(self, child: Child) -> Output {
        child.wait_with_output().unwrap()
    }
}
