//! One client: a socket, the request that it sends and the response that it reads.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::{ClientConnection, StreamOwned};

use crate::request::Request;
use crate::response::Response;
use crate::tls::Tls;

/// A socket, in the clear or under TLS.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

pub struct Client {
    stream: Stream,
    began: Instant,
    /// Bytes of the request that were sent.
    sent: usize,
    /// Bytes of the response that were read.
    received: u64,
    response: Response,
    /// The status of a response that is complete before its request is sent.
    early: Option<u16>,
}

pub enum Progress {
    Waits,
    /// The response is complete.
    Done {
        status: u16,
        bytes: u64,
        began: Instant,
    },
}

impl Client {
    /// Connects; the connection may be established later.
    pub fn connect(address: SocketAddr, tls: Option<&Tls>, registry: &Registry, token: Token) -> io::Result<Client> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let stream = match tls {
            None => Stream::Plain(socket),
            Some(tls) => Stream::Tls(Box::new(StreamOwned::new(tls.session()?, socket))),
        };
        let (began, response) = (Instant::now(), Response::default());
        Ok(Client { stream, began, sent: usize::MAX, received: 0, response, early: None })
    }

    /// Begins the next request. `began` is when it should have been sent.
    pub fn start(&mut self, request: &Request, began: Instant) -> io::Result<()> {
        (self.began, self.sent, self.received) = (began, 0, 0);
        self.send(request)
    }

    /// Sends and reads what the socket takes and has. A request is done when both it and its response are complete.
    pub fn advance(&mut self, request: &Request, buffer: &mut [u8]) -> io::Result<Progress> {
        self.send(request)?;
        while self.early.is_none() {
            match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.received += read as u64;
                    self.early = self.response.receive(buffer.get(..read).unwrap_or_default())?;
                    // A short read has emptied a socket, and saves a call.
                    if read < buffer.len() && matches!(self.stream, Stream::Plain(_)) {
                        break;
                    }
                }
                Err(error) if waits(&error) => break,
                Err(error) => return Err(error),
            }
        }
        match self.early {
            Some(status) if self.sent >= request.len() => {
                self.early = None;
                Ok(Progress::Done { status, bytes: self.received, began: self.began })
            }
            _ => Ok(Progress::Waits),
        }
    }

    fn send(&mut self, request: &Request) -> io::Result<()> {
        loop {
            let rest = request.rest(self.sent);
            if rest.is_empty() {
                return Ok(());
            }
            match self.stream.write(rest) {
                Ok(sent) => self.sent += sent,
                Err(error) if waits(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }
}

/// Whether the socket is busy, or not connected yet.
fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}
