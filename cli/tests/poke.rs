//! `wirelight poke` as a process, against our server and against bad ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[path = "../src/experiment_app.rs"]
mod experiment_app;
mod support;

use support::bounded;
use support::server::TestServer;

/// The server of the experiments, and its address as an argument.
fn start() -> (TestServer, String) {
    let server = TestServer::start(experiment_app::app(Duration::from_millis(50)));
    let address = server.address.to_string();
    (server, address)
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

/// Starts a server that answers each connection with this function.
fn bad_server(answer: fn(&mut std::net::TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|mut stream| answer(&mut stream)));
    address
}

#[test]
fn both_directions_are_shown_and_who_closed() {
    let (_server, address) = start();
    let output = poke(&[&address, r"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "--at", "4,9"]);
    let text = printed(&output);
    for line in
        ["→  GET␠", "→  / HTT", "→  P/1.1␍␊", "Host : a␍␊", "←  HTTP/1.1 400 Bad Request␍␊", "server FIN after "]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(output.status.code(), Some(0));
    let twice = printed(&poke(&[&address, r"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "--repeat", "2", "--half-close"]));
    assert_eq!(twice.matches("HTTP/1.1 200 OK").count(), 2, "{twice}");
    assert!(twice.contains("we close our side") && twice.contains("server FIN"), "{twice}");
    let open = printed(&poke(&[&address, r"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "--every", "9", "--gap", "1ms"]));
    assert!(open.contains("the server kept the connection open; poke closes it"), "{open}");
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
            &[
                "✗ You said 1. It is 2: 400.\nNot 1: The rule does not ask how many sites there are",
                "HTTP/1.1 400",
                "The fault: ",
                "byte 21",
                "§3.2",
            ][..],
        ),
        (&["--experiment", "12", "--predict", "2"], &["✓ You said 2, and so it is: Two", "── response 2 ──"]),
        (&["--experiment", "no-blank-line"], &["HTTP/1.1 408", "server FIN", "It is 2: It waits"]),
        (
            &["--experiment", "silence"],
            &[
                "another client asks meanwhile, and has its 200 ",
                "…  waiting for the server (it may take 16 s; Ctrl-C stops)",
                "server FIN after 0 bytes",
            ],
        ),
        (
            &["--experiment", "articles-mistake", "demo"],
            &[
                "has 85 of 87 bytes of the body and waits for more",
                "the server kept the connection open; poke closes it",
            ],
        ),
        (&["--experiment", "early-refusal"], &["xxxxxxxx… (8388608 × x)", "HTTP/1.1 413", "It is 1: 413."]),
        (&["--experiment", "slow-reader"], &["another client asks meanwhile, and has its 200 ", " more reads: "]),
        // What the RFC allows is not called wrong.
        (
            &["--experiment", "bare-lf", "--predict", "1"],
            &[
                "✓ You said 1. The RFC allows that as well; here it is 3: 400: lines end with CR LF.",
                "This server is strict",
            ],
        ),
        (&["--experiment", "bare-lf", "--predict", "2"], &["✗ You said 2. It is 3: 400: lines end with CR LF."]),
    ] {
        let output = poke(arguments);
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        for line in lines {
            assert!(text.contains(line), "{arguments:?}: {line}: {text}");
        }
        assert!(!text.contains("Here: "), "{arguments:?}: {text}");
    }
}

/// A paused experiment in a process of its own: each line of its input is an Enter.
struct Paused {
    child: Child,
    output: BufReader<ChildStdout>,
    _leash: bounded::Leash,
}

impl Paused {
    fn start(arguments: &[&str]) -> Paused {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
        command.args(["poke", "--pause", "--experiment"]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let (mut child, leash) = bounded::leashed(&mut command);
        let output = BufReader::new(child.stdout.take().unwrap());
        Paused { child, output, _leash: leash }
    }

    fn enter(&mut self, line: &str) {
        self.child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// Returns what is shown until the next pause.
    fn until(&mut self, next: &str) -> String {
        let (mut text, end) = (String::new(), format!("── Enter: {next}; q leaves\n"));
        while !text.ends_with(&end) {
            assert_ne!(self.output.read_line(&mut text).unwrap(), 0, "it ended: {text}");
        }
        text
    }

    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(bounded::exited(&mut self.child).success());
        rest
    }
}

#[test]
fn a_paused_experiment_is_revealed_in_stages() {
    let mut paused = Paused::start(&["no-host", "--predict", "1"]);
    let question = paused.until("send the bytes");
    assert!(question.contains("What does it answer?") && question.contains("The vote: 1. 200"), "{question}");
    assert!(!question.contains("connected to"), "{question}");
    paused.enter("\n");
    let sent = paused.until("what came back");
    assert!(sent.contains("connected to") && sent.contains("→  GET /hello HTTP/1.1␍␊"), "{sent}");
    assert!(!sent.contains('←') && !sent.contains("FIN"), "{sent}");
    paused.enter("\n");
    let came = paused.until("why");
    assert!(came.contains("←  HTTP/1.1 400 Bad Request␍␊") && came.contains("server FIN after "), "{came}");
    assert!(!came.contains("You said") && !came.contains("Why: "), "{came}");
    paused.enter("\n");
    let why = paused.end();
    assert!(why.contains("✗ You said 1. It is 2: 400.") && why.contains("Why: "), "{why}");
}

#[test]
fn both_sides_wait_for_the_second_stage() {
    let mut paused = Paused::start(&["12", "--both"]);
    paused.until("send the bytes");
    paused.enter("\n");
    let sent = paused.until("what came back");
    assert!(!sent.contains('│') && !sent.contains("200"), "{sent}");
    paused.enter("\n");
    let came = paused.until("why");
    assert!(came.contains("│ server") && came.contains("← response 200"), "{came}");
    assert!(paused.end().contains("It is 2: Two, in the order of the requests."));
}

#[test]
fn a_pause_can_be_left_and_does_not_wait_for_an_input_that_has_ended() {
    for pauses in
        [&["send the bytes"][..], &["send the bytes", "what came back"], &["send the bytes", "what came back", "why"]]
    {
        let mut paused = Paused::start(&["1"]);
        for (number, next) in pauses.iter().enumerate() {
            paused.until(next);
            paused.enter(if number + 1 < pauses.len() { "\n" } else { "q\n" });
        }
        assert_eq!(paused.end(), "", "{pauses:?}");
    }
    let text = printed(&poke(&["--experiment", "1", "--pause", "--predict", "1"]));
    for line in ["── Enter: send the bytes; q leaves", "HTTP/1.1 200 OK␍␊", "✓ You said 1, and so it is", "Next: "]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
}

/// A play does not use up the limit of the next one.
#[test]
fn every_experiment_can_be_played_twice_on_the_same_server() {
    let (_server, address) = start();
    for _ in 0..2 {
        let text = printed(&poke(&["--experiment", "26", &address, "--predict", "1"]));
        for line in
            ["… 10 more like it", "… 9 more like it (200)", "── response 11 ──", "HTTP/1.1 429", "Retry-After: "]
        {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.contains("You said 1, and so it is: 429, and when to come again."), "{text}");
    }
}

/// Nothing is claimed that this server did not do or say.
#[test]
fn another_server_is_judged_by_what_came_from_it() {
    let no_such_path = bad_server(|stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    let lenient = bad_server(|stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    let terse = bad_server(|stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    for (server, name, lines) in [
        (
            no_such_path,
            "no-host",
            &[
                "You said 2: 400. Here: 404, then it closes. wirelight: 400, then it closes.",
                "The rule asks for 400 (RFC 9112 §3.2).",
                "404: this server may not have the path.",
            ][..],
        ),
        (
            lenient,
            "bare-lf",
            &["Here: 200, then it closes.", "This is tolerated. A single LF may be accepted; refusing is safer"],
        ),
        (lenient, "folded-field", &["Here: 200, then it closes.", "This is right as well (RFC 9112 §5.2)."]),
        (no_such_path, "404-or-405", &["Here: 404, then it closes. wirelight: 405, and the connection stays open."]),
        (terse, "no-host", &["You said 2, and so it is: 400."]),
    ] {
        let text = printed(&poke(&["--experiment", name, &server.to_string(), "--predict", "2"]));
        for line in lines {
            assert!(text.contains(line), "{name}: {line}: {text}");
        }
        assert_eq!(text.contains("and so it is"), server == terse, "{name}: {text}");
        assert!(!text.contains("The fault: ") && !text.contains(", byte "), "{name}: {text}");
    }
}

/// A client that is busy sending sees the reset when it writes; a read after that looks like an ordinary end.
#[test]
fn a_reset_is_called_one() {
    let address = bad_server(|stream| {
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    let text = printed(&poke(&["--experiment", "early-refusal", &address.to_string()]));
    for line in [
        "→  POST /echo",
        "the server stopped reading: ",
        "server RST after ",
        "then it resets the connection. wirelight: 413",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

/// What a learner pastes into a shell sends what the experiment sent, and the same responses come.
#[test]
fn every_command_to_change_works() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/experiments.md")).unwrap();
    let commands: Vec<_> = page.split("```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    let file: serde_json::Value = serde_json::from_str(include_str!("../src/experiments.json")).unwrap();
    let experiments = file["experiments"].as_array().unwrap();
    assert_eq!(commands.len(), experiments.len());
    let directory = std::path::Path::new(env!("CARGO_BIN_EXE_wirelight")).parent().unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(command) = commands.get(next.fetch_add(1, Ordering::Relaxed)) {
            let place = commands.iter().position(|other| other == command).unwrap();
            let experiment = &experiments[place];
            let output = bounded::output(Command::new("sh").args(["-c", command]).env("PATH", &path));
            let text = printed(&output);
            assert_eq!(output.status.code(), Some(0), "{command}: {text}");
            let mut expected: Vec<_> =
                experiment["statuses"].as_array().unwrap().iter().map(ToString::to_string).collect();
            expected.dedup();
            if !experiment["answer"].is_null() {
                expected.push("200".to_owned());
            }
            let seen =
                text.lines().filter_map(|line| line.split("←  HTTP/1.1 ").nth(1)).map(|rest| rest[..3].to_owned());
            let mut seen: Vec<_> = seen.collect();
            seen.dedup();
            assert_eq!(seen, expected, "{command}: {text}");
            let end = if experiment["end"] == "open" { "kept the connection open" } else { "server FIN" };
            assert!(text.contains(end), "{command}: {end}: {text}");
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| _ = scope.spawn(work)));
}

#[test]
fn experiments_are_listed_and_lead_on() {
    let list = printed(&poke(&["--experiment"]));
    for line in ["First", "Break it", "Attack it", "1  The smallest request", "26  Knock eleven times"] {
        assert!(list.contains(line), "{line}: {list}");
    }
    assert!(list.lines().count() < 24, "it fits a screen: {list}");
    let first = printed(&poke(&["--experiment", "1"]));
    assert!(first.contains("Next: wirelight poke --experiment 2   (Forget the blank line)"), "{first}");
    assert!(first.contains(r"wirelight poke demo 'GET /hello HTTP/1.1\r\nHost: a\r\n\r\n'"), "{first}");
    let (_server, address) = start();
    let last = printed(&poke(&["--experiment", "26", &address]));
    let at = address.rsplit_once(':').unwrap().1;
    assert!(last.contains(&format!("Next: wirelight poke --suite :{at}")), "{last}");
    assert!(last.contains(&format!("wirelight poke :{at} 'GET /limited?run=")), "{last}");
}

/// One axis for both sides, which fits the terminal.
#[test]
fn both_sides_are_shown_on_one_axis() {
    for (columns, arguments, order) in [
        (
            80,
            &["--experiment", "1", "--both"][..],
            &[
                "connected",
                "→ GET /hello",
                "→ recv(): 32 bytes",
                "request: GET /hello",
                "← response 200",
                "← send(): ",
                "← HTTP/1.1 200",
                "poke closes",
                "recv(): 0",
            ][..],
        ),
        (80, &["--experiment", "4", "--both"], &["→ G", "head incomplete: ", "more like it", "← HTTP/1.1 200"]),
        (
            120,
            &["--experiment", "26", "--both"],
            &["(11 times in a row)", "9 more like it", "← response 429", "9 more like it"],
        ),
        (
            60,
            &["--experiment", "21", "--both"],
            &["accept()", "another client", "the deadline passes", "FIN after 0 bytes"],
        ),
        (
            80,
            &["demo", r"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "--both"],
            &["→ GET /", "refused, 400: ", "← HTTP/1.1 400"],
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
        let output = bounded::output(command.arg("poke").args(arguments).env("COLUMNS", columns.to_string()));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        let page: Vec<_> = text.lines().skip_while(|line| !line.contains("│ server")).collect();
        assert!(page.iter().take_while(|line| !line.is_empty()).all(|line| line.chars().count() <= columns), "{text}");
        let mut rest = page.join("\n");
        for words in order {
            let at = rest.find(words).unwrap_or_else(|| panic!("{words} in {rest}\n{text}"));
            rest = rest.split_off(at + words.len());
        }
    }
}

#[test]
fn lines_break_at_words_where_the_terminal_ends() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
    let output = bounded::output(command.args(["poke", "--experiment", "3"]).env("COLUMNS", "60"));
    let text = String::from_utf8(output.stdout).unwrap();
    let prose = text.lines().filter(|line| !line.starts_with("  wirelight poke"));
    assert!(prose.clone().all(|line| line.chars().count() <= 60), "{text}");
    assert!(
        text.contains("\nWhy: RFC 9112 lets a reader accept a single LF as a line\n     end, or refuse it."),
        "{text}"
    );
}

#[test]
fn our_own_report_card_is_clean() {
    let (_server, address) = start();
    let output = poke(&["--suite", &address]);
    let text = printed(&output);
    assert!(text.contains("21 right, 0 tolerated, 0 wrong"), "{text}");
    assert!(text.ends_with("What to fix first: nothing"), "{text}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_server_that_reads_once_and_says_200_fails_the_suite() {
    let address = bad_server(|stream| {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
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
    for line in [
        "tolerated  The smallest request          200 close\nIt closes after each response, as HTTP/1.0 did (RFC 9112 §9.3).",
        "The rule asks for 400 (RFC 9112 §3.2).",
        "The rule asks for 400 and close (RFC 9112 §6.3).",
        "What to fix first: Two Content-Lengths (RFC 9112 §6.3)",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

/// A card is about HTTP, not about which paths a server has.
#[test]
fn the_suite_asks_for_a_path_that_exists() {
    let only_root = bad_server(|stream| {
        let mut head = [0; 512];
        let read = stream.read(&mut head).unwrap_or(0);
        let known = head[..read].windows(7).any(|bytes| bytes == b"T / HTT" || bytes == b"/known ");
        let status = if known { "200 OK" } else { "404 Not Found" };
        let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    });
    for (arguments, path) in [(&[][..], "/"), (&["--path", "/known"], "/known"), (&["--path", "/other"], "/other")] {
        let text = printed(&poke(&[&["--suite", &only_root.to_string()], arguments].concat()));
        let (heading, card) = text.split_once("\n\n").unwrap();
        assert!(heading.ends_with(&format!("asked for {path}")), "{heading}");
        let first = card.lines().next().unwrap();
        assert!(first.ends_with(if path == "/other" { "404 close" } else { "200 close" }), "{first}");
    }
}

/// A server may take its time to answer.
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

/// An endless response ends the conversation, and the report is still printed.
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
        (&[":80", "x", "--file", "y"], "--file does not go with bytes after the address"),
        (&[":80", "x", "--version"], "invalid option '--version'"),
        (&[":80", "x", "--foo", "y"], "invalid option '--foo'"),
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
        (&["--experiment", "1", "--predict", "0"], "--predict must be a number from 1 to 3 here"),
        (&["--experiment", "1", "--predict", "-1"], "--predict must be a number from 1 to 3 here"),
        (&["--experiment", "1", "--predict", "two"], "--predict must be a number from 1 to 3 here"),
        (&["--experiment", "1", "--predict"], "--predict"),
        (&["--experiment", "1", "--pause=yes"], "--pause"),
        (&["--experiment", "1", "--pause", "yes"], "\"yes\" is not an address"),
        (&["--experiment", "--pause"], "--pause needs an experiment: --experiment NUMBER"),
        (&["--experiment", "--predict", "1"], "--predict needs an experiment: --experiment NUMBER"),
        (&["--suite", ":80", "--pause"], "--pause does not go with --suite"),
        (&[":80", "x", "--pause"], "--pause does not go with bytes to send"),
        (&["--experiment", "1", "--every", "1"], "--every does not go with --experiment"),
        (&["--experiment", "1", ":80", "--both"], "--both sees only a server of its own"),
        (&["--suite", ":80", "--path", "hello"], "--path must be a path"),
        (&[":80", "x", "--response", "y"], "--response is what demo sends"),
        (&["demo", "x", "--response", "y", "--both"], "--both does not go with --response"),
        (&[":80", "x", "--fill", "1"], "--fill must be a size"),
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
    assert!(
        printed(&poke(&[&silent.to_string(), "x"]))
            .contains("nothing came, the server kept the connection open; poke closes it (--hold TIME waits longer)")
    );
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let output = poke(&[&closed.to_string(), "x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no program listens there; start `wirelight`"));
}
