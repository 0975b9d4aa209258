//! Side step: the kernel accepts before you do.
//!
//! New     listen(1) is the last call of this program. The kernel makes connections all the same,
//!         and takes their bytes, until its queue is full. "Connected" does not mean that a program
//!         has seen you. (Linux holds one connection more than asked for.)
//! Try     curl -sS --max-time 2 -w '%{num_connects} connection\n' 127.0.0.1:8000/
//! Expect  exit 28; prints `1 connection`
//!
//! Also    2 times: wirelight poke :8000 GET --hold 60s
//! Try     curl -sS --max-time 2 -w '%{num_connects} connection\n' 127.0.0.1:8000/
//! Expect  exit 28; prints `0 connection`
//! Break   Look at the queue: `ss -ltn sport = :8000` shows how many wait in it (Recv-Q), and how
//!         many fit (Send-Q).

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
