//! The ladder in both directions: the commands in the header of a step lead to what it says on that
//! step, and to what it says on the step before.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

mod support;

use support::bounded;
use support::folder::Folder;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The example `ladder`, which `cargo test` builds; `cargo test --test ladder` does not.
fn ladder() -> String {
    let path = Path::new(env!("CARGO_BIN_EXE_wirelight")).with_file_name("examples").join("ladder");
    assert!(path.exists(), "cargo build --example ladder comes first: there is no {}", path.display());
    path.to_str().unwrap().to_owned()
}

/// Runs `wirelight ladder` in the checkout; returns the exit code and both outputs.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
    let output = bounded::output(command.arg("ladder").args(arguments).current_dir(root()));
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    for skipped in text.lines().filter(|line| line.contains("skipped")) {
        eprintln!("{arguments:?}: {skipped}");
    }
    (output.status.code(), text)
}

/// The files of the ladder, with their names and texts.
fn files() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(root().join("examples/ladder")).unwrap().map(|entry| entry.unwrap().path());
    let sources = entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let file = |path: PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
    };
    sources.map(file).collect()
}

/// Checks a step, and the step that it is compared with. The three runs mostly wait, so they run at
/// the same time.
fn both_ways(step: &'static str) {
    let check = |before: bool, on: String| {
        let options = if before { &["--before"][..] } else { &[] };
        std::thread::spawn(move || run(&[&["check", step], options, &["--", &ladder(), &on]].concat()))
    };
    let itself = check(false, step.to_owned());
    let earlier = step_before(step).map(|before| (check(true, before.clone()), check(false, before.clone()), before));
    let (code, text) = bounded::joined(itself).unwrap();
    assert_eq!(code, Some(0), "{text}");
    let Some((fails, passes, before)) = earlier else { return };
    let (code, text) = bounded::joined(fails).unwrap();
    assert_eq!(code, Some(0), "step {before} does not fail as step {step} says: {text}");
    let (code, text) = bounded::joined(passes).unwrap();
    let differs = code == Some(1) || EQUAL.contains(&step) || text.contains("skipped");
    assert!(differs, "step {before} passes the check of step {step}: {text}");
}

/// Steps that behave as the one before them.
const EQUAL: &[&str] = &["01"];

/// The step that a header compares with: `//! On 01   …`.
fn step_before(step: &str) -> Option<String> {
    let (_, text) = files().into_iter().find(|(name, _)| name.starts_with(&format!("s{step}_")))?;
    text.lines().find_map(|line| line.strip_prefix("//! On ")).map(|rest| rest[..2].to_owned())
}

macro_rules! steps {
    ($($test:ident: $step:literal,)*) => {
        $(#[test]
        fn $test() {
            both_ways($step);
        })*

        const STEPS: &[&str] = &[$($step),*];
    };
}

steps! {
    a_server_is_seven_calls: "00",
    std_hides_four_of_them: "01",
    a_client_complains_about_silence: "02",
    a_read_is_not_a_request: "03",
    unread_bytes_reset_the_connection: "04",
    nonsense_is_refused: "05",
    a_body_is_read: "06",
    a_response_has_a_length: "07",
    a_connection_stays: "08",
    the_next_request_is_in_the_buffer: "09",
    chunks_are_decoded: "10",
    chunks_are_encoded: "11",
    a_silent_client_has_its_thread: "12",
    a_pool_is_bounded: "13",
    a_loop_asks_all_clients: "14",
    a_poll_sleeps: "15",
    an_edge_is_reported_once: "16",
    output_waits_for_room: "17",
    states_are_in_a_table: "18",
    patience_ends: "19",
    a_limit_has_a_status: "20",
    a_path_has_methods: "21",
    an_error_is_a_response: "22",
    a_stop_finishes_what_was_begun: "23",
    the_library_does_all_of_it: "24",
    the_port_is_remembered: "address_in_use",
    the_kernel_accepts: "backlog",
    a_client_asks_first: "expect_100",
    two_small_writes: "forty_ms",
    two_loops_share_a_port: "workers",
}

