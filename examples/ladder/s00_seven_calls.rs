//! Step 00: a server is seven system calls.
//!
//! New     socket, bind, listen; then for each client accept, read, write, close. socket2 has one
//!         method a call, and the program prints what each call returns.
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 0; prints `hello`; logs `1 socket() = `; logs `2 bind(`; logs `3 listen(`;
//!         logs `4 accept() = `; logs `5 read(`; logs `6 write(`; logs `7 close(`
//! Break   Leave out call 6, the write. What does curl report? Then leave out call 5 too, and ask ten
//!         times: why is it sometimes another error? Step 02 explains both.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;

use socket2::{Domain, Socket, Type};

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into()).parse().map_err(io::Error::other)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port)); // port 0 means: any free one
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?; // a stream socket: TCP
    listener.set_reuse_address(true)?; // side step `address_in_use` shows why
    listener.bind(&address.into())?; // now it has an address
    listener.listen(128)?; // now the kernel accepts connections, even while this program is busy
    let address = listener.local_addr()?.as_socket().unwrap_or(address);
    println!("listening on {address}");
    println!("1 socket() = {}", listener.as_raw_fd());
    println!("2 bind({address}) = 0");
    println!("3 listen(128) = 0");
    loop {
        if let Err(error) = serve_one(&listener) {
            println!("  {error}"); // this client failed; the next one may not
        }
    }
}

fn serve_one(listener: &Socket) -> io::Result<()> {
    let (mut client, _) = listener.accept()?; // sleeps until there is a connection
    let number = client.as_raw_fd(); // a file descriptor, and not the listener's: a second socket
    println!("4 accept() = {number}");
    let mut buffer = [0; 1024];
    let n = client.read(&mut buffer)?; // sleeps until bytes arrive
    println!("5 read({number}) = {n} bytes: {:?}", String::from_utf8_lossy(&buffer[..n]));
    let response = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello\n";
    let n = client.write(response)?;
    println!("6 write({number}) = {n} bytes");
    drop(client); // a socket that goes out of scope is closed
    println!("7 close({number}) = 0");
    Ok(())
}
