//! Logs one line for every response, in four formats.

mod line;
mod sink;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::clock;
use crate::app::router::Router;
use crate::logging::{self, Origin};
use crate::request::Request;
use crate::response::Response;
use crate::response::sent::Sent;
use crate::sync::lock;
use line::{Draft, Entry, Timestamp};
use sink::Sink;

/// The logger's target, for filters: `RUST_LOG=access=info`.
const TARGET: &str = "access";

/// Logs every response, including those to malformed requests: one line when its last byte has been
/// passed to the kernel, or when its connection ends before that. The status is the one that was
/// sent, the bytes are those of the content that was sent, and the time is the client's: from the
/// first byte of the request, which may arrive in parts, until the last byte was sent. A client
/// that disconnected before its response began has the status 499, as in nginx's logs. Add it after
/// [`RequestId`](super::RequestId), whose id it logs.
///
/// Lines are written to the `log` crate with target `access` (to stderr, if the program has no
/// logger), or to a writer. Query strings are logged as they were sent: keep secrets out of them.
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
pub struct AccessLog(Logger);

/// Format of a line. Times are UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For development: `[id] GET /hello?name=Zo%C3%AB 200 28 B (0.4ms)`.
    Dev,
    /// NCSA's: `192.0.2.7 - user_1 [06/Nov/1994:08:49:37 +0000] "GET /hello HTTP/1.1" 200 28`.
    Common,
    /// Common, followed by the fields `Referer` and `User-Agent`: nginx's default.
    Combined,
    /// One JSON object a line: `time`, `client`, `user`, `method`, `target`, `route`, `version`,
    /// `status`, `bytes` (of the content that was sent), `duration_ms`, `complete` (whether all of
    /// the response was sent), `request_id`, `referer`, `user_agent`. Unknown values are `null`.
    Json,
}

/// Formats and writes the lines of all workers.
struct Logger {
    format: Format,
    stamp: Mutex<Timestamp>,
    /// `None` for the `log` crate.
    sink: Option<Mutex<Sink>>,
}

impl AccessLog {
    /// Logs through the `log` crate, level info, target `access`.
    pub fn new(format: Format) -> AccessLog {
        AccessLog(Logger { format, stamp: Mutex::default(), sink: None })
    }

    /// Logs to a writer instead, with one `write` a line. Workers wait for it: pass a file, or a
    /// pipe that another process reads. A write error is reported to the `log` crate at once, then
    /// once a minute with the number of lost lines.
    #[must_use]
    pub fn to(self, writer: impl Write + Send + 'static) -> AccessLog {
        AccessLog(Logger { sink: Some(Mutex::new(Sink::new(writer))), ..self.0 })
    }

    /// Adds it to a router or an app.
    #[track_caller]
    pub fn add_to(self, router: &mut Router) {
        let log = Arc::new(self.0);
        router.before(clock::start);
        router.after(move |request, response| {
            if log.is_on() {
                let (draft, log) = (log.draft(request, response), log.clone());
                response.on_sent(move |sent| log.write(&draft, sent));
            }
        });
    }
}

impl Logger {
    fn is_on(&self) -> bool {
        self.sink.is_some() || log::log_enabled!(target: TARGET, log::Level::Info) || logging::has_no_logger()
    }

    /// Formats what is known before the response is sent: the request is dropped by then.
    fn draft(&self, request: &Request<'_>, response: &Response) -> Draft {
        let entry = Entry { request, response, now: SystemTime::now() };
        entry.draft(self.format, &mut lock(&self.stamp))
    }

    fn write(&self, draft: &Draft, sent: &Sent) {
        let line = draft.completed(sent);
        match &self.sink {
            Some(pen) => lock(pen).write(line),
            None => {
                let origin = Origin { target: TARGET, file: file!(), line: line!() };
                logging::write(log::Level::Info, &origin, format_args!("{}", String::from_utf8_lossy(&line)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::middleware::{ApiKey, RequestId};
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::io;
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

    /// Returns the lines that these bytes add to the log.
    fn logged(format: Format, bytes: &[u8]) -> Vec<String> {
        let paper = Paper::default();
        let mut app = App::new();
        app.trusted_proxies(["unix"]);
        RequestId::new().trust(|_| true).add_to(&mut app);
        AccessLog::new(format).to(paper.clone()).add_to(&mut app);
        let user = ApiKey::lookup(|key| Some(crate::middleware::ApiUser::new(key)));
        app.get("/users/{id:int}", |_| "twelve bytes").require(user.guard());
        app.get("/panic", |_| -> &'static str { panic!("on purpose") });
        app.get("/any/{rest:path}", |_| "any");
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
        assert_eq!(json["complete"].take(), true);
        let expected = json!({
            "time": null, "client": "192.0.2.7", "user": "Jane Doe", "method": "GET", "target": "/users/7?a=%22b%22",
            "route": "/users/{id:int}", "version": "HTTP/1.1", "status": 200, "bytes": 12, "duration_ms": null, "complete": null,
            "request_id": "r-1", "referer": "https://a/", "user_agent": "a \"b\" \\ c",
        });
        assert_eq!(json, expected);
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

    /// Returns whether the line contains only characters that are harmless to a terminal, a line
    /// reader and a field splitter.
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
