//! Step 14: no call sleeps.
//!
//! Fails   Five silent clients stop step 13: each of its threads sleeps in a read().
//! New     Non-blocking sockets. read() and accept() return at once, with the error WouldBlock if
//!         there is nothing. One thread tries all connections in turn. It uses 100 % of a processor.
//! Also    5 times: wirelight poke :8000 GET --hold 60s
//! Try     curl -sS --max-time 4 127.0.0.1:8000/
//! Expect  exit 0; prints `0 bytes`; logs `reads without data`
//! On 13   exit 28; logs no `reads without data`
//! Break   Look at `top`. Then let the loop sleep for 10 ms in each turn: the processor is idle
//!         again, and every request takes up to 10 ms longer. No number is good for both.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use message::Response;

#[path = "message.rs"]
mod message;

/// A client must not fill the memory.
const LIMIT: usize = 4 * 1024 * 1024;

struct Client {
    socket: TcpStream,
    input: Vec<u8>,
}

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let (mut clients, mut empty) = (Vec::new(), 0_u64);
    loop {
        match listener.accept() {
            Ok((socket, _)) if socket.set_nonblocking(true).is_ok() => {
                clients.push(Client { socket, input: Vec::new() });
            }
            Err(error) if error.kind() != ErrorKind::WouldBlock => println!("  {error}"),
            _ => {}
        }
        clients.retain_mut(|client| match client.serve() {
            Ok(stays) => stays,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                empty += 1;
                if empty.is_multiple_of(100_000) {
                    println!("{empty} reads without data");
                }
                true
            }
            Err(error) => {
                println!("  {error}");
                false
            }
        });
    }
}

impl Client {
    /// Reads once and answers what is complete. Returns whether the connection stays.
    fn serve(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        match self.socket.read(&mut buffer)? {
            0 => return Ok(false),
            n => self.input.extend_from_slice(&buffer[..n]),
        }
        self.answer()
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
                    let response = Response::text("200 OK", format!("{} bytes\n", request.body.len()));
                    (response.encode(Some(&request)), request.keep_alive)
                }
                Err(refusal) => (refusal.encode(None), false),
            };
            self.socket.write_all(&response)?; // may be WouldBlock too: step 17
            if !keep {
                return Ok(false); // without stages; they return in step 18
            }
        }
    }
}
