//! Tests an application without sockets: real bytes through the real connection code, in virtual
//! time, on the calling thread.

mod disconnect;
mod memory_socket;
mod multipart;
mod session;
mod trace;

use std::time::{Duration, Instant, SystemTime};

pub(crate) use memory_socket::MemorySocket;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use session::KeptCookies;
use trace::{RunConnection, WakeReason};

use crate::app::App;
use crate::http1::chunked::Decoder;
use crate::http1::encode::ResponsePrefix;
use crate::http1::limits::Limits;
use crate::http1::status::StatusCode;
use crate::net::conn::{Action, Conn};
use crate::net::millis::{Millis, NEVER, millis};
use crate::net::threads::mailbox::{Completion, Offload};
use crate::net::tick::{Buffers, Config, Context, LoopTime};
use crate::net::timeouts::Timeouts;
use crate::net::worker::slab::Key;
use crate::trace::tracer::{Tracer, Tracing};

/// How long a test client waits for another thread, which sends a body or writes a trace.
const THREAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Sends requests to an [`App`] without a network. From [`App::test`].
pub struct TestClient<'a> {
    app: &'a App,
    config: Config,
    /// The start of virtual time for each connection of this client.
    start: SystemTime,
    tracing: Option<Tracing>,
    run: RunConnection,
    /// Kept between requests, if the client keeps anything.
    session: Option<KeptCookies>,
}

/// A request that is being built. From [`TestClient`].
pub struct TestRequest<'a> {
    client: &'a TestClient<'a>,
    method: String,
    target: String,
    fields: Vec<u8>,
    has_host: bool,
    body: Option<Vec<u8>>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResponse {
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A connection on which a test delivers bytes piece by piece. From [`TestClient::connect`].
pub struct TestConnection<'a> {
    client: &'a TestClient<'a>,
    conn: Conn<MemorySocket>,
    buffers: Buffers,
    offload: Offload,
    now: Millis,
    deadline: Millis,
    tracer: Option<Tracer>,
    over: bool,
    /// What `take_received` returned last.
    taken: Vec<u8>,
}

impl App {
    /// Returns a client for tests: no socket, no thread, no waiting.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/hello", |_| "Hello!");
    /// let reply = app.test().get("/hello").send();
    /// assert_eq!((reply.status().as_u16(), reply.text()), (200, "Hello!"));
    /// let raw = app.test().raw(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(raw.starts_with(b"HTTP/1.1 200 OK\r\n"));
    /// ```
    pub fn test(&self) -> TestClient<'_> {
        let (config, start) = (Config::default(), SystemTime::now());
        TestClient { app: self, config, start, tracing: None, run: trace::run, session: None }
    }
}

impl<'a> TestClient<'a> {
    /// Sets limits other than the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> TestClient<'a> {
        self.config.limits = limits;
        self
    }

    /// Sets timeouts other than the default ones.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> TestClient<'a> {
        self.config.timeouts = timeouts;
        self
    }

    /// Builds a GET request.
    pub fn get(&self, target: &str) -> TestRequest<'_> {
        self.request("GET", target)
    }

    /// Builds a POST request.
    pub fn post(&self, target: &str) -> TestRequest<'_> {
        self.request("POST", target)
    }

    /// Builds a PUT request.
    pub fn put(&self, target: &str) -> TestRequest<'_> {
        self.request("PUT", target)
    }

    /// Builds a PATCH request.
    pub fn patch(&self, target: &str) -> TestRequest<'_> {
        self.request("PATCH", target)
    }

    /// Builds a DELETE request.
    pub fn delete(&self, target: &str) -> TestRequest<'_> {
        self.request("DELETE", target)
    }

    /// Builds a request with any method.
    pub fn request(&self, method: &str, target: &str) -> TestRequest<'_> {
        TestRequest {
            client: self,
            method: method.to_owned(),
            target: target.to_owned(),
            fields: Vec::new(),
            has_host: false,
            body: None,
        }
    }

    /// Sends bytes as they are, all at once, closes the writing side, and returns everything that
    /// was received. Waits up to a minute for a [`stream`](crate::stream) that another thread
    /// sends, but not for events, which never end.
    pub fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut connection = self.connect();
        connection.send(bytes);
        let until = Instant::now() + THREAD_TIMEOUT;
        while !connection.over && connection.conn.waits_for_producer() && connection.offload.mailbox.wait(until) {
            connection.deliver();
        }
        connection.half_close();
        connection.received().to_vec()
    }

    /// Opens a connection.
    pub fn connect(&self) -> TestConnection<'_> {
        let mut connection = TestConnection {
            client: self,
            conn: Conn::new(MemorySocket::new(), 1, None, 0),
            buffers: Buffers::new(),
            offload: Offload::default(),
            now: 0,
            deadline: 0,
            tracer: self.tracing.as_ref().map(|tracing| tracing.tracer(0)),
            over: false,
            taken: Vec::new(),
        };
        connection.set_time(0);
        connection.wake(WakeReason::Ready);
        connection
    }
}

