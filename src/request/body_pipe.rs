//! Carries the body of a request from the event loop to the thread that reads it, in the buffers
//! into which it was read.
//!
//! The thread waits; the event loop never does: it is woken. Neither is woken while it has
//! something to do. While the client is faster than the handler, the thread reads the socket
//! itself: then no piece changes threads.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::response::body_source::Wake;
use crate::sync::lock;

/// Maximum number of bytes that wait for the handler before the connection is no longer read; one
/// more read may follow.
pub(crate) const BOUND: usize = 64 * 1024;

/// Buffers that wait to be filled again.
const MAX_SPARE: usize = 2;
/// Smaller buffers are not filled again: they hold a copy of what came in small parts.
const MIN_SPARE: usize = BOUND;

/// Reads a body from its socket, on the thread of its handler.
pub(crate) trait SocketReader: Send + Sync {
    /// Reads what has arrived into `buffer`, which moves to the piece. Does not wait.
    fn read(&self, buffer: &mut Vec<u8>) -> SocketRead;
}

/// The result of a read by the handler's thread.
pub(crate) enum SocketRead {
    Piece(BodyPiece),
    /// The body is complete.
    End,
    /// The event loop has to look: nothing has arrived, or the body has failed.
    Nothing,
}

/// A buffer, and where the bytes of the body are in it.
pub(crate) struct BodyPiece {
    /// Shared with a reader that was lent the bytes.
    bytes: Arc<Vec<u8>>,
    unread: Range<usize>,
    /// What follows `unread`: chunks are separate.
    following: std::vec::IntoIter<Range<usize>>,
}

pub(crate) struct BodyPipe {
    /// The piece that is being read. The event loop does not lock it: it does not wait for a copy.
    current: Mutex<Option<BodyPiece>>,
    state: Mutex<State>,
    /// Wakes the thread.
    arrived: Condvar,
    /// Wakes the event loop.
    wake: Wake,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<BodyPiece>,
    /// Bytes in `pieces`.
    waiting: usize,
    spare: Vec<Vec<u8>>,
    end: PipeEnd,
    /// What the thread reads when no pieces wait. The event loop then reads nothing.
    socket: Option<Arc<dyn SocketReader>>,
    /// The event loop found no capacity, and must be woken.
    loop_waits: bool,
    /// A thread found no bytes, and must be woken.
    reader_waits: bool,
    /// A thread has begun to read. Nothing is taken from the client before.
    started: bool,
    /// The reader may go on after the handler has returned.
    detached: bool,
}

#[derive(Default)]
enum PipeEnd {
    #[default]
    Open,
    Complete,
    Failed(ErrorKind, &'static str),
}

impl BodyPiece {
    /// A copy of the body bytes at `data`.
    pub(crate) fn copy_of(bytes: &[u8], data: &[Range<usize>]) -> BodyPiece {
        BodyPiece::whole(data.iter().filter_map(|range| bytes.get(range.clone())).collect::<Vec<_>>().concat())
    }

    /// A piece whose bytes are all of the body.
    fn whole(bytes: Vec<u8>) -> BodyPiece {
        let unread = 0..bytes.len();
        BodyPiece { bytes: Arc::new(bytes), unread, following: Vec::new().into_iter() }
    }

    /// A piece whose body bytes are at `data`, of which none is empty.
    pub(crate) fn new(bytes: Vec<u8>, data: Vec<Range<usize>>) -> BodyPiece {
        let mut following = data.into_iter();
        let unread = following.next().unwrap_or_default();
        BodyPiece { bytes: Arc::new(bytes), unread, following }
    }

    fn len(&self) -> usize {
        self.following.as_slice().iter().chain([&self.unread]).map(Range::len).sum()
    }

    /// Returns the bytes that are read next, without those that follow them.
    fn first(&self) -> BodyPiece {
        BodyPiece { bytes: self.bytes.clone(), unread: self.unread.clone(), following: Vec::new().into_iter() }
    }

    pub(crate) fn unread(&self) -> &[u8] {
        self.bytes.get(self.unread.clone()).unwrap_or_default()
    }

