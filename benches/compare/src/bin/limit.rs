//! The limit of `benches/compare/run`: a server that parses and checks nothing, with the fewest system calls.
//!
//! It looks for the end of a head, answers `/files/NAME` with `sendfile` from files that it has open already, and all else
//! with one fixed response. A body is read into one buffer, over what was there; chunks are not decoded. It expects one
//! request at a time from a client. Linux only.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, SockRef, Socket, Type};

const LISTENER: Token = Token(usize::MAX);
const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nServer: limit\r\nDate: Sun, 22 Nov 2026 09:00:00 GMT\r\n\
    Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
/// Bytes of one read.
const READ: usize = 256 << 10;
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// The kernel waits for the rest before it sends a segment.
const MSG_MORE: i32 = 0x8000;

struct Page {
    head: Vec<u8>,
    file: File,
    length: usize,
}

/// The places of the files by their targets.
type Names = HashMap<Vec<u8>, usize>;

/// What follows the bytes that were read of a request.
enum Rest {
    Nothing,
    Bytes(usize),
    /// Chunks, to the last one: the last bytes so far.
    Chunks([u8; LAST_CHUNK.len()]),
}

struct Client {
    socket: TcpStream,
    rest: Rest,
    /// What is sent, and how many bytes of the file were.
    sending: Option<(usize, usize)>,
}

fn main() -> io::Result<()> {
    let workers = std::env::var("WORKERS").ok().and_then(|value| value.parse().ok()).unwrap_or(1);
    let running: Vec<_> = (0..workers).map(|_| std::thread::spawn(serve)).collect();
    running.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(io::Error::other("a panic"))))
}

fn serve() -> io::Result<()> {
    let (pages, names) = pages()?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let mut listener = listener()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut clients, mut buffer) = (Vec::<Option<Client>>::new(), vec![0; READ]);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut socket, _)) = listener.accept() {
                    let token = Token(clients.len());
                    poll.registry().register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
                    clients.push(Some(Client { socket, rest: Rest::Nothing, sending: None }));
                }
            } else if let Some(place) = clients.get_mut(event.token().0)
                && let Some(client) = place
                && client.advance(&pages, &names, &mut buffer).is_err()
            {
                *place = None;
            }
        }
    }
}

fn listener() -> io::Result<TcpListener> {
    let port = std::env::var("PORT").ok().and_then(|value| value.parse().ok()).unwrap_or(8000);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    socket.listen(4096)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// Opens the files, and finds their places by their targets.
fn pages() -> io::Result<(Vec<Page>, Names)> {
    let (mut pages, mut names) = (Vec::new(), HashMap::new());
    for entry in std::fs::read_dir(std::env::var("FILES").map_err(io::Error::other)?)? {
        let entry = entry?;
        let (file, length) = (File::open(entry.path())?, entry.metadata()?.len() as usize);
        let head = format!(
            "HTTP/1.1 200 OK\r\nServer: limit\r\nDate: Sun, 22 Nov 2026 09:00:00 GMT\r\n\
            Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
        );
        names.insert(format!("/files/{}", entry.file_name().display()).into(), pages.len());
        pages.push(Page { head: head.into(), file, length });
    }
    Ok((pages, names))
}

impl Client {
    fn advance(&mut self, pages: &[Page], names: &Names, buffer: &mut [u8]) -> io::Result<()> {
        if self.sending.is_some() {
            return self.send(pages);
        }
        loop {
            let read = match self.socket.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                read => read?,
            };
            let received = buffer.get(..read).unwrap_or_default();
            let begins = matches!(self.rest, Rest::Nothing);
            match &mut self.rest {
                Rest::Nothing => self.rest = rest(received)?,
                Rest::Bytes(missing) => *missing = missing.checked_sub(read).ok_or(ErrorKind::InvalidData)?,
                Rest::Chunks(last) => append(last, received),
            }
            let complete = match self.rest {
                Rest::Nothing => true,
                Rest::Bytes(missing) => missing == 0,
                Rest::Chunks(last) => last == LAST_CHUNK,
            };
            if complete {
                self.rest = Rest::Nothing;
                return if begins { self.respond(received, pages, names) } else { self.hello() };
            }
        }
    }

    fn hello(&mut self) -> io::Result<()> {
        SockRef::from(&self.socket).send(HELLO).map(drop)
    }

    fn respond(&mut self, request: &[u8], pages: &[Page], names: &Names) -> io::Result<()> {
        let target = request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let Some(page) = names.get(target) else { return self.hello() };
        SockRef::from(&self.socket).send_with_flags(&pages[*page].head, MSG_MORE)?;
        self.sending = Some((*page, 0));
        self.send(pages)
    }

    fn send(&mut self, pages: &[Page]) -> io::Result<()> {
        while let Some((page, sent)) = &mut self.sending {
            let Page { file, length, .. } = &pages[*page];
            match SockRef::from(&self.socket).sendfile(file, *sent, NonZeroUsize::new(*length - *sent)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                more => *sent += more?,
            }
            if sent == length {
                self.sending = None;
            }
        }
        Ok(())
    }
}

/// Returns what follows the head of a request and `received` bytes of its body.
fn rest(received: &[u8]) -> io::Result<Rest> {
    if received.ends_with(b"\r\n\r\n") && !received.starts_with(b"POST") {
        return Ok(Rest::Nothing);
    }
    let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or(ErrorKind::InvalidData)?;
    let head = std::str::from_utf8(&received[..end]).map_err(io::Error::other)?;
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    Ok(match length.map(|length| length.parse::<usize>().map_err(io::Error::other)).transpose()? {
        Some(length) => Rest::Bytes(length.checked_sub(received.len() - end - 4).ok_or(ErrorKind::InvalidData)?),
        None => {
            let mut last = [0; LAST_CHUNK.len()];
            append(&mut last, received);
            Rest::Chunks(last)
        }
    })
}

/// Keeps the last bytes.
fn append(last: &mut [u8], received: &[u8]) {
    let fresh = &received[received.len().saturating_sub(last.len())..];
    last.rotate_left(fresh.len());
    let kept = last.len() - fresh.len();
    last[kept..].copy_from_slice(fresh);
}
