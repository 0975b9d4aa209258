//! A learner's first steps in a pseudo-terminal: a server with its trace, a wrong prediction, and the explanation on both sides.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

mod support;

use support::bounded;
const WIRELIGHT: &str = env!("CARGO_BIN_EXE_wirelight");

/// The demo with `--trace`; its stderr is what the learner sees in the other window.
struct Window {
    child: Child,
    address: String,
    _leash: bounded::Leash,
}

impl Window {
    fn open() -> Window {
        let mut command = Command::new(WIRELIGHT);
        command.args(["--port", "0", "--trace", "--color", "never"]).env("RUST_LOG", "off");
        let (mut child, leash) = bounded::leashed(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once("http://").unwrap().1.split(' ').next().unwrap().to_owned();
        Window { child, address, _leash: leash }
    }

    /// Stops it; returns the whole trace.
    fn close(mut self) -> String {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        let mut trace = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut trace).unwrap();
        bounded::exited(&mut self.child);
        trace
    }
}

fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output();
    found.inspect_err(|error| println!("skipped: python3: {error}")).is_ok()
}

/// Returns what the terminal shows for this prediction, and whether it succeeded; `None` without python3.
fn typed(prediction: &str, arguments: &[&str]) -> Option<(String, bool)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/walkthrough/terminal.py");
    if !has_python() {
        return None;
    }
    let mut command = Command::new("python3");
    let output = bounded::output(command.args([script, "q leaves:", prediction, WIRELIGHT, "poke"]).args(arguments));
    let text = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    Some((text, output.status.success()))
}

fn lesson(number: &str, address: &str, prediction: &str) -> Option<String> {
    let (text, well) = typed(prediction, &["--experiment", number, address])?;
    assert!(well, "{text}");
    Some(text)
}

#[test]
fn a_wrong_name_shows_the_list() {
    let Some((text, well)) = typed("", &["--experiment", "27"]) else { return };
    assert!(!well && text.contains("Break it\n") && text.contains("there is no experiment \"27\""), "{text}");
}

#[test]
fn the_first_five_experiments_teach_who_is_wrong() {
    let window = Window::open();
    for (number, prediction, lines) in [
        ("1", "3", &["You said 3. It is 1: Yes: the status is 200.", "HTTP/1.1 200 OK␍␊"][..]),
        ("2", "1", &["You said 1. It is 2: It waits", "HTTP/1.1 408 Request Timeout", "server FIN", "RFC 9112 §2.1"]),
        (
            "3",
            "1",
            &[
                "You said 1. The RFC allows that as well; here it is 3: 400: lines end with CR LF.",
                "byte 19 (RFC 9112 §2.2)",
            ],
        ),
        ("4", "1", &["You said 1, and so it is"]),
        ("5", "", &["It is 3: Once, usually"]),
    ] {
        let Some(text) = lesson(number, &window.address, prediction) else { return };
        let question = text.find('?').unwrap();
        let outcome = text.find("connected to").unwrap();
        assert!(question < text.find("q leaves:").unwrap() && text.find("q leaves:").unwrap() < outcome, "{text}");
        // Wrapped at the width of the terminal.
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in lines {
            assert!(words.contains(line), "{number}: {line}: {text}");
        }
        assert!(text.contains("Why: ") && text.contains("Change it: "), "{text}");
        assert!(text.contains("Next: wirelight poke --experiment "), "{text}");
        assert!(!text.contains("Here: "), "{text}");
    }
    if let Some(text) = lesson("1", &window.address, "q") {
        assert!(!text.contains("connected to") && text.trim_end().ends_with('q'), "q leaves: {text}");
    }
    let trace = window.close();
    for words in [
        "accept",
        "recv",
        "partial, need more",
        "408 Request Timeout",
        "RFC 9112 §2.2",
        "keep: HTTP/1.1 keeps it by default",
        "the client closed first",
    ] {
        assert!(trace.contains(words), "{words}: {trace}");
    }
    assert!(!trace.chars().any(|c| c.is_control() && c != '\n'), "no colours unless they are asked for");
}

