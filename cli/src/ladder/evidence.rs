//! Shows why a check failed: the bytes in both directions, as `wirelight poke` prints them, the end
//! of the server's log, and what that means.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::bounded::Process;
use super::header::Header;
use super::shell;
use crate::output::{print_wrapped, println_flush};

/// Last lines of the log that are shown.
const LINES: usize = 12;
/// Silence after which a client is assumed to have sent its request.
const SILENCE: Duration = Duration::from_millis(500);
/// Longest time to record or replay a request.
const MOST: Duration = Duration::from_secs(20);

/// What curl's exit codes say about the server.
const EXIT_CODES: &[(i32, &str)] = &[
    (1, "the first bytes were not `HTTP/`"),
    (7, "nothing listened"),
    (8, "the head was not valid"),
    (18, "fewer bytes came than the head announced"),
    (28, "the time was over: something never came"),
    (52, "the connection was closed without a byte"),
    (55, "the server reset the connection while curl was sending"),
    (56, "the server reset the connection: it closed with bytes unread"),
];

/// What a line of `wirelight poke` says about the server.
const MEANINGS: &[(&str, &str)] = &[
    ("server RST", "The server closed while bytes of the client were unread, so the kernel sent RST (step 04)."),
    ("the server stopped reading", "The server answered or closed before it had the whole request (step 03)."),
    ("bytes of the body and waits for more", "The Content-Length is larger than the body (step 07)."),
    ("nothing came", "The server sent nothing: it waits for more bytes, or serves another client first (step 12)."),
];

/// Returns what a code means, as ` (text)`; nothing if it is not in the table.
pub(in crate::ladder) fn exit_code(code: i32) -> String {
    let found = EXIT_CODES.iter().find(|(known, _)| *known == code);
    found.map_or(String::new(), |(_, text)| format!(" ({text})"))
}

/// Prints what the command and the server printed.
pub(in crate::ladder) fn print(command: &str, printed: &str, log: &str) {
    section("The command printed", printed);
    if command.contains("wirelight poke") {
        explain(printed);
    }
    let lines: Vec<_> = log.lines().collect();
    section("The server printed", &lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n"));
}

/// Prints why: what is wrong with the earlier step, if the server does the same as that, and what the
/// step adds.
pub(in crate::ladder) fn print_reason(header: &Header, as_before: Option<&str>) {
    let text = |label| header.prose.iter().find(|(known, _)| known == label).map_or("", |(_, text)| text);
    println_flush("");
    if let Some(step) = as_before {
        print_wrapped("  → ", &format!("Here it does what step {step} does. {}", text("Fails")));
    }
    print_wrapped("  → ", &format!("What this step adds: {}", text("New")));
}

/// Records what the client sends, and sends the same bytes to the server with `poke`.
pub(in crate::ladder) fn replay(command: &str, address: &str) {
    let Ok(request) = record(command) else { return };
    let mut poke = Command::new(std::env::current_exe().unwrap_or_default());
    poke.args(["poke", address, "--file", "-"]).stdin(Stdio::piped());
    let output = poke.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().and_then(|mut child| {
        child.stdin.take().map(|mut stdin| stdin.write_all(&request)).transpose()?;
        child.wait_with_output()
    });
    let view = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    section("The same request from `wirelight poke`, which shows the bytes", &view);
    explain(&view);
}

/// Returns the bytes that a client sends to a server that says nothing.
fn record(command: &str) -> std::io::Result<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port().to_string();
    let _client = Process::start(&mut shell::command(command, &port))?;
    let end = Instant::now() + MOST;
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    };
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let (mut request, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    while Instant::now() < end {
        match stream.read(&mut buffer) {
            Ok(n @ 1..) => request.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            _ => break,
        }
    }
    Ok(request)
}

fn section(title: &str, text: &str) {
    println_flush(format_args!("\n  {title}:"));
    text.lines().for_each(|line| println_flush(format_args!("    {line}")));
}

fn explain(view: &str) {
    for (_, meaning) in MEANINGS.iter().filter(|(line, _)| view.contains(line)) {
        print_wrapped("  → ", meaning);
    }
}
