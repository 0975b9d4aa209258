//! Side step: address already in use.
//!
//! New     The side that closes a connection first keeps it for a minute (TIME_WAIT), so that late
//!         packets do not reach a new connection. A server that closes first cannot bind its port
//!         again in that time, unless it sets SO_REUSEADDR.
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 0; logs `bind() again: Address already in use`
//!
//! With    --reuse
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 0; logs `bind() again: it works`
//!
//! With    --client-first
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 0; logs `bind() again: it works`
//! Break   `ss -tan state time-wait` lists such connections. Connect a hundred times to step 01, and
//!         look again.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into()).parse().map_err(io::Error::other)?;
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), has("--reuse"))?;
    let address = listener.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
    println!("listening on {address}");
    let (mut client, _) = listener.accept()?;
    drop(listener);
    let mut buffer = [0; 1024];
    let n = client.read(&mut buffer)?;
    println!("read() = {n} bytes");
    // Without a length, the client waits for our FIN; with one, it closes as soon as it has six bytes.
    let end = if has("--client-first") { "Content-Length: 6" } else { "Connection: close" };
    client.write_all(format!("HTTP/1.1 200 OK\r\n{end}\r\n\r\nhello\n").as_bytes())?;
    if has("--client-first") {
        let n = client.read(&mut buffer)?;
        println!("read() = {n} bytes: the client has closed");
    }
    drop(client);
    // The last packets may be under way: try for half a second.
    let end = Instant::now() + Duration::from_millis(500);
    let mut again = bind(address, has("--reuse"));
    while again.is_err() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
        again = bind(address, has("--reuse"));
    }
    println!("bind() again: {}", again.err().map_or("it works".to_owned(), |error| error.to_string()));
    Ok(())
}

fn bind(address: SocketAddr, reuse: bool) -> io::Result<Socket> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.set_reuse_address(reuse)?; // std always says true
    listener.bind(&address.into())?;
    listener.listen(128)?;
    Ok(listener)
}
