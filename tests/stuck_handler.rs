//! A handler that never returns blocks its event loop: signals are still handled, and the process ends.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

mod support;

use support::bounded;
use wirelight::{App, Server, Timeouts};

/// Set for the copy of this test's program that is the server: its limit for a graceful stop, in milliseconds.
const LIMIT: &str = "WIRELIGHT_TEST_LIMIT_MS";
const WORKERS: &str = "WIRELIGHT_TEST_WORKERS";

/// A process whose one worker is in a handler that never returns.
struct Stuck {
    process: Child,
    _client: TcpStream,
}

impl Stuck {
    /// Runs `test` once more, as the server.
    fn start(test: &str, workers: usize, limit: Duration) -> Stuck {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", test, "--nocapture"])
            .env(LIMIT, limit.as_millis().to_string())
            .env(WORKERS, workers.to_string());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut client = bounded::connect(said(&mut lines, "listens on "));
        client.write_all(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        said(&mut lines, "is in the handler");
        Stuck { process, _client: client }
    }

    /// Sends a signal and waits until the process has taken it: two pending signals of one kind become one (signal(7)).
    fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
        bounded::eventually("the signal is delivered", || {
            if is_pending(&process) { Err("pending".into()) } else { Ok(()) }
        });
    }

    fn exit_code(mut self) -> Option<i32> {
        bounded::exited(&mut self.process).code()
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        _ = self.process.kill(); // fails where it has ended, which is the good case
        bounded::exited(&mut self.process);
    }
}

/// Whether a signal waits for the process to run. Unknown, and so `false`, where there is no `/proc` and after the process has ended.
fn is_pending(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().filter_map(|line| line.strip_prefix("ShdPnd:")).any(|set| !set.trim().trim_matches('0').is_empty())
}

/// Returns what follows this text in the first line that has it.
fn said(lines: &mut Lines<BufReader<ChildStdout>>, text: &str) -> String {
    lines.map(Result::unwrap).find_map(|line| Some(line.split_once(text)?.1.to_owned())).unwrap()
}

/// In the process that is to be the server this never returns.
fn serve_if_asked() {
    let Ok(limit) = std::env::var(LIMIT) else { return };
    let shutdown = Duration::from_millis(limit.parse().unwrap_or(u64::MAX));
    let mut app = App::new();
    app.get("/stuck", |_| -> &'static str {
        println!("is in the handler");
        loop {
            std::thread::park();
        }
    });
    let server = Server::bind("127.0.0.1:0").unwrap().timeouts(Timeouts { shutdown, ..Timeouts::default() });
    println!("listens on {}", server.local_addr());
    let workers = std::env::var(WORKERS).unwrap().parse().unwrap();
    server.workers(workers).run(app).unwrap();
}

/// Another loop handles the signal, and the stop has a limit.
#[test]
fn the_first_signal_keeps_its_limit() {
    serve_if_asked();
    let stuck = Stuck::start("the_first_signal_keeps_its_limit", 2, Duration::from_millis(100));
    stuck.signal("-TERM");
    assert_eq!(stuck.exit_code(), Some(1));
}

/// Also if no loop handles the first one.
#[test]
fn the_second_signal_ends_the_process_at_once() {
    serve_if_asked();
    for (workers, second) in [(1, "-TERM"), (1, "-INT"), (2, "-TERM")] {
        let stuck = Stuck::start("the_second_signal_ends_the_process_at_once", workers, Duration::MAX);
        stuck.signal("-TERM");
        stuck.signal(second);
        assert_eq!(stuck.exit_code(), Some(1));
    }
}
