//! Side step: two loops on one port.
//!
//! New     With SO_REUSEPORT several sockets listen on the same port, and the kernel distributes the
//!         connections. Each worker has its own listener and its own loop, and they share nothing:
//!         event loops of one thread use several processors like this.
//! Try     for i in $(seq 40); do curl -sS 127.0.0.1:8000/; done
//! Expect  exit 0; logs `worker 1: `; logs `worker 2: `
//! Break   Let worker 1 sleep for a minute in a request. Which clients have to wait, although worker 2
//!         is idle?

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use socket2::{Domain, Socket, Type};

const WORKERS: usize = 2;

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into()).parse().map_err(io::Error::other)?;
    let first = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let address = first.local_addr()?; // with port 0, the first listener decides for all
    let others = (1..WORKERS).map(|_| listen(address)).collect::<io::Result<Vec<_>>>()?;
    println!("listening on {address}");
    thread::scope(|scope| {
        for (number, listener) in std::iter::once(first).chain(others).enumerate() {
            scope.spawn(move || work(number + 1, &listener));
        }
    });
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.set_reuse_address(true)?;
    listener.set_reuse_port(true)?; // before bind(), and on every socket of the port
    listener.bind(&address.into())?;
    listener.listen(128)?;
    Ok(listener.into())
}

/// The loop of one worker. A blocking one is enough here; the library has an event loop in each.
fn work(number: usize, listener: &TcpListener) {
    for client in listener.incoming() {
        if let Err(error) = client.and_then(|client| serve(number, client)) {
            println!("  {error}");
        }
    }
}

fn serve(number: usize, mut client: TcpStream) -> io::Result<()> {
    let n = client.read(&mut [0; 1024])?;
    println!("worker {number}: a request of {n} bytes");
    let body = format!("worker {number}\n");
    let length = body.len();
    let response = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    client.write_all(response.as_bytes())
}
