//! Step 09: the bytes after a request are the next request.
//!
//! Fails   Step 08 starts each exchange with an empty buffer. If a client sends the next request
//!         without waiting (pipelining, RFC 9112 §9.3.2), one read() returns both, and the second
//!         is lost.
//! New     The buffer belongs to the connection, and a response removes the bytes of its request
//!         alone. Body lengths now matter for security: bytes that a proxy forwards as a body may
//!         be a request for this server (request smuggling, RFC 9112 §11.2).
//! Try     wirelight poke :8000 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' --repeat 2
//! Expect  logs `200 OK, keep` 2 times
//! On 08   prints `200 OK` once; logs `200 OK, keep` once
//!
//! Try     wirelight poke :8000 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /\r\n\r\n'
//! Expect  prints `5 bytes`; prints `400 Bad Request`; prints `byte 5: `
//! On 08   prints `5 bytes`; prints no `400 Bad Request`
//! Break   curl -sS -H 'Transfer-Encoding: chunked' -d hello 127.0.0.1:8000/
//!         sends a body without its length, as a client does that generates the body meanwhile.

use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::time::SystemTime;

use blocking::{close_in_stages, read_more};
use date::date;
use httparse::{EMPTY_HEADER, Status};

#[path = "blocking.rs"]
mod blocking;
#[path = "date.rs"]
mod date;

type Refusal = (&'static str, String);

struct Head {
    length: usize,
    body_length: usize,
    /// Whether the connection stays after the response, and why.
    keep: (bool, &'static str),
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
    let mut input = Vec::new(); // read from this connection, and not yet answered
    while exchange(&mut client, &mut input)? {}
    close_in_stages(client)
}

/// One request and its response. Returns whether the connection stays.
fn exchange(client: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<bool> {
    let (end, status, body, (keep, reason)) = loop {
        match parse(input) {
            Ok(Some(head)) if input.len() - head.length >= head.body_length => {
                let end = head.length + head.body_length;
                break (end, "200 OK", format!("{} bytes\n", head.body_length), head.keep);
            }
            Ok(_) => match read_more(client, input) {
                // The end of the stream between two requests is how a kept connection ends.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && input.is_empty() => return Ok(false),
                result => result?,
            },
            // After an error it is unknown where the next request would begin.
            Err((status, reason)) => break (0, status, reason, (false, "the request is invalid")),
        }
    };
    let connection = if keep { "keep-alive" } else { "close" };
    let length = body.len();
    let mut text = format!("HTTP/1.1 {status}\r\nDate: {}\r\n", date(SystemTime::now()));
    text += &format!("Connection: {connection}\r\nContent-Length: {length}\r\n\r\n");
    if !input.starts_with(b"HEAD ") {
        text += &body;
    }
    client.write_all(text.as_bytes())?;
    input.drain(..end); // the rest is the beginning of the next request
    println!("  {status}, {}: {reason}", if keep { "keep" } else { "close" });
    Ok(keep)
}

fn parse(input: &[u8]) -> Result<Option<Head>, Refusal> {
    let mut fields = [EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(input) {
        Ok(Status::Partial) => Ok(None),
        Ok(Status::Complete(length)) => {
            Ok(Some(Head { length, body_length: body_length(&request)?, keep: keeps(&request) }))
        }
        Err(error) => Err(("400 Bad Request", format!("byte {}: {error}\n", bad_byte(input)))),
    }
}

/// Returns the position of the byte that makes httparse fail.
fn bad_byte(input: &[u8]) -> usize {
    let is_error = |end: &usize| httparse::Request::new(&mut [EMPTY_HEADER; 64]).parse(&input[..*end]).is_err();
    (1..input.len()).find(is_error).unwrap_or(input.len()) - 1
}

/// Decides whether the connection stays. `close` wins; then the version decides.
fn keeps(request: &httparse::Request<'_, '_>) -> (bool, &'static str) {
    let values = values(request, "connection");
    let options = values.iter().flat_map(|value| value.split(|byte| *byte == b','));
    let says = |word: &[u8]| options.clone().any(|option| option.trim_ascii().eq_ignore_ascii_case(word));
    match request.version {
        _ if says(b"close") => (false, "the client asked for it"),
        Some(1) => (true, "HTTP/1.1 stays by default"),
        _ => (says(b"keep-alive"), "HTTP/1.0 stays on request only"),
    }
}

/// Decides how long the body is. Without Content-Length there is none.
fn body_length(request: &httparse::Request<'_, '_>) -> Result<usize, Refusal> {
    if !values(request, "transfer-encoding").is_empty() {
        return Err(("501 Not Implemented", "this step reads Content-Length only\n".into()));
    }
    match *values(request, "content-length") {
        [] => Ok(0),
        [value] if value.iter().all(u8::is_ascii_digit) => {
            let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            number.ok_or(("400 Bad Request", "Content-Length is empty or too large\n".into()))
        }
        _ => Err(("400 Bad Request", "Content-Length must be one number\n".into())),
    }
}

/// Returns the values of all fields with this name.
fn values<'b>(request: &httparse::Request<'_, 'b>, name: &str) -> Vec<&'b [u8]> {
    let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    fields.map(|field| field.value).collect()
}