    fn consume(&mut self, count: usize) {
        self.unread.start = self.unread.end.min(self.unread.start.saturating_add(count));
        if self.unread.is_empty()
            && let Some(next) = self.following.next()
        {
            self.unread = next;
        }
    }
}

impl BodyPipe {
    /// Creates a pipe; `wake` wakes the event loop when there is capacity.
    pub(crate) fn new(wake: Wake) -> Arc<BodyPipe> {
        Arc::new(BodyPipe { current: Mutex::default(), state: Mutex::default(), arrived: Condvar::new(), wake })
    }

    /// Creates a pipe with a body that is here.
    pub(crate) fn complete(body: &[u8]) -> Arc<BodyPipe> {
        let pipe = BodyPipe::new(Arc::new(|| ()));
        pipe.push(BodyPiece::whole(body.to_vec()));
        pipe.finish();
        pipe
    }

    /// Returns whether a thread reads, what the event loop reads for it, and there is room. If not,
    /// the event loop is woken when that is so.
    pub(crate) fn has_capacity(&self) -> bool {
        let mut state = self.lock();
        state.loop_waits = !state.started || state.waiting >= BOUND || state.socket.is_some();
        !state.loop_waits
    }

    /// Lets the thread read the socket when no pieces wait, until that has nothing.
    pub(crate) fn delegate(&self, socket: Arc<dyn SocketReader>) {
        let mut state = self.lock();
        (state.socket, state.loop_waits) = (Some(socket), true);
        self.wake_reader(state);
    }

    /// Adds a piece, whatever the bound is.
    pub(crate) fn push(&self, piece: BodyPiece) {
        if piece.unread.is_empty() {
            return;
        }
        let mut state = self.lock();
        state.waiting += piece.len();
        state.pieces.push_back(piece);
        self.wake_reader(state);
    }

    /// Returns a buffer that was read, to be filled again.
    pub(crate) fn take_spare(&self) -> Option<Vec<u8>> {
        self.lock().spare.pop()
    }

    /// Ends the body. The first end counts.
    pub(crate) fn finish(&self) {
        self.end(PipeEnd::Complete);
    }

    /// Ends the body with an error, which the reader gets after the bytes. The first end counts.
    pub(crate) fn fail(&self, kind: ErrorKind, why: &'static str) {
        self.end(PipeEnd::Failed(kind, why));
    }

    fn end(&self, end: PipeEnd) {
        let mut state = self.lock();
        state.socket = None; // a descriptor, without which the connection is closed
        if matches!(state.end, PipeEnd::Open) {
            state.end = end;
            self.wake_reader(state);
        }
    }

    /// Lets the reader go on after the handler has returned.
    pub(crate) fn detach(&self) {
        self.lock().detached = true;
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.lock().detached
    }

    /// Reads on a thread; waits for the first byte.
    pub(crate) fn read(&self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let mut current = lock(&self.current);
        let Some(piece) = self.fill(&mut current)? else { return Ok(0) };
        let count = piece.unread().read(out)?;
        piece.consume(count);
        Ok(count)
    }

    /// Lends the bytes that are read next, without a copy; waits for them. `None`: the body is
    /// complete.
    pub(crate) fn lend(&self) -> io::Result<Option<BodyPiece>> {
        Ok(self.fill(&mut lock(&self.current))?.map(|piece| piece.first()))
    }

    /// Records that `count` bytes that were lent are read.
    pub(crate) fn consume(&self, count: usize) {
        if let Some(piece) = &mut *lock(&self.current) {
            piece.consume(count);
        }
    }

