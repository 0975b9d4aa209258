//! Server-Sent Events (WHATWG HTML §9.2), and a hub that sends them to all subscribers.
//!
//! The hub keeps one history of recent events. A subscriber is a position in it, so neither an idle
//! nor a slow one costs memory, and one that reconnects with `Last-Event-ID` continues where it
//! was.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use crate::request::Request;
use crate::response::Response;
use crate::response::body_source::{BodySource, Pull, Wake};
use crate::response::into_response::IntoResponse;
use crate::response::returned::Returned;
use crate::response::sparse_map::shrink_if_sparse;
use crate::sync::lock;

/// A Server-Sent Event.
///
/// ```
/// use wirelight::events::Event;
///
/// let event = Event::data("first line\nsecond line").event("note").id("7");
/// assert_eq!(event.to_string(), "id: 7\nevent: note\ndata: first line\ndata: second line\n\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    id: Option<String>,
    event: Option<String>,
    data: Option<String>,
    retry: Option<Duration>,
    comment: Option<String>,
}

impl Event {
    /// Returns an event with this data. A browser passes its lines to `onmessage`, joined by LF.
    pub fn data(data: impl Into<String>) -> Event {
        Event { data: Some(data.into()), ..Event::default() }
    }

    /// Returns a comment, which clients ignore. It keeps proxies from closing the connection.
    pub fn comment(comment: impl Into<String>) -> Event {
        Event { comment: Some(comment.into()), ..Event::default() }
    }

    /// Sets the id, which the client sends in `Last-Event-ID` when it reconnects. A [`Broadcast`]
    /// numbers events without an id. Line ends and NUL are removed.
    #[must_use]
    pub fn id(mut self, id: impl AsRef<str>) -> Event {
        self.id = Some(one_line(id.as_ref()));
        self
    }

    /// Sets the event name for `addEventListener`; the default is `message`. Line ends are removed.
    #[must_use]
    pub fn event(mut self, name: impl AsRef<str>) -> Event {
        self.event = Some(one_line(name.as_ref()));
        self
    }

    /// Sets how long the client waits before it reconnects, in whole milliseconds, at most 24 days.
    /// Browsers default to 3 to 5 s.
    #[must_use]
    pub fn retry(mut self, time: Duration) -> Event {
        self.retry = Some(time);
        self
    }
}

/// The event in wire format, with the empty line after it.
impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in self.comment.iter().flat_map(|comment| lines(comment)) {
            writeln!(f, ": {line}")?;
        }
        if let Some(retry) = self.retry {
            writeln!(f, "retry: {}", retry.as_millis().min(MAX_RETRY))?;
        }
        if let Some(id) = &self.id {
            writeln!(f, "id: {id}")?;
        }
        if let Some(event) = &self.event {
            writeln!(f, "event: {event}")?;
        }
        for line in self.data.iter().flat_map(|data| lines(data)) {
            writeln!(f, "data: {line}")?;
        }
        writeln!(f)
    }
}

/// Policy for a subscriber that is so slow that events leave the history before it receives them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowSubscriber {
    /// It misses them and continues with the oldest event in the history: for states, of which the
    /// latest counts.
    #[default]
    Skip,
    /// It is disconnected, and reconnects with `Last-Event-ID`: for protocols in which a gap must
    /// be noticed.
    Drop,
}

/// Sends each event to all subscribers. A clone is a handle to the same hub.
///
/// Events without an id are numbered, so that a client that reconnects with `Last-Event-ID` gets
/// what it missed, as far as the history reaches. A client with an unknown id gets the whole
/// history.
///
/// ```
/// use wirelight::{App, Request};
/// use wirelight::events::{Broadcast, Event};
///
/// let hub = Broadcast::new();
/// let mut app = App::new();
/// app.state(hub.clone());
/// app.get("/events", |req: &Request| req.state::<Broadcast>().subscribe(req));
///
/// let client = app.test();
/// let mut subscriber = client.connect();
/// subscriber.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert_eq!(hub.subscribers(), 1);
/// hub.send(Event::data("hello").id("1"));
/// assert!(subscriber.received().ends_with(b"id: 1\ndata: hello\n\n\r\n"));
/// ```
#[derive(Clone)]
pub struct Broadcast(Arc<Hub>);

