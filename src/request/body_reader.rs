//! Reads the body of a request while it arrives.

use std::borrow::Cow;
use std::io::{self, Cursor, Read};
use std::sync::Arc;

use super::Request;
use crate::response::body_source::Wake;
use crate::response::pipe::Pipe;

/// Maximum number of bytes that wait for the handler before the connection is no longer read; one
/// more read may follow.
const BOUND: usize = 64 * 1024;

/// A reader of the body, from [`Request::body_reader`].
pub struct BodyReader<'r>(BodyReaderInner<'r>);

enum BodyReaderInner<'r> {
    Whole(Cursor<Cow<'r, [u8]>>),
    Pipe(Arc<Pipe>),
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
        match self.get::<Arc<Pipe>>() {
            Some(pipe) => BodyReader(BodyReaderInner::Pipe(pipe.clone())),
            None => BodyReader(BodyReaderInner::Whole(Cursor::new(Cow::Borrowed(self.body())))),
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
            BodyReaderInner::Pipe(pipe) => {
                pipe.detach();
                BodyReaderInner::Pipe(pipe)
            }
        })
    }
}

impl Read for BodyReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            BodyReaderInner::Whole(bytes) => bytes.read(out),
            BodyReaderInner::Pipe(pipe) => pipe.read(out),
        }
    }
}

/// Returns the pipe from the event loop to the handler that reads the body; `wake` wakes the loop
/// when there is room.
pub(crate) fn body_pipe(wake: Wake) -> Arc<Pipe> {
    let pipe = Pipe::new(BOUND);
    pipe.set_wake(wake);
    pipe
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::App;

    fn pipe() -> (Arc<Pipe>, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = calls.clone();
        (body_pipe(Arc::new(move || _ = counter.fetch_add(1, Ordering::Relaxed))), calls)
    }

    #[test]
    fn nothing_is_wanted_before_somebody_reads_and_nothing_beyond_the_bound() {
        let (pipe, calls) = pipe();
        assert!(!pipe.has_capacity());
        let feeder = pipe.clone();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| pipe.read(&mut [0; 4]).unwrap());
            let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while !feeder.has_capacity() && std::time::Instant::now() < end {
                std::thread::yield_now();
            }
            assert!(feeder.has_capacity(), "the reader does not ask");
            feeder.push(&[1; BOUND + 4]);
            assert_eq!(reader.join().unwrap(), 4);
        });
        assert!(!feeder.has_capacity());
        let before = calls.load(Ordering::Relaxed);
        assert_eq!(pipe.read(&mut [0; BOUND / 2]).unwrap(), BOUND / 2);
        assert_eq!(calls.load(Ordering::Relaxed), before, "half a pipe is enough to go on with");
        assert_eq!(pipe.read(&mut [0; 1]).unwrap(), 1);
        assert_eq!(calls.load(Ordering::Relaxed), before + 1);
        assert!(feeder.has_capacity());
    }

    #[test]
    fn what_came_is_read_before_the_end_shows() {
        let (pipe, _) = pipe();
        pipe.push(b"abc");
        pipe.fail(ErrorKind::UnexpectedEof, "gone");
        pipe.finish();
        let mut text = String::new();
        let error = BodyReader(BodyReaderInner::Pipe(pipe)).read_to_string(&mut text).unwrap_err();
        assert_eq!(
            (text.as_str(), error.kind(), error.to_string().as_str()),
            ("abc", ErrorKind::UnexpectedEof, "gone")
        );
    }

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
}
