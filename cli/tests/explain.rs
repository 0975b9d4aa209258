//! `wirelight explain` on pasted texts, with its whole output.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::Write;
use std::process::{Command, Stdio};

mod support;

use support::bounded;
/// What `explain -` prints about `input`.
fn explained(input: &[u8]) -> String {
    explained_with(&["-"], input)
}

fn explained_with(arguments: &[&str], input: &[u8]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
    output(command.arg("explain").args(arguments).env_remove("COLUMNS"), input)
}

fn output(command: &mut Command, input: &[u8]) -> String {
    let (mut child, leash) = bounded::leashed(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = leash.output(child);
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

/// Typical faults of tutorials: a head without its end, a wrong length, a wrong weekday.
const REQUEST: &[u8] =
    b"GET /tides?port=Brest HTTP/1.1\nHost: sea.example\nAccept: application/json\nConnection: keep-alive\n";
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 57\nDate: Mon, 27 Mar 2026 12:00:00 GMT\n\n\
    {\n  \"port\": \"Brest\",\n  \"high\": \"06:12\",\n  \"metres\": 7\n}\n";

#[test]
fn the_mistakes_of_a_tutorial_are_found_out() {
    for (input, name) in [(REQUEST, "request"), (RESPONSE, "response")] {
        let path = format!("{}/tests/data/explain-{name}.txt", env!("CARGO_MANIFEST_DIR"));
        let now = explained(input);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        assert_eq!(now, std::fs::read_to_string(&path).unwrap(), "UPDATE_DOCS=1 rewrites {path}");
    }
    assert!(explained(REQUEST).contains("The empty line that ends the head is missing"));
    let response = explained(RESPONSE);
    assert!(response.contains("promises 57 bytes and 55 are here: a reader waits for 2 more"), "{response}");
    assert!(
        response.contains("55 bytes and the paste's last line end") && response.contains("(55 bytes)"),
        "{response}"
    );
    assert!(response.contains("27 Mar 2026 is a Friday, not a Monday"), "{response}");
}

/// Articles show both, one after the other, and often indented.
#[test]
fn a_pasted_conversation_is_read_to_its_end() {
    let both = [REQUEST, b"\n", RESPONSE].concat();
    let indented: Vec<u8> =
        both.split_inclusive(|byte| *byte == b'\n').flat_map(|line| [b"    ", line].concat()).collect();
    for text in [both, indented] {
        let said = explained(&text);
        assert!(said.contains("promises 57 bytes and 55 are here: a reader waits for 2 more"), "{said}");
        assert!(!said.contains("line feed alone;"), "{said}");
    }
}

/// The output of `curl -v` is a request and a response, in fewer lines than it has itself twice, and nothing in it is a fault.
#[test]
fn what_curl_prints_is_an_exchange() {
    let verbose = "*   Trying 127.0.0.1:8000...\n> GET /hello HTTP/1.1\r\n> Host: a\r\n> Accept: */*\r\n> \r\n< HTTP/1.1 200 OK\r\n\
                   < Content-Type: text/plain\r\n< Transfer-Encoding: chunked\r\n< \r\n{ [13 bytes data]\n* Connection #0 left intact\nhi\n";
    let trace = "=> Send header, 27 bytes (0x1b)\n0000: GET / HTTP/1.1\n0010: Host: a\n0019: \n<= Recv header, 17 bytes (0x11)\n\
                 0000: HTTP/1.1 200 OK\n<= Recv header, 21 bytes (0x15)\n0000: Content-Length: 2\n0013: \n<= Recv data, 2 bytes (0x2)\n0000: hi\n";
    let devtools = ":authority: a\n:method: GET\n:path: /hello\n:scheme: https\naccept: */*\n\n:status: 200\ncontent-type: text/plain\n";
    for (text, first) in
        [(verbose, "The output of curl -v."), (trace, "The output of curl --trace"), (devtools, "This is HTTP/2")]
    {
        let said = explained(text.as_bytes());
        assert!(said.starts_with(first), "{said}");
        assert!(said.contains("\na request\n") && said.contains("\nand after it: a response\n"), "{said}");
        assert_eq!(said.matches("wrong:   nothing").count(), 2, "{said}");
        assert!(said.lines().count() < 30, "{said}");
    }
}

#[test]
fn what_is_not_http_takes_a_few_lines() {
    let prose = b"Dear Sir,\nall of this is text\n".repeat(1_000);
    let binary: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
    for (input, first) in [
        (&b""[..], "Nothing: the input is empty."),
        (&prose, "This does not look like HTTP"),
        (&binary, "This does not look like HTTP"),
        (b"\x16\x03\x01\x02\0\x01\0\x01", "A TLS handshake"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0", "The preface of HTTP/2"),
    ] {
        let said = explained(input);
        assert!(said.starts_with(first), "{said}");
        assert!(said.lines().count() < 20 && said.len() < 3_000, "{said}");
        assert!(!said.contains("stays open"), "{said}");
    }
}

/// What is pasted into a terminal is pasted into a report next.
#[test]
fn secrets_are_hidden_unless_asked_for() {
    let head = "HTTP/1.1 200 OK\r\nSet-Cookie: s3cr3t; Path=/\r\nTransfer-Encoding: chunked\r\n\r\n";
    let trailer = "0\r\nset-cookie: s3cr3t\r\n\r\n";
    let requests = "GET / HTTP/1.1\r\nHost: a\r\nAUTHORIZATION : Bearer s3cr3t\r\n\tand s3cr3t\r\n\r\n";
    let pasted = "GET / HTTP/1.1\nHost: a\nCookie: s3cr3t\n\n";
    for text in [format!("{head}{trailer}"), requests.to_owned(), pasted.to_owned()] {
        let hidden = explained(text.as_bytes());
        assert!(!hidden.contains("s3cr3t") && hidden.contains("•••(6 bytes)"), "{hidden}");
        assert!(explained_with(&["-", "--show-secrets"], text.as_bytes()).contains("s3cr3t"));
    }
}

/// Neither lines nor characters flood the screen, and each span is there for the asking.
#[test]
fn noise_is_explained_in_a_few_lines() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\n";
    let chunks = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let cases: &[(Vec<u8>, &str)] = &[
        (b"a\0".repeat(100_000), "(200000 bytes)"),
        ([&head[..], &b"not a field\r\n".repeat(10_000)].concat(), "more lines like them"),
        ([&head[..], &b"A: b\r\n".repeat(10_000)].concat(), "more lines ("),
        ([chunks, b"1\r\na\r\n".repeat(10_000)].concat(), "more lines like them"),
        ([&b"\r\n".repeat(10_000)[..], head].concat(), "more lines like them"),
    ];
    for (input, fold) in cases {
        let said = explained(input);
        assert!(said.contains(fold) && said.lines().count() < 80, "{said}");
        assert!(said.len() < 12_000, "{} bytes: {said}", said.len());
        let spans = explained_with(&["--spans", "-"], input);
        let count = spans.lines().count();
        assert!(count < 1_100 && (count < 100 || spans.contains("more pieces (")), "{count} lines of {fold}");
    }
}

/// A row each line of the message; the parts of the lines only for the asking.
#[test]
fn a_row_is_a_line() {
    let input = b"GET /a?b HTTP/1.1\r\nHost:  a\t\r\nX y: z\r\n\r\n";
    let said = explained(input);
    for row in [
        "      0  GET /a?b HTTP/1.1 ␍␊  method, target, query, version\n",
        "     19  Host:␠␠a␉ ␍␊",
        "!    30  X␠y: z ␍␊",
        "     38  ␍␊                    empty line: end of the head\n",
    ] {
        assert!(said.contains(row), "{row:?} of {said}");
    }
    let spans = explained_with(&["-", "--spans"], input);
    for row in ["      0  method      GET", "      6  query       ?b", "     23  colon       :"] {
        assert!(spans.contains(row), "{row:?} of {spans}");
    }
}

/// In a terminal, no line is wider than it, and each goes on under its own text.
#[test]
fn lines_fit_the_terminal() {
    let long = b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
        Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for columns in [40, 80, 120] {
        for options in [&["-"][..], &["-", "--spans"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
            command.arg("explain").args(options).env("COLUMNS", columns.to_string());
            let said = output(&mut command, long);
            assert!(said.lines().all(|line| line.chars().count() <= columns), "{columns}: {said}");
            assert!(said.contains("\n         ") && said.contains("9112"), "{said}");
        }
    }
}

/// Bytes after a refused message are not explained as messages.
#[test]
fn smuggled_bytes_are_no_request() {
    let admin = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    let refused = [
        format!("Content-Length: 37\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{admin}"),
        format!("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{admin}\r\n0\r\n\r\n"),
        format!("Content-Length: 0\r\nContent-Length: 32\r\n\r\n{admin}"),
        format!("Content-Length: 0, 32\r\n\r\n{admin}"),
        format!("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{admin}"),
        format!("Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n{admin}"),
        format!("Bad Name: x\r\n\r\n{admin}"),
        format!("Connection: close\r\n\r\n{admin}"),
    ];
    for fields in refused {
        let said = explained(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}").as_bytes());
        assert!(!said.contains("stays open for") && !said.contains("and after it"), "{said}");
        assert!(said.contains("never reads them as requests."), "{said}");
        let sentences = said.replace('\n', " ").matches("A reader that").count();
        assert!(sentences > 0 || fields.starts_with("Connection"), "{said}");
    }
}

#[test]
fn what_follows_is_explained_too() {
    let text = explained(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\n");
    let (first, second) = text.split_once("and after it:").unwrap();
    assert!(first.contains("wrong:   nothing"), "{text}");
    assert!(second.contains("byte 20: Whitespace occurs between a field name and its colon (RFC 9112 §5.1)"), "{text}");
}

#[test]
fn no_byte_drives_the_terminal() {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend("\u{202e}\u{9b}31m".as_bytes());
    for input in [&bytes[..], b"GET /\x1b[2J HTTP/1.1\r\nX: \x07\x1b]0;a\x07\r\n\r\n", b"", b"\n\n\n", b"HTTP/"] {
        let text = explained(input);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
        assert!(text.contains("server: ") || text.contains("client: ") || text.starts_with("Nothing"), "{text}");
    }
}
