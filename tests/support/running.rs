//! A server on a real socket and a client that reads what it is told to: for tests that need threads or a kernel between the two.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;

use wirelight::{App, Handle, Server};

use super::bounded;

/// A server on a free port in a thread of its own, stopped when the test is over.
pub struct Running {
    pub address: SocketAddr,
    pub handle: Handle,
    pub thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    pub fn start(app: App) -> Running {
        Running::with(app, |server| server)
    }

    pub fn with(app: App, options: impl FnOnce(Server) -> Server) -> Running {
        let server = options(Server::bind("127.0.0.1:0").unwrap().signals(false));
        let (address, handle) = (server.local_addr(), server.handle());
        Running { address, handle, thread: Some(std::thread::spawn(move || server.run(app))) }
    }

    pub fn connect(&self) -> Client {
        Client(BufReader::new(bounded::connect(self.address)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.stop_now();
        if let Some(thread) = self.thread.take() {
            bounded::left(thread);
        }
    }
}

/// One connection.
pub struct Client(pub BufReader<TcpStream>);

impl Client {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    pub fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "closed in the middle of a head: {head:?}");
        }
        head
    }

    /// Status and body of an answer with a Content-Length.
    pub fn reply(&mut self) -> (u16, String) {
        let head = self.head();
        let length = head.split_once("Content-Length: ").unwrap().1.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (head[9..12].parse().unwrap(), String::from_utf8(body).unwrap())
    }
}
