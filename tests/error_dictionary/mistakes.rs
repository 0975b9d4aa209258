//! A server that makes one mistake at a time, on plain blocking sockets, without the library.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// One mistake, at the path of its name.
pub struct Mistake {
    pub name: &'static str,
    /// What is on the wire.
    pub what: &'static str,
    /// What is sent when the request was read.
    answer: &'static str,
    then: Then,
}

/// What happens to the connection after the response.
enum Then {
    /// Left open until the client has had enough.
    Open,
    Close,
    /// Closed while bytes of the request were not read: the kernel makes a reset of it.
    CloseUnread,
}

const fn mistake(name: &'static str, what: &'static str, answer: &'static str, then: Then) -> Mistake {
    Mistake { name, what, answer, then }
}

/// In the order of the page. The 85 bytes are the ones of the experiment.
pub const MISTAKES: &[Mistake] = &[
    mistake("not-http", "The first bytes are not `HTTP/`.", "hello, world\n", Then::Close),
    mistake(
        "no-blank-line",
        "The head does not end: the body runs into it.",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nhello, world\r\n",
        Then::Close,
    ),
    mistake(
        "no-blank-line-open",
        "The head does not end, and the connection stays open.",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n",
        Then::Open,
    ),
    mistake("two-bytes-short", "`Content-Length: 87`, 85 bytes, then the connection is closed.", SHORT, Then::Close),
    mistake(
        "two-bytes-short-open",
        "`Content-Length: 87`, 85 bytes, and the connection stays open.",
        SHORT,
        Then::Open,
    ),
    mistake(
        "two-bytes-long",
        "`Content-Length` smaller than the body: the rest corrupts the next response.",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello!",
        Then::Close,
    ),
    mistake(
        "no-length-open",
        "No length, and the connection stays open: nothing ends the body.",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello\n",
        Then::Open,
    ),
    mistake(
        "no-last-chunk",
        "Chunks without the last one, then the connection is closed.",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        Then::Close,
    ),
    mistake(
        "decimal-chunk-size",
        "A chunk of 26 bytes says `26`, which means 38.",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n26\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n",
        Then::Open,
    ),
    mistake(
        "no-chunk-size",
        "Chunked, but the body begins with its content.",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nworld\r\n0\r\n\r\n",
        Then::Close,
    ),
    mistake("no-answer", "The request is read and never answered.", "", Then::Open),
    mistake("empty-answer", "The request is read, and the connection closed without a byte.", "", Then::Close),
    mistake("closed-unread", "Closed with a part of the request unread: a reset.", "", Then::CloseUnread),
    mistake("bare-lf", "Lines end with LF alone.", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", Then::Close),
    mistake(
        "length-and-chunks",
        "`Content-Length` and `Transfer-Encoding` together.",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        Then::Close,
    ),
    mistake(
        "body-for-head",
        "The answer to HEAD has a body.",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        Then::Close,
    ),
];

const SHORT: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 87\r\n\r\n\
    {\"port\":\"Brest\",\"high\":\"06:12\",\"low\":\"12:31\",\"metres\":7.1,\"note\":\"85 bytes, not 87.\"}";

/// To every other path.
const NO_MISTAKE: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 15\r\nConnection: close\r\n\r\nno mistake here";

/// Makes the mistake that each request asks for, in a loop.
pub fn serve(listener: &TcpListener, made: impl Fn(&'static Mistake) + Clone + Send + 'static) {
    for stream in listener.incoming().flatten() {
        let made = made.clone();
        // A client that goes away early is part of the lesson.
        std::thread::spawn(move || drop(blunder(stream, made)));
    }
}

fn blunder(mut stream: TcpStream, made: impl Fn(&'static Mistake)) -> io::Result<()> {
    let mut start = [0; 64];
    let n = stream.peek(&mut start)?;
    let line = String::from_utf8_lossy(&start[..n]).into_owned();
    let name = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let Some(mistake) = MISTAKES.iter().find(|mistake| mistake.name == name) else {
        read_head(&mut stream)?;
        return stream.write_all(NO_MISTAKE);
    };
    if matches!(mistake.then, Then::CloseUnread) {
        stream.read_exact(&mut [0; 8])?;
        made(mistake);
        return Ok(());
    }
    read_head(&mut stream)?;
    stream.write_all(mistake.answer.as_bytes())?;
    made(mistake);
    if matches!(mistake.then, Then::Open) {
        io::copy(&mut stream, &mut io::sink())?;
    }
    stream.shutdown(Shutdown::Write)
}

fn read_head(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16 * 1024 && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    Ok(())
}
