//! Step 12: a thread for each client.
//!
//! Fails   Step 11 serves one connection until it ends. A client that connects and sends nothing
//!         makes all others wait.
//! New     Each connection has a thread. A read() without data puts that thread to sleep, and the
//!         others run.
//! Also    wirelight poke :8000 GET --hold 60s
//! Try     curl -sS --max-time 4 127.0.0.1:8000/
//! Expect  exit 0; prints `0 bytes`; logs `thread 2: `
//! On 11   exit 28
//! Break   for i in $(seq 100); do wirelight poke :8000 GET --hold 60s & done
//!         Count the threads: `ps -o nlwp,vsz,rss -p PID`. What limits their number?

use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use blocking::{close_in_stages, read_more};
use message::Response;

#[path = "blocking.rs"]
mod blocking;
#[path = "message.rs"]
mod message;

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("listening on {}", listener.local_addr()?);
    for number in 1_u64.. {
        // thread::spawn would panic when the system has no more threads; the builder returns an error.
        let started = listener.accept().and_then(|(client, from)| {
            println!("thread {number}: a client from {from}");
            thread::Builder::new().spawn(move || report(serve(client)))
        });
        if let Err(error) = started {
            println!("  {error}"); // usually: too many open files
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

fn report(result: io::Result<()>) {
    if let Err(error) = result {
        println!("  {error}");
    }
}

fn serve(mut client: TcpStream) -> io::Result<()> {
    let mut input = Vec::new();
    while exchange(&mut client, &mut input)? {}
    close_in_stages(client)
}

/// One request and its response. Returns whether the connection stays.
fn exchange(client: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<bool> {
    let (request, length) = loop {
        match message::parse(input) {
            Ok(Some(parsed)) => break parsed,
            Ok(None) => match read_more(client, input) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && input.is_empty() => return Ok(false),
                result => result?,
            },
            Err(refusal) => {
                client.write_all(&refusal.encode(None))?;
                return Ok(false);
            }
        }
    };
    input.drain(..length);
    println!("  {} {}", request.method, request.target);
    let response = Response::text("200 OK", format!("{} bytes\n", request.body.len()));
    client.write_all(&response.encode(Some(&request)))?;
    Ok(request.keep_alive)
}
