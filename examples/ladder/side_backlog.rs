//! Side step: the kernel connects before the program accepts.
//!
//! New     This program never calls accept(). The kernel completes connections and receives their
//!         bytes until the queue of listen(1) is full: "connected" does not mean that a program
//!         knows of the client. (Linux queues one connection more than the argument.)
//! Try     wirelight poke :8000 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
//! Expect  prints `connected to`; prints `nothing came`
//!
//! Also    2 times: wirelight poke :8000 GET --hold 60s
//! Try     wirelight poke :8000 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
//! Expect  exit 1; prints `cannot reach`; prints no `connected to`
//! Break   `ss -ltn sport = :8000` shows how many connections are in the queue (Recv-Q), and the
//!         argument of listen() (Send-Q).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into()).parse().map_err(io::Error::other)?;
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.set_reuse_address(true)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    listener.listen(1)?;
    let address = listener.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
    println!("listening on {address}");
    println!("accept() will never be called; Ctrl-C stops");
    loop {
        std::thread::park();
    }
}
