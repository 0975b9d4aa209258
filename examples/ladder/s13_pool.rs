//! Step 13: a pool of threads.
//!
//! Fails   In step 12 the clients decide how many threads there are. Ten thousand silent connections
//!         need ten thousand stacks.
//! New     Four threads and a queue of connections. The cost has a limit, and so has the work: four
//!         slow clients stop the server. Many servers are built like this, with more threads.
//! Also    5 times: wirelight poke :8000 GET --hold 60s
//! Try     curl -sS --max-time 4 127.0.0.1:8000/
//! Expect  exit 28; logs no `thread 5: `
//! On 12   exit 0; logs `thread 5: `
//!
//! Also    3 times: wirelight poke :8000 GET --hold 60s
//! Try     curl -sS --max-time 4 127.0.0.1:8000/
//! Expect  exit 0; prints `0 bytes`; logs `thread `
//! On 12   exit 0; prints `0 bytes`
//! Break   Make the pool larger. How many silent clients stop it now? A browser opens up to six
//!         connections to a server and keeps them open.

use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use blocking::{close_in_stages, read_more};
use message::Response;

#[path = "blocking.rs"]
mod blocking;
#[path = "message.rs"]
mod message;

const THREADS: usize = 4;

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("listening on {}", listener.local_addr()?);
    // When the queue is full, send() sleeps, and further clients wait in the kernel.
    let (sender, queue) = mpsc::sync_channel(64);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        for number in 1..=THREADS {
            let queue = &queue;
            scope.spawn(move || work(number, queue));
        }
        loop {
            match listener.accept() {
                Ok((client, _)) => {
                    if sender.send(client).is_err() {
                        return Ok(()); // all threads are gone
                    }
                }
                Err(error) => println!("  {error}"),
            }
        }
    })
}

/// Serves one connection after the other.
fn work(number: usize, queue: &Mutex<Receiver<TcpStream>>) {
    loop {
        // One thread waits in recv(), the others for the lock.
        let next = queue.lock().map(|queue| queue.recv());
        let Ok(Ok(client)) = next else { return };
        println!("thread {number}: a client");
        if let Err(error) = serve(client) {
            println!("  {error}");
        }
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
