//! Reads a form part by part while it arrives, through one buffer.

use std::io::{self, BufRead, ErrorKind, Read};
use std::ops::Range;
use std::path::Path;

use super::head::PartHead;
use super::scanner::{Scanner, Step};
use super::{MAX_PARTS, MultipartError};
use crate::request::Request;
use crate::request::body_reader::BodyReader;
use crate::request::save::save;
use crate::response::error::Result;

/// Bytes of a form that are in memory. The head of a part and a boundary with its padding fit in.
const BUFFER: usize = 64 * 1024;

/// A form whose parts are read one after the other, from [`Request::multipart`].
///
/// It has a buffer of 64 KiB, however large the parts are.
pub struct Multipart<'r> {
    body: BodyReader<'r>,
    window: Window,
}

/// A part of a form that is read while it arrives, from [`Multipart::next_part`]: what its head says,
/// and a reader of its data.
///
/// A read fails as one of a [`BodyReader`] does, and with [`InvalidData`](ErrorKind::InvalidData) if
/// the form ends without its last boundary or the part is too large. With `?` it becomes a 400 or a
/// 413.
pub struct PartReader<'m> {
    head: PartHead,
    body: &'m mut dyn Read,
    window: &'m mut Window,
}

impl Request<'_> {
    /// Returns the form of this request, to read its parts while they arrive. That needs a
    /// [`streaming`](crate::Route::streaming) route, whose [`max_body`](crate::Route::max_body)
    /// limits all parts together; on other routes the form has arrived already, and
    /// [`parts`](Request::parts) returns all of them. Each byte of a streamed body is read once.
    ///
    /// ```
    /// use wirelight::{App, Error, Request, Result};
    ///
    /// /// Saves each file under a number, and returns the title with the sizes.
    /// fn upload(req: &Request) -> Result<String> {
    ///     let (mut title, mut sizes) = (String::new(), Vec::new());
    ///     let mut form = req.multipart()?.max_part_bytes(1 << 30).max_parts(10);
    ///     while let Some(mut part) = form.next_part()? {
    ///         match part.name() {
    ///             "title" => title = part.text(1000)?,
    ///             "photo" => {
    ///                 let path = std::env::temp_dir().join(format!("doc-{}.photo", sizes.len())); // never the client's name
    ///                 sizes.push(part.save_to(&path)?);
    ///                 # std::fs::remove_file(&path)?;
    ///             }
    ///             _ => {} // the rest of a part is skipped
    ///         }
    ///     }
    ///     Ok(format!("{title}: {sizes:?}"))
    /// }
    ///
    /// let mut app = App::new();
    /// app.post("/photos", upload).streaming().max_body(5 << 30);
    /// let client = app.test();
    /// let form = client.post("/photos").part("title", "Lake").file("photo", "../a.png", "image/png", b"1234");
    /// assert_eq!(form.send().text(), "Lake: [4]");
    /// ```
    ///
    /// # Errors
    /// 415 when the Content-Type is not `multipart/form-data` with a boundary, or when the body has
    /// a Content-Encoding.
    pub fn multipart(&self) -> Result<Multipart<'_>> {
        self.check_unencoded()?;
        let boundary = self.boundary().ok_or_else(MultipartError::unsupported)?;
        Ok(Multipart { window: Window::new(&boundary), body: self.body_reader() })
    }
}

impl Multipart<'_> {
    /// Sets the maximum number of parts, 1,000 otherwise. More are a 413.
    #[must_use]
    pub fn max_parts(mut self, parts: usize) -> Self {
        self.window.scanner.set_max_parts(parts);
        self
    }

    /// Sets the maximum size of a part's data in bytes, unlimited otherwise. More are a 413, in
    /// parts that are skipped too.
    #[must_use]
    pub fn max_part_bytes(mut self, bytes: u64) -> Self {
        self.window.max_part = bytes;
        self
    }

    /// Returns the next part as soon as its head has arrived; `None` after the last one, when the
    /// body has been read to its end. What was not read of the part before is skipped.
    ///
    /// A form is valid only if this returns `None`: what its parts said is to be undone after an
    /// error.
    ///
    /// # Errors
    /// 400 when the form is malformed, with the reason in [`details`](crate::Error::details); 413 when it
    /// has too many parts, a part is too large or its head exceeds 8 KiB; an error of the body, as
    /// for [`body_reader`](Request::body_reader).
    pub fn next_part(&mut self) -> Result<Option<PartReader<'_>>> {
        let Multipart { body, window } = self;
        let head = window.next_part(body)?;
        Ok(head.map(|head| PartReader { head, body, window }))
    }
}

