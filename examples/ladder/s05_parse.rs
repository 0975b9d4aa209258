//! Step 05: parse the head.
//!
//! Fails   Step 04 responds with 200 to any bytes that end with an empty line.
//! New     httparse parses the bytes and returns one of three results: complete, partial or error.
//!         Partial replaces the search for the empty line. The response to an error is 400 with the
//!         position of the byte.
//! Try     wirelight poke :8000 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'
//! Expect  prints `400 Bad Request`; prints `byte 20: invalid header name`; prints `server FIN`
//! On 04   prints `200 OK`
//!
//! Try     wirelight poke :8000 'GET /\r\n\r\n'
//! Expect  prints `400 Bad Request`; prints `byte 5: `
//! On 04   prints `200 OK`
//! Break   curl -sS -d hello 127.0.0.1:8000/
//!         sends five bytes after the head. What happens to them?

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use httparse::{EMPTY_HEADER, Status};

const LIMIT: usize = 1024 * 1024;

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
            Ok(Some(line)) => {
                println!("  complete: {line}");
                break ("200 OK", "hello".to_owned());
            }
            Ok(None) => read_more(&mut client, &mut input)?,
            Err(reason) => break ("400 Bad Request", reason),
        }
    };
    let response = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n{body}\n");
    client.write_all(response.as_bytes())?;
    close_in_stages(client)
}

/// Returns method and target when the head is complete, `None` when it is not yet.
fn parse(input: &[u8]) -> Result<Option<String>, String> {
    let mut fields = [EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(input) {
        Ok(Status::Partial) => Ok(None),
        Ok(Status::Complete(_)) => {
            Ok(Some(format!("{} {}", request.method.unwrap_or_default(), request.path.unwrap_or_default())))
        }
        Err(error) => Err(format!("byte {}: {error}", bad_byte(input))),
    }
}

/// Returns the position of the byte that makes httparse fail, which it does not report: the last
/// byte of the shortest prefix that is an error.
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
