//! The command with a trace: real sockets, readers that stall, and a comparison with strace.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use regex_lite::Regex;
use serde_json::Value;

mod support;

use support::{Program, bounded};
const REQUEST: &str = "GET /hello HTTP/1.1\r\nHost: a\r\nAuthorization: s3cr3t\r\n\r\n";

/// Starts the command without a log.
fn start(mut command: Command) -> Program {
    start_with_log(command.env("RUST_LOG", "off"))
}

fn start_with_log(command: &mut Command) -> Program {
    Program::start(command.env_remove("NO_COLOR"))
}

impl Program {
    /// So many requests on one connection, each answered before the next is sent, and the client closes.
    fn ask(&self, times: usize) {
        let mut stream = bounded::connect(&self.address);
        for _ in 0..times {
            stream.write_all(REQUEST.as_bytes()).unwrap();
            let mut answer = [0; 4096];
            let n = stream.read(&mut answer).unwrap();
            assert!(answer[..n].starts_with(b"HTTP/1.1 200 OK"));
        }
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }

    /// Stops it with success; returns the rest of stdout and stderr.
    fn stop_cleanly(self) -> (String, String) {
        let (code, out, err) = self.stop("-TERM");
        assert_eq!(code, Some(0), "{err}");
        (out, err)
    }
}

fn wirelight(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
    command.args(["--port", "0"]).args(arguments);
    command
}

/// A file of this test's own.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()))
}

