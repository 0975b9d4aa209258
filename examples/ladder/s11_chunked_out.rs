//! Step 11: a response without a length.
//!
//! Fails   Step 10 needs the whole response before it can send its length, so the client of a slow
//!         response receives nothing until it is complete.
//! New     Chunks in the response: each part is sent as soon as it exists. HTTP/1.0 has no chunks;
//!         there the end of the connection ends the body, as in step 06. Landing A, `message.rs`,
//!         parses the requests: it is steps 05 to 10 without a socket.
//! Try     curl -sSN --max-time 2 127.0.0.1:8000/count
//! Expect  exit 28; prints `line 1`
//! On 10   exit 28; prints no `line 1`
//!
//! Try     wirelight poke :8000 'GET /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' --hold 4s
//! Expect  prints `Transfer-Encoding: chunked`; prints `7␍␊`; prints `line 3␊`; prints `0␍␊`
//! On 10   prints `Content-Length: 21`
//!
//! Try     wirelight poke :8000 'GET /count HTTP/1.0\r\n\r\n' --hold 4s
//! Expect  prints no `Transfer-Encoding`; prints `line 3`; prints `server FIN`
//! On 10   prints `Content-Length: 21`
//! Break   wirelight poke :8000 GET --hold 60s
//!         sends three bytes and waits. Meanwhile, send a request with curl in another terminal.

use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use blocking::{close_in_stages, read_more};
use message::{Request, Response};

#[path = "blocking.rs"]
mod blocking;
#[path = "message.rs"]
mod message;

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
    let (request, length) = loop {
        match message::parse(input) {
            Ok(Some(parsed)) => break parsed,
            Ok(None) => match read_more(client, input) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && input.is_empty() => return Ok(false),
                result => result?,
            },
            Err(refusal) => {
                client.write_all(&refusal.encode(None))?;
                return Ok(false);
            }
        }
    };
    input.drain(..length);
    if request.target == "/count" {
        return count(client, &request);
    }
    let response = Response::text("200 OK", format!("{} bytes\n", request.body.len()));
    client.write_all(&response.encode(Some(&request)))?;
    Ok(request.keep_alive)
}

/// Sends each line when it is there, in a chunk if the client knows chunks.
fn count(client: &mut TcpStream, request: &Request) -> io::Result<bool> {
    let (keep, fields) = match request.is_1_1 {
        true => (request.keep_alive, "Transfer-Encoding: chunked\r\n"),
        false => (false, ""),
    };
    client.write_all(&message::head("200 OK", keep, fields))?;
    if request.method == "HEAD" {
        return Ok(keep);
    }
    for number in 1..=3 {
        let line = format!("line {number}\n");
        let chunk = if request.is_1_1 { format!("{:x}\r\n{line}\r\n", line.len()) } else { line };
        client.write_all(chunk.as_bytes())?;
        sleep(Duration::from_secs(1));
    }
    if request.is_1_1 {
        client.write_all(b"0\r\n\r\n")?; // the last chunk, and no trailer fields
    }
    Ok(keep)
}
