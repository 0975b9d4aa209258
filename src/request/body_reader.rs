//! Reads the body of a request while it arrives.

use std::borrow::Cow;
use std::io::{self, BufRead, Cursor, Read};
use std::sync::Arc;

use super::Request;
use super::body_pipe::{BodyPiece, BodyPipe};

/// A reader of the body, from [`Request::body_reader`].
///
/// As [`Read`] it copies the bytes; as [`BufRead`] it lends them where they were received, which
/// suits a handler that only looks at them:
///
/// ```
/// use std::io::{self, BufRead};
/// use wirelight::{App, Request};
///
/// let mut app = App::new();
/// app.post("/lines", |req: &Request| -> io::Result<String> {
///     let (mut body, mut lines) = (req.body_reader(), 0);
///     loop {
///         let bytes = body.fill_buf()?;
///         if bytes.is_empty() {
///             return Ok(format!("{lines} lines"));
///         }
///         lines += bytes.iter().filter(|byte| **byte == b'\n').count();
///         let read = bytes.len();
///         body.consume(read);
///     }
/// })
/// .streaming();
/// assert_eq!(app.test().post("/lines").body("text/plain", "a\nb\n").send().text(), "2 lines");
/// ```
pub struct BodyReader<'r>(BodyReaderInner<'r>);

enum BodyReaderInner<'r> {
    Whole(Cursor<Cow<'r, [u8]>>),
    /// The pipe, and the bytes that it has lent.
    Pipe(Arc<BodyPipe>, Option<BodyPiece>),
}

impl Request<'_> {
    /// Returns a reader of the body. On a [`streaming`](crate::Route::streaming) route it waits for
    /// bytes as they arrive; on other routes the body has arrived already.
    ///
    /// A read fails if the body ends early, or is malformed, too large or too slow. The client then
    /// gets the matching error, whatever the handler returns, and the connection closes.
    ///
    /// A handler may return before it has read everything. If the rest has arrived, it is dropped.
    /// If not, the response has `Connection: close`, and the connection closes in stages (RFC 9112
    /// §9.6), so that a client that still sends can read the response. To respond and continue
    /// reading, use a [detached](BodyReader::detach) reader.
    pub fn body_reader(&self) -> BodyReader<'_> {
        match self.get::<Arc<BodyPipe>>() {
            Some(pipe) => BodyReader(BodyReaderInner::Pipe(pipe.clone(), None)),
            None => BodyReader(BodyReaderInner::Whole(Cursor::new(Cow::Borrowed(self.body())))),
        }
    }

    /// Makes a body that is here look like one that is still to come: only a reader sees it, and
    /// each byte once. A handler of a streaming route must not depend on how fast a client is.
    pub(crate) fn stream_body(&mut self) {
        if !self.body.is_empty() {
            let body = std::mem::take(&mut self.body);
            self.set(BodyPipe::complete(body));
        }
    }
}

impl BodyReader<'_> {
    /// Returns a reader for another thread, which may continue to read after the handler has
    /// returned, if the response is a [`stream`](crate::stream). The response begins while the body
    /// still arrives, and has `Connection: close`, since the body may not be read to its end. Many
    /// clients send the whole body before they read the response.
    ///
    /// If the body ends early, the response does not fail by itself:
    /// [`abort`](crate::Sender::abort) it if it has to be complete.
    ///
    /// ```
    /// use wirelight::{App, Request};
    ///
    /// let mut app = App::new();
    /// app.post("/echo", |req: &Request| {
    ///     let mut body = req.body_reader().detach();
    ///     let (mut sender, response) = wirelight::stream(64 * 1024);
    ///     std::thread::spawn(move || {
    ///         if let Err(error) = std::io::copy(&mut body, &mut sender) {
    ///             sender.abort(error);
    ///         }
    ///     });
    ///     response
    /// })
    /// .streaming();
    /// assert!(app.test().raw(b"POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi").ends_with(b"hi"));
    /// ```
    pub fn detach(self) -> BodyReader<'static> {
        BodyReader(match self.0 {
            BodyReaderInner::Whole(bytes) => {
                let at = bytes.position();
                let mut bytes = Cursor::new(Cow::Owned(bytes.into_inner().into_owned()));
                bytes.set_position(at);
                BodyReaderInner::Whole(bytes)
            }
            BodyReaderInner::Pipe(pipe, lent) => {
                pipe.detach();
                BodyReaderInner::Pipe(pipe, lent)
            }
        })
    }
}

impl Read for BodyReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            BodyReaderInner::Whole(bytes) => bytes.read(out),
            BodyReaderInner::Pipe(pipe, _) => pipe.read(out),
        }
    }
}

impl BufRead for BodyReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.0 {
            BodyReaderInner::Whole(bytes) => bytes.fill_buf(),
            BodyReaderInner::Pipe(pipe, lent) => {
                *lent = None; // first: the buffer can then be filled again
                *lent = pipe.lend()?;
                Ok(lent.as_ref().map_or(&[], BodyPiece::unread))
            }
        }
    }

    fn consume(&mut self, count: usize) {
        match &mut self.0 {
            BodyReaderInner::Whole(bytes) => bytes.consume(count),
            BodyReaderInner::Pipe(pipe, _) => pipe.consume(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, Read};

    use crate::{App, Request};

    #[test]
    fn a_body_that_is_here_can_be_read_too() {
        let mut app = App::new();
        app.post("/", |req| std::io::read_to_string(req.body_reader()));
        app.post("/streaming", |req| std::io::read_to_string(req.body_reader())).streaming();
        for target in ["/", "/streaming"] {
            assert_eq!(app.test().post(target).body("text/plain", "body").send().text(), "body");
            assert_eq!(app.test().post(target).send().text(), "");
        }
    }

    #[test]
    fn a_streamed_body_that_is_here_is_seen_by_readers_only_and_once() {
        let mut app = App::new();
        app.post("/", |req: &Request<'_>| -> std::io::Result<String> {
            let mut first = [0; 2];
            req.body_reader().read_exact(&mut first)?;
            Ok(format!("{first:?} {:?} {:?}", req.body(), std::io::read_to_string(req.body_reader())?))
        })
        .streaming();
        assert_eq!(app.test().post("/").body("text/plain", "body").send().text(), "[98, 111] [] \"dy\"");
    }

    #[test]
    fn a_body_can_be_read_in_lines() {
        let mut app = App::new();
        app.post("/", |req: &Request<'_>| -> std::io::Result<String> {
            let (mut body, mut line, mut rest) = (req.body_reader(), String::new(), String::new());
            body.read_line(&mut line)?;
            body.detach().read_to_string(&mut rest)?;
            Ok(format!("{line:?} {rest:?}"))
        });
        assert_eq!(app.test().post("/").body("text/plain", "one\ntwo\n").send().text(), r#""one\n" "two\n""#);
    }
}
