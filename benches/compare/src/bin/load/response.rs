//! Finds the end of a response, by its Content-Length or its chunks.

use std::io;

/// Where in a response the next byte is.
#[derive(Default)]
pub struct Response {
    place: Place,
    /// Bytes of a head or a line that is not complete.
    partial: Vec<u8>,
    status: u16,
}

#[derive(Default)]
enum Place {
    #[default]
    Head,
    /// Bytes of a body or a chunk that are to come.
    Body(u64),
    Chunk(u64),
    ChunkSize,
    Trailer,
}

impl Response {
    /// Takes bytes. Returns the status when the response is complete.
    pub fn receive(&mut self, mut bytes: &[u8]) -> io::Result<Option<u16>> {
        while !bytes.is_empty() {
            let (taken, complete) = match self.place {
                Place::Head => self.head(bytes)?,
                Place::Body(left) => {
                    let taken = left.min(bytes.len() as u64);
                    self.place = Place::Body(left - taken);
                    (taken as usize, left == taken)
                }
                Place::Chunk(left) => {
                    let taken = left.min(bytes.len() as u64);
                    self.place = if left == taken { Place::ChunkSize } else { Place::Chunk(left - taken) };
                    (taken as usize, false)
                }
                Place::ChunkSize | Place::Trailer => self.line(bytes)?,
            };
            bytes = bytes.get(taken..).unwrap_or_default();
            if complete {
                let whole = bytes.is_empty();
                self.place = Place::Head;
                return if whole { Ok(Some(self.status)) } else { Err(broken("bytes follow the response")) };
            }
        }
        Ok(None)
    }

    /// Takes a head. Returns how many bytes of these it took, and whether the response is complete.
    fn head(&mut self, bytes: &[u8]) -> io::Result<(usize, bool)> {
        let before = self.partial.len();
        self.partial.extend_from_slice(bytes);
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = response.parse(&self.partial).map_err(io::Error::other)? else {
            return Ok((bytes.len(), false));
        };
        self.status = response.code.unwrap_or_default();
        self.place = Place::Body(0);
        for field in response.headers.iter() {
            if field.name.eq_ignore_ascii_case("Content-Length") {
                let value = std::str::from_utf8(field.value).ok().and_then(|value| value.parse().ok());
                self.place = Place::Body(value.ok_or_else(|| broken("Content-Length is not a number"))?);
            } else if field.name.eq_ignore_ascii_case("Transfer-Encoding") {
                self.place = Place::ChunkSize;
            }
        }
        self.partial.clear();
        Ok((length - before, matches!(self.place, Place::Body(0))))
    }

    /// Takes a line of the chunked coding. Returns as [`head`](Response::head).
    fn line(&mut self, bytes: &[u8]) -> io::Result<(usize, bool)> {
        let end = memchr::memchr(b'\n', bytes);
        let taken = end.map_or(bytes.len(), |end| end + 1);
        self.partial.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if end.is_none() {
            return Ok((taken, false));
        }
        let line = std::str::from_utf8(&self.partial).map_err(io::Error::other)?.trim_end();
        let trailer_ends = matches!(self.place, Place::Trailer) && line.is_empty();
        if matches!(self.place, Place::ChunkSize) && !line.is_empty() {
            let size = u64::from_str_radix(line, 16).map_err(io::Error::other)?;
            self.place = if size == 0 { Place::Trailer } else { Place::Chunk(size) };
        }
        self.partial.clear();
        Ok((taken, trailer_ends))
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