impl PartReader<'_> {
    /// Returns the name of the field.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// Returns the name of the file on the client, as [`Part::filename`](crate::Part::filename)
    /// does. It is text, not a path.
    pub fn filename(&self) -> Option<&str> {
        self.head.filename.as_deref()
    }

    /// Returns the file's name without what could do harm, as
    /// [`Part::safe_filename`](crate::Part::safe_filename) does.
    pub fn safe_filename(&self) -> Option<String> {
        self.head.safe_filename()
    }

    /// Returns the media type that the client declared.
    pub fn content_type(&self) -> Option<&str> {
        self.head.content_type.as_deref()
    }

    /// Reads the rest of the data as text. Bytes that are not UTF-8 become U+FFFD, as in every
    /// form.
    ///
    /// # Errors
    /// 413 when it has more than `max` bytes; otherwise as a read.
    pub fn text(&mut self, max: usize) -> Result<String> {
        let mut bytes = Vec::new();
        loop {
            let piece = self.fill_buf()?;
            let length = piece.len();
            if length == 0 {
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
            bytes.extend_from_slice(piece);
            if bytes.len() > max {
                return Err(too_large(max as u64).error());
            }
            self.consume(length);
        }
    }

    /// Saves the rest of the data in a file, and returns its size in bytes. As
    /// [`BodyReader::save_to`].
    ///
    /// # Errors
    /// As [`BodyReader::save_to`], and as a read.
    pub fn save_to(&mut self, path: impl AsRef<Path>) -> Result<u64> {
        save(self, path.as_ref())
    }
}

impl BufRead for PartReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.window.data == 0 && self.window.scanner.is_in_part() {
            self.window.advance(self.body)?;
        }
        Ok(self.window.data())
    }

    fn consume(&mut self, count: usize) {
        self.window.consume(count);
    }
}

impl Read for PartReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

/// The bytes of the body that are at hand, and what is known of them.
struct Window {
    scanner: Scanner,
    buffer: Vec<u8>,
    /// The bytes of the buffer that are not read.
    unread: Range<usize>,
    /// How many of them are data of the current part.
    data: usize,
    /// The body has no more bytes.
    complete: bool,
    max_part: u64,
    /// Bytes that the current part may still have.
    allowed: u64,
}

impl Window {
    fn new(boundary: &str) -> Window {
        Window {
            scanner: Scanner::new(boundary, MAX_PARTS),
            buffer: vec![0; BUFFER],
            unread: 0..0,
            data: 0,
            complete: false,
            max_part: u64::MAX,
            allowed: 0,
        }
    }