impl TestRequest<'_> {
    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.has_host |= name.eq_ignore_ascii_case("host");
        self.fields.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        self
    }

    /// Sends this body with its media type.
    #[must_use]
    pub fn body(mut self, media_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self.header("Content-Type", media_type)
    }

    /// Sends a value as JSON.
    ///
    /// # Panics
    /// Panics if the value cannot be serialized.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        #[expect(clippy::expect_used, reason = "a test that cannot build its request must fail")]
        let body = serde_json::to_vec(value).expect("a test's JSON body");
        self.body("application/json", body)
    }

    /// Sends a form.
    #[must_use]
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// Sends the request and reads the response.
    ///
    /// # Panics
    /// Panics if what is received is not an HTTP response.
    pub fn send(self) -> TestResponse {
        self.send_in_session()
    }

    /// Sends the request with these fields too.
    fn send_once(&self, fields: &str) -> TestResponse {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        if !self.has_host {
            bytes.extend_from_slice(b"Host: localhost\r\n");
        }
        bytes.extend_from_slice(&self.fields);
        bytes.extend_from_slice(fields.as_bytes());
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        let received = self.client.raw(&bytes);
        #[expect(clippy::expect_used, reason = "a test without a response must fail")]
        TestResponse::parse(&received, self.method == "HEAD").expect("an HTTP response")
    }
}

impl TestRequest<'_> {
    /// Removes the fields that describe a body.
    fn drop_content_fields(&mut self) {
        let is_content = |line: &&[u8]| line.to_ascii_lowercase().starts_with(b"content-");
        let kept = self.fields.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_content(line));
        self.fields = kept.collect::<Vec<_>>().concat();
    }
}

impl TestResponse {
    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns all header fields in order.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Returns the body, without its chunks if it was sent in chunks. Of a stream that breaks off or
    /// has no end, such as events, returns what was received.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the body as text; empty if it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// Parses the body as JSON.
    ///
    /// # Panics
    /// Panics if the body is not JSON or does not fit `T`.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        #[expect(clippy::expect_used, reason = "a test without the expected body must fail")]
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    fn parse(bytes: &[u8], head_only: bool) -> Option<TestResponse> {
        let head = bytes.get(..memchr::memmem::find(bytes, b"\r\n\r\n")?)?;
        let mut table = vec![httparse::EMPTY_HEADER; memchr::memchr_iter(b'\n', head).count()];
        let mut response = httparse::Response::new(&mut table);
        let Ok(httparse::Status::Complete(length)) = response.parse(bytes) else { return None };
        let status = StatusCode::from_u16(response.code?).ok()?;
        let body = bytes.get(length..)?;
        if status.is_informational() {
            return TestResponse::parse(body, head_only);
        }
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers: Vec<_> = response.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect();
        let mut reply = TestResponse { status, headers, body: Vec::new() };
        let length: Option<usize> = reply.header("content-length").and_then(|value| value.parse().ok());
        let received = length.unwrap_or(body.len()).min(body.len()); // less than announced if it broke off
        reply.body = body.get(..if head_only { 0 } else { received })?.to_vec();
        if reply.header("transfer-encoding").is_some() {
            let mut chunks = Decoder::new();
            chunks.decode(&mut reply.body, &Limits::default(), u64::MAX).ok()?;
            reply.body.truncate(chunks.decoded());
        }
        Some(reply)
    }
}

