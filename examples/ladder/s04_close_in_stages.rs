//! Step 04: close in stages.
//!
//! Fails   Step 03 closes while bytes of the request are unread. The kernel sends RST, and a client
//!         that receives RST may discard a response that it has not read yet.
//! New     Close in three stages: first the sending side alone (FIN), then read and drop what the
//!         client still sends, then close the socket (RFC 9112 §9.6).
//! Try     head -c 2000 /dev/zero | curl -sS --data-binary @- 127.0.0.1:8000/
//! Expect  exit 0; prints `hello`; logs `bytes dropped after the response`
//! On 03   exit 55 or 56
//!
//! Try     wirelight poke :8000 'POST / HTTP/1.1\r\nHost: a\r\n\r\n' --fill 2000B
//! Expect  prints `200 OK`; prints `server FIN`
//! On 03   prints `server RST`
//! Break   wirelight poke :8000 'NONSENSE\r\n\r\n'
//!         What should a server respond, and what does this one?

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

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
    client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello\n")?;
    close_in_stages(client)
}

/// Sends FIN, then reads until the client closes too, for a second at most.
fn close_in_stages(mut client: TcpStream) -> io::Result<()> {
    client.shutdown(Shutdown::Write)?;
    let time = Duration::from_secs(1);
    client.set_read_timeout(Some(time))?;
    let (end, mut buffer, mut dropped) = (Instant::now() + time, [0; 16 * 1024], 0);
    while Instant::now() < end {
        match client.read(&mut buffer)? {
            0 => break,
            n => dropped += n,
        }
    }
    println!("  {dropped} bytes dropped after the response");
    Ok(())
}

/// Returns everything that was read by the time the empty line was there.
fn read_head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut input = Vec::new();
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