/// The teacher types the vote, and then Enter for each stage.
#[test]
fn a_class_votes_at_a_terminal() {
    let Some((text, well)) = typed("2\n\n\n", &["--experiment", "1", "--pause"]) else { return };
    assert!(well, "{text}");
    let mut rest = text.as_str();
    for words in [
        "q leaves:",
        "The vote: 2. No: at least",
        "── Enter: send the bytes; q leaves",
        "→  GET",
        "── Enter: what came back; q leaves",
        "←  HTTP/1.1",
        "── Enter: why; q leaves",
        "✗ You said 2. It is 1: Yes: the status is 200.",
        "Not 2: User-Agent and Accept are optional.",
    ] {
        let (_, after) = rest.split_once(words).unwrap_or_else(|| panic!("{words}: {text}"));
        rest = after;
    }
}

/// What a terminal of 80 columns and 24 rows shows of a server that gets one request, and what its stdout does if that is a pipe;
/// `None` without python3.
fn window(stdout: &str, arguments: &[&str]) -> Option<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/walkthrough/window.py");
    let request =
        "GET /hello?name=Ada HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";
    let mut command = Command::new("python3");
    command.args([script, stdout, request, WIRELIGHT, "--port", "0"]).args(arguments);
    for variable in ["NO_COLOR", "COLUMNS", "RUST_LOG"] {
        command.env_remove(variable);
    }
    if !has_python() {
        return None;
    }
    let output = bounded::output(&mut command);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text)
}

/// The first `GET` fits a terminal with room to spare, and so does the start; no word is broken.
#[test]
fn the_story_of_a_request_fits_a_terminal() {
    let Some(shown) = window("terminal", &["--trace", "--color", "never"]) else { return };
    let (start, story) = shown.split_once("        t conn step       what\n").unwrap();
    assert!(start.lines().count() <= 12 && !start.contains("INFO"), "{start}");
    let story = story.split("stopped after").next().unwrap().trim_end();
    // How long the machine paused is its own business.
    let lines: Vec<_> = story.lines().filter(|line| !line.trim_start().starts_with("+ ")).collect();
    assert!(lines.len() <= 20, "{} lines:\n{story}", lines.len());
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    let step = |line: &&str| Some(line.split_once(" #1   ")?.1.chars().take(10).collect::<String>());
    let steps: Vec<_> = lines.iter().filter_map(step).map(|step| step.trim().to_owned()).collect();
    let expected = ["accept", "→ recv", "request", "route", "handler", "keep-alive", "← send", "→ FIN", "close"];
    assert_eq!(steps, expected, "{story}");
    assert!(lines[0].starts_with(" 0.000 ms #1   accept     accept4() = fd "), "{story}");
}

/// A pager on stdout gets the trace, unbroken and without colours: `wirelight --trace | less`.
#[test]
fn a_pipe_on_stdout_gets_the_trace() {
    let Some(shown) = window("pipe", &["--trace"]) else { return };
    let (terminal, pipe) = shown.split_once("PIPE\n").unwrap();
    assert!(!terminal.contains("accept4()"), "{terminal}");
    assert!(pipe.contains("listening on") && pipe.contains("accept4() = fd ") && !pipe.contains('\x1b'), "{pipe}");
}

/// Whether there are colours is one decision for the trace and the log.
#[test]
fn colours_are_chosen_for_all_lines() {
    for (arguments, colored) in [
        (&["--color", "never"][..], false),
        (&["--color", "never", "--trace"], false),
        (&["--color", "auto"], true),
        (&["--trace"], true),
    ] {
        let Some(shown) = window("terminal", arguments) else { return };
        assert_eq!(shown.contains('\x1b'), colored, "{arguments:?}: {shown}");
    }
}
