//! A body that its handler reads while it comes: a pipe of bounded size from the event loop to a thread; knows no connection.

use std::borrow::Cow;
use std::io::{self, Cursor, ErrorKind, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::request::Request;
use crate::response::body_source::Wake;

/// What waits in a pipe before the connection is no longer read; one read of it may come on top.
const BOUND: usize = 64 * 1024;

/// The body of a request as a reader. From [`Request::body_reader`].
pub struct BodyReader<'r>(BodyReaderInner<'r>);

enum BodyReaderInner<'r> {
    Whole(Cursor<Cow<'r, [u8]>>),
    Pipe(Arc<Pipe>),
}

impl Request<'_> {
    /// The body as a reader. On a [`streaming`](crate::Route::streaming) route it gives the bytes as they come, and waits for more;
    /// everywhere else the body is here already.
    ///
    /// A read fails when the body breaks off, is malformed, too large or too slow. Whatever the handler makes of that, the client
    /// gets the refusal that fits, and the connection ends.
    ///
    /// A handler may return before it has read all. If the rest is here already it is dropped; if not, the answer says `Connection:
    /// close`, nothing more is read for the application, and the close is staged (RFC 9112 §9.6), so that a client which still sends
    /// can read the answer. A handler that wants to answer and read on takes a [detached](BodyReader::detach) reader.
    pub fn body_reader(&self) -> BodyReader<'_> {
        match self.get::<Arc<Pipe>>() {
            Some(pipe) => BodyReader(BodyReaderInner::Pipe(pipe.clone())),
            None => BodyReader(BodyReaderInner::Whole(Cursor::new(Cow::Borrowed(self.body())))),
        }
    }
}

impl BodyReader<'_> {
    /// The same reader for another thread, which may read on when the handler has returned, for as long as a [`stream`](crate::stream)
    /// is the answer: the answer begins while the body still comes. Such an answer says `Connection: close`, since nobody could promise
    /// yet that the body will be read to its end; many clients send all of a body before they look at an answer.
    ///
    /// A body that breaks off is no failure of the answer: whoever feeds the answer decides, and [`abort`](crate::Sender::abort)s it
    /// if it was to be a whole one.
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
                pipe.lock().detached = true;
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

/// Where the event loop puts what the handler's thread takes.
pub(crate) struct Pipe {
    state: Mutex<State>,
    filled: Condvar,
    /// Tells the connection that there is room again.
    wake: Wake,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// How many of them were read.
    at: usize,
    end: End,
    /// The handler has begun to read. Nothing is taken from the client before, and none is told to send.
    started: bool,
    /// The connection was refused more, and wants to be called.
    stalled: bool,
    /// Somebody may read on when the handler has returned.
    detached: bool,
}

#[derive(Default)]
enum End {
    #[default]
    Open,
    Whole,
    Broken(ErrorKind, &'static str),
}

impl Pipe {
    pub(crate) fn new(wake: Wake) -> Arc<Pipe> {
        Arc::new(Pipe { state: Mutex::default(), filled: Condvar::new(), wake })
    }

    /// Whether there is somebody who reads, and room. If not, the connection will be called when there is.
    pub(crate) fn has_capacity(&self) -> bool {
        let mut state = self.lock();
        state.stalled = !state.started || state.bytes.len() - state.at >= BOUND;
        !state.stalled
    }

    /// Whether somebody may read on when the handler has returned.
    pub(crate) fn is_detached(&self) -> bool {
        self.lock().detached
    }

    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let read = std::mem::take(&mut state.at);
        state.bytes.drain(..read);
        state.bytes.extend_from_slice(bytes);
        drop(state);
        self.filled.notify_all();
    }

    /// That was all of it.
    pub(crate) fn finish(&self) {
        self.end(End::Whole);
    }

    /// The rest will not come. What came before can still be read.
    pub(crate) fn fail(&self, kind: ErrorKind, why: &'static str) {
        self.end(End::Broken(kind, why));
    }

    /// The first end counts.
    fn end(&self, end: End) {
        let mut state = self.lock();
        if matches!(state.end, End::Open) {
            state.end = end;
        }
        drop(state);
        self.filled.notify_all();
    }

    fn read(&self, out: &mut [u8]) -> io::Result<usize> {
        let mut state = self.lock();
        loop {
            let n = state.bytes.get(state.at..).unwrap_or_default().read(out)?;
            state.at += n;
            if n > 0 || out.is_empty() {
                if state.bytes.len() - state.at < BOUND / 2 {
                    self.call(state);
                }
                return Ok(n);
            }
            match state.end {
                End::Whole => return Ok(0),
                End::Broken(kind, why) => return Err(io::Error::new(kind, why)),
                End::Open => {}
            }
            state.started = true;
            if state.stalled {
                self.call(state);
                state = self.lock();
            } else {
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn call(&self, mut state: MutexGuard<'_, State>) {
        let stalled = std::mem::take(&mut state.stalled);
        drop(state);
        if stalled {
            (self.wake)();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::App;

    fn pipe() -> (Arc<Pipe>, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = calls.clone();
        (Pipe::new(Arc::new(move || _ = counter.fetch_add(1, Ordering::Relaxed))), calls)
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
