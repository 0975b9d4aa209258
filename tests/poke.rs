//! `wirelight poke` as a shell meets it, against our server and against bad ones; what it prints, never how long it took.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wirelight::{Handle, Server};

#[path = "support/bounded.rs"]
mod bounded;
#[path = "../src/cli/lab.rs"]
mod lab;

struct Running {
    address: String,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start() -> Running {
        let server = Server::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().signals(false);
        let (address, handle) = (server.local_addr().to_string(), server.handle());
        let thread = std::thread::spawn(move || server.run(lab::app(Duration::from_millis(50))).unwrap());
        Running { address, handle, thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.stop_now();
        bounded::left(self.thread.take().unwrap());
    }
}

fn poke(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
    bounded::output(command.arg("poke").args(arguments))
}

/// What it printed, without the times at the beginning of lines.
fn printed(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let masked = text.lines().map(|line| line.split_once(" ms  ").map_or(line.trim_start(), |(_, rest)| rest));
    masked.collect::<Vec<_>>().join("\n")
}

/// Answers every connection, one after the other, the way this function does.
fn bad_server(answer: fn(&mut std::net::TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|mut stream| answer(&mut stream)));
    address
}

#[test]
fn both_directions_are_shown_and_who_closed() {
    let server = Running::start();
    let output = poke(&[&server.address, r"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "--at", "4,9"]);
    let text = printed(&output);
    for line in
        ["→  GET ", "→  / HTT", "→  P/1.1␍␊", "Host : a␍␊", "←  HTTP/1.1 400 Bad Request␍␊", "server FIN after "]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(output.status.code(), Some(0));
    let twice =
        printed(&poke(&[&server.address, r"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "--repeat", "2", "--half-close"]));
    assert_eq!(twice.matches("HTTP/1.1 200 OK").count(), 2, "{twice}");
    assert!(twice.contains("we close our side") && twice.contains("server FIN"), "{twice}");
    let open = printed(&poke(&[&server.address, r"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "--every", "9", "--gap", "1ms"]));
    assert!(open.contains("left open after "), "{open}");
}

#[test]
fn what_a_server_sends_cannot_drive_the_terminal() {
    let address = bad_server(|stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all("\x1b[2J\x07\u{9b}31m\u{202e}\u{0}\n".as_bytes());
    });
    let output = poke(&[&address.to_string(), r"\x1b]0;a\x07"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("␛[2J␇\\u{9b}31m\\u{202e}␀␊"), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
}

#[test]
fn experiments_are_played_and_explained() {
    for (arguments, lines) in [
        (
            &["--experiment", "no-host", "--predict", "1"][..],
            &["You said 1. It is 2: 400.", "HTTP/1.1 400", "byte 21", "§3.2"][..],
        ),
        (&["--experiment", "12", "--predict", "2"], &["You said 2, and so it is: Two"]),
        (&["--experiment", "no-blank-line"], &["HTTP/1.1 408", "server FIN", "It is 2: It waits"]),
        (&["--experiment", "silence"], &["another client asks meanwhile, and gets: 200", "server FIN after 0 bytes"]),
        (&["--experiment", "articles-mistake"], &["has 85 bytes of the body and waits for more", "left open"]),
        (&["--experiment", "early-refusal"], &["HTTP/1.1 413", "server FIN"]),
        (&["--experiment", "slow-reader"], &["another client asks meanwhile, and gets: 200"]),
    ] {
        let output = poke(arguments);
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        for line in lines {
            assert!(text.contains(line), "{arguments:?}: {line}: {text}");
        }
        assert!(!text.contains("did otherwise"), "{arguments:?}: {text}");
    }
}

#[test]
fn our_own_report_card_is_clean() {
    let server = Running::start();
    let output = poke(&["--suite", &server.address]);
    let text = printed(&output);
    assert!(text.contains("21 right, 0 tolerated, 0 wrong"), "{text}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_server_that_reads_once_and_says_200_fails_the_suite() {
    let address = bad_server(|stream| {
        let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
        if stream.read(&mut [0; 512]).is_ok() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        }
    });
    let output = poke(&["--suite", &address.to_string()]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for wrong in ["No Host", "Space before colon", "Two Content-Lengths", "Forget the blank line"] {
        let line = text.lines().find(|line| line.contains(wrong)).unwrap();
        assert!(line.contains("WRONG"), "{line}");
    }
    assert!(text.contains("tolerated  The smallest request"), "{text}");
    assert!(text.contains("expected 400 close | 400 open (RFC 9112 §3.2)"), "{text}");
}

/// To take long for an answer is no mistake.
#[test]
fn a_server_that_is_slow_at_first_is_not_wrong_for_it() {
    let address = bad_server(|stream| {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        if ASKED.fetch_add(1, Ordering::Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(1_500)); // the slowness that is meant, not a wait for something
        }
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
    });
    let text = printed(&poke(&["--suite", &address.to_string()]));
    assert!(text.contains("tolerated  The smallest request          200 close"), "{text}");
}

#[test]
fn a_server_that_speaks_no_http_is_survived() {
    let address = bad_server(|stream| {
        let _ = stream.write_all(&(0..=255).collect::<Vec<u8>>().repeat(20));
    });
    let output = poke(&["--suite", &address.to_string()]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("garbage"), "{text}");
}

/// A stream without an end ends the conversation, not the patience of whoever asked for a report.
#[test]
fn a_server_that_never_stops_is_left() {
    let address = bad_server(|stream| {
        let mut other = stream.try_clone().unwrap();
        std::thread::spawn(move || std::io::copy(&mut other, &mut std::io::sink()));
        while stream.write_all(&[b'x'; 64 * 1024]).is_ok() {}
    });
    let output = poke(&["--suite", &address.to_string()]);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
}

#[test]
fn mistakes_get_one_sentence_and_code_2() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "address"),
        (&[":80"], "bytes to send"),
        (&["example.com:80", "x"], "not this machine"),
        (&["192.0.2.1:80", "x"], "not this machine"),
        (&["0.0.0.0:80", "x"], "not this machine"),
        (&[":80", r"\q"], "there is no escape"),
        (&[":80", "x", "y"], "one argument too many"),
        (&[":80", "x", "--gap", "5"], "--gap"),
        (&[":80", "x", "--every", "0"], "--every"),
        (&[":80", "x", "--slow-read", "fast"], "--slow-read"),
        (&[":80", "x", "--nothing", "1"], "--nothing"),
        (&[":80", "--file", "there is no such file"], "no such file"),
        (&["--experiment", "1", "--predict", "4"], "--predict must be a number from 1 to 3"),
        (&["--experiment", "1", "--every", "1"], "--every does not go with --experiment"),
        (&["--suite", ":80", "--experiment", "1"], "--experiment does not go with --suite"),
        (&[":80", "x", "--every", "1", "--at", "2"], "--at does not go with --every"),
        (&[":80", "x", "--predict", "1"], "--predict does not go with bytes to send"),
        (&["--experiment", "27"], "there is no experiment \"27\""),
        (&["--experiment", "1", "example.com:80"], "not this machine"),
        (&["--suite", "example.com:80"], "not this machine"),
        (&["--suite", ":80", "x"], "one argument too many"),
    ];
    for (arguments, words) in cases {
        let output = poke(arguments);
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {sentence}");
        assert!(sentence.contains(words) && sentence.lines().count() == 1, "{arguments:?}: {sentence}");
    }
    let silent = bad_server(|stream| _ = stream.read_to_end(&mut Vec::new()));
    assert!(printed(&poke(&[&silent.to_string(), "x"])).contains("nothing came; we close (--hold TIME waits longer)"));
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let output = poke(&[&closed.to_string(), "x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot reach"));
}