    fn data(&self) -> &[u8] {
        self.unread().get(..self.data).unwrap_or_default()
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.unread.clone()).unwrap_or_default()
    }

    /// Removes bytes of the data, at most all of it.
    fn consume(&mut self, count: usize) {
        let count = count.min(self.data);
        self.data -= count;
        self.unread.start += count;
    }

    /// Skips the rest of a part, and reads the head of the next one.
    fn next_part(&mut self, body: &mut dyn Read) -> io::Result<Option<PartHead>> {
        loop {
            self.consume(usize::MAX);
            match self.advance(body)? {
                Step::Part(head, _) => return Ok(Some(head)),
                Step::End => return Ok(None),
                Step::More | Step::Skip(_) | Step::Data(_) => {}
            }
        }
    }

    /// Takes the next step of the scanner. Reads the body until there are enough bytes for it. All
    /// data must be consumed.
    fn advance(&mut self, body: &mut dyn Read) -> io::Result<Step> {
        loop {
            let bytes = self.buffer.get(self.unread.clone()).unwrap_or_default();
            let step = self.scanner.step(bytes, self.complete).map_err(MultipartError::into_io)?;
            match step {
                Step::More => {
                    self.fill(body)?;
                    continue;
                }
                Step::Data(length) => {
                    let allowed = self.allowed.checked_sub(length as u64);
                    self.allowed = allowed.ok_or_else(|| too_large(self.max_part).into_io())?;
                    self.data = length;
                }
                Step::Part(_, length) => {
                    self.allowed = self.max_part;
                    self.unread.start += length;
                }
                Step::Skip(length) => self.unread.start += length,
                Step::End => {}
            }
            return Ok(step);
        }
    }

    /// Reads what has arrived, after the unread bytes.
    fn fill(&mut self, body: &mut dyn Read) -> io::Result<()> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        let count = body.read(self.buffer.get_mut(self.unread.end..).unwrap_or_default())?;
        self.unread.end += count;
        self.complete = count == 0;
        Ok(())
    }
}

#[cold]
fn too_large(max: u64) -> MultipartError {
    MultipartError::TooLarge(format!("A part of the form has {max} bytes at most."))
}

impl MultipartError {
    /// Returns it as an error of a read, which `?` turns into the error for the client.
    #[cold]
    fn into_io(self) -> io::Error {
        io::Error::new(ErrorKind::InvalidData, self.error().into_std())
    }
}

/// Reads a form with this boundary whose bytes arrive in these pieces.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_pieces(boundary: &str, pieces: &mut dyn Iterator<Item = &[u8]>) -> Result<Vec<(PartHead, Vec<u8>)>> {
    let mut body = Pieces { current: &[], pieces };
    let (mut window, mut parts) = (Window::new(boundary), Vec::new());
    while let Some(head) = window.next_part(&mut body)? {
        let mut part = PartReader { head, body: &mut body, window: &mut window };
        let mut data = Vec::new();
        part.read_to_end(&mut data)?;
        parts.push((part.head, data));
    }
    Ok(parts)
}

/// A body of which each read returns bytes of one piece.
#[cfg(any(test, fuzzing))]
struct Pieces<'p, 'i> {
    current: &'p [u8],
    pieces: &'i mut dyn Iterator<Item = &'p [u8]>,
}

#[cfg(any(test, fuzzing))]
impl Read for Pieces<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            let Some(next) = self.pieces.next() else { return Ok(0) };
            self.current = next;
        }
        self.current.read(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::error::Error;

    /// A part of 16 MiB that comes as fast as it is read.
    struct Endless(u64);

    impl Read for Endless {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = out.len().min(usize::try_from(self.0).unwrap());
            out[..count].fill(b'\r');
            self.0 -= count as u64;
            Ok(count)
        }
    }

    #[test]
    fn a_large_part_takes_one_buffer() {
        let head: &[u8] = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n";
        let mut body = head.chain(Endless(16 << 20)).chain(&b"\r\n--x--"[..]);
        let mut window = Window::new("x");
        let head = window.next_part(&mut body).unwrap().unwrap();
        let mut part = PartReader { head, body: &mut body, window: &mut window };
        let mut size = 0;
        while !part.fill_buf().unwrap().is_empty() {
            let length = part.fill_buf().unwrap().len();
            part.consume(length);
            size += length;
        }
        assert_eq!((size, part.window.buffer.capacity()), (16 << 20, BUFFER));
        assert!(window.next_part(&mut body).unwrap().is_none());
    }

    #[test]
    fn an_error_comes_again() {
        let mut body: &[u8] = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n12";
        let mut window = Window::new("x");
        window.next_part(&mut body).unwrap();
        for _ in 0..2 {
            let error = window.next_part(&mut body).unwrap_err();
            assert_eq!((error.kind(), Error::from(error).status().as_u16()), (ErrorKind::InvalidData, 400));
        }
    }
}
