//! A client without a socket: real bytes through the real connection code, in virtual time, on the calling thread.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, SystemTime};

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use crate::app::app::App;
use crate::http1::encode::Opening;
use crate::http1::limits::Limits;
use crate::http1::status::StatusCode;
use crate::net::conn::{Conn, Context, Desk, Fate, Moment, Settings};
use crate::net::deadline::{Millis, Timeouts};
use crate::net::socket::Socket;
use crate::wire::probe::NoProbe;

/// Asks an [`App`] without any network. From [`App::test`].
pub struct TestClient<'a> {
    app: &'a App,
    settings: Settings,
    /// When every connection of this client begins: virtual time counts from here.
    began: SystemTime,
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
    desk: Desk,
    now: Millis,
    deadline: Millis,
    over: bool,
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
        TestClient { app: self, settings: Settings::default(), began: SystemTime::now() }
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

    /// Sends bytes as they are, all at once, closes the writing side, and gives everything that came back.
    pub fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut connection = self.connect();
        connection.send(bytes);
        connection.half_close();
        connection.received().to_vec()
    }

    /// A connection to deliver bytes on, piece by piece.
    pub fn connect(&self) -> TestConnection<'_> {
        let mut connection = TestConnection {
            client: self,
            conn: Conn::new(Script::default(), 1, None, 0),
            desk: Desk::new(),
            now: 0,
            deadline: 0,
            over: false,
        };
        connection.work(Conn::turn::<NoProbe>);
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
        let status = StatusCode::from_u16(response.code?)?;
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
        self.conn.wake(false);
        self.work(Conn::turn::<NoProbe>);
    }

    /// Delivers the client's FIN.
    pub fn half_close(&mut self) {
        if self.over {
            return;
        }
        self.conn.socket().fin = true;
        self.conn.wake(true);
        self.work(Conn::turn::<NoProbe>);
    }

    /// Lets time pass; deadlines fire.
    pub fn advance(&mut self, time: Duration) {
        let until = self.now + time.as_millis() as Millis;
        while !self.over && self.deadline <= until {
            self.now = self.deadline.max(self.now);
            self.work(Conn::expire::<NoProbe>);
        }
        self.now = until;
    }

    /// Everything that the server has written so far.
    pub fn received(&mut self) -> &[u8] {
        &self.conn.socket().outgoing
    }

    /// Whether the server has closed its side.
    pub fn is_closed(&mut self) -> bool {
        self.over || self.conn.socket().finished
    }

    fn work(&mut self, work: fn(&mut Conn<Script>, &mut Desk, &Context<'_>, &mut NoProbe) -> Fate) {
        self.desk.tools.opening = Opening::at(self.client.began + Duration::from_millis(self.now));
        let moment = Moment::at(self.now, None, false, &self.client.settings.timeouts);
        let context = Context { app: self.client.app, settings: &self.client.settings, moment: &moment };
        let mut fate = work(&mut self.conn, &mut self.desk, &context, &mut NoProbe);
        while fate == Fate::Again {
            fate = self.conn.turn(&mut self.desk, &context, &mut NoProbe);
        }
        self.over = matches!(fate, Fate::Gone(_));
        self.deadline = self.conn.deadline(&context);
    }
}

/// A socket that is two buffers.
#[derive(Default)]
pub(crate) struct Script {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    fin: bool,
    finished: bool,
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return if self.fin { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let n = self.incoming.as_slice().read(buffer)?;
        self.incoming.drain(..n);
        Ok(n)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Script {
    fn finish_writing(&mut self) {
        self.finished = true;
    }

    fn reset_on_close(&mut self) {
        self.finished = true;
    }
}
