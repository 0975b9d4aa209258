//! One line for every answer, in four formats; whatever a client sent is escaped, so nobody writes lines or terminal codes but us.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_core::Serializer;
use serde_json::{Value, json};

use super::api_key::ApiUser;
use super::{clock, is_refused, sent_bytes};
use crate::app::request::Request;
use crate::app::response::Response;
use crate::app::router::Router;

/// The logger's target, for filters: `RUST_LOG=access=info`.
const TARGET: &str = "access";
const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";

/// Logs every answer, those to broken requests too. Add it behind other middleware, so that it sees the answer as it leaves.
///
/// Lines go to the `log` crate with target `access`, or to a writer. Query strings stand in the log as they were sent: keep secrets
/// out of them.
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::{AccessLog, Format, RequestId};
///
/// let mut app = App::new();
/// RequestId::new().add_to(&mut app);
/// AccessLog::new(Format::Json).to(std::io::stdout()).add_to(&mut app);
/// app.get("/hello", |_| "Hello!");
/// app.test().get("/hello").send();
/// ```
pub struct AccessLog {
    format: Format,
    output: Option<Output>,
}

/// What a line looks like. Times are UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: `[id] GET /hello?name=Zo%C3%AB 200 28 B (0.4ms)`.
    Dev,
    /// NCSA's: `192.0.2.7 - user_1 [06/Nov/1994:08:49:37 +0000] "GET /hello HTTP/1.1" 200 28`.
    Common,
    /// Common with the fields `Referer` and `User-Agent` behind it, nginx's default.
    Combined,
    /// An object a line: `time`, `client`, `user`, `method`, `target`, `route`, `version`, `status`, `bytes` (of the body),
    /// `duration_ms`, `request_id`, `referer`, `user_agent`. What is not known is `null`.
    Json,
}

struct Output {
    writer: Mutex<Box<dyn Write + Send>>,
    /// A full disk is reported once, not with every request.
    complained: AtomicBool,
}

/// What a line is made of.
struct Entry<'a> {
    request: &'a Request<'a>,
    response: &'a Response,
    took: Duration,
    now: SystemTime,
}

impl AccessLog {
    /// Through the `log` crate, level info, target `access`.
    pub fn new(format: Format) -> AccessLog {
        AccessLog { format, output: None }
    }

    /// To a writer instead, one `write` a line. Workers wait for it: give it a file or a pipe that somebody reads.
    #[must_use]
    pub fn to(mut self, writer: impl Write + Send + 'static) -> AccessLog {
        self.output = Some(Output { writer: Mutex::new(Box::new(writer)), complained: AtomicBool::new(false) });
        self
    }

    /// Installs it.
    #[track_caller]
    pub fn add_to(self, router: &mut Router) {
        router.before(clock::begin);
        router.after(move |request, response| self.log(request, response));
    }

    fn log(&self, request: &Request<'_>, response: &Response) {
        let entry =
            || Entry { request, response, took: clock::elapsed(request), now: SystemTime::now().max(UNIX_EPOCH) };
        match &self.output {
            Some(output) => output.line(entry().line(self.format)),
            None if log::log_enabled!(target: TARGET, log::Level::Info) => {
                log::info!(target: TARGET, "{}", entry().line(self.format));
            }
            None => {}
        }
    }
}

impl Output {
    fn line(&self, mut line: String) {
        line.push('\n');
        let written = self.writer.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
        match written {
            Err(error) if !self.complained.swap(true, Ordering::Relaxed) => {
                log::error!("the access log cannot be written: {error}")
            }
            _ => {}
        }
    }
}