struct Hub {
    history: Mutex<History>,
    slow: SlowSubscriber,
    retry: Option<Duration>,
    /// Part of the ids that the hub assigns: distinguishes runs of the program.
    run_id: u64,
}

struct History {
    /// The latest events, encoded, with the ids that the program chose.
    events: VecDeque<(Option<String>, String)>,
    /// The number of the first of them.
    first: u64,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
    /// Wakes of the subscribers that have received everything, by number.
    waiting: HashMap<u64, Wake>,
    subscribers: usize,
    /// Number of the latest subscriber.
    last_number: u64,
}

/// Events in the history.
const DEFAULT_EVENTS: usize = 1024;
/// Bytes of the events in the history.
const DEFAULT_BYTES: usize = 1024 * 1024;
/// The longest time that a JavaScript timer can wait, in milliseconds. A longer one fires at once.
const MAX_RETRY: u128 = i32::MAX as u128;

impl Default for Broadcast {
    fn default() -> Self {
        Broadcast::with(DEFAULT_EVENTS, DEFAULT_BYTES, SlowSubscriber::default(), None)
    }
}

impl Broadcast {
    /// Returns a hub that keeps the last 1,024 events, at most 1 MiB of them.
    pub fn new() -> Broadcast {
        Broadcast::default()
    }

    /// Returns a hub that keeps at most `events` events of at most `bytes` bytes in all (always the
    /// latest), treats slow subscribers by `slow`, and sends clients the time to wait before they
    /// reconnect.
    pub fn with(events: usize, bytes: usize, slow: SlowSubscriber, retry: Option<Duration>) -> Broadcast {
        let log = History {
            events: VecDeque::new(),
            first: 0,
            bytes: 0,
            max_events: events.max(1),
            max_bytes: bytes,
            waiting: HashMap::new(),
            subscribers: 0,
            last_number: 0,
        };
        let run = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_millis() as u64);
        Broadcast(Arc::new(Hub { history: Mutex::new(log), slow, retry, run_id: run }))
    }

    /// Sends an event to all subscribers, from any thread, in the order of the calls. Never blocks.
    /// Where the last event is the current state, read the state and send it under one lock: another
    /// thread could send a later state in between.
    pub fn send(&self, mut event: Event) {
        let mut log = self.0.lock();
        let chosen = event.id.clone();
        if chosen.is_none() && event.data.is_some() {
            event.id = Some(self.0.event_id(log.next()));
        }
        log.push(chosen, event.to_string());
        let waiting = std::mem::take(&mut log.waiting);
        drop(log);
        for wake in waiting.into_values() {
            wake();
        }
    }

    /// Returns a response that makes the client of this request a subscriber.
    pub fn subscribe(&self, request: &Request<'_>) -> EventStream {
        // An empty id counts as none: a browser without a last id sends no field (WHATWG HTML
        // §9.2.4).
        let last = request.header("last-event-id").filter(|id| !id.is_empty());
        self.stream(|log| last.map_or(log.next(), |id| self.0.position_after(id, log)))
    }

    fn stream(&self, next: impl FnOnce(&History) -> u64) -> EventStream {
        let mut log = self.0.lock();
        log.subscribers += 1;
        log.last_number += 1;
        let next = next(&log);
        let greeting = self.0.retry.map(|time| Event::default().retry(time).to_string()).unwrap_or_default();
        EventStream { hub: self.0.clone(), number: log.last_number, next, initial: greeting, wake: None }
    }

    /// Returns a stream that continues after this event, if the history still holds it.
    #[cfg(feature = "wire")]
    pub(crate) fn resume(&self, id: &str) -> Option<EventStream> {
        let number = id.split_once('-')?.1.parse().ok()?;
        let holds = self.0.lock().holds(number) && self.0.event_id(number) == id;
        holds.then(|| self.stream(|_| number + 1))
    }

    /// Returns a stream of the events from now on, and the id of the latest event before them.
    #[cfg(feature = "wire")]
    pub(crate) fn follow(&self) -> (EventStream, String) {
        let stream = self.stream(History::next);
        let latest = self.0.event_id(stream.next.saturating_sub(1));
        (stream, latest)
    }

    /// Returns the number of subscribers.
    pub fn subscribers(&self) -> usize {
        self.0.lock().subscribers
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    /// Returns the id of an event without its own.
    fn event_id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.run_id)
    }

    /// Returns the position after this event id. An unknown id predates the history: replay all of
    /// it.
    fn position_after(&self, id: &str, log: &History) -> u64 {
        let number = id.split_once('-').and_then(|(_, number)| number.parse().ok());
        if let Some(number) = number.filter(|&number| log.holds(number) && self.event_id(number) == id) {
            return number + 1;
        }
        let back = log.events.iter().rev().position(|(chosen, _)| chosen.as_deref() == Some(id));
        back.map_or(log.first, |back| log.next() - back as u64)
    }
}

