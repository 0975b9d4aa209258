//! Carries the bytes of a [`stream`](crate::stream) from threads to the event loop, bounded so that a
//! slow client slows its writer down.
//!
//! The thread waits; the event loop never does: it is woken.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::body_source::{Pull, Wake};

use crate::sync::lock;

pub(crate) struct Pipe {
    state: Mutex<State>,
    /// Wakes the thread.
    changed: Condvar,
    /// Bytes that may wait in the pipe before its writer is stopped.
    bound: usize,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    end: End,
    /// Wakes the event loop.
    wake: Option<Wake>,
    /// The event loop found no bytes to pull, and must be woken.
    loop_waits: bool,
    /// The reader is gone.
    closed: bool,
}

#[derive(Default)]
enum End {
    #[default]
    Open,
    Complete,
    Failed(io::Error),
}

impl Pipe {
    /// Creates a pipe; `bound` is in bytes.
    pub(crate) fn new(bound: usize) -> Arc<Pipe> {
        Arc::new(Pipe { state: Mutex::default(), changed: Condvar::new(), bound })
    }

    /// Sets what wakes the event loop.
    pub(crate) fn set_wake(&self, wake: Wake) {
        self.lock().wake = Some(wake);
    }

    /// Writes all bytes from a thread; waits while the pipe is full.
    ///
    /// # Errors
    /// [`ErrorKind::BrokenPipe`] when the reader is gone.
    pub(super) fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut state = self.lock();
            while !state.closed && state.bytes.len() >= self.bound {
                state = self.wait(state);
            }
            let room = self.bound.saturating_sub(state.bytes.len());
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.put(state, now)?;
            bytes = later;
        }
        Ok(())
    }

    /// Writes all bytes from a thread or none. An empty pipe takes more than its bound.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when there is no room, [`ErrorKind::BrokenPipe`] when the reader
    /// is gone.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<()> {
        let state = self.lock();
        if !state.closed && !state.bytes.is_empty() && state.bytes.len() + bytes.len() > self.bound {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.put(state, bytes)
    }

    fn put(&self, mut state: MutexGuard<'_, State>, bytes: &[u8]) -> io::Result<()> {
        if state.closed {
            return Err(io::Error::new(ErrorKind::BrokenPipe, "the client has left"));
        }
        state.bytes.extend(bytes);
        wake_loop(state);
        Ok(())
    }

    /// Ends the bytes from a thread, with an error if they are not all. The first end counts.
    pub(super) fn end(&self, error: Option<io::Error>) {
        wake_loop(self.set_end(error.map_or(End::Complete, End::Failed)));
    }

    /// Appends up to `max` bytes to `out`, for the event loop.
    pub(super) fn pull(&self, out: &mut Vec<u8>, max: usize) -> io::Result<Pull> {
        let mut state = self.lock();
        if state.bytes.is_empty() {
            return match std::mem::take(&mut state.end) {
                End::Complete => Ok(Pull::End),
                End::Failed(error) => Err(error),
                End::Open => {
                    state.loop_waits = true;
                    Ok(Pull::Wait)
                }
            };
        }
        let (start, count) = (out.len(), state.bytes.len().min(max));
        out.resize(start + count, 0);
        take(&mut state.bytes, out.get_mut(start..).unwrap_or_default())?;
        if state.bytes.is_empty() {
            state.bytes = VecDeque::new(); // thousands of idle streams keep no buffers
        }
        drop(state);
        self.changed.notify_all();
        Ok(Pull::More)
    }

    /// Closes the reading side, so that the writer stops.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.bytes = VecDeque::new();
        state.wake = None;
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn set_end(&self, end: End) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if matches!(state.end, End::Open) {
            state.end = end;
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// Unlocks the state, and wakes the event loop if it waits.
fn wake_loop(mut state: MutexGuard<'_, State>) {
    let wake = std::mem::take(&mut state.loop_waits).then(|| state.wake.clone()).flatten();
    drop(state);
    if let Some(wake) = wake {
        wake();
    }
}

/// Moves as many bytes as there are and `out` holds. The queue may be in two pieces.
fn take(bytes: &mut VecDeque<u8>, out: &mut [u8]) -> io::Result<usize> {
    let first = bytes.read(out)?;
    let second = bytes.read(out.get_mut(first..).unwrap_or_default())?;
    Ok(first + second)
}
