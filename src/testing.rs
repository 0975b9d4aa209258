//! A client without a socket: real bytes through the real connection code, in virtual time, on the calling thread.

mod depart;
mod script;
mod watch;

use std::time::{Duration, Instant, SystemTime};

pub(crate) use script::Script;
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use watch::Work;

use crate::app::App;
use crate::http1::encode::ResponsePrefix;
use crate::http1::limits::Limits;
use crate::http1::status::StatusCode;
use crate::net::conn::{Action, Conn};
use crate::net::millis::{Millis, NEVER, millis};
use crate::net::threads::mailbox::{Completion, Offload};
use crate::net::tick::{Buffers, Config, Context, LoopTime};
use crate::net::timeouts::Timeouts;
use crate::net::worker::slab::Key;
use crate::trace::probe::NoProbe;
use crate::trace::tracer::{Tracer, Tracing};

/// How long a test client waits for another thread: one that feeds a body, or writes a trace.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks an [`App`] without any network. From [`App::test`].
pub struct TestClient<'a> {
    app: &'a App,
    settings: Config,
    /// When every connection of this client begins: virtual time counts from here.
    began: SystemTime,
    tracing: Option<Tracing>,
}

/// A request under construction. From [`TestClient`].
pub struct TestRequest<'a> {
    client: &'a TestClient<'a>,
    method: String,
    target: String,
    fields: Vec<u8>,
    has_host: bool,
    body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResponse {
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// One connection whose bytes the test delivers as it likes. From [`TestClient::connect`].
pub struct TestConnection<'a> {
    client: &'a TestClient<'a>,
    conn: Conn<Script>,
    desk: Buffers,
    office: Offload,
    now: Millis,
    deadline: Millis,
    tracer: Option<Tracer>,
    over: bool,
    /// What `take_received` gave last.
    taken: Vec<u8>,
}

impl App {
    /// A client for tests: no socket, no thread, no waiting.
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
        TestClient { app: self, settings: Config::default(), began: SystemTime::now(), tracing: None }
    }
}

impl<'a> TestClient<'a> {
    /// With other limits than the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> TestClient<'a> {
        self.settings.limits = limits;
        self
    }

    /// With other timeouts than the default ones.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> TestClient<'a> {
        self.settings.timeouts = timeouts;
        self
    }

    /// A GET request.
    pub fn get(&self, target: &str) -> TestRequest<'_> {
        self.request("GET", target)
    }

    /// A POST request.
    pub fn post(&self, target: &str) -> TestRequest<'_> {
        self.request("POST", target)
    }

    /// A PUT request.
    pub fn put(&self, target: &str) -> TestRequest<'_> {
        self.request("PUT", target)
    }

    /// A PATCH request.
    pub fn patch(&self, target: &str) -> TestRequest<'_> {
        self.request("PATCH", target)
    }

    /// A DELETE request.
    pub fn delete(&self, target: &str) -> TestRequest<'_> {
        self.request("DELETE", target)
    }

    /// A request with any method.
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

    /// Sends bytes as they are, all at once, closes the writing side, and gives everything that came back. Waits for a
    /// [`stream`](crate::stream) that another thread feeds, a minute at most; not for events, which never end.
    pub fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut connection = self.connect();
        connection.send(bytes);
        let until = Instant::now() + PATIENCE;
        while !connection.over && connection.conn.waits_for_producer() && connection.office.mailbox.wait(until) {
            connection.deliver();
        }
        connection.half_close();
        connection.received().to_vec()
    }

    /// A connection to deliver bytes on, piece by piece.
    pub fn connect(&self) -> TestConnection<'_> {
        let mut connection = TestConnection {
            client: self,
            conn: Conn::new(Script::new(), 1, None, 0),
            desk: Buffers::new(),
            office: Offload::default(),
            now: 0,
            deadline: 0,
            tracer: self.tracing.as_ref().map(|tracing| tracing.tracer(0)),
            over: false,
            taken: Vec::new(),
        };
        connection.set_time(0);
        connection.work(Work::Turn);
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
    /// When the value cannot be serialised.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        #[expect(clippy::expect_used, reason = "a test that cannot say what it sends must fail")]
        let body = serde_json::to_vec(value).expect("a test's JSON body");
        self.body("application/json", body)
    }

    /// Sends a form.
    #[must_use]
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// Sends the request and reads the answer.
    ///
    /// # Panics
    /// When what comes back is no HTTP response.
    pub fn send(self) -> TestResponse {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        if !self.has_host {
            bytes.extend_from_slice(b"Host: localhost\r\n");
        }
        bytes.extend_from_slice(&self.fields);
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        let received = self.client.raw(&bytes);
        #[expect(clippy::expect_used, reason = "no answer is the failure that the test is there to find")]
        TestResponse::parse(&received, self.method == "HEAD").expect("an HTTP response")
    }
}

