//! Step 16: read until WouldBlock.
//!
//! Fails   Step 15 reads once for each event. mio reports edges: the moment in which a socket
//!         becomes readable, once. There is no event for bytes that are left in the kernel, so the
//!         server waits for an event and the client for a response.
//! New     A loop that reads until WouldBlock. Only then is the next byte certain to cause an event.
//! Try     head -c 3000 /dev/zero | curl -sS --max-time 4 --data-binary @- 127.0.0.1:8000/
//! Expect  exit 0; prints `3000 bytes`
//! On 15   exit 28; logs `read() = 1024 bytes`
//! Break   curl -sS --limit-rate 16M -o /dev/null 127.0.0.1:8000/big
//!         is 32 megabytes. How many arrive?

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
}

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    let address = format!("127.0.0.1:{port}").parse().map_err(io::Error::other)?;
    let mut listener = TcpListener::bind(address)?; // mio's sockets are non-blocking
    println!("listening on {}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut events, mut clients, mut last) = (Events::with_capacity(64), HashMap::new(), 0);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue, // by a signal
            result => result?,
        }
        for event in &events {
            let token = event.token();
            if token == LISTENER {
                accept(&listener, &poll, &mut clients, &mut last);
            } else if let Some(client) = clients.get_mut(&token) {
                let stays = client.serve().unwrap_or_else(|error| {
                    println!("#{} {error}", token.0);
                    false
                });
                if !stays {
                    clients.remove(&token); // closes the socket, and the kernel forgets it
                }
            }
        }
    }
}

/// Accepts until WouldBlock: one event may stand for several clients.
fn accept(listener: &TcpListener, poll: &Poll, clients: &mut HashMap<Token, Client>, last: &mut usize) {
    loop {
        *last += 1; // a number is never used twice: a late event cannot hit another client
        let accepted = listener.accept().and_then(|(mut socket, _)| {
            poll.registry().register(&mut socket, Token(*last), Interest::READABLE)?;
            Ok(socket)
        });
        match accepted {
            Ok(socket) => clients.insert(Token(*last), Client { socket, input: Vec::new() }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => return println!("  {error}"),
        };
    }
}

impl Client {
    /// Reads all there is and answers what is complete. Returns whether the connection stays.
    fn serve(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    println!("  read() = {n} bytes");
                    self.input.extend_from_slice(&buffer[..n]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true), // now poll() may sleep
                Err(error) => return Err(error),
            }
            if !self.answer()? {
                return Ok(false);
            }
        }
    }

    /// Answers all complete requests. Returns whether the connection stays.
    fn answer(&mut self) -> io::Result<bool> {
        loop {
            let (response, keep) = match message::parse(&self.input) {
                Ok(None) if self.input.len() > LIMIT => return Err(io::Error::other("the request is too large")),
                Ok(None) => return Ok(true),
                Ok(Some((request, length))) => {
                    self.input.drain(..length);
                    println!("  {} {}", request.method, request.target);
                    let body = match request.target.as_str() {
                        "/big" => vec![b'x'; 32 * 1024 * 1024],
                        _ => format!("{} bytes\n", request.body.len()).into_bytes(),
                    };
                    let response = Response::text("200 OK", body);
                    (response.encode(Some(&request)), request.keep_alive)
                }
                Err(refusal) => (refusal.encode(None), false),
            };
            self.socket.write_all(&response)?;
            if !keep {
                return Ok(false);
            }
        }
    }
}