impl Entry<'_> {
    fn line(&self, format: Format) -> String {
        match format {
            Format::Dev => self.dev(),
            Format::Common => self.common(),
            Format::Combined => {
                let text = |name| escaped(self.field(name).unwrap_or(b"-"));
                format!("{} \"{}\" \"{}\"", self.common(), text("referer"), text("user-agent"))
            }
            Format::Json => self.json(),
        }
    }

    fn dev(&self) -> String {
        let id = self.id().map(|id| format!("[{}] ", escaped(id.as_bytes()))).unwrap_or_default();
        let (asked, bytes) = (self.asked(""), sent_bytes(self.request, self.response));
        let took = clock::in_milliseconds(self.took);
        format!("{id}{asked} {} {bytes} B ({took})", self.response.status().as_u16())
    }

    /// Spaces separate the fields, so a user's become `\x20`.
    fn common(&self) -> String {
        let client = self.client().unwrap_or_else(|| "-".to_owned());
        let user = self.request.get::<ApiUser>().map_or("-", ApiUser::name);
        let [day, month, year, clock] = date_words(self.now);
        let asked = self.asked(&format!(" {}", self.request.version()));
        let (status, bytes) = (self.response.status().as_u16(), sent_bytes(self.request, self.response));
        let user = escaped(user.as_bytes()).replace(' ', "\\x20");
        format!("{client} - {user} [{day}/{month}/{year}:{clock} +0000] \"{asked}\" {status} {bytes}")
    }

    fn json(&self) -> String {
        let request = self.request;
        let read = (!is_refused(request)).then_some(request);
        let text = |name| self.field(name).map(String::from_utf8_lossy);
        let fields: [(&str, Value); 13] = [
            ("time", json!(timestamp(self.now))),
            ("client", json!(self.client())),
            ("user", json!(request.get::<ApiUser>().map(ApiUser::name))),
            ("method", json!(read.map(|request| request.method().to_string()))),
            ("target", json!(read.map(Request::target))),
            ("route", json!(request.route())),
            ("version", json!(read.map(|request| request.version().as_str()))),
            ("status", json!(self.response.status().as_u16())),
            ("bytes", json!(sent_bytes(request, self.response))),
            ("duration_ms", json!(self.took.as_micros() as f64 / 1000.0)),
            ("request_id", json!(self.id())),
            ("referer", json!(text("referer"))),
            ("user_agent", json!(text("user-agent"))),
        ];
        let mut line = Vec::new();
        // Writing plain values into memory cannot fail, and ASCII is UTF-8.
        let _ = serde_json::Serializer::with_formatter(&mut line, Ascii).collect_map(fields);
        String::from_utf8(line).unwrap_or_default()
    }

    fn client(&self) -> Option<String> {
        self.request.client_addr().map(|address| address.to_string())
    }

    /// As the client reads it: a refused request got its id with the answer.
    fn id(&self) -> Option<&str> {
        self.request.id().or_else(|| self.response.header_value("x-request-id"))
    }

    /// Method and target with `rest` behind them. Both were checked when they were read, and hold no quotes, controls or spaces;
    /// escaped all the same, since a log is evidence.
    fn asked(&self, rest: &str) -> String {
        match is_refused(self.request) {
            true => "-".to_owned(),
            false => format!("{} {}{rest}", self.request.method(), escaped(self.request.target().as_bytes())),
        }
    }

    /// The first value of a field, UTF-8 or not.
    fn field(&self, name: &str) -> Option<&[u8]> {
        self.request.headers().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// As Rust and Apache write bytes: `\"`, `\n`, `\x1b`; nothing but printable ASCII is left. Most have nothing to escape.
fn escaped(bytes: &[u8]) -> Cow<'_, str> {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !b"\"'\\".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.iter().all(plain) => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.escape_ascii().to_string()),
    }
}

/// Day, month, year and time of day: `06`, `Nov`, `1994`, `08:49:37`.
fn date_words(time: SystemTime) -> [String; 4] {
    let text = httpdate::fmt_http_date(time);
    let mut words = text.split(' ').skip(1).map(str::to_owned);
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

/// RFC 3339 with milliseconds: `1994-11-06T08:49:37.123Z`.
fn timestamp(time: SystemTime) -> String {
    let [day, month, year, clock] = date_words(time);
    let month = MONTHS.find(&month).unwrap_or_default() / 3 + 1;
    let millis = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_millis());
    format!("{year}-{month:02}-{day}T{clock}.{millis:03}Z")
}

/// JSON in ASCII: U+009B begins a terminal code too, and U+2028 ends a line for some.
struct Ascii;

