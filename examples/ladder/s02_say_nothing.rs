//! Step 02: say nothing, and learn how clients complain.
//!
//! Fails   Step 01 answers. Most servers that you will debug do not, and curl's exit code says why.
//! New     There are two ways to close. If every byte was read, the kernel sends FIN: "that was
//!         all". If bytes are left unread, it sends RST: "something went wrong, forget it all".
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 52; logs `read() = `
//! On 01   exit 0; prints `hello`
//!
//! With    --unread
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 56; logs `peek() = `
//! On 01   exit 0; prints `hello`
//! Break   Read only a part: give `read` a buffer of 10 bytes. Which of the two exit codes is it?

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
