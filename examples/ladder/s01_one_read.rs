//! Step 01: the same server with std.
//!
//! Fails   Nothing fails in step 00. It is long, and easy to get wrong.
//! New     `TcpListener::bind` makes calls 1, 2 and 3; the end of the scope makes call 7. Accept, read
//!         and write stay visible.
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 0; prints `hello`; logs `read() = `
//! On 00   exit 0; prints `hello`
//! Break   wirelight poke :8000 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' --every 1 --gap 20ms
//!         sends one byte at a time. After which byte does the response arrive?

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?; // socket, bind and listen
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, from) = listener.accept()?;
        println!("accept() = a connection from {from}");
        if let Err(error) = serve(client) {
            println!("  {error}");
        }
    }
}

fn serve(mut client: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    let n = client.read(&mut buffer)?; // 0 bytes: the client has closed its side
    println!("  read() = {n} bytes: {:?}", String::from_utf8_lossy(&buffer[..n]));
    client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello\n") // as many write() as it takes
} // `client` goes out of scope: close()
