//! Step 17: write() takes what fits.
//!
//! Fails   Step 16 writes a whole response at once. The kernel's buffer holds a few megabytes; then
//!         write() returns WouldBlock, and the rest of the response is lost.
//! New     The server keeps the rest, and poll() reports when the socket is writable again. While
//!         output waits, the server reads nothing: a client that does not read cannot fill the
//!         memory with responses. This is backpressure.
//! Try     curl -sS --limit-rate 16M -o /dev/null -w '%{size_download} bytes\n' 127.0.0.1:8000/big
//! Expect  exit 0; prints `33554432 bytes`; logs `bytes wait`
//! On 16   exit 18 or 56
//!
//! Also    wirelight poke :8000 'GET /big HTTP/1.1\r\nHost: a\r\n\r\n' --slow-read 64KiB/s
//! Try     curl -sS --max-time 4 127.0.0.1:8000/
//! Expect  exit 0; prints `0 bytes`; logs `bytes wait`
//! On 16   exit 0; prints `0 bytes`; logs no `bytes wait`
//! Break   The state of a connection is spread over `input`, `output`, `sent` and `closing`. Add the
//!         stages of step 04, and count the combinations that must not occur.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};

use message::Response;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

#[path = "message.rs"]
mod message;

const LISTENER: Token = Token(0);
const LIMIT: usize = 4 * 1024 * 1024;

struct Client {
    socket: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    closing: bool,
}

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    let address = format!("127.0.0.1:{port}").parse().map_err(io::Error::other)?;
    let mut listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut events, mut clients, mut last) = (Events::with_capacity(64), HashMap::new(), 0);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            let token = event.token();
            if token == LISTENER {
                accept(&listener, &poll, &mut clients, &mut last);
            } else if let Some(client) = clients.get_mut(&token) {
                let stays = client.run().inspect_err(|error| println!("#{} {error}", token.0));
                if !stays.unwrap_or(false) {
                    clients.remove(&token);
                }
            }
        }
    }
}

/// Accepts until WouldBlock. With edges, to be told of room that is not needed costs one event.
fn accept(listener: &TcpListener, poll: &Poll, clients: &mut HashMap<Token, Client>, last: &mut usize) {
    loop {
        *last += 1;
        let accepted = listener.accept().and_then(|(mut socket, _)| {
            poll.registry().register(&mut socket, Token(*last), Interest::READABLE | Interest::WRITABLE)?;
            Ok(Client { socket, input: Vec::new(), output: Vec::new(), sent: 0, closing: false })
        });
        match accepted {
            Ok(client) => clients.insert(Token(*last), client),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => return println!("  {error}"),
        };
    }
}

impl Client {
    /// Works until the socket would block. Returns whether the connection stays.
    fn run(&mut self) -> io::Result<bool> {
        loop {
            let would_block = if self.sent < self.output.len() {
                self.flush()
            } else if self.closing {
                return Ok(false);
            } else if self.answer()? {
                continue;
            } else {
                self.fill()
            };
            match would_block {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                result => result?,
            }
        }
    }

    /// Writes what fits.
    fn flush(&mut self) -> io::Result<()> {
        let result = self.socket.write(&self.output[self.sent..]);
        self.sent += result.as_ref().unwrap_or(&0);
        if self.sent < self.output.len() {
            println!("  write() = {result:?}, {} bytes wait", self.output.len() - self.sent);
        }
        result.map(drop)
    }

    /// Makes the response to the next complete request. Returns whether there was one.
    fn answer(&mut self) -> io::Result<bool> {
        let (response, keep) = match message::parse(&self.input) {
            Ok(None) if self.input.len() > LIMIT => return Err(io::Error::other("the request is too large")),
            Ok(None) => return Ok(false),
            Ok(Some((request, length))) => {
                self.input.drain(..length);
                let body = match request.target.as_str() {
                    "/big" => vec![b'x'; 32 * 1024 * 1024],
                    _ => format!("{} bytes\n", request.body.len()).into_bytes(),
                };
                (Response::text("200 OK", body).encode(Some(&request)), request.keep_alive)
            }
            Err(refusal) => (refusal.encode(None), false),
        };
        (self.output, self.sent, self.closing) = (response, 0, !keep);
        Ok(true)
    }

    /// Reads once.
    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let n = self.socket.read(&mut buffer)?;
        self.input.extend_from_slice(&buffer[..n]);
        self.closing |= n == 0; // the client sends no more
        Ok(())
    }
}