impl History {
    fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    fn holds(&self, number: u64) -> bool {
        (self.first..self.next()).contains(&number)
    }

    fn push(&mut self, id: Option<String>, text: String) {
        self.bytes += text.len();
        self.events.push_back((id, text));
        while self.events.len() > self.max_events || (self.bytes > self.max_bytes && self.events.len() > 1) {
            let Some((_, text)) = self.events.pop_front() else { break };
            self.bytes -= text.len();
            self.first += 1;
        }
    }

    /// Appends whole events from this number on until `room` is used up, and returns the next
    /// number.
    fn read(&self, mut next: u64, out: &mut Vec<u8>, room: usize) -> u64 {
        for (_, text) in self.events.iter().skip((next - self.first) as usize) {
            out.extend_from_slice(text.as_bytes());
            next += 1;
            if out.len() >= room {
                break;
            }
        }
        next
    }
}

/// A response that streams events until the client leaves. From [`Broadcast::subscribe`].
///
/// While there are no events, it sends an empty comment at each
/// [`Timeouts::heartbeat`](crate::Timeouts::heartbeat), so that proxies keep the connection and
/// dead clients are noticed. A graceful stop ends it; clients reconnect.
pub struct EventStream {
    hub: Arc<Hub>,
    number: u64,
    /// The number of the event to send next.
    next: u64,
    initial: String,
    wake: Option<Wake>,
}

impl EventStream {
    /// Sends these events to this client alone, before all others: for the current state.
    #[must_use]
    pub fn first(mut self, events: impl IntoIterator<Item = Event>) -> EventStream {
        self.initial.extend(events.into_iter().map(|event| event.to_string()));
        self
    }
}

impl IntoResponse for EventStream {
    fn write_to(self, response: &mut Response) {
        response.set_header("Content-Type", "text/event-stream");
        response.set_header("Cache-Control", "no-store");
        response.set_header("X-Accel-Buffering", "no"); // nginx would hold events back until a buffer is full
        response.set_source(self, None);
    }

    fn returned() -> Returned {
        Returned::content("text/event-stream")
    }
}

impl BodySource for EventStream {
    fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull> {
        if !self.initial.is_empty() {
            out.append(&mut std::mem::take(&mut self.initial).into_bytes());
        }
        let mut log = self.hub.lock();
        if self.next < log.first {
            if self.hub.slow == SlowSubscriber::Drop {
                return Err(io::Error::other("a subscriber reads too slowly"));
            }
            self.next = log.first;
        }
        self.next = log.read(self.next, out, room);
        if self.next < log.next() {
            return Ok(Pull::More);
        }
        if let Some(wake) = &self.wake {
            log.waiting.insert(self.number, wake.clone());
        }
        Ok(Pull::Wait)
    }