fn events(text: &str) -> Vec<Value> {
    text.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_pipe_gets_no_colours_and_no_secrets_and_the_ten_steps() {
    let server = start(wirelight(&["--trace", "--workers", "2"]));
    server.ask(1);
    let (_, trace) = server.stop_cleanly();
    for said in [
        "step 1  socket  TCP socket",
        "4 to 10 serve   accept; ",
        "accept4() = fd ",
        "GET /hello HTTP/1.1, 2 fields",
        "•••(6 bytes)",
    ] {
        assert!(trace.contains(said), "{said}: {trace}");
    }
    assert!(trace.contains("close      the client closed first"), "{trace}");
    assert!(!trace.contains("s3cr3t") && !trace.contains('\x1b') && !trace.contains("epoll_wait() ="), "{trace}");
}

/// A server on a unix socket has no port: its trace names the file.
#[test]
fn a_unix_socket_is_told_as_one() {
    let (socket, record) = (file("socket"), file("unix-record"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
    command.args(["--trace", "--record", record.to_str().unwrap(), "--host", &format!("unix:{}", socket.display())]);
    let piped = command.env("RUST_LOG", "off").stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, leash) = bounded::leashed(piped);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    assert_ne!(out.read_line(&mut String::new()).unwrap(), 0);
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    stream.set_read_timeout(Some(bounded::BOUND)).unwrap();
    stream.write_all(REQUEST.replace("Host", "Connection: close\r\nHost").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = leash.output(child);
    let trace = String::from_utf8(output.stderr).unwrap();
    assert!(
        trace.contains("socket  unix socket") && trace.contains(&format!("to unix:{}", socket.display())),
        "{trace}"
    );
    let start = &events(&fs::read_to_string(&record).unwrap())[0];
    assert!(start["addr"].as_str().unwrap().starts_with("unix:/"), "{start}");
    let replayed = bounded::output(Command::new(env!("CARGO_BIN_EXE_wirelight")).arg("replay").arg(&record));
    assert!(String::from_utf8_lossy(&replayed.stdout).contains("1 connections: 1 events equal, 0 different"));
    fs::remove_file(record).unwrap();
}

#[test]
fn topics_bytes_and_colours_are_chosen() {
    let server = start(wirelight(&["--trace=conn.recv,route", "--trace-bytes=3", "--color=always"]));
    server.ask(1);
    let (_, trace) = server.stop_cleanly();
    assert!(
        trace.contains("GET … ") && trace.contains(" more bytes\n") && trace.contains("/hello (1 of 21 routes, "),
        "{trace}"
    );
    assert!(trace.contains("\x1b[36m→ recv") && !trace.contains("accept4()") && !trace.contains("send()"), "{trace}");

    let file = file("record");
    let server = start(wirelight(&["--record", file.to_str().unwrap()]));
    server.ask(2);
    let (_, trace) = server.stop_cleanly();
    assert_eq!(trace, "");
    let all = events(&fs::read_to_string(&file).unwrap());
    assert_eq!(
        all.iter().map(|event| event["q"].as_u64().unwrap()).collect::<Vec<_>>(),
        (0..all.len() as u64).collect::<Vec<_>>()
    );
    assert_eq!(all.iter().filter(|event| event["e"] == "resp.done").count(), 2);
    fs::remove_file(file).unwrap();
}

#[test]
fn what_cannot_be_traced_is_said() {
    for (arguments, sentence) in [
        (&["--trace=conn,nonsense"][..], "--trace has no topic \"nonsense\""),
        (&["--trace", "--trace-bytes=many"], "--trace-bytes is a number of bytes, or all"),
        (&["--trace", "--color=sometimes"], "--color is auto, always or never"),
        (&["--trace-bytes", "5"], "--trace-bytes has no effect without --trace"),
        (&["--show-secrets"], "--show-secrets has no effect without --trace or --record"),
        (&["--trace-src"], "--trace-src has no effect without --trace or --record"),
        (&["--record", "/none/such"], "--record cannot write /none/such"),
    ] {
        let output = bounded::output(wirelight(arguments).env("RUST_LOG", "off"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(sentence), "{said}");
    }
}

/// T14, without measuring time: every request is answered although the trace is not read. Then the reader learns how much was
/// dropped.
#[test]
fn a_reader_that_stalls_delays_no_client_and_learns_what_it_missed() {
    let server = start(wirelight(&["--trace=json"]));
    server.ask(5_000);
    let (trace, _) = server.stop_cleanly();
    let all = events(&trace);
    let (drops, told): (Vec<_>, Vec<_>) = all.iter().partition(|event| event["e"] == "probe.drop");
    let lost: u64 = drops.iter().map(|drop| drop["events"].as_u64().unwrap()).sum();
    let numbers: Vec<_> = told.iter().map(|event| event["q"].as_u64().unwrap()).collect();
    let gaps: u64 = numbers.windows(2).map(|pair| pair[1] - pair[0] - 1).sum();
    assert!(lost > 0, "{} events are too few to lose some", all.len());
    assert_eq!(lost, gaps);
}

/// Both pipes are full and are not read: the server still responds, and stops.
#[test]
fn a_reader_that_stalls_does_not_delay_the_exit() {
    for watched in ["--trace=json", "--trace"] {
        let mut command = wirelight(&[watched]);
        command.env("RUST_LOG", "debug");
        let mut server = start_with_log(&mut command);
        (0..400).for_each(|_| server.ask(1));
        server.signal("-TERM");
        assert!(bounded::exited(&mut server.child).success(), "{watched}");
    }
}

/// Each line is an event, the first one included: what is meant for people is said on stderr.
#[test]
fn events_on_stdout_stand_alone() {
    let server = start(wirelight(&["--trace=json"]));
    server.ask(1);
    let (trace, said) = server.stop_cleanly();
    assert!(trace.lines().all(|line| line.starts_with('{')), "{trace}");
    assert!(said.contains("listening on http://") && said.contains("stopped after"), "{said}");
}

#[test]
fn secrets_are_shown_to_who_asks() {
    let record = file("secrets");
    let server = start(wirelight(&["--trace", "--show-secrets", "--record", record.to_str().unwrap()]));
    server.ask(1);
    let (_, trace) = server.stop_cleanly();
    assert!(trace.contains("s3cr3t") && fs::read_to_string(&record).unwrap().contains("s3cr3t"), "{trace}");
    fs::remove_file(record).unwrap();
}

/// A recording that cannot go on says so; the server goes on.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let mut command = wirelight(&["--record", "/dev/full"]);
    command.env("RUST_LOG", "error");
    let server = start_with_log(&mut command);
    server.ask(2);
    let (_, said) = server.stop_cleanly();
    assert!(said.contains("trace output failed: No space left"), "{said}");
}

/// A named pipe without a reader: the recording waits, the server does not.
#[test]
fn a_pipe_without_a_reader_does_not_delay_the_server() {
    let pipe = file("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut server = start(wirelight(&["--record", pipe.to_str().unwrap()]));
    server.ask(1);
    server.signal("-TERM");
    assert!(bounded::exited(&mut server.child).success());
    fs::remove_file(pipe).unwrap();
}

/// T7: what the trace says was called is what strace says was called, in the same order: for a request, and for a refusal whose
/// connection is closed in stages.
#[test]
fn the_calls_of_one_request_are_those_that_strace_sees() {
    if !Command::new("strace").args(["-D", "true"]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: strace is not here, or may not trace");
        return;
    }
    let answered = traced(|server| server.ask(1));
    assert!(["epoll_wait", "recvfrom", "sendto", "close"].iter().all(|call| answered.contains(&(*call).to_owned())));
    let refused = traced(|server| {
        let mut stream = bounded::connect(&server.address);
        stream.write_all(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap(); // up to its FIN; ours goes with the stream
    });
    assert!(refused.contains(&"shutdown".to_owned()), "{refused:?}");
}

/// The calls about one connection, which both have in the same order.
fn traced(talk: impl FnOnce(&Program)) -> Vec<String> {
    let (log, record) = (file("strace"), file("strace-record"));
    let mut command = Command::new("strace");
    // -D: strace is the child, so that the signals and the exit code are the server's.
    command.args(["-D", "-f", "-e", "trace=network,epoll_ctl,epoll_wait,close", "-o", log.to_str().unwrap()]);
    command.args([env!("CARGO_BIN_EXE_wirelight"), "--port", "0", "--record", record.to_str().unwrap()]);
    let server = start(command);
    let process = server.child.id().to_string();
    talk(&server);
    server.stop_cleanly();
    // strace writes its last line after the server's end, and pads the process id.
    let ended = |line: &str| line.split_whitespace().take(3).eq([&*process, "+++", "exited"]);
    let seen = bounded::eventually("the last line of strace", || match fs::read_to_string(&log) {
        Ok(seen) if seen.lines().any(ended) => Ok(seen),
        Ok(seen) => Err(seen),
        Err(error) => Err(error.to_string()),
    });
    let mut told = Vec::new();
    for event in events(&fs::read_to_string(&record).unwrap()) {
        let own = event["c"] == 1 || (event["e"] == "poll.wake" && !told.is_empty());
        told.extend(event["sys"].as_str().filter(|_| own).map(str::to_owned));
        if event["e"] == "conn.close" {
            break;
        }
    }
    assert_eq!(calls(&seen), told, "{seen}");
    fs::remove_file(log).unwrap();
    fs::remove_file(record).unwrap();
    told
}

/// The calls about the first connection's socket, and the waits of its thread. To look at a socket (its address, what is unread) is
/// not told.
fn calls(seen: &str) -> Vec<String> {
    let lines: Vec<_> = seen
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(thread, call)| (thread, call.trim_start()))
        .collect();
    // strace splits a call in two if another thread's call comes between.
    let whole = |(index, (thread, call)): (usize, &(_, &str))| {
        let mut later = lines.iter().skip(index).filter(|(by, call)| by == thread && call.starts_with("<... "));
        let rest = if call.ends_with("<unfinished ...>") { later.next().map_or("", |(_, rest)| *rest) } else { "" };
        (*thread, format!("{call}{rest}"))
    };
    let mut lines = lines
        .iter()
        .enumerate()
        .map(whole)
        .skip_while(|(_, call)| !call.starts_with("accept4(") || call.contains("= -1"));
    let (thread, accept) = lines.next().unwrap();
    let fd = accept.rsplit("= ").next().unwrap().trim();
    let about = |(by, line): (&str, String)| {
        let (call, arguments) = line.split_once('(')?;
        let mut arguments = arguments.split([',', ')', '<']).map(str::trim);
        let subject = if call == "epoll_ctl" { arguments.nth(2) } else { arguments.next() };
        (subject == Some(fd) || (call == "epoll_wait" && by == thread)).then(|| call.to_owned())
    };
    let told = lines.filter(|(_, line)| !line.contains("MSG_PEEK") && !line.starts_with("getsockname"));
    let mut calls = vec!["accept4".to_owned()];
    for call in told.filter_map(about) {
        calls.push(call);
        if calls.last().is_some_and(|call| call == "close") {
            break;
        }
    }
    calls
}

/// The trace in the README is what the command prints, but for times, descriptors, ports and the date.
#[test]
fn the_readme_shows_a_real_trace() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let server = start(wirelight(&["--trace"]));
    let mut stream = bounded::connect(&server.address);
    let head = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    let (_, trace) = server.stop_cleanly();
    let varying =
        [r"^ *[\d.]+ ms", r"fd \d+", r"127\.0\.0\.1:\d{5}", r"[\d.]+ .?s\)?$", r"[\d.]+ .?s\)", r"Date:.*", r"rs:\d+"];
    let masked = |text: &str| {
        let lines = text
            .lines()
            .skip_while(|line| !line.starts_with("        t"))
            .filter(|line| !line.trim_start().starts_with("+ "));
        let lines = lines.filter(|line| line.starts_with(' ') || line.contains(" #1 ")).map(|line| {
            varying
                .iter()
                .fold(line.to_owned(), |line, pattern| Regex::new(pattern).unwrap().replace(&line, "…").into_owned())
        });
        lines.take(22).collect::<Vec<_>>()
    };
    assert!(masked(shown).len() > 15, "{shown}");
    assert_eq!(masked(&trace), masked(shown), "{trace}");
}
