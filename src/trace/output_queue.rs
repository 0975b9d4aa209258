//! Queues trace lines between the workers and the writing thread. Workers never wait: beyond a
//! bound, the oldest lines are dropped and counted.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::ops::AddAssign;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::probe::{Event, Observation};
use crate::sync::lock;

/// Maximum bytes that wait for a slow reader: a few seconds of a busy server.
const CAPACITY: usize = 8 * 1024 * 1024;
/// Maximum number of batches whose memory is reused.
const SPARE: usize = 16;

/// Queue of text lines for one output.
pub(crate) struct OutputQueue {
    state: Mutex<QueueState>,
    /// Signals that a batch was queued, that one was written, or that the queue is closed.
    changed: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<Batch>,
    bytes: usize,
    dropped: Dropped,
    /// Whether the writer holds a batch.
    writing: bool,
    /// Whether the server has ended or the reader has closed.
    closed: bool,
    spare: Vec<Vec<u8>>,
}

/// Complete lines, and what is lost if they are dropped.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) text: Vec<u8>,
    pub(crate) counts: Dropped,
}

/// Number of dropped events and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) events: u64,
    /// Bytes of lines that were written and then dropped.
    pub(crate) bytes: u64,
    /// Accepts and response heads among the events.
    pub(crate) connections: u64,
    pub(crate) requests: u64,
}

impl Dropped {
    pub(super) fn count_event(&mut self, event: &Event<'_>) {
        self.events += 1;
        match event {
            Event::ConnOpen { .. } => self.connections += 1,
            Event::RespHead { .. } => self.requests += 1,
            _ => {}
        }
    }

    /// Counts what was observed as one event, since its events are not made.
    pub(super) fn count(&mut self, observation: Observation<'_>) {
        match observation {
            Observation::Event(event) => self.count_event(&event),
            Observation::ResponseHead { .. } => (self.events, self.requests) = (self.events + 1, self.requests + 1),
            _ => self.events += 1,
        }
    }
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, more: Dropped) {
        self.events += more.events;
        self.bytes += more.bytes;
        self.connections += more.connections;
        self.requests += more.requests;
    }
}

impl OutputQueue {
    /// Creates a queue, which is bounded unless it is `lossless`.
    pub(crate) fn new(lossless: bool) -> OutputQueue {
        let capacity = if lossless { usize::MAX } else { CAPACITY };
        OutputQueue { state: Mutex::default(), changed: Condvar::new(), capacity }
    }

    /// Moves the lines out of `batch` without waiting for the reader. Returns `false` if the output
    /// is closed.
    pub(crate) fn push(&self, batch: &mut Batch) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        let fresh = Batch { text: state.spare.pop().unwrap_or_default(), counts: Dropped::default() };
        let full = std::mem::replace(batch, fresh);
        state.bytes += full.text.len();
        state.waiting.push_back(full);
        while state.bytes > self.capacity {
            let Some(oldest) = state.waiting.pop_front() else { break };
            state.bytes -= oldest.text.len();
            state.dropped += Dropped { bytes: oldest.text.len() as u64, ..oldest.counts };
            state.recycle(oldest.text);
        }
        drop(state);
        self.changed.notify_all();
        true
    }

    /// Returns whether it drops nothing.
    pub(crate) fn is_lossless(&self) -> bool {
        self.capacity == usize::MAX
    }

    /// Returns whether the reader is so slow that lines may soon be dropped.
    pub(crate) fn is_crowded(&self) -> bool {
        self.lock().bytes > self.capacity / 2
    }

    /// Writes batches until the queue is closed or an error occurs. `complain` formats the line
    /// that reports dropped events.
    pub(crate) fn drain(&self, mut to: impl Write, complain: impl Fn(Dropped) -> Vec<u8>) {
        while let Some((batch, lost)) = self.next() {
            let noticed = if lost == Dropped::default() { Ok(()) } else { to.write_all(&complain(lost)) };
            let written = noticed.and_then(|()| to.write_all(&batch.text)).and_then(|()| to.flush());
            // Logged now, since an incomplete recording would otherwise be noticed too late.
            if let Err(error) = &written
                && error.kind() != ErrorKind::BrokenPipe
            {
                error!("trace output failed: {error}");
            }
            let mut state = self.lock();
            state.writing = false;
            state.recycle(batch.text);
            if written.is_err() {
                state.closed = true; // the reader has closed
                state.waiting.clear();
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Closes the queue and waits until all is written, while each batch takes less than
    /// `patience`.
    pub(crate) fn finish(&self, patience: Duration) {
        let mut state = self.lock();
        state.closed = true;
        self.changed.notify_all();
        while state.writing || !state.waiting.is_empty() {
            let (woken, waited) = self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() {
                return;
            }
            state = woken;
        }
    }

    fn next(&self) -> Option<(Batch, Dropped)> {
        let idle = |state: &mut QueueState| state.waiting.is_empty() && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let batch = state.waiting.pop_front()?;
        state.bytes -= batch.text.len();
        state.writing = true;
        Some((batch, std::mem::take(&mut state.dropped)))
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        lock(&self.state)
    }
}

impl QueueState {
    fn recycle(&mut self, mut text: Vec<u8>) {
        if self.spare.len() < SPARE {
            text.clear();
            self.spare.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(text: &str) -> Batch {
        Batch { text: text.into(), counts: Dropped { events: 1, requests: 1, ..Dropped::default() } }
    }

    fn complain(lost: Dropped) -> Vec<u8> {
        format!("lost {} {} {}\n", lost.events, lost.bytes, lost.requests).into_bytes()
    }

    #[test]
    fn the_oldest_goes_and_is_counted() {
        let ring = OutputQueue { capacity: 11, ..OutputQueue::new(false) };
        for text in ["one\n", "two\n", "three\n", "four\n"] {
            assert!(ring.push(&mut batch(text)));
        }
        ring.lock().closed = true;
        let mut out = Vec::new();
        ring.drain(&mut out, complain);
        assert_eq!(String::from_utf8(out).unwrap(), "lost 2 8 2\nthree\nfour\n");
    }

    #[test]
    fn a_reader_that_has_gone_is_told_to_the_writers() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let ring = OutputQueue::new(false);
        assert!(ring.push(&mut batch("a\n")));
        ring.drain(Gone, complain);
        assert!(!ring.push(&mut batch("b\n")));
    }
}