#[test]
fn every_step_is_tested_and_follows_the_form() {
    for (name, text) in files() {
        let code = text.split("#[cfg(test)]").next().unwrap();
        assert!(code.lines().count() <= 140, "{name} has {} lines", code.lines().count());
        let side = name.strip_prefix("side_").and_then(|rest| rest.strip_suffix(".rs"));
        let number = name.strip_prefix('s').and_then(|rest| rest.get(..2)).filter(|step| step.parse::<u8>().is_ok());
        let Some(step) = side.or(number) else { continue };
        assert!(STEPS.contains(&step), "{name} has no test");
        let title = number.map_or("//! Side step: ".to_owned(), |number| format!("//! Step {number}: "));
        assert!(code.starts_with(&title), "{name}");
        let fails = number.is_some_and(|number| number != "00").then_some("Fails");
        for label in ["New", "Try", "Expect", "Break"].into_iter().chain(fails) {
            assert!(code.contains(&format!("\n//! {label:<8}")), "{name}: no {label}");
        }
        assert!(code.contains("println!(\"listening on {"), "{name}");
        // A client must not stop a server.
        for stop in [".unwrap()", ".expect(", "panic!(", "unreachable!("] {
            assert!(!code.contains(stop), "{name}: {stop}");
        }
    }
}

/// The last step names the files of the library that the reader knows by then.
#[test]
fn the_library_has_the_files_that_the_last_step_names() {
    let (_, last) = files().into_iter().find(|(name, _)| name.starts_with("s24_")).unwrap();
    let (header, program) = last.split_once("\nuse ").unwrap();
    let named: Vec<_> = header.split([' ', ',', '\n']).filter(|word| word.starts_with("src/")).collect();
    assert!(named.len() > 15, "{named:?}");
    for file in named {
        assert!(root().join(file).is_file(), "{file} is not there");
    }
    assert!(program.lines().count() <= 40, "{} lines", program.lines().count());
}

/// One evening: what is to be read from step 00 to 09, and landing A.
#[test]
fn flight_1_has_at_most_6000_words() {
    let is_read = |name: &str| {
        name < "s10" && name.starts_with('s') || ["blocking.rs", "chunks.rs", "date.rs", "message.rs"].contains(&name)
    };
    let words = |text: &str| text.split("#[cfg(test)]").next().unwrap().split_whitespace().count();
    let total: usize = files().iter().filter(|(name, _)| is_read(name)).map(|(_, text)| words(text)).sum();
    assert!(total <= 6_000, "{total} words");
}

#[test]
fn the_list_names_every_step() {
    let (code, text) = run(&[]);
    assert_eq!(code, Some(0));
    let (_, last) = text.split_once("  24  ").unwrap();
    assert!(text.starts_with("  00 ") && last.contains("Begin with `wirelight ladder run 00`"), "{text}");
    let (code, text) = run(&["run", "77"]);
    assert_eq!((code, text.as_str()), (Some(2), "wirelight: there is no step \"77\"; `wirelight ladder` lists them\n"));
}

