//! Passes the lines of a trace to the pages that watch, several times a second.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::history::ConnectionHistory;
use crate::content::events::{Broadcast, Event, EventStream, SlowSubscriber};
use crate::sync::lock;

/// Time between two events of the stream: two frames of a screen.
const PACE: Duration = Duration::from_millis(33);
/// Events and bytes by which a slow page may lag: a burst of the history, which alone decides what is
/// shown, and the reserves of the lab. A page that lags further is disconnected, and gets a snapshot
/// when it returns.
const BEHIND: (usize, usize) = (1024, 1536 * 1024);
/// Pages that may watch. A browser has six connections for a server, and each page keeps one.
const PAGES: usize = 2;
/// How long a page that was disconnected waits.
const RETRY: Duration = Duration::from_secs(1);

/// The pages that watch, and what they see. A clone is a handle to the same.
#[derive(Clone)]
pub(super) struct Feed(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Signals that lines wait or that the trace has ended.
    changed: Condvar,
    stream: Broadcast,
    /// Whether a page watches.
    watched: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    history: ConnectionHistory,
    /// Lines for the next event.
    waiting: String,
    /// The counts that the pages have.
    told: String,
    ended: bool,
}

impl Feed {
    /// Starts the thread that sends.
    ///
    /// # Errors
    /// Fails if the thread cannot be created.
    pub(super) fn start() -> io::Result<Feed> {
        let stream = Broadcast::with(BEHIND.0, BEHIND.1, SlowSubscriber::Drop, Some(RETRY));
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), stream, watched: Arc::default() });
        let sender = shared.clone();
        std::thread::Builder::new().name("wirelight-view".to_owned()).spawn(move || sender.run())?;
        Ok(Feed(shared))
    }

    /// Returns whether a page watches, now and later.
    pub(super) fn watched(&self) -> Arc<AtomicBool> {
        self.0.watched.clone()
    }

    /// Returns what the trace writes to.
    pub(super) fn writer(&self) -> FeedWriter {
        FeedWriter { shared: self.0.clone(), partial: Vec::new() }
    }

    /// Returns a stream that goes on after event `last`, or else begins with a snapshot. `None` if
    /// enough pages are watching.
    pub(super) fn subscribe(&self, last: Option<&str>) -> Option<EventStream> {
        let Shared { state, stream, watched, .. } = &*self.0;
        let mut state = lock(state);
        if stream.subscribers() >= PAGES {
            return None;
        }
        watched.store(true, Ordering::Relaxed);
        if let Some(resumed) = last.and_then(|id| stream.resume(id)) {
            return Some(resumed);
        }
        state.send(stream); // what waits is part of the snapshot
        let (following, id) = stream.follow();
        Some(following.first([Event::data(state.history.snapshot().trim_end()).event("snapshot").id(id)]))
    }

    /// Returns what all open connections do, as JSON, for the page that asks from this port.
    pub(super) fn load(&self, asks: u16) -> String {
        lock(&self.0.state).history.load(asks)
    }

    /// Returns the capture of what is kept, as NDJSON.
    pub(super) fn capture(&self) -> String {
        lock(&self.0.state).history.snapshot()
    }
}

impl Shared {
    /// Sends what waits, at most every [`PACE`], until the trace has ended.
    fn run(&self) {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.ended;
        loop {
            let state = self.changed.wait_while(lock(&self.state), idle).unwrap_or_else(PoisonError::into_inner);
            let pause = self.changed.wait_timeout_while(state, PACE, |state| !state.ended);
            let mut state = pause.unwrap_or_else(PoisonError::into_inner).0;
            state.send(&self.stream);
            self.watched.store(self.stream.subscribers() > 0, Ordering::Relaxed);
            if state.ended {
                return;
            }
        }
    }
}

impl State {
    fn send(&mut self, stream: &Broadcast) {
        let counts = self.history.counts();
        if counts != self.told {
            self.waiting.push_str(&counts);
            self.told = counts;
        }
        if !self.waiting.is_empty() {
            stream.send(Event::data(std::mem::take(&mut self.waiting).trim_end()));
        }
    }
}

/// Takes the lines of a trace, in any pieces.
pub(super) struct FeedWriter {
    shared: Arc<Shared>,
    /// The beginning of a line.
    partial: Vec<u8>,
}

impl Write for FeedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let now = Instant::now();
        let mut state = lock(&self.shared.state);
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if !self.partial.ends_with(b"\n") {
                break;
            }
            let line = String::from_utf8_lossy(&self.partial);
            let text = state.history.take(&line, now).unwrap_or_default();
            state.waiting.push_str(&text);
            self.partial.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shared.changed.notify_all();
        Ok(())
    }
}

impl Drop for FeedWriter {
    fn drop(&mut self) {
        lock(&self.shared.state).ended = true;
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fast machine has many bytes to show before the next event of the stream.
    #[test]
    fn the_pages_get_all_that_the_history_shows() {
        let stream = Broadcast::with(BEHIND.0, BEHIND.1, SlowSubscriber::Drop, None);
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), stream, watched: Arc::default() });
        let line = |event: &str, rest: &str| format!("{{\"q\":1,\"t\":2,\"w\":0,\"c\":3,\"e\":\"{event}\"{rest}}}\n");
        let read = line("conn.recv", &format!(",\"data\":\"{}\"", "x".repeat(60_000)));
        let shown =
            [line("conn.open", ",\"lab\":true"), read.repeat(15), line("lab.closed", ",\"how\":\"fin\"")].concat();
        FeedWriter { shared: shared.clone(), partial: Vec::new() }.write_all(shown.as_bytes()).unwrap();
        let state = lock(&shared.state);
        assert!(state.waiting == shown, "{} of {} bytes", state.waiting.len(), shown.len());
        assert!(shown.len() < BEHIND.1, "a page that lags by one event keeps its stream");
    }
}