impl TestConnection<'_> {
    /// Delivers bytes, as one read if they fit. Bytes after the server's close are ignored.
    pub fn send(&mut self, bytes: &[u8]) {
        if self.over || bytes.is_empty() {
            return;
        }
        self.conn.socket().incoming.extend_from_slice(bytes);
        self.conn.mark_readable();
        self.wake(WakeReason::Ready);
    }

    /// Advances virtual time; deadlines expire.
    pub fn advance(&mut self, time: Duration) {
        let until = self.now.saturating_add(millis(time));
        while !self.over && self.deadline <= until && self.deadline < NEVER {
            self.set_time(self.deadline.max(self.now));
            self.wake(WakeReason::Deadline);
        }
        self.set_time(until);
    }

    /// Sets how many more bytes the server can write until the client reads: after them, a write
    /// would block. Unlimited by default.
    ///
    /// ```
    /// let mut app = wirelight::App::new();
    /// app.get("/", |_| "Hello!");
    /// let client = app.test();
    /// let mut connection = client.connect();
    /// connection.set_write_capacity(12);
    /// connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert_eq!(connection.received(), b"HTTP/1.1 200");
    /// connection.set_write_capacity(usize::MAX);
    /// assert!(connection.received().ends_with(b"Hello!"));
    /// ```
    pub fn set_write_capacity(&mut self, bytes: usize) {
        if self.over {
            return;
        }
        self.conn.socket().write_capacity = bytes;
        self.wake(WakeReason::Ready);
    }

    /// Returns everything that the server has written so far, or since
    /// [`take_received`](Self::take_received). It includes what other threads have sent by now.
    pub fn received(&mut self) -> &[u8] {
        self.deliver();
        &self.conn.socket().outgoing
    }

    /// As [`received`](Self::received), and clears it. Reuses the memory, for tests that count
    /// allocations.
    pub fn take_received(&mut self) -> &[u8] {
        self.deliver();
        std::mem::swap(&mut self.taken, &mut self.conn.socket().outgoing);
        self.conn.socket().outgoing.clear();
        &self.taken
    }

    /// Returns whether the server has closed its side.
    pub fn is_closed(&mut self) -> bool {
        self.over || self.conn.socket().finished
    }

    /// Returns whether the connection has ended: after its FIN, the server reads on for a while
    /// (RFC 9112 §9.6).
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Returns whether the server reset the connection: what the client had not read is lost.
    pub fn is_reset(&mut self) -> bool {
        self.conn.socket().reset
    }

    /// Handles the messages from other threads, as a worker's loop does.
    fn deliver(&mut self) {
        for letter in self.offload.mailbox.drain() {
            match letter {
                Completion::BodyReady(_) if !self.over => self.wake(WakeReason::Ready),
                Completion::BodyReady(_) | Completion::Response(..) => {} // handlers run on this thread, so no response is sent
            }
        }
    }

    fn set_time(&mut self, now: Millis) {
        self.now = now;
        self.buffers.out.prefix = ResponsePrefix::at(self.client.start + Duration::from_millis(now));
    }

    /// Runs the connection, and updates its deadline.
    fn wake(&mut self, reason: WakeReason) {
        let time = LoopTime::at(self.now, None, false, &self.client.config.timeouts);
        let context = Context {
            app: self.client.app,
            key: Key { index: 0, generation: 0 },
            offload: &self.offload,
            config: &self.client.config,
            time: &time,
        };
        let (conn, buffers) = (&mut self.conn, &mut self.buffers);
        let fate = (self.client.run)(reason, conn, buffers, &context, self.tracer.as_mut());
        self.over = matches!(fate, Action::Close(_));
        if self.over {
            self.conn.end(&context);
        }
        self.deadline = self.conn.deadline(&context);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Response;
    use crate::events::{Broadcast, Event};
    use crate::trace::probe::{CloseReason, NoProbe};

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn the_body_of_a_response_has_no_chunks() {
        let mut app = App::new();
        app.get("/pieces", |_| Response::default().chunks(["one ", "", "two"]));
        app.get("/nothing", |_| Response::default().chunks([""; 0]));
        app.get("/events", |req| Broadcast::new().subscribe(req).first([Event::data("now")]));
        let client = app.test();
        assert_eq!(client.get("/pieces").send().text(), "one two");
        assert_eq!(client.request("HEAD", "/pieces").send().text(), "");
        assert_eq!(client.get("/nothing").send().body(), b"");
        assert_eq!(client.get("/events").send().text(), "data: now\n\n");
    }

    #[test]
    fn of_a_body_that_breaks_off_there_is_what_was_received() {
        let mut app = App::new();
        app.get("/chunks", |_| Response::default().chunks(["one"]).content_length(9));
        app.get("/reader", |_| Response::default().reader(&b"one"[..], Some(9)));
        for path in ["/chunks", "/reader"] {
            let reply = app.test().get(path).send();
            assert_eq!((reply.header("Content-Length"), reply.text()), (Some("9"), "one"), "{path}");
        }
    }

    #[test]
    fn a_response_has_any_number_of_fields() {
        let mut app = App::new();
        app.get("/", |_| {
            (0..300).fold(Response::new(StatusCode::OK), |response, n| response.header(&format!("X-{n}"), "1"))
        });
        app.get("/bare", |_| Response::new(StatusCode::NO_CONTENT));
        assert_eq!(app.test().get("/").send().header("X-299"), Some("1"));
        assert_eq!(app.test().get("/bare").send().status(), 204);
    }

    /// Evicts the connection, as a server at its connection limit does.
    fn evict(connection: &mut TestConnection<'_>) -> Action {
        let config = &connection.client.config;
        let time = LoopTime::at(connection.now, None, false, &config.timeouts);
        let (app, key, offload) = (connection.client.app, Key { index: 0, generation: 0 }, &connection.offload);
        let context = Context { app, key, offload, config, time: &time };
        let probe = &mut NoProbe;
        let (read, mut tick) = connection.buffers.lend(&context, probe);
        connection.conn.evict(read, &mut tick)
    }

    #[test]
    fn a_slow_body_may_be_evicted_with_a_503() {
        let mut app = App::new();
        app.post("/", |_| "ok");
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n";
        // The bytes after the first six seconds, and whether the connection is evicted.
        for (rest, evicted) in [(&b""[..], true), (b"x", true), (&[b'x'; 4000], false), (&[b'x'; 36_000], false)] {
            let client = app.test();
            let mut connection = client.connect();
            connection.send(head);
            connection.send(&[b'x'; 4000]);
            connection.advance(Duration::from_secs(6));
            connection.conn.socket().incoming.extend_from_slice(rest);
            let action = evict(&mut connection);
            assert_eq!(action == Action::Close(CloseReason::Fin), evicted, "{} bytes: {action:?}", rest.len());
            let status = if evicted { "503" } else { "200" };
            let responses = connection.received().starts_with(format!("HTTP/1.1 {status} ").as_bytes());
            assert_eq!(responses, evicted || rest.len() == 36_000);
        }
    }

    #[test]
    fn bytes_that_arrived_before_an_eviction_are_read() {
        let mut app = App::new();
        app.get("/", |_| "ok");
        // What the server has read, what has arrived since, and the result.
        let cases: [(&[u8], &[u8], Action); 7] = [
            (GET, b"", Action::Close(CloseReason::Fin)),
            (GET, GET, Action::Wait),
            (GET, b"G", Action::Wait),
            (b"GET / ", b"", Action::Close(CloseReason::Fin)),
            (b"GET / ", b"H", Action::Close(CloseReason::Fin)),
            (b"GET / ", b"HTTP/1.1\r\nHost: a\r\n\r\n", Action::Wait),
            (b"", b"G", Action::Wait),
        ];
        for (read, unread, action) in cases {
            let client = app.test();
            let mut connection = client.connect();
            connection.send(read);
            connection.advance(Duration::from_secs(2));
            connection.conn.socket().incoming.extend_from_slice(unread);
            assert_eq!(evict(&mut connection), action, "{:?} {:?}", read.escape_ascii().to_string(), unread);
            let responses = [read, unread].concat().windows(4).filter(|end| end == b"\r\n\r\n").count();
            assert_eq!(connection.received().windows(9).filter(|head| head == b"HTTP/1.1 ").count(), responses);
        }
    }

    /// Delivers bytes and runs the connection for one tick.
    fn one_tick(connection: &mut TestConnection<'_>, bytes: &[u8], time_sliced: bool) -> Action {
        connection.conn.socket().incoming.extend_from_slice(bytes);
        connection.conn.mark_readable();
        let config = &connection.client.config;
        let time = LoopTime { time_sliced, ..LoopTime::at(0, None, false, &config.timeouts) };
        let (app, key, offload) = (connection.client.app, Key { index: 0, generation: 0 }, &connection.offload);
        let context = Context { app, key, offload, config, time: &time };
        let probe = &mut NoProbe;
        let (read, mut tick) = connection.buffers.lend(&context, probe);
        connection.conn.run(read, &mut tick)
    }

    /// Returns how many bytes one tick reads if the client has sent 1 MiB of these requests.
    fn read_in_one_tick(request: &[u8]) -> usize {
        let mut app = App::new();
        app.get("/", |_| "ok");
        app.post("/", |_| "ok");
        let client = app.test().limits(Limits { body: 2 << 20, ..Limits::default() });
        let mut connection = client.connect();
        let sent = request.repeat((1 << 20) / request.len());
        assert_eq!(one_tick(&mut connection, &sent, false), Action::Yield, "the rest is for another tick");
        let read = sent.len() - connection.conn.socket().incoming.len();
        connection.wake(WakeReason::Ready);
        let responses = connection.received().windows(15).filter(|head| head == b"HTTP/1.1 200 OK").count();
        assert_eq!(responses, sent.len() / request.len(), "every request has a response in the end");
        read
    }

    #[test]
    fn a_tick_reads_64_kib_or_a_part_of_a_large_body() {
        let head = |padding: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(padding));
        let post =
            |body: usize| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {body}\r\n\r\n{}", "x".repeat(body));
        let requests = [head(1_500), head(4_000), head(8_000), head(14_000), post(2_000), post(32_000)];
        for request in requests {
            assert_eq!(read_in_one_tick(request.as_bytes()), 64 * 1024, "requests of {} bytes", request.len());
        }
        for request in [post(500_000), post(1_000_000)] {
            assert_eq!(read_in_one_tick(request.as_bytes()), (32 + 256) * 1024, "requests of {} bytes", request.len());
        }
        assert_eq!(read_in_one_tick(head(0).as_bytes()), 32 * 1024, "many small ones: one read, and 32 of them");
    }

    #[test]
    fn slow_handlers_end_a_tick_sooner() {
        let mut app = App::new();
        app.get("/", |_| std::thread::sleep(Duration::from_millis(1)));
        let client = app.test();
        let mut connection = client.connect();
        assert_eq!(one_tick(&mut connection, &GET.repeat(100), true), Action::Yield);
        let responses = |connection: &mut TestConnection<'_>| {
            connection.received().windows(9).filter(|head| head == b"HTTP/1.1 ").count()
        };
        assert_eq!(responses(&mut connection), 16, "the clock is read after the 8th and the 16th");
        connection.wake(WakeReason::Ready);
        assert_eq!(responses(&mut connection), 100);
    }
}