#[test]
fn a_difference_is_introduced_and_shown() {
    let (code, text) = run(&["diff", "8", "09"]);
    assert_eq!(code, Some(0));
    for part in [
        "Step 09: ",
        "New     The buffer belongs to the connection",
        "\nFrom step 08 to 09: ",
        "\n+     input.drain(..end);",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// The program replaces the command, so its output and its signals are those of the step.
#[test]
fn a_step_is_introduced_and_run() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
    command.args(["ladder", "run", "2", "--unread"]).current_dir(root()).env("PORT", "0");
    let (mut child, leash) = bounded::leashed(command.stdout(std::process::Stdio::piped()));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let introduction: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    for part in
        ["Step 02: ", "Fails   ", "New     ", "Try     curl -sS ", "(run it with --unread)", "s02_say_nothing.rs"]
    {
        assert!(introduction.iter().any(|line| line.contains(part)), "{part}: {introduction:?}");
    }
    let first = lines.next().unwrap();
    let mut client = bounded::connect(first.strip_prefix("listening on ").unwrap());
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(lines.any(|line| line.contains("peek() = 18 bytes")));
    child.kill().unwrap();
    assert_eq!(bounded::exited(&mut child).code(), None);
    drop(leash);
}

/// Why a check fails: the fact, the bytes, the log, and what they mean.
#[test]
fn a_failed_check_shows_the_bytes() {
    let (code, text) = run(&["check", "03", "--", &ladder(), "01"]);
    assert_eq!(code, Some(1));
    for part in [
        "✓ prints `200 OK`",
        "✗ prints no `the server stopped reading`",
        " ←  HTTP/1.1 200 OK␍␊",
        "→ The server answered or closed before it had the whole request (step 03).",
        "The server printed:\n    listening on 127.0.0.1:",
        "Step 03: not yet.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// A server that does what an earlier step does is told what is wrong with that; any other, what the step adds.
#[test]
fn a_failed_check_says_why() {
    let adds = "→ What this step adds: Content-Length is the number of bytes after the head";
    let same =
        "→ Here it does what step 05 does. Step 05 responds as soon as the head is complete, and ignores the body.";
    for (step, is_same) in [("05", true), ("02", false)] {
        let (code, text) = run(&["check", "06", "--", &ladder(), step]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(adds) && text.contains(same) == is_same, "{text}");
    }
}

/// A step is small: what is new in it can be read at once.
#[test]
fn a_step_adds_at_most_90_lines() {
    let mut numbered: Vec<_> = STEPS.iter().filter(|step| step.parse::<u8>().is_ok()).collect();
    numbered.sort_unstable();
    for pair in numbered.windows(2) {
        let (_, text) = run(&["diff", pair[0], pair[1]]);
        let (_, rest) = text.split_once(&format!("\nFrom step {} to {}: ", pair[0], pair[1])).unwrap();
        let added: u32 = rest.split(' ').next().unwrap().parse().unwrap();
        assert!((1..=90).contains(&added), "step {}: {added} lines", pair[1]);
    }
}

/// curl shows no bytes; the same request from `poke` does.
#[test]
fn a_failed_check_repeats_the_request_of_curl() {
    let (code, text) = run(&["check", "04", "--", &ladder(), "03"]);
    if text.contains("skipped") {
        return;
    }
    assert_eq!(code, Some(1));
    for part in [
        "✗ exit 0: it was ",
        " →  POST / HTTP/1.1␍␊",
        "(2000 × ␀)",
        "server RST after ",
        "so the kernel sent RST (step 04).",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_program_that_is_not_a_server_is_an_error() {
    let (code, text) = run(&["check", "00", "--", "echo", "hello"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("must be `listening on 127.0.0.1:PORT`") && text.contains("here it is \"hello\""), "{text}");
    let (code, text) = run(&["check", "00", "--", "true"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("it printed nothing; if it buffers its output, flush the line"), "{text}");
    let (code, text) = run(&["check", "00", "--", "no-such-program"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("cannot start \"no-such-program\""), "{text}");
    let (code, text) = run(&["check", "message"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("message is a module"), "{text}");
}

/// A learner's own file is built with the modules and crates that it uses, and his own module wins.
#[test]
fn a_file_is_built_and_checked() {
    let folder = Folder::new();
    let step = std::fs::read_to_string(root().join("examples/ladder/s03_until_blank_line.rs")).unwrap();
    let own = folder.file("own.rs");
    let check = |text: &str| {
        std::fs::write(&own, text).unwrap();
        run(&["check", "3", own.to_str().unwrap()])
    };
    let (code, text) = check(&step);
    assert_eq!(code, Some(0), "{text}");
    // The first line instead of the empty one.
    let (code, text) = check(&step.replace("windows(4)", "windows(2)").replace(r#"b"\r\n\r\n""#, r#"b"\r\n""#));
    assert_eq!(code, Some(1));
    assert!(text.contains("✗ prints no `the server stopped reading`"), "{text}");
    std::fs::write(folder.file("date.rs"), "pub fn date() -> ! { loop {} }").unwrap();
    let (code, text) = check(&(step.clone() + "mod date;\nconst LATE: fn() -> ! = date::date;\n"));
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = check("fn main() -> bool {}");
    assert_eq!(code, Some(1));
    assert!(text.contains("error[E") && text.contains("it does not compile; the messages above say why"), "{text}");
}

/// Only a checkout has the ladder.
#[test]
fn elsewhere_there_is_no_ladder() {
    let folder = Folder::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
    let output = bounded::output(command.arg("ladder").current_dir(folder.file("")));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no examples/ladder here"));
}
