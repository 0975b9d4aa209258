//! Step 02: close without a response.
//!
//! Fails   Step 01 always responds. A server with a bug often does not, and the client then reports
//!         one of two errors. Which one depends on how the connection was closed.
//! New     If the server has read every byte, close() makes the kernel send FIN: the stream ends
//!         here. If bytes are left unread, the kernel sends RST: the connection has failed.
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 52; logs `read() = `
//! On 01   exit 0; prints `hello`
//!
//! With    --unread
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 56; logs `peek() = `
//! On 01   exit 0; prints `hello`
//! Break   Give `read` a buffer of 10 bytes, so that it reads a part of the request. Which of the two
//!         exit codes do you expect?

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    let unread = std::env::args().any(|argument| argument == "--unread");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, from) = listener.accept()?;
        println!("accept() = a connection from {from}");
        if let Err(error) = say_nothing(client, unread) {
            println!("  {error}");
        }
    }
}

fn say_nothing(mut client: TcpStream, unread: bool) -> io::Result<()> {
    let mut buffer = [0; 1024];
    if unread {
        // peek() waits for bytes as read() does, and leaves them in the kernel.
        println!("  peek() = {} bytes; close() with all of them unread", client.peek(&mut buffer)?);
    } else {
        println!("  read() = {} bytes; close() with nothing unread", client.read(&mut buffer)?);
    }
    Ok(())
}
