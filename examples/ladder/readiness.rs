//! Sleeps until something happens, as steps 15 and 16 do. Step 18 and landing B use it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(0);

/// A poll with a listener in it.
pub struct Readiness {
    poll: Poll,
    /// None after [`Readiness::stop_accepting`].
    listener: Option<TcpListener>,
    /// The number of the last connection. None is used twice: a late event cannot hit another one.
    last: usize,
}

pub enum Event {
    /// A new connection. It is reported as ready when it is.
    New(usize, TcpStream),
    /// The connection with this number can be read or written, or both.
    Ready(usize),
}

impl Readiness {
    pub fn bind(port: &str) -> io::Result<Readiness> {
        let address = format!("127.0.0.1:{port}").parse().map_err(io::Error::other)?;
        let mut listener = TcpListener::bind(address)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Readiness { poll, listener: Some(listener), last: 0 })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.as_ref().ok_or(ErrorKind::NotConnected)?.local_addr()
    }

    /// Watches another socket. Returns the number under which it is reported.
    #[allow(dead_code, reason = "step 23 alone watches one")]
    pub fn watch(&mut self, socket: &mut impl mio::event::Source) -> io::Result<usize> {
        self.last += 1;
        self.poll.registry().register(socket, Token(self.last), Interest::READABLE)?;
        Ok(self.last)
    }

    /// Closes the listener: the kernel refuses further clients.
    #[allow(dead_code, reason = "step 18 never stops")]
    pub fn stop_accepting(&mut self) {
        self.listener = None;
    }

    /// Sleeps until there are events, or until the time is over.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Vec<Event>> {
        let mut events = Events::with_capacity(64);
        match self.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {} // by a signal: look again
            result => result?,
        }
        let mut found = Vec::new();
        for event in &events {
            match event.token() {
                LISTENER => self.accept(&mut found),
                token => found.push(Event::Ready(token.0)),
            }
        }
        Ok(found)
    }

    /// Accepts until WouldBlock. With edges, to be told of room that is not needed costs one event.
    fn accept(&mut self, found: &mut Vec<Event>) {
        while let Some(listener) = &self.listener {
            self.last += 1;
            let accepted = listener.accept().and_then(|(mut socket, _)| {
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut socket, Token(self.last), interest)?;
                Ok(socket)
            });
            match accepted {
                Ok(socket) => found.push(Event::New(self.last, socket)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => return println!("  {error}"),
            }
        }
    }
}
