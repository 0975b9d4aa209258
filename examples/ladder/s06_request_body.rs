//! Step 06: read the body.
//!
//! Fails   Step 05 responds as soon as the head is complete, and ignores the body.
//! New     Content-Length is the number of bytes after the head (RFC 9112 §6.2). It must occur once
//!         and consist of digits: two programs that read it differently can be attacked (step 09).
//! Try     curl -sS -d hello 127.0.0.1:8000/
//! Expect  exit 0; prints `5 bytes`
//! On 05   exit 0; prints `hello`
//!
//! Try     wirelight poke :8000 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello'
//! Expect  prints `nothing came`
//! On 05   prints `200 OK`
//!
//! Try     wirelight poke :8000 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello'
//! Expect  prints `400 Bad Request`; prints `Content-Length must be one number`
//! On 05   prints `200 OK`
//! Break   wirelight poke :8000 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'
//!         A response to HEAD has no body. What does this server send?

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use httparse::{EMPTY_HEADER, Status};

const LIMIT: usize = 1024 * 1024;

/// Why a request is refused: the status and a sentence.
type Refusal = (&'static str, String);

/// A complete head.
struct Head {
    length: usize,
    body_length: usize,
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
    let (status, body) = loop {
        match parse(&input) {
            Ok(Some(head)) if input.len() - head.length >= head.body_length => {
                break ("200 OK", format!("{} bytes", head.body_length));
            }
            Ok(_) => read_more(&mut client, &mut input)?,
            Err(refusal) => break refusal,
        }
    };
    println!("  {status}: {body}");
    let response = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n{body}\n");
    client.write_all(response.as_bytes())?;
    close_in_stages(client)
}

fn parse(input: &[u8]) -> Result<Option<Head>, Refusal> {
    let mut fields = [EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(input) {
        Ok(Status::Partial) => Ok(None),
        Ok(Status::Complete(length)) => Ok(Some(Head { length, body_length: body_length(&request)? })),
        Err(error) => Err(("400 Bad Request", format!("byte {}: {error}", bad_byte(input)))),
    }
}

/// Decides how long the body is. Without Content-Length there is none.
fn body_length(request: &httparse::Request<'_, '_>) -> Result<usize, Refusal> {
    let values = |name: &str| {
        let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        fields.map(|field| field.value).collect::<Vec<_>>()
    };
    if !values("transfer-encoding").is_empty() {
        return Err(("501 Not Implemented", "this step reads Content-Length only".into()));
    }
    match *values("content-length") {
        [] => Ok(0),
        [value] if value.iter().all(u8::is_ascii_digit) => {
            let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            number.ok_or(("400 Bad Request", "Content-Length is empty or too large".into()))
        }
        _ => Err(("400 Bad Request", "Content-Length must be one number".into())),
    }
}

/// Returns the position of the byte that makes httparse fail.
fn bad_byte(input: &[u8]) -> usize {
    let is_error = |end: &usize| httparse::Request::new(&mut [EMPTY_HEADER; 64]).parse(&input[..*end]).is_err();
    (1..input.len()).find(is_error).unwrap_or(input.len()) - 1
}

/// Sends FIN, then reads until the client closes too, for a second at most.
fn close_in_stages(mut client: TcpStream) -> io::Result<()> {
    client.shutdown(Shutdown::Write)?;
    let time = Duration::from_secs(1);
    client.set_read_timeout(Some(time))?;
    let (end, mut buffer) = (Instant::now() + time, [0; 16 * 1024]);
    while Instant::now() < end && client.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Appends what one read() returns. The end of the stream is an error: something is missing.
fn read_more(client: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 512];
    let n = client.read(&mut buffer)?;
    println!("  read() = {n} bytes");
    input.extend_from_slice(&buffer[..n]);
    match n {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ if input.len() > LIMIT => Err(io::Error::other("the request is too large")),
        _ => Ok(()),
    }
}
