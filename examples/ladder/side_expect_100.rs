//! Side step: a client waits for permission to send its body.
//!
//! New     With `Expect: 100-continue` a client sends the head and waits for `100 Continue`, or for a
//!         final response, and then need not send the body (RFC 9110 §10.1.1). If the server sends
//!         neither, the body comes late: curl waits for a second, then sends it.
//! Try     wirelight poke :8000 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n'
//! Expect  prints `100 Continue`; prints no `200 OK`
//!
//! Try     curl -sS -H 'Expect: 100-continue' -d hello 127.0.0.1:8000/
//! Expect  exit 0; prints `5 bytes`
//!
//! Try     head -c 2000000 /dev/zero | curl -sS -o /dev/null -w '%{http_code}, %{size_upload} sent\n'
//!         --data-binary @- -H 'Expect: 100-continue' 127.0.0.1:8000/
//! Expect  exit 0; prints `413, 0 sent`
//!
//! With    --silent
//! Try     wirelight poke :8000 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n'
//! Expect  prints `nothing came`
//! Break   Remove the field from the third command: `-H Expect:`. How much is sent now?

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

const LIMIT: usize = 1024 * 1024;

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    let silent = std::env::args().any(|argument| argument == "--silent");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept()?;
        if let Err(error) = serve(client, silent) {
            println!("  {error}");
        }
    }
}

fn serve(mut client: TcpStream, silent: bool) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut input, mut buffer) = (Vec::new(), [0; 4096]);
    let (mut length, mut expects, mut head) = (0, false, None);
    while head.is_none_or(|head| input.len() < head + length) {
        let n = client.read(&mut buffer)?;
        if n == 0 || input.len() > LIMIT {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        input.extend_from_slice(&buffer[..n]);
        let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n").filter(|_| head.is_none()) else {
            continue;
        };
        head = Some(end + 4);
        let text = String::from_utf8_lossy(&input[..end]).to_ascii_lowercase();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        length = value("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
        expects = value("expect:") == Some("100-continue");
        if length > LIMIT {
            return respond(&mut client, "413 Content Too Large", "too large\n");
        }
        // Not if the body is coming already: then the client did not wait.
        if expects && !silent && input.len() < end + 4 + length {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?; // an interim response; the final one follows
        }
    }
    println!("a body of {length} bytes, {}", if expects { "after 100 Continue" } else { "without Expect" });
    respond(&mut client, "200 OK", &format!("{length} bytes\n"))
}

fn respond(client: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    client.write_all((head + body).as_bytes())?;
    client.shutdown(Shutdown::Write)?;
    while client.read(&mut [0; 4096])? > 0 {} // ends with the client, or with the read timeout
    Ok(())
}
