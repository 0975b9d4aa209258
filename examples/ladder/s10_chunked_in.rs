//! Step 10: a body in chunks.
//!
//! Fails   Step 09 refuses a body whose length is not known in advance: 501.
//! New     Transfer-Encoding: chunked (RFC 9112 §7.1). The size of each chunk comes before it, in
//!         hexadecimal; a chunk of size 0 and an empty line end the body. `chunks.rs` decodes them. A
//!         request with Content-Length too is refused: two programs may choose differently.
//! Try     curl -sS -H 'Transfer-Encoding: chunked' -d hello 127.0.0.1:8000/
//! Expect  exit 0; prints `5 bytes`
//! On 09   exit 0; prints `this step reads Content-Length only`
//!
//! Try     wirelight poke :8000 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789\r\n'
//! Expect  prints `nothing came`
//! On 09   prints `501 Not Implemented`
//!
//! Try     wirelight poke :8000 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG'
//! Expect  prints `400 Bad Request`; prints `exclude each other`
//! On 09   prints `501 Not Implemented`
//! Break   curl -sSN 127.0.0.1:8000/count
//!         generates three lines in three seconds. When do you see the first one?

use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use blocking::{close_in_stages, read_more};
use date::date;
use httparse::{EMPTY_HEADER, Status};

#[path = "blocking.rs"]
mod blocking;
#[path = "chunks.rs"]
mod chunks;
#[path = "date.rs"]
mod date;

type Refusal = (&'static str, String);

/// A complete request: the head and the body.
struct Request {
    path: String,
    body: Vec<u8>,
    /// How many bytes of the input it takes up.
    length: usize,
    keep: bool,
}

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, from) = listener.accept()?;
        println!("accept() = a connection from {from}");
        if let Err(error) = serve(client) {
            println!("  {error}");
        }
    }
}

fn serve(mut client: TcpStream) -> io::Result<()> {
    let mut input = Vec::new();
    while exchange(&mut client, &mut input)? {}
    close_in_stages(client)
}

/// One request and its response. Returns whether the connection stays.
fn exchange(client: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<bool> {
    let (end, status, body, keep) = loop {
        match parse(input) {
            Ok(Some(request)) if request.path == "/count" => break (request.length, "200 OK", count(), request.keep),
            Ok(Some(Request { body, length, keep, .. })) => {
                break (length, "200 OK", format!("{} bytes\n", body.len()), keep);
            }
            Ok(None) => match read_more(client, input) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && input.is_empty() => return Ok(false),
                result => result?,
            },
            Err((status, reason)) => break (0, status, reason + "\n", false),
        }
    };
    let (connection, length) = (if keep { "keep-alive" } else { "close" }, body.len());
    let mut text = format!("HTTP/1.1 {status}\r\nDate: {}\r\n", date(SystemTime::now()));
    text += &format!("Connection: {connection}\r\nContent-Length: {length}\r\n\r\n");
    if !input.starts_with(b"HEAD ") {
        text += &body;
    }
    client.write_all(text.as_bytes())?;
    input.drain(..end);
    Ok(keep)
}

/// Work that takes its time. The length of its result is known at the end.
fn count() -> String {
    (1..=3).map(|number| (sleep(Duration::from_secs(1)), format!("line {number}\n")).1).collect()
}

/// Returns a request when head and body are complete.
fn parse(input: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut fields = [EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut fields);
    let start = match head.parse(input) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(bad(&error.to_string())),
    };
    let Some((body, length)) = body(&head, &input[start..])? else { return Ok(None) };
    let connection = values(&head, "connection").join(&b","[..]);
    let says = |word: &[u8]| connection.split(|byte| *byte == b',').any(|o| o.trim_ascii().eq_ignore_ascii_case(word));
    let keep = !says(b"close") && (head.version == Some(1) || says(b"keep-alive"));
    Ok(Some(Request { path: head.path.unwrap_or_default().to_owned(), body, length: start + length, keep }))
}

/// Returns the body, decoded, and how many bytes of `rest` it takes up.
fn body(head: &httparse::Request<'_, '_>, rest: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Refusal> {
    match (&*values(head, "transfer-encoding"), &*values(head, "content-length")) {
        ([], []) => Ok(Some((Vec::new(), 0))),
        ([], [value]) if value.iter().all(u8::is_ascii_digit) => {
            let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            let length = number.ok_or_else(|| bad("Content-Length is empty or too large"))?;
            Ok(rest.get(..length).map(|body| (body.to_vec(), length)))
        }
        ([], _) => Err(bad("Content-Length must be one number")),
        ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") => chunks::decode(rest).map_err(bad),
        (_, []) => Err(("501 Not Implemented", "the only known transfer coding is chunked".into())),
        _ => Err(bad("Content-Length and Transfer-Encoding exclude each other")),
    }
}

fn bad(reason: &str) -> Refusal {
    ("400 Bad Request", reason.to_owned())
}

/// Returns the values of all fields with this name.
fn values<'b>(head: &httparse::Request<'_, 'b>, name: &str) -> Vec<&'b [u8]> {
    let fields = head.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    fields.map(|field| field.value).collect()
}
