//! Step 03: read until the empty line.
//!
//! Fails   Step 01 treats the result of one read() as the request. TCP carries a stream of bytes, not
//!         messages: a request may arrive in pieces of any size, and step 01 responds to the first.
//! New     A loop that reads until CR LF CR LF, the empty line that ends a head (RFC 9112 §2.1).
//! Try     wirelight poke :8000 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' --every 1 --gap 20ms
//! Expect  prints `200 OK`; prints no `the server stopped reading`;
//!         logs `request line: "GET / HTTP/1.1"`
//! On 01   prints `200 OK`; prints `the server stopped reading`
//! Break   head -c 2000 /dev/zero | curl -sS --data-binary @- 127.0.0.1:8000/
//!         The response is sent, and curl reports an error. Step 02 shows which one.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

/// A client that never sends the empty line must not fill the memory.
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
    let head = read_head(&mut client)?;
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    println!("  request line: {:?}", String::from_utf8_lossy(line));
    client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello\n")
}

/// Returns everything that was read by the time the empty line was there.
fn read_head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut input = Vec::new();
    // The four bytes may arrive in two reads, so search all of the input again.
    while !input.windows(4).any(|four| four == b"\r\n\r\n") {
        read_more(client, &mut input)?;
    }
    Ok(input)
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
