//! The bytes of the request, without holding a large body in memory.

use crate::options::Options;

/// Requests up to this size are one piece of memory, so that head and body leave in one write.
const MAX_WHOLE: usize = 2 << 20;
/// Bytes of a large body that are repeated.
const BLOCK: usize = 1 << 20;
/// Bytes of a chunk.
const CHUNK: usize = 64 << 10;

/// `head`, then `block` for `repeats` times, then `tail`.
pub struct Request {
    head: Vec<u8>,
    block: Vec<u8>,
    repeats: usize,
    tail: Vec<u8>,
}

impl Request {
    pub fn new(options: &Options) -> Request {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: localhost\r\n", options.method, options.path);
        options.fields.iter().for_each(|field| head.push_str(&format!("{field}\r\n")));
        let Some(body) = options.body else {
            return Request { head: (head + "\r\n").into(), block: Vec::new(), repeats: 0, tail: Vec::new() };
        };
        let (framing, whole, frame): (_, _, fn(usize) -> Vec<u8>) = match options.chunked {
            true => ("Transfer-Encoding: chunked".to_owned(), CHUNK, chunk),
            false => (format!("Content-Length: {body}"), BLOCK, |length| vec![b'x'; length]),
        };
        let mut tail = if body.is_multiple_of(whole) { Vec::new() } else { frame(body % whole) };
        tail.extend_from_slice(if options.chunked { b"0\r\n\r\n" } else { b"" });
        let request = Request {
            head: format!("{head}{framing}\r\n\r\n").into(),
            block: frame(whole),
            repeats: body / whole,
            tail,
        };
        if request.len() <= MAX_WHOLE { request.joined() } else { request }
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.head.len() + self.block.len() * self.repeats + self.tail.len()
    }

    /// Returns bytes that follow the first `sent` ones; none at the end.
    pub fn rest(&self, sent: usize) -> &[u8] {
        let body = sent.saturating_sub(self.head.len());
        let blocks = self.block.len() * self.repeats;
        let rest = match sent {
            _ if sent < self.head.len() => self.head.get(sent..),
            _ if body < blocks => self.block.get(body % self.block.len()..),
            _ => self.tail.get(body - blocks..),
        };
        rest.unwrap_or_default()
    }

    fn joined(mut self) -> Request {
        (0..self.repeats).for_each(|_| self.head.extend_from_slice(&self.block));
        self.head.append(&mut self.tail);
        Request { repeats: 0, ..self }
    }
}

fn chunk(length: usize) -> Vec<u8> {
    [format!("{length:x}\r\n").as_bytes(), &vec![b'x'; length], b"\r\n"].concat()
}
