//! Step 07: send the length of the response.
//!
//! Fails   A response of step 06 ends when the connection ends. A client cannot distinguish a
//!         complete body from a truncated one, and the response to HEAD has a body.
//! New     Content-Length in the response. A response to HEAD and a 204 have no body. Date, which
//!         a server with a clock must send (RFC 9110 §6.6.1).
//! Try     wirelight poke :8000 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'
//! Expect  prints `Content-Length: 8`; prints `Date: `; prints no `0 bytes␊`
//! On 06   prints `0 bytes␊`
//!
//! Try     curl -sS -i 127.0.0.1:8000/empty
//! Expect  exit 0; prints `204 No Content`; prints no `Content-Length`
//! On 06   prints `200 OK`
//!
//! With    --off-by-two
//! Try     curl -sS 127.0.0.1:8000/
//! Expect  exit 18; prints `0 bytes`
//! On 06   exit 0
//! Break   curl -sS -w '%{num_connects} new connection\n' 127.0.0.1:8000/ 127.0.0.1:8000/
//!         The length now ends the response. Why does the connection still end with it?

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::time::SystemTime;

use blocking::{close_in_stages, read_more};
use date::date;
use httparse::{EMPTY_HEADER, Status};

#[path = "blocking.rs"]
mod blocking;
#[path = "date.rs"]
mod date;

/// Why a request is refused: the status and a sentence.
type Refusal = (&'static str, String);

struct Head {
    length: usize,
    path: String,
    body_length: usize,
}

pub fn main() -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or("8000".into());
    // A frequent mistake: a browser shows the page and goes on loading.
    let excess = if std::env::args().any(|argument| argument == "--off-by-two") { 2 } else { 0 };
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, from) = listener.accept()?;
        println!("accept() = a connection from {from}");
        if let Err(error) = serve(client, excess) {
            println!("  {error}");
        }
    }
}

fn serve(mut client: TcpStream, excess: usize) -> io::Result<()> {
    let mut input = Vec::new();
    let (status, body) = loop {
        match parse(&input) {
            Ok(Some(head)) if input.len() - head.length >= head.body_length => match head.path.as_str() {
                "/empty" => break ("204 No Content", String::new()),
                _ => break ("200 OK", format!("{} bytes\n", head.body_length)),
            },
            Ok(_) => read_more(&mut client, &mut input)?,
            Err(refusal) => break refusal,
        }
    };
    println!("  {status}");
    let response = response(status, &body, input.starts_with(b"HEAD "), excess);
    client.write_all(response.as_bytes())?;
    close_in_stages(client)
}

fn response(status: &str, body: &str, is_head: bool, excess: usize) -> String {
    let mut text = format!("HTTP/1.1 {status}\r\nDate: {}\r\nConnection: close\r\n", date(SystemTime::now()));
    if !status.starts_with("204") {
        text += &format!("Content-Length: {}\r\n", body.len() + excess); // a 204 has none (RFC 9110 §8.6)
    }
    text += "\r\n";
    if !is_head {
        text += body; // HEAD has the Content-Length of GET, and no body
    }
    text
}

fn parse(input: &[u8]) -> Result<Option<Head>, Refusal> {
    let mut fields = [EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(input) {
        Ok(Status::Partial) => Ok(None),
        Ok(Status::Complete(length)) => {
            let path = request.path.unwrap_or_default().to_owned();
            Ok(Some(Head { length, path, body_length: body_length(&request)? }))
        }
        Err(error) => Err(("400 Bad Request", format!("byte {}: {error}\n", bad_byte(input)))),
    }
}

/// Returns the position of the byte that makes httparse fail.
fn bad_byte(input: &[u8]) -> usize {
    let is_error = |end: &usize| httparse::Request::new(&mut [EMPTY_HEADER; 64]).parse(&input[..*end]).is_err();
    (1..input.len()).find(is_error).unwrap_or(input.len()) - 1
}

/// Decides how long the body is. Without Content-Length there is none.
fn body_length(request: &httparse::Request<'_, '_>) -> Result<usize, Refusal> {
    let values = |name: &str| {
        let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        fields.map(|field| field.value).collect::<Vec<_>>()
    };
    if !values("transfer-encoding").is_empty() {
        return Err(("501 Not Implemented", "this step reads Content-Length only\n".into()));
    }
    match *values("content-length") {
        [] => Ok(0),
        [value] if value.iter().all(u8::is_ascii_digit) => {
            let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            number.ok_or(("400 Bad Request", "Content-Length is empty or too large\n".into()))
        }
        _ => Err(("400 Bad Request", "Content-Length must be one number\n".into())),
    }
}