    fn attach(&mut self, wake: Wake) {
        self.wake = Some(wake);
    }

    fn heartbeat(&self) -> Option<&'static [u8]> {
        Some(b":\n\n")
    }

    #[cfg(feature = "gzip")]
    fn is_push(&self) -> bool {
        true
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let mut log = self.hub.lock();
        log.subscribers -= 1;
        log.waiting.remove(&self.number);
        shrink_if_sparse(&mut log.waiting);
    }
}

/// Splits text into lines as in an event stream: CR LF, LF and CR end a line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Removes line ends and NUL, which would end the field or make clients ignore it.
fn one_line(text: &str) -> String {
    text.chars().filter(|letter| !matches!(letter, '\r' | '\n' | '\0')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{App, TestClient, TestConnection};

    fn app(hub: &Broadcast) -> App {
        let mut app = App::new();
        let hub = hub.clone();
        app.get("/", move |req| hub.subscribe(req));
        app
    }

    /// A subscriber whose head is read.
    fn subscriber<'a>(client: &'a TestClient<'a>, last: &str) -> TestConnection<'a> {
        let mut connection = client.connect();
        let field = if last.is_empty() { String::new() } else { format!("Last-Event-ID: {last}\r\n") };
        connection.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n").as_bytes());
        connection
    }

    /// The events that came, without head and framing.
    fn events(connection: &mut TestConnection<'_>) -> String {
        let text = String::from_utf8(connection.take_received().to_vec()).unwrap();
        let body = text
            .split_once("\r\n\r\n")
            .map_or(&*text, |(head, body)| if head.starts_with("HTTP") { body } else { &text });
        body.split("\r\n").skip(1).step_by(2).collect()
    }

    #[test]
    fn an_empty_last_id_is_none() {
        let hub = Broadcast::new();
        let app = app(&hub);
        hub.send(Event::data("old"));
        let client = app.test();
        for field in ["", "Last-Event-ID:\r\n", "Last-Event-ID: \t\r\n"] {
            let mut connection = client.connect();
            connection.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n").as_bytes());
            let _ = connection.take_received();
            hub.send(Event::data("new"));
            let text = String::from_utf8_lossy(connection.take_received()).into_owned();
            assert!(text.contains("data: new") && !text.contains("data: old"), "{field:?}: {text}");
        }
    }

    #[test]
    fn events_as_text() {
        for (event, text) in [
            (Event::data("a"), "data: a\n\n"),
            (Event::data(""), "data: \n\n"),
            (Event::data("a\nb\r\nc\rd\n"), "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
            (Event::data(" a"), "data:  a\n\n"),
            (Event::data("a").event("x\ny").id("1\r\n2\0"), "id: 12\nevent: xy\ndata: a\n\n"),
            (Event::comment("hi\nthere"), ": hi\n: there\n\n"),
            (Event::default().retry(Duration::from_secs(2)), "retry: 2000\n\n"),
            (Event::default().retry(Duration::ZERO), "retry: 0\n\n"),
            (Event::default().retry(Duration::from_nanos(1)), "retry: 0\n\n"),
            (Event::default().retry(Duration::MAX), "retry: 2147483647\n\n"),
        ] {
            assert_eq!(event.to_string(), text);
        }
    }

    #[test]
    fn the_head_forbids_caches_to_store_the_stream() {
        let hub = Broadcast::new();
        let app = app(&hub);
        let client = app.test();
        let head = String::from_utf8(subscriber(&client, "").received().to_vec()).unwrap();
        for field in
            ["Content-Type: text/event-stream\r\n", "Cache-Control: no-store\r\n", "Transfer-Encoding: chunked\r\n"]
        {
            assert!(head.contains(field), "{head}");
        }
    }

    #[test]
    fn all_subscribers_get_an_event_and_those_who_left_do_not_count() {
        let hub = Broadcast::new();
        let app = app(&hub);
        let client = app.test();
        let mut all: Vec<_> = (0..10).map(|_| subscriber(&client, "")).collect();
        assert_eq!(hub.subscribers(), 10);
        hub.send(Event::data("x").id("a"));
        assert!(all.iter_mut().all(|connection| events(connection) == "id: a\ndata: x\n\n"));
        all.truncate(3);
        assert_eq!(hub.subscribers(), 3);
        hub.send(Event::data("y").id("b"));
        assert!(all.iter_mut().all(|connection| events(connection) == "id: b\ndata: y\n\n"));
    }

    #[test]
    fn who_comes_back_gets_what_it_missed() {
        let hub = Broadcast::with(3, 1000, SlowSubscriber::Skip, None);
        let app = app(&hub);
        let client = app.test();
        let mut first = subscriber(&client, "");
        hub.send(Event::data("1"));
        let id = events(&mut first).lines().next().unwrap().strip_prefix("id: ").unwrap().to_owned();
        hub.send(Event::data("2").id("two"));
        hub.send(Event::data("3").id("three"));
        let data = |last: &str| {
            events(&mut subscriber(&client, last))
                .lines()
                .filter(|l| l.starts_with("data"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(data(&id), "data: 2 data: 3");
        assert_eq!(data("two"), "data: 3");
        assert_eq!(data("three"), "");
        assert_eq!(data(""), "", "a newcomer begins now");
        assert_eq!(data("unheard-of"), "data: 1 data: 2 data: 3");
        assert_eq!(data("0-1"), "data: 1 data: 2 data: 3", "another run's number");
        hub.send(Event::data("4"));
        assert_eq!(data(&id), "data: 2 data: 3 data: 4", "its event has left the history, what followed has not");
    }

    #[test]
    fn a_history_has_an_end_in_bytes_too() {
        let hub = Broadcast::with(100, 20, SlowSubscriber::Skip, None);
        for text in ["a", "b", "c"] {
            hub.send(Event::data(text).id(text));
        }
        assert_eq!(hub.0.lock().events.len(), 1);
        hub.send(Event::data("longer than all that may be kept"));
        assert_eq!(hub.0.lock().events.len(), 1);
    }

    #[test]
    fn a_slow_subscriber_skips_or_is_cut() {
        for (slow, cut) in [(SlowSubscriber::Skip, false), (SlowSubscriber::Drop, true)] {
            let hub = Broadcast::with(2, 100_000, slow, None);
            let app = app(&hub);
            let client = app.test();
            let mut connection = subscriber(&client, "");
            events(&mut connection);
            connection.set_write_capacity(0);
            for n in 0..10 {
                hub.send(Event::data(n.to_string()).id(n.to_string()));
                connection.received();
            }
            connection.set_write_capacity(usize::MAX);
            assert_eq!(connection.is_over(), cut, "{slow:?}");
            let read = events(&mut connection);
            let ends = if cut { "data: 0\n\n" } else { "id: 8\ndata: 8\n\nid: 9\ndata: 9\n\n" };
            assert!(read.starts_with("id: 0\n") && read.ends_with(ends) && read.len() < 60, "{read}");
        }
    }

    #[test]
    fn silence_is_broken_by_comments() {
        let hub = Broadcast::with(2, 100, SlowSubscriber::Skip, Some(Duration::from_secs(9)));
        let app = app(&hub);
        let client = app.test();
        let mut connection = subscriber(&client, "");
        assert_eq!(events(&mut connection), "retry: 9000\n\n");
        connection.advance(Duration::from_secs(14));
        assert_eq!(events(&mut connection), "");
        connection.advance(Duration::from_secs(32));
        assert_eq!(events(&mut connection), ":\n\n:\n\n:\n\n");
    }

    #[test]
    fn a_greeting_is_for_one() {
        let hub = Broadcast::new();
        let mut app = App::new();
        let other = hub.clone();
        app.get("/", move |req| other.subscribe(req).first([Event::data("welcome")]));
        let client = app.test();
        let mut connection = subscriber(&client, "");
        assert_eq!(events(&mut connection), "data: welcome\n\n");
    }
}