impl TestResponse {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All header fields in order.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; empty when it is no UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none, or does not fit `T`.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        #[expect(clippy::expect_used, reason = "a test asks for what must be there")]
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    fn parse(bytes: &[u8], head_only: bool) -> Option<TestResponse> {
        let mut table = [httparse::EMPTY_HEADER; 64];
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
        reply.body = body.get(..if head_only { 0 } else { length.unwrap_or(body.len()) })?.to_vec();
        Some(reply)
    }
}

impl TestConnection<'_> {
    /// Delivers bytes, as one read if they fit. Bytes behind the server's close go nowhere.
    pub fn send(&mut self, bytes: &[u8]) {
        if self.over || bytes.is_empty() {
            return;
        }
        self.conn.socket().incoming.extend_from_slice(bytes);
        self.conn.mark_readable(false);
        self.work(Work::Turn);
    }

    /// Lets time pass; deadlines fire.
    pub fn advance(&mut self, time: Duration) {
        let until = self.now.saturating_add(millis(time));
        while !self.over && self.deadline <= until && self.deadline < NEVER {
            self.set_time(self.deadline.max(self.now));
            self.work(Work::Expire);
        }
        self.set_time(until);
    }

    /// How many more bytes of answers the client takes; the server's writes find no room behind them. Without a call: all.
    ///
    /// ```
    /// let mut app = wirelight::App::new();
    /// app.get("/", |_| "Hello!");
    /// let client = app.test();
    /// let mut connection = client.connect();
    /// connection.room(12);
    /// connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert_eq!(connection.received(), b"HTTP/1.1 200");
    /// connection.room(usize::MAX);
    /// assert!(connection.received().ends_with(b"Hello!"));
    /// ```
    pub fn room(&mut self, bytes: usize) {
        if self.over {
            return;
        }
        self.conn.socket().room = bytes;
        self.work(Work::Turn);
    }

    /// Everything that the server has written so far, or since [`take_received`](Self::take_received). What other threads have fed
    /// into the answer by now is part of it.
    pub fn received(&mut self) -> &[u8] {
        self.deliver();
        &self.conn.socket().outgoing
    }

    /// As [`received`](Self::received), and forgets it. The memory is used again: a test that counts allocations counts none here.
    pub fn take_received(&mut self) -> &[u8] {
        self.deliver();
        std::mem::swap(&mut self.taken, &mut self.conn.socket().outgoing);
        self.conn.socket().outgoing.clear();
        &self.taken
    }

    /// Whether the server has closed its side.
    pub fn is_closed(&mut self) -> bool {
        self.over || self.conn.socket().finished
    }

    /// Whether the server has let go of the connection: behind its FIN it reads on for a while (RFC 9112 §9.6).
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the server cut the connection off instead of closing it: what the client had not taken is lost.
    pub fn is_reset(&mut self) -> bool {
        self.conn.socket().reset
    }

    /// Reads the mail, as a worker's loop does.
    fn deliver(&mut self) {
        for letter in self.office.mailbox.drain() {
            match letter {
                Completion::BodyReady(_) if !self.over => self.work(Work::Turn),
                Completion::BodyReady(_) | Completion::Response(..) => {} // handlers run on this thread here: no answer comes by mail
            }
        }
    }

    fn set_time(&mut self, now: Millis) {
        self.now = now;
        self.desk.out.prefix = ResponsePrefix::at(self.client.began + Duration::from_millis(now));
    }

    fn work(&mut self, work: Work) {
        let moment = LoopTime::at(self.now, None, false, &self.client.settings.timeouts);
        let context = Context {
            app: self.client.app,
            key: Key { index: 0, generation: 0 },
            offload: &self.office,
            config: &self.client.settings,
            time: &moment,
        };
        let (conn, desk) = (&mut self.conn, &mut self.desk);
        let fate = match &mut self.tracer {
            Some(tracer) => work.run(conn, desk, &context, tracer),
            None => work.run(conn, desk, &context, &mut NoProbe),
        };
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
    use crate::trace::probe::CloseReason;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    /// A server whose places are all taken wants this connection's.
    fn asked_to_go(connection: &mut TestConnection<'_>) -> Action {
        let settings = &connection.client.settings;
        let moment = LoopTime::at(connection.now, None, false, &settings.timeouts);
        let (app, key, office) = (connection.client.app, Key { index: 0, generation: 0 }, &connection.office);
        let context = Context { app, key, offload: office, config: settings, time: &moment };
        connection.conn.evict(&mut connection.desk, &context, &mut NoProbe)
    }

    #[test]
    fn a_slow_body_may_have_to_go_and_hears_why() {
        let mut app = App::new();
        app.post("/", |_| "ok");
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n";
        // What came after the first six seconds, and whether the place is given to a newcomer.
        for (rest, goes) in [(&b""[..], true), (b"x", true), (&[b'x'; 4000], false), (&[b'x'; 36_000], false)] {
            let client = app.test();
            let mut connection = client.connect();
            connection.send(head);
            connection.send(&[b'x'; 4000]);
            connection.advance(Duration::from_secs(6));
            connection.conn.socket().incoming.extend_from_slice(rest);
            let fate = asked_to_go(&mut connection);
            assert_eq!(fate == Action::Close(CloseReason::Fin), goes, "{} bytes: {fate:?}", rest.len());
            let status = if goes { "503" } else { "200" };
            let answered = connection.received().starts_with(format!("HTTP/1.1 {status} ").as_bytes());
            assert_eq!(answered, goes || rest.len() == 36_000);
        }
    }

    #[test]
    fn who_has_to_go_is_looked_at_a_last_time() {
        let mut app = App::new();
        app.get("/", |_| "ok");
        // What the server has read, what arrives unseen, and what becomes of the connection.
        let cases: [(&[u8], &[u8], Action); 7] = [
            (GET, b"", Action::Close(CloseReason::Fin)),
            (GET, GET, Action::Wait),
            (GET, b"G", Action::Wait),
            (b"GET / ", b"", Action::Close(CloseReason::Fin)),
            (b"GET / ", b"H", Action::Close(CloseReason::Fin)),
            (b"GET / ", b"HTTP/1.1\r\nHost: a\r\n\r\n", Action::Wait),
            (b"", b"G", Action::Wait),
        ];
        for (read, unseen, fate) in cases {
            let client = app.test();
            let mut connection = client.connect();
            connection.send(read);
            connection.advance(Duration::from_secs(2));
            connection.conn.socket().incoming.extend_from_slice(unseen);
            assert_eq!(asked_to_go(&mut connection), fate, "{:?} {:?}", read.escape_ascii().to_string(), unseen);
            let answers = [read, unseen].concat().windows(4).filter(|end| end == b"\r\n\r\n").count();
            assert_eq!(connection.received().windows(9).filter(|head| head == b"HTTP/1.1 ").count(), answers);
        }
    }

    /// What one turn makes of these bytes.
    fn one_turn(connection: &mut TestConnection<'_>, bytes: &[u8], paced: bool) -> Action {
        connection.conn.socket().incoming.extend_from_slice(bytes);
        connection.conn.mark_readable(false);
        let settings = &connection.client.settings;
        let moment = LoopTime { time_sliced: paced, ..LoopTime::at(0, None, false, &settings.timeouts) };
        let (app, key, office) = (connection.client.app, Key { index: 0, generation: 0 }, &connection.office);
        let context = Context { app, key, offload: office, config: settings, time: &moment };
        connection.conn.run(&mut connection.desk, &context, &mut NoProbe)
    }

    /// How many bytes one turn of a connection reads of these, when the client has sent 1 MiB of them.
    fn read_in_one_turn(request: &[u8]) -> usize {
        let mut app = App::new();
        app.get("/", |_| "ok");
        app.post("/", |_| "ok");
        let client = app.test().limits(Limits { body: 2 << 20, ..Limits::default() });
        let mut connection = client.connect();
        let sent = request.repeat((1 << 20) / request.len());
        assert_eq!(one_turn(&mut connection, &sent, false), Action::Yield, "the rest is for another turn");
        let read = sent.len() - connection.conn.socket().incoming.len();
        connection.work(Work::Turn);
        let answers = connection.received().windows(15).filter(|head| head == b"HTTP/1.1 200 OK").count();
        assert_eq!(answers, sent.len() / request.len(), "every request is answered in the end");
        read
    }

    #[test]
    fn a_turn_reads_64_kib_whatever_the_size_of_the_requests() {
        let head = |padding: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(padding));
        let post =
            |body: usize| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {body}\r\n\r\n{}", "x".repeat(body));
        let requests = [
            head(1_500),
            head(4_000),
            head(8_000),
            head(14_000),
            post(2_000),
            post(32_000),
            post(500_000),
            post(1_000_000),
        ];
        for request in requests {
            assert_eq!(read_in_one_turn(request.as_bytes()), 64 * 1024, "requests of {} bytes", request.len());
        }
        assert_eq!(read_in_one_turn(head(0).as_bytes()), 32 * 1024, "many small ones: one read, and 32 of them");
    }

    #[test]
    fn handlers_that_take_long_end_a_turn_sooner() {
        let mut app = App::new();
        app.get("/", |_| std::thread::sleep(Duration::from_millis(1)));
        let client = app.test();
        let mut connection = client.connect();
        assert_eq!(one_turn(&mut connection, &GET.repeat(100), true), Action::Yield);
        let answered = |connection: &mut TestConnection<'_>| {
            connection.received().windows(9).filter(|head| head == b"HTTP/1.1 ").count()
        };
        assert_eq!(answered(&mut connection), 16, "the clock is looked at behind the 8th and the 16th");
        connection.work(Work::Turn);
        assert_eq!(answered(&mut connection), 100);
    }
}
