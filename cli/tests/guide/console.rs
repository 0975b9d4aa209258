//! Runs the commands of a block, and compares what they print.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use regex_lite::Regex;

use super::page::Block;
use crate::support::{Program, bounded};

/// The port that pages name.
const WRITTEN: &str = ":8000";
/// Longest time for a line in the log that a command caused, on a loaded machine.
const LOG: Duration = Duration::from_secs(30);

/// Runs the commands; returns the block and, if the page has one, the log of the server.
pub fn run(block: &Block, log: Option<&str>) -> Result<Vec<String>, String> {
    if let Some(tool) = missing(&block.text) {
        eprintln!("skipped: {tool} does not work here");
        return Ok(Vec::new());
    }
    let Some(mut server) = server(&block.argument)? else {
        return Ok(vec![transcript(&block.text, WRITTEN, &mut Vec::new())]);
    };
    let mut program = Program::start(server.env("PORT", "0"));
    let port = format!(":{}", program.address.rsplit(':').next().unwrap());
    let Program { child, stdout, stderr, first_line, .. } = &mut program;
    let (first, second) = (Mutex::new(std::mem::take(first_line)), Mutex::new(String::new()));
    let collect = |output: &mut dyn BufRead, printed: &Mutex<String>| {
        output.lines().map_while(Result::ok).for_each(|line| *printed.lock().unwrap() += &(line + "\n"));
    };
    // stderr after stdout: the order of their lines differs from run to run.
    let printed = || [&first, &second].map(|printed| printed.lock().unwrap().clone()).concat();
    std::thread::scope(|scope| {
        // Until the server is killed.
        scope.spawn(|| collect(stdout, &first));
        scope.spawn(|| collect(stderr, &second));
        let mut clients = Vec::new(); // leave after the server, so that the log does not have their end
        let text = transcript(&block.text, &port, &mut clients);
        let end = Instant::now() + LOG;
        let is_there = || log.is_none_or(|log| is_same(log, &printed()));
        while !is_there() && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        child.kill().unwrap();
        let printed = printed().replace(&port, WRITTEN);
        Ok([text].into_iter().chain(log.map(|_| printed)).collect())
    })
}

/// The command that starts a server.
fn server(words: &str) -> Result<Option<Command>, String> {
    let examples = binaries().join("examples");
    let (program, arguments) = match words.split(' ').collect::<Vec<_>>()[..] {
        [""] => return Ok(None),
        ["demo", ref arguments @ ..] => (binaries().join("wirelight"), [&["serve"], arguments].concat()),
        ["ladder", ref arguments @ ..] => (examples.join("ladder"), arguments.to_vec()),
        ["example", name, ref arguments @ ..] => (examples.join(name), arguments.to_vec()),
        _ => return Err(format!("{words:?} is not a server")),
    };
    if !program.exists() {
        return Err(format!("cargo build --examples comes first: there is no {}", program.display()));
    }
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(Some(command))
}

/// The folder of `wirelight`.
fn binaries() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_wirelight")).parent().unwrap()
}

/// Words of commands, and what succeeds where they work.
const NEEDS: &[(&str, &str)] = &[
    ("curl", "curl --version"),
    ("--json", "curl --help all | grep -q -e --json"), // since curl 7.82
    ("tcpdump", "tcpdump --version"),
    ("behind-nginx", "nginx -v && python3 --version"),
    ("import flask", "python3 -c 'import flask'"),
    ("date -u -d", "date -u -d 2026-03-27"),
    ("127.0.0.2", "test -d /proc/sys/net"), // other systems have one loopback address
];

/// What the commands of a block need and this machine has not.
fn missing(block: &str) -> Option<&'static str> {
    let mut needs = NEEDS.iter().filter(|(word, _)| commands(block).any(|command| command.contains(word)));
    let fails = |test: &str| {
        let status = Command::new("sh").args(["-c", test]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        !status.is_ok_and(|status| status.success())
    };
    needs.find(|(_, test)| fails(test)).map(|(word, _)| *word)
}

/// The commands of a block. One that ends in `\` continues in the next line.
fn commands(block: &str) -> impl Iterator<Item = String> {
    let mut lines = block.lines();
    std::iter::from_fn(move || {
        let mut command = lines.find_map(|line| line.strip_prefix("$ "))?.to_owned();
        while command.ends_with('\\') {
            command += &format!("\n{}", lines.next()?);
        }
        Some(command)
    })
}

/// Runs the commands of a block one after the other; returns them with what they print.
fn transcript(block: &str, port: &str, background: &mut Vec<Background>) -> String {
    let mut text = String::new();
    for command in commands(block) {
        text += &format!("$ {command}\n");
        match command.strip_suffix(" &") {
            Some(command) => background.push(Background::start(shell(&format!("exec {command}"), port))),
            None => {
                let output = bounded::output(&mut shell(&command, port));
                let printed = String::from_utf8_lossy(&output.stdout).replace(port, WRITTEN);
                text += &printed;
                text += if printed.is_empty() || printed.ends_with('\n') { "" } else { "\n" };
            }
        }
    }
    text
}

/// A command for a shell, with this build of `wirelight`.
fn shell(command: &str, port: &str) -> Command {
    let path = format!("{}:{}", binaries().display(), std::env::var("PATH").unwrap_or_default());
    let command = command.replace(WRITTEN, port);
    // A nested cargo would build the example again, with other features.
    let command = command.replace("cargo run --example ", &format!("{}/examples/", binaries().display()));
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    shell.env("PATH", path).env("NO_PROXY", "*").env("NO_COLOR", "1").env("COLUMNS", "100");
    shell
}

/// A client that stays connected until it is dropped.
struct Background {
    child: Child,
    /// Its further output is not read, but may be written.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Background {
    /// Starts it, and waits until it has sent something: from then on the server can see it.
    fn start(mut command: Command) -> Background {
        let (mut child, _leash) = bounded::leashed(command.stdout(Stdio::piped()));
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(output.any(|line| line.unwrap().contains('→')), "{command:?} sends nothing");
        Background { child, _output: output }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        bounded::exited(&mut self.child);
    }
}

/// Whether two texts differ only in times, pauses of the trace, dates, ports, descriptors and line numbers. A line `…` of the first stands for
/// any lines of the second.
pub fn is_same(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (masked(shown), masked(printed));
    let (shown, printed): (Vec<&str>, Vec<&str>) = (shown.lines().collect(), printed.lines().collect());
    let parts: Vec<&[&str]> = shown.split(|line| *line == "…").collect();
    let [first, middle @ .., last] = &parts[..] else { return shown == printed };
    let Some(mut left) = printed.strip_prefix(*first).and_then(|left| left.strip_suffix(*last)) else { return false };
    middle.iter().all(|part| {
        let found = (0..=left.len()).find(|at| left[*at..].starts_with(part));
        left = found.map_or(left, |at| &left[at + part.len()..]);
        found.is_some()
    })
}

/// The text without what differs in each run.
fn masked(text: &str) -> String {
    let patterns = [
        (r"(?m)^ \+ \d+\.\d+ (ms|s)\n", ""), // a pause, which a busy machine adds
        (r" *\d+\.\d+ (ms|µs|s)\b", " TIME"),
        (r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT", "DATE"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"\.rs:\d+", ".rs"),
        (r"(socket|accept)\(\) = \d+|(read|write|close)\(\d+\)", "DESCRIPTOR"),
    ];
    patterns.iter().fold(text.to_owned(), |text, (pattern, with)| {
        Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}
