//! A server on a real socket in this process, and a client for it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;

use wirelight::{App, Handle, Server};

use super::bounded;
use super::recorded::Recorded;

/// A server on a free port, in a thread of its own. Stops when it is dropped, and fails the test if it panicked.
pub struct TestServer {
    pub address: SocketAddr,
    pub handle: Handle,
    pub thread: Option<JoinHandle<io::Result<()>>>,
}

impl TestServer {
    pub fn start(app: App) -> TestServer {
        TestServer::with(app, |server| server)
    }

    /// Starts a server with options.
    pub fn with(app: App, options: impl FnOnce(Server) -> Server) -> TestServer {
        let server = options(Server::bind("127.0.0.1:0").unwrap().signals(false)).recorded();
        let (address, handle) = (server.local_addr(), server.handle());
        TestServer { address, handle, thread: Some(std::thread::spawn(move || server.run(app))) }
    }

    pub fn connect(&self) -> Client {
        Client(BufReader::new(bounded::connect(self.address)))
    }

    /// Waits for the end of `Server::run` and returns its result.
    pub fn ended(mut self) -> io::Result<()> {
        bounded::joined(self.thread.take().unwrap()).unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.handle.stop_now();
        if let Some(thread) = self.thread.take() {
            if std::thread::panicking() {
                return bounded::left(thread);
            }
            assert!(bounded::joined(thread).is_ok(), "the server panicked");
        }
    }
}

/// A connection.
pub struct Client(pub BufReader<TcpStream>);

/// A response with a Content-Length.
pub struct Reply {
    pub status: u16,
    /// Whether it has `Connection: close`.
    pub closes: bool,
    pub body: String,
}

impl Client {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Reads a head.
    pub fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "closed within a head: {head:?}");
        }
        head
    }

    /// Reads a response that has a Content-Length.
    pub fn response(&mut self) -> Reply {
        let head = self.head();
        let length = head.split_once("Content-Length: ").unwrap().1.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        let closes = head.contains("\r\nConnection: close\r\n");
        Reply { status: head[9..12].parse().unwrap(), closes, body: String::from_utf8(body).unwrap() }
    }

    /// Reads a response that has a Content-Length; returns its status and body.
    pub fn reply(&mut self) -> (u16, String) {
        let reply = self.response();
        (reply.status, reply.body)
    }
}