impl serde_json::ser::Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        for unit in fragment.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() && byte != 0x7f => writer.write_all(&[byte])?,
                _ => write!(writer, "\\u{unit:04x}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::app::App;
    use crate::middleware::{ApiKey, RequestId};
    use proptest::prelude::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that these bytes leave in the log.
    fn logged(format: Format, bytes: &[u8]) -> Vec<String> {
        let paper = Paper::default();
        let mut app = App::new();
        app.trusted_proxies(["unix"]);
        RequestId::new().trust(|_| true).add_to(&mut app);
        AccessLog::new(format).to(paper.clone()).add_to(&mut app);
        let user = ApiKey::lookup(|key| Some(crate::middleware::ApiUser::new(key)));
        app.get("/users/{id:int}", |_| "twelve bytes").require(user.guard());
        app.get("/panic", |_| -> &'static str { panic!("on purpose") });
        app.get("/any/{rest:rest}", |_| "any");
        app.test().raw(bytes);
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    const REQUEST: &[u8] =
        b"GET /users/7?a=%22b%22 HTTP/1.1\r\nHost: a\r\nX-API-Key: Jane Doe\r\nX-Request-ID: r-1\r\n\
        X-Forwarded-For: 192.0.2.7\r\nReferer: https://a/\r\nUser-Agent: a \"b\" \\ c\r\n\r\n";

    #[test]
    fn four_formats() {
        let line = |format| logged(format, REQUEST).concat();
        let dev = line(Format::Dev);
        assert!(dev.starts_with("[r-1] GET /users/7?a=%22b%22 200 12 B (") && dev.ends_with("ms)"), "{dev}");
        let common = line(Format::Common);
        assert!(common.starts_with(r"192.0.2.7 - Jane\x20Doe ["), "{common}");
        assert!(common.ends_with(r#" +0000] "GET /users/7?a=%22b%22 HTTP/1.1" 200 12"#), "{common}");
        let combined = line(Format::Combined);
        assert!(combined.ends_with(r#" HTTP/1.1" 200 12 "https://a/" "a \"b\" \\ c""#), "{combined}");
        let mut json: Value = serde_json::from_str(&line(Format::Json)).unwrap();
        assert!(json["duration_ms"].take().is_f64() && json["time"].take().is_string());
        let expected = json!({
            "time": null, "client": "192.0.2.7", "user": "Jane Doe", "method": "GET", "target": "/users/7?a=%22b%22",
            "route": "/users/{id:int}", "version": "HTTP/1.1", "status": 200, "bytes": 12, "duration_ms": null,
            "request_id": "r-1", "referer": "https://a/", "user_agent": "a \"b\" \\ c",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn dates_in_two_spellings() {
        let time = UNIX_EPOCH + Duration::from_millis(784_111_777_012);
        assert_eq!(date_words(time), ["06", "Nov", "1994", "08:49:37"]);
        assert_eq!(timestamp(time), "1994-11-06T08:49:37.012Z");
        assert_eq!(timestamp(UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn errors_panics_and_refusals_leave_a_line_each() {
        let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
        let cases: &[(Vec<u8>, &str)] = &[
            (get("/nothing"), "GET /nothing 404 "),
            (get("/users/7"), "GET /users/7 401 "),
            (get("/panic"), "GET /panic 500 "),
            (b"POST /panic HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), "POST /panic 405 "),
            (b"HEAD /any/x HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), "HEAD /any/x 200 0 B "),
            (b"GET /any/x HTTP/1.1\r\n\r\n".to_vec(), "- 400 "),
            (b"\x1b[31mGET\r\n\r\n".to_vec(), "- 400 "),
            (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n".to_vec(), "- 505 "),
        ];
        for (bytes, expected) in cases {
            let lines = logged(Format::Dev, bytes);
            assert_eq!(lines.len(), 1, "{lines:?}");
            let line = lines[0].split_once("] ").unwrap().1;
            assert!(line.starts_with(expected), "{line}");
            let json: Value = serde_json::from_str(&logged(Format::Json, bytes).concat()).unwrap();
            assert_eq!(json["target"].is_null(), expected.starts_with('-'));
            assert!(json["request_id"].is_string());
            assert_eq!(logged(Format::Combined, bytes).concat().contains("\"-\" 400"), expected.starts_with("- 400"));
        }
    }

    /// Nothing that a terminal, a line reader or a field splitter could take for its own.
    fn is_harmless(line: &str) -> bool {
        line.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    }

    #[test]
    fn no_byte_in_a_field_forges_a_line() {
        for byte in 0..=255_u8 {
            let mut bytes = b"GET /any/x HTTP/1.1\r\nHost: a\r\nUser-Agent: a".to_vec();
            bytes.extend_from_slice(&[byte, b'b', 0xc2, 0x9b, b'3', b'1', b'm', b'\r', b'\n']);
            bytes.extend_from_slice("Referer: \u{2028}\u{202e}é\u{7}\u{1f600}\r\n\r\n".as_bytes());
            for format in [Format::Dev, Format::Common, Format::Combined, Format::Json] {
                let lines = logged(format, &bytes);
                assert!(lines.len() == 1 && is_harmless(&lines[0]), "{byte:#x}: {lines:?}");
            }
        }
    }

    #[test]
    fn a_quote_never_ends_a_field() {
        let bytes = b"GET /any/%22200 HTTP/1.1\r\nHost: a\r\nUser-Agent: x\" 200 1 \"\r\n\r\n";
        let line = logged(Format::Combined, bytes).concat();
        assert!(line.ends_with(r#" "-" "x\" 200 1 \"""#), "{line}");
        let json: Value = serde_json::from_str(&logged(Format::Json, bytes).concat()).unwrap();
        assert_eq!(json["user_agent"], "x\" 200 1 \"");
    }

    #[test]
    fn a_log_that_cannot_be_written_harms_no_answer() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut app = App::new();
        AccessLog::new(Format::Common).to(Full).add_to(&mut app);
        app.get("/", |_| "fine");
        for _ in 0..3 {
            assert_eq!(app.test().get("/").send().text(), "fine");
        }
    }

    proptest! {
        #[test]
        fn every_request_leaves_one_harmless_line(target in "/any/[ -~]{0,20}", agent in proptest::collection::vec(any::<u8>(), 0..20)) {
            let bytes = [b"GET ", target.as_bytes(), b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUser-Agent: ", &agent, b"\r\n\r\n"].concat();
            for format in [Format::Dev, Format::Common, Format::Combined, Format::Json] {
                let lines = logged(format, &bytes);
                prop_assert!(lines.iter().all(|line| is_harmless(line)), "{:?}", lines);
            }
            for line in logged(Format::Json, &bytes) {
                prop_assert!(serde_json::from_str::<Value>(&line).is_ok());
            }
        }
    }
}
