//! One connection of landing B: its state, its deadline, its buffers.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use super::message::{self, Request, Response};
use super::states::State;

/// More input than this is never kept. Step 20 refuses earlier, and says why.
const LIMIT: usize = 4 * 1024 * 1024;
const IDLE: Duration = Duration::from_secs(3);
const REQUEST: Duration = Duration::from_secs(2);
const PROGRESS: Duration = Duration::from_secs(2);
const DRAIN: Duration = Duration::from_secs(1);

pub trait App {
    /// Looks at the beginning of a request, complete or not. A response refuses it.
    fn refuse(&self, _input: &[u8]) -> Option<Response> {
        None
    }

    fn handle(&self, request: &Request) -> Response;
}

pub struct Client {
    number: usize,
    socket: TcpStream,
    pub state: State,
    input: Vec<u8>,
    output: Vec<u8>,
    keep: bool,
    pub deadline: Instant,
}

impl Client {
    pub fn new(number: usize, socket: TcpStream) -> Client {
        let (state, input, output) = (State::Receive, Vec::new(), Vec::new());
        Client { number, socket, state, input, output, keep: true, deadline: Instant::now() + IDLE }
    }

    /// Works until the socket would block, or until the end.
    pub fn run(&mut self, app: &dyn App) {
        // A client that always has more to read may stay until its deadline.
        while self.state != State::Closed && Instant::now() < self.deadline {
            let result = match self.state {
                State::Receive => self.receive(app),
                State::Send => self.send(),
                State::Drain | State::Closed => self.read().map(drop),
            };
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.state.go(State::Closed, self.number),
            }
        }
    }

    /// Ends a state whose deadline has passed.
    pub fn time_out(&mut self, app: &dyn App) {
        println!("#{} {:?}: the deadline has passed", self.number, self.state);
        if self.state != State::Receive || self.is_idle() {
            return self.state.go(State::Closed, self.number);
        }
        (self.output, self.keep) = (Response::text("408 Request Timeout", "").encode(None), false);
        self.change(State::Send, PROGRESS);
        self.run(app);
    }

    pub fn is_idle(&self) -> bool {
        self.state == State::Receive && self.input.is_empty()
    }

    fn change(&mut self, to: State, timeout: Duration) {
        self.state.go(to, self.number);
        self.deadline = Instant::now() + timeout;
    }

    /// Makes the response if a request is complete, and else reads on.
    fn receive(&mut self, app: &dyn App) -> io::Result<()> {
        let parsed = app.refuse(&self.input).map_or_else(|| message::parse(&self.input), Err);
        (self.output, self.keep) = match parsed {
            Ok(Some((request, length))) => {
                self.input.drain(..length);
                println!("#{} {} {}", self.number, request.method, request.target);
                (app.handle(&request).encode(Some(&request)), request.keep_alive)
            }
            Ok(None) if self.input.len() > LIMIT => return Err(io::Error::other("the request is too large")),
            Ok(None) => {
                let (bytes, is_first) = (self.read()?, self.input.is_empty());
                self.input.extend(bytes);
                if is_first {
                    self.deadline = Instant::now() + REQUEST; // no byte renews it
                }
                return Ok(());
            }
            Err(refusal) => (refusal.encode(None), false),
        };
        self.change(State::Send, PROGRESS);
        Ok(())
    }

    /// Writes what fits.
    fn send(&mut self) -> io::Result<()> {
        let n = self.socket.write(&self.output)?;
        self.output.drain(..n);
        match (self.output.len(), self.keep) {
            (1.., _) => self.deadline = Instant::now() + PROGRESS,
            (0, true) => self.change(State::Receive, IDLE),
            (0, false) => {
                self.change(State::Drain, DRAIN);
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
