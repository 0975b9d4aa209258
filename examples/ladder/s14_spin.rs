//! Step 14: never sleep in a call.
//!
//! Fails   Five silent clients stop step 13: each of its threads sleeps in a read().
//! New     Non-blocking sockets. read() and accept() return at once; the error WouldBlock means
//!         "nothing there now". One thread asks all connections in turn, and the price is a
//!         processor at 100 %.
//! Also    5 times: wirelight poke :8000 GET --hold 60s
//! Try     curl -sS --max-time 2 127.0.0.1:8000/
//! Expect  exit 0; prints `0 bytes`; logs `reads in vain`
//! On 13   exit 28; logs no `reads in vain`
//! Break   Look at `top`. Then let the loop sleep for 10 ms in each turn: the processor is idle
//!         again, and every request takes up to 10 ms longer. There is no good number.

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
    let (mut clients, mut vain) = (Vec::new(), 0_u64);
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
                vain += 1;
                if vain.is_multiple_of(100_000) {
                    println!("{vain} reads in vain");
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
