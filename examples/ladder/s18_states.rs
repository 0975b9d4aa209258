//! Step 18: one enum, one table.
//!
//! Fails   In step 17 four fields together are the state of a connection. Closing in stages would
//!         need a fifth, and nothing lists the valid combinations.
//! New     A connection has one state. `states.rs` has a table of all changes, and one function that
//!         makes them and checks the table. Closing in stages (step 04) returns as the state Drain.
//!         `readiness.rs` is the loop of steps 15 and 16.
//! With    --draw
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 0; prints `0 bytes`; logs `Drain -> Closed: the client closed or`;
//!         logs `#1 Receive -> Send: a response is ready`
//! On 17   exit 0; logs no `Receive -> Send`
//!
//! Try     wirelight poke :8000 'NONSENSE\r\n\r\n' --fill 200000B
//! Expect  prints `400 Bad Request`; prints `server FIN`; logs `#1 Send -> Drain`
//! On 17   prints `server RST`
//! Break   Make a change in `run` that is not in the table. Then connect and send nothing: in which
//!         state is the connection, and for how long?

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use message::Response;
use mio::net::TcpStream;
use readiness::{Event, Readiness};
use states::{State, TRANSITIONS};

#[path = "message.rs"]
mod message;
#[path = "readiness.rs"]
mod readiness;
#[path = "states.rs"]
mod states;

const LIMIT: usize = 4 * 1024 * 1024;

struct Client {
    number: usize,
    socket: TcpStream,
    state: State,
    input: Vec<u8>,
    output: Vec<u8>,
    keep: bool,
}

pub fn main() -> io::Result<()> {
    let mut readiness = Readiness::bind(&std::env::var("PORT").unwrap_or("8000".into()))?;
    println!("listening on {}", readiness.address()?);
    if std::env::args().any(|argument| argument == "--draw") {
        TRANSITIONS.iter().for_each(|(from, to, why)| println!("{from:?} -> {to:?}: {why}"));
    }
    let mut clients = HashMap::new();
    loop {
        for event in readiness.wait(None)? {
            match event {
                Event::New(number, socket) => {
                    let (state, input, output) = (State::Receive, Vec::new(), Vec::new());
                    clients.insert(number, Client { number, socket, state, input, output, keep: true });
                }
                Event::Ready(number) => {
                    let Some(client) = clients.get_mut(&number) else { continue };
                    if let Err(error) = client.run() {
                        println!("#{number} {error}");
                        client.state.go(State::Closed, number);
                    }
                    if client.state == State::Closed {
                        clients.remove(&number);
                    }
                }
            }
        }
    }
}

impl Client {
    /// Works until the socket would block, or until the end.
    fn run(&mut self) -> io::Result<()> {
        loop {
            let result = match self.state {
                State::Receive => self.receive(),
                State::Send => self.send(),
                State::Drain => self.read().map(drop),
                State::Closed => return Ok(()),
            };
            match result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                result => result?,
            }
        }
    }

    /// Makes the response if a request is complete, and else reads on.
    fn receive(&mut self) -> io::Result<()> {
        (self.output, self.keep) = match message::parse(&self.input) {
            Ok(None) if self.input.len() > LIMIT => return Err(io::Error::other("the request is too large")),
            Ok(None) => return self.read().map(|bytes| self.input.extend(bytes)),
            Ok(Some((request, length))) => {
                self.input.drain(..length);
                println!("#{} {} {}", self.number, request.method, request.target);
                let response = Response::text("200 OK", format!("{} bytes\n", request.body.len()));
                (response.encode(Some(&request)), request.keep_alive)
            }
            Err(refusal) => (refusal.encode(None), false),
        };
        self.state.go(State::Send, self.number);
        Ok(())
    }

    /// Writes what fits.
    fn send(&mut self) -> io::Result<()> {
        let n = self.socket.write(&self.output)?;
        self.output.drain(..n);
        match (self.output.len(), self.keep) {
            (1.., _) => {}
            (0, true) => self.state.go(State::Receive, self.number),
            (0, false) => {
                self.state.go(State::Drain, self.number);
                self.socket.shutdown(Shutdown::Write)?;
            }
        }
        Ok(())
    }

    /// Reads once. In the state Drain the bytes are dropped.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 16 * 1024];
        let n = self.socket.read(&mut buffer)?;
        buffer.truncate(n);
        if n == 0 {
            self.state.go(State::Closed, self.number);
        }
        Ok(buffer)
    }
}
