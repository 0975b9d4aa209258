//! Side step: two small writes take 40 ms.
//!
//! New     The kernel holds a second small write until the first is acknowledged (Nagle's algorithm),
//!         and the other side delays its acknowledgement by up to 40 ms (delayed ACK). One write
//!         avoids it; so does TCP_NODELAY. The program measures all three.
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 0; prints `two writes: `; prints `two writes, TCP_NODELAY: `; prints `one write: `
//! Break   Write in three pieces. Does it take 80 ms?

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Exchanges of one measurement; the middle one counts.
const ROUNDS: usize = 11;

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept()?;
        if let Err(error) = serve(client) {
            println!("  {error}");
        }
    }
}

/// Measures, and answers with the result.
fn serve(mut client: TcpStream) -> io::Result<()> {
    let n = client.read(&mut [0; 1024])?;
    println!("a request of {n} bytes; measuring");
    let mut body = String::new();
    for (name, writes, nodelay) in
        [("two writes", 2, false), ("two writes, TCP_NODELAY", 2, true), ("one write", 1, false)]
    {
        body += &format!("{name}: {:.2} ms\n", measure(writes, nodelay)?.as_secs_f64() * 1_000.0);
    }
    let length = body.len();
    let response = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    client.write_all(response.as_bytes())
}

/// Returns how long an exchange takes with a server that writes its response in pieces.
fn measure(writes: usize, nodelay: bool) -> io::Result<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    server.set_nodelay(nodelay)?;
    let (response, mut times) = (*b"HTTP/1.1 200 OK\r\n\r\n!", Vec::new());
    let pieces = response.chunks(response.len() / writes);
    thread::scope(|scope| {
        let server = scope.spawn(move || -> io::Result<()> {
            while server.read(&mut [0; 64])? > 0 {
                pieces.clone().try_for_each(|piece| server.write_all(piece))?;
            }
            Ok(())
        });
        for _ in 0..ROUNDS {
            let began = Instant::now();
            client.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
            client.read_exact(&mut [0; 20])?;
            times.push(began.elapsed());
        }
        drop(client);
        server.join().map_err(|_| io::Error::other("the server thread is gone"))?
    })?;
    times.sort();
    Ok(times[ROUNDS / 2])
}