    /// Returns the current piece, or the next one if it is read.
    fn fill<'c>(&self, current: &'c mut Option<BodyPiece>) -> io::Result<Option<&'c mut BodyPiece>> {
        if current.as_ref().is_none_or(|piece| piece.unread.is_empty()) {
            *current = self.exchange(current.take())?;
        }
        Ok(current.as_mut())
    }

    /// Returns a piece that was read, and takes the next one; waits for it. `None`: the body is
    /// complete.
    fn exchange(&self, read: Option<BodyPiece>) -> io::Result<Option<BodyPiece>> {
        let spare = read.and_then(|piece| Arc::into_inner(piece.bytes)).filter(|buffer| buffer.len() >= MIN_SPARE);
        let mut state = self.lock();
        state.started = true;
        if state.spare.len() < MAX_SPARE {
            state.spare.extend(spare);
        }
        loop {
            if let Some(piece) = state.pieces.pop_front() {
                state.waiting -= piece.len();
                if state.waiting < BOUND / 2 && state.socket.is_none() {
                    self.wake_loop(state);
                }
                return Ok(Some(piece));
            }
            match state.end {
                PipeEnd::Complete => return Ok(None),
                PipeEnd::Failed(kind, why) => return Err(io::Error::new(kind, why)),
                PipeEnd::Open => {}
            }
            if let Some(socket) = state.socket.clone() {
                let mut buffer = state.spare.pop().unwrap_or_default();
                drop(state);
                let read = socket.read(&mut buffer);
                if let SocketRead::Piece(piece) = read {
                    return Ok(Some(piece));
                }
                state = self.lock();
                state.spare.push(buffer);
                state.socket = None;
                if let (SocketRead::End, PipeEnd::Open) = (read, &state.end) {
                    state.end = PipeEnd::Complete;
                }
            } else if state.loop_waits {
                self.wake_loop(state);
                state = self.lock();
            } else {
                state.reader_waits = true;
                state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Unlocks the state, and wakes the reader if it waits.
    fn wake_reader(&self, mut state: MutexGuard<'_, State>) {
        let waits = std::mem::take(&mut state.reader_waits);
        drop(state);
        if waits {
            self.arrived.notify_all();
        }
    }

    /// Unlocks the state, and wakes the event loop if it waits.
    fn wake_loop(&self, mut state: MutexGuard<'_, State>) {
        let waits = std::mem::take(&mut state.loop_waits);
        drop(state);
        if waits {
            (self.wake)();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn pipe() -> (Arc<BodyPipe>, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = calls.clone();
        (BodyPipe::new(Arc::new(move || _ = counter.fetch_add(1, Ordering::Relaxed))), calls)
    }

    fn piece(bytes: &[u8]) -> BodyPiece {
        BodyPiece::whole(bytes.to_vec())
    }

    struct Reading<'p>(&'p BodyPipe);

    impl Read for Reading<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.0.read(out)
        }
    }

    #[test]
    fn nothing_is_wanted_before_a_thread_reads_and_nothing_beyond_the_bound() {
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
            feeder.push(piece(&[1; 4]));
            assert_eq!(reader.join().unwrap(), 4);
        });
        (0..4).for_each(|_| pipe.push(piece(&[1; BOUND / 4])));
        assert!(!pipe.has_capacity());
        let before = calls.load(Ordering::Relaxed);
        for _ in 0..2 {
            assert_eq!(pipe.read(&mut [0; BOUND]).unwrap(), BOUND / 4);
        }
        assert_eq!(calls.load(Ordering::Relaxed), before, "the event loop is not woken while half of the bound waits");
        assert_eq!(pipe.read(&mut [0; 1]).unwrap(), 1);
        assert_eq!(calls.load(Ordering::Relaxed), before + 1);
        assert!(pipe.has_capacity());
    }

    #[test]
    fn the_bytes_are_read_before_the_end() {
        let (pipe, _) = pipe();
        pipe.push(piece(b"abc"));
        pipe.fail(ErrorKind::UnexpectedEof, "gone");
        pipe.finish();
        let mut out = [0; 9];
        assert_eq!(pipe.read(&mut out).unwrap(), 3);
        assert_eq!(&out[..3], b"abc");
        for _ in 0..2 {
            let error = pipe.read(&mut out).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::UnexpectedEof, "gone"));
        }
    }

    #[test]
    fn a_buffer_that_was_read_is_filled_again() {
        let (pipe, _) = pipe();
        let large = vec![b'a'; MIN_SPARE];
        pipe.push(BodyPiece::new(large.clone(), vec![1..3, 7..8]));
        pipe.push(piece(b"b"));
        pipe.push(piece(b"c"));
        let mut out = [0; 2];
        assert_eq!((pipe.read(&mut out).unwrap(), out), (2, *b"aa"));
        assert!(pipe.take_spare().is_none(), "it is not read to its end");
        for (count, first) in [(1, b'a'), (1, b'b'), (1, b'c')] {
            assert_eq!((pipe.read(&mut out).unwrap(), out[0]), (count, first));
        }
        assert_eq!(pipe.take_spare(), Some(large));
        assert_eq!(pipe.take_spare(), None, "one of a byte is not worth it");
    }

    #[test]
    fn lent_bytes_are_those_that_are_read_next() {
        let (pipe, _) = pipe();
        pipe.push(BodyPiece::new(b"-abc-d-".to_vec(), vec![1..4, 5..6]));
        pipe.push(piece(b"e"));
        pipe.finish();
        let lent = || pipe.lend().unwrap().map(|piece| piece.unread().to_vec());
        let mut out = [0; 1];
        assert_eq!((pipe.read(&mut out).unwrap(), out), (1, *b"a"));
        for _ in 0..2 {
            assert_eq!(lent().as_deref(), Some(&b"bc"[..]), "they were not consumed");
        }
        pipe.consume(1);
        assert_eq!((pipe.read(&mut out).unwrap(), out), (1, *b"c"));
        for rest in [b"d", b"e"] {
            assert_eq!(lent().as_deref(), Some(&rest[..]));
            pipe.consume(usize::MAX);
        }
        assert_eq!(lent(), None);
    }

    #[test]
    fn a_buffer_that_is_lent_is_not_filled_again() {
        let (pipe, _) = pipe();
        pipe.push(piece(&[1; MIN_SPARE]));
        pipe.push(piece(&[2]));
        let lent = pipe.lend().unwrap().unwrap();
        pipe.consume(MIN_SPARE);
        assert_eq!(pipe.read(&mut [0]).unwrap(), 1);
        assert_eq!((pipe.take_spare(), lent.unread()), (None, &[1; MIN_SPARE][..]));
    }

    /// A socket that holds these pieces, then nothing or the end of the body.
    struct Pieces(Mutex<Vec<&'static [u8]>>, bool);

    impl SocketReader for Pieces {
        fn read(&self, _: &mut Vec<u8>) -> SocketRead {
            match lock(&self.0).pop() {
                Some(bytes) => SocketRead::Piece(piece(bytes)),
                None if self.1 => SocketRead::End,
                None => SocketRead::Nothing,
            }
        }
    }

    #[test]
    fn the_thread_reads_the_socket_after_the_pieces_without_a_wakeup() {
        let (pipe, calls) = pipe();
        pipe.push(piece(b"a"));
        pipe.delegate(Arc::new(Pieces(Mutex::new(vec![b"c", b"b"]), true)));
        assert!(!pipe.has_capacity(), "the event loop does not read too");
        let mut out = Vec::new();
        std::io::copy(&mut Reading(&pipe), &mut out).unwrap();
        assert_eq!((&out[..], calls.load(Ordering::Relaxed)), (&b"abc"[..], 0));
    }

    #[test]
    fn the_event_loop_is_woken_when_the_socket_has_nothing() {
        let (pipe, calls) = pipe();
        pipe.delegate(Arc::new(Pieces(Mutex::new(vec![b"a"]), false)));
        let feeder = pipe.clone();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| [(); 2].map(|()| pipe.read(&mut [0; 2]).unwrap()));
            let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while calls.load(Ordering::Relaxed) == 0 && std::time::Instant::now() < end {
                std::thread::yield_now();
            }
            assert!(feeder.has_capacity(), "the event loop reads again");
            feeder.push(piece(b"bc"));
            assert_eq!(reader.join().unwrap(), [1, 2]);
        });
    }

    #[test]
    fn the_socket_is_released_with_the_end() {
        let (pipe, _) = pipe();
        let socket = Arc::new(Pieces(Mutex::default(), true));
        pipe.delegate(socket.clone());
        pipe.fail(ErrorKind::ConnectionAborted, "gone");
        assert_eq!(Arc::strong_count(&socket), 1, "a reader that goes on does not keep the connection open");
        assert!(pipe.read(&mut [0]).is_err());
    }
}
