//! Memory and descriptors of the server under many connections, measured from outside its process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

mod support;

use support::{Program, bounded};

/// Starts the command on a free port with at most this many descriptors.
fn start(descriptors: usize) -> Program {
    let script = format!("ulimit -n {descriptors} && exec \"$0\" --host 127.0.0.1 --port 0 --workers 1");
    let mut command = Command::new("sh");
    Program::start(command.args(["-c", &script, env!("CARGO_BIN_EXE_wirelight")]).env("RUST_LOG", "warn"))
}

impl Program {
    /// Limits the process to so many further descriptors. The limit is a descriptor number, and the lowest free number is used next.
    fn leave(&self, descriptors: usize) {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let taken: Vec<usize> = open.map(|file| file.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
        let last = (0..).filter(|number| !taken.contains(number)).nth(descriptors).unwrap();
        let (process, limit) = (self.child.id().to_string(), format!("--nofile={last}"));
        assert!(Command::new("prlimit").args(["--pid", &process, &limit]).status().unwrap().success());
    }

    fn connect(&self) -> TcpStream {
        bounded::connect(&self.address)
    }

    /// Bytes of memory that the server's process holds.
    fn resident(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * page_size()
    }

    /// Whether the server uses less than a fifth of a second of processor time in one second. A loop that spins on readiness would use
    /// all of it.
    fn rests(&self) -> bool {
        let before = self.processor_ticks();
        std::thread::sleep(Duration::from_secs(1));
        self.processor_ticks() - before < 20
    }

    /// The processor's time that the server took, in the kernel's ticks of 10 ms: user and system, fields 14 and 15.
    fn processor_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }
}

/// From the kernel's own arithmetic: the same memory in pages and in kilobytes.
fn page_size() -> usize {
    let status = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let line = status.lines().find(|line| line.starts_with("KernelPageSize:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

const GET: &[u8] = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

/// One request on a connection that stays, and the status of its answer.
fn get(stream: &mut TcpStream) -> String {
    stream.write_all(GET).unwrap();
    let mut buffer = [0; 1024];
    let n = stream.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[9.min(n)..12.min(n)]).into_owned()
}

/// Sends whole requests on every connection until the server reads no more; returns the number of bytes that it took.
fn flood(streams: &mut [TcpStream]) -> usize {
    let requests = GET.repeat(1000);
    let mut sent = vec![0; streams.len()];
    let mut moved = Instant::now();
    let end = Instant::now() + bounded::BOUND;
    // Half a second without room on any of the connections: the server has stopped reading all of them.
    while moved.elapsed() < Duration::from_millis(500) {
        assert!(Instant::now() < end, "it reads on: {sent:?} bytes so far");
        for (stream, sent) in streams.iter_mut().zip(&mut sent) {
            match stream.write(&requests[*sent % GET.len()..]) {
                Ok(n) => (*sent, moved) = (*sent + n, Instant::now()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }
    sent.iter().sum()
}

#[test]
fn clients_that_send_and_never_read_cost_64_kib_each_at_most() {
    let server = start(1024);
    let mut probe = server.connect();
    assert_eq!(get(&mut probe), "200");
    let mut clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(get(client), "200");
        client.set_nonblocking(true).unwrap();
    }
    let before = server.resident();
    let sent = flood(&mut clients);
    assert!(sent > clients.len() * 256 * 1024, "{sent} bytes are not a flood");
    let grown = server.resident().saturating_sub(before);
    assert!(grown <= clients.len() * 64 * 1024, "{} bytes a client", grown / clients.len());
    assert!((0..20).any(|_| server.rests()), "busy for 20 s, while every client is blocked");
    assert_eq!(get(&mut probe), "200");
    assert_eq!(get(&mut server.connect()), "200");
}

#[test]
fn a_server_with_few_descriptors_serves_a_crowd() {
    // 32 of them are spared for listeners, logs and files: 8 connections at a time.
    let server = start(40);
    let mut crowd: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for client in &mut crowd {
        assert_eq!(get(client), "200");
    }
    assert_eq!(get(&mut server.connect()), "200");
}

#[test]
fn when_the_descriptors_run_out_clients_wait_and_are_served() {
    let mut server = start(1024);
    assert_eq!(get(&mut server.connect()), "200");
    server.leave(8); // it reckons with 992 connections: not its limit is reached, but the system's
    let mut crowd: Vec<_> = (0..40).map(|_| server.connect()).collect();
    let mut line = String::new();
    server.stderr.read_line(&mut line).unwrap();
    assert!(line.contains("cannot accept: Too many open files"), "{line}");
    for mut client in crowd.drain(..) {
        assert_eq!(get(&mut client), "200"); // and leaves, for whoever waits
    }
    assert_eq!(get(&mut server.connect()), "200");
}
