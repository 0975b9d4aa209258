//! Middleware: hooks, guards and handlers to add to an application, one value a file.
//!
//! Every file has the same shape: a value is configured by chaining, and `add_to(&mut app)`
//! installs its hooks, which only work together. `add_to` takes a [`Router`](crate::Router), which
//! an [`App`](crate::App) is too: the hooks of a router apply to its own routes and to nested ones,
//! even for a wrong method on one of its paths. Middleware for one route is passed to the route: a
//! handler (`app.get("/health", health())`) or a guard (`route.require(keys.guard())`).
//!
//! # Order
//! Hooks run in the order added, before hooks and after hooks alike. Add [`RequestId`] first, so
//! that everything later has the id and a start time. [`AccessLog`] and [`Metrics`] record a
//! response once it is sent, and the log writes the id, so add them after it. Before hooks decide
//! on the head of a request, before its body is read. A request that is refused on the wire passes
//! the after hooks: those of its route when the head was read (a body too long, too slow or
//! malformed), with the request as received and the values that before hooks set, but without a
//! body; else those of the app, with a request that has no target and no fields.
//!
//! ```
//! use wirelight::App;
//! use wirelight::middleware::{RequestId, ResponseTime};
//!
//! let mut app = App::new();
//! RequestId::new().add_to(&mut app);
//! ResponseTime::new().add_to(&mut app);
//! app.get("/hello", |req| format!("Hello, this is request {}.", req.id().unwrap_or("?")));
//!
//! let reply = app.test().get("/hello").send();
//! assert_eq!(reply.header("X-Request-ID").map(str::len), Some(36));
//! assert!(reply.header("X-Response-Time").is_some_and(|time| time.ends_with("ms")));
//! ```

mod access_log;
mod api_key;
mod basic_auth;
mod bearer_auth;
mod clock;
mod cors;
mod csrf;
mod etag;
#[cfg(feature = "gzip")]
mod gzip;
mod health;
mod key_table;
#[cfg(feature = "sessions")]
mod keyring;
mod metrics;
pub mod rate_limit;
mod request_id;
mod response_time;
#[cfg(feature = "sessions")]
mod sessions;

use std::fmt;

use crate::request::Request;

pub use access_log::{AccessLog, Format};
pub use api_key::ApiKey;
pub use basic_auth::BasicAuth;
pub use bearer_auth::BearerAuth;
pub use cors::Cors;
pub use csrf::Csrf;
pub use etag::etag;
#[cfg(feature = "gzip")]
pub use gzip::Gzip;
pub(crate) use health::Draining;
pub use health::health;
pub use key_table::ApiUser;
#[cfg(feature = "sessions")]
pub use keyring::Keyring;
pub(crate) use metrics::AcceptedConnections;
pub use metrics::Metrics;
pub use request_id::RequestId;
pub use response_time::ResponseTime;
#[cfg(feature = "sessions")]
pub use sessions::{Session, Sessions};

/// Panics at start-up because of a mistake in the program's configuration, with the caller's line.
#[track_caller]
#[cold]
fn config_error(what: fmt::Arguments<'_>) -> ! {
    #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
    {
        panic!("{what}")
    }
}

/// Returns a realm as a quoted string (RFC 9110 §5.6.4, §11.5).
///
/// # Panics
/// When it has other bytes than printable ASCII.
#[track_caller]
fn quoted_realm(realm: &str) -> String {
    if !realm.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        config_error(format_args!("the realm {realm:?} is not printable ASCII"));
    }
    format!("\"{}\"", realm.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns whether the request has no valid head: only after hooks see it, without a target.
fn has_no_head(request: &Request<'_>) -> bool {
    request.target().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::app::router::Router;
    use crate::http1::status::StatusCode;
    use crate::response::error::Error;
    use crate::response::redirect::Redirect;

    fn everything(router: &mut Router) {
        RequestId::new().add_to(router);
        ResponseTime::new().add_to(router);
        Cors::any().expose(["X-Request-ID"]).add_to(router);
        AccessLog::new(Format::Dev).to(std::io::sink()).add_to(router);
        Metrics::new().add_to(router);
        router.get("/ok", |_| "ok");
        router.get("/panic", |_| -> &'static str { panic!("on purpose") });
        router.get("/splits", |_| (StatusCode::OK, [("X-Name", "a\r\nSet-Cookie: b")], "never"));
        router.get("/key", |_| "in").require(ApiKey::new([("k", "u")]).guard());
        router.get("/limit", |_| {
            Err::<(), _>(Error::new(StatusCode::TOO_MANY_REQUESTS, "").with_header("Retry-After", "1"))
        });
        router.get("/away", |_| Redirect::found("/ok"));
        router.post("/json", |req| req.json::<u32>().map(|number| number.to_string())).max_body(4);
    }

    fn app() -> App {
        let mut app = App::new();
        everything(&mut app);
        app
    }

    /// Returns status and fields of the only response to these bytes.
    fn answer(app: &App, bytes: &[u8]) -> (String, Vec<(String, String)>) {
        let text = String::from_utf8(app.test().raw(bytes)).unwrap();
        assert_eq!(text.matches("\r\nDate: ").count(), 1, "{text}");
        let mut lines = text.split("\r\n\r\n").next().unwrap().lines();
        let status = lines.next().unwrap().get(9..12).unwrap().to_owned();
        let fields = lines.map(|line| line.split_once(": ").unwrap());
        (status, fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    const ANSWERS: &[(&[u8], &str)] = &[
        (b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        (b"HEAD /ok HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        (b"OPTIONS /ok HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        (b"OPTIONS /ok HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\nAccess-Control-Request-Method: PUT\r\n\r\n", "204"),
        (b"GET /away HTTP/1.1\r\nHost: a\r\n\r\n", "302"),
        (b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "404"),
        (b"PUT /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "405"),
        (b"GET /key HTTP/1.1\r\nHost: a\r\n\r\n", "401"),
        (b"GET /limit HTTP/1.1\r\nHost: a\r\n\r\n", "429"),
        (b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n", "500"),
        (b"GET /splits HTTP/1.1\r\nHost: a\r\n\r\n", "500"),
        (b"POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1", "415"),
        (b"POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345", "413"),
        (b"GET /ok HTTP/1.1\r\n\r\n", "400"),
        (b"GET /ok HTTP/1.1\r\nHost: a\r\nX-Request-ID: a\nX: b\r\n\r\n", "400"),
        (b"GET /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        (b"GET /ok HTTP/2.1\r\nHost: a\r\n\r\n", "505"),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", "400"),
    ];

    #[test]
    fn every_answer_has_an_id_a_time_and_its_cors_fields_once() {
        let app = app();
        for (bytes, expected) in ANSWERS {
            let (status, fields) = answer(&app, bytes);
            assert_eq!(status, *expected, "{}", bytes.escape_ascii());
            for name in ["X-Request-ID", "X-Response-Time", "Access-Control-Allow-Origin"] {
                let values: Vec<_> = fields.iter().filter(|(field, _)| field == name).collect();
                assert_eq!(values.len(), 1, "{name}: {}", bytes.escape_ascii());
            }
            assert!(fields.iter().all(|(name, _)| name != "Set-Cookie"), "{fields:?}");
            let has = |name: &str| fields.iter().any(|(field, _)| field == name);
            assert_eq!(has("WWW-Authenticate"), status == "401");
            assert_eq!(has("Retry-After"), status == "429");
        }
    }

    #[test]
    fn a_routers_middleware_holds_for_its_own_paths() {
        let mut inner = Router::new();
        everything(&mut inner);
        let mut app = App::new();
        app.nest("/in", inner);
        app.get("/out", |_| "out");
        let client = app.test();
        for (method, path) in
            [("GET", "/in/ok"), ("GET", "/in/panic"), ("GET", "/in/key"), ("PUT", "/in/ok"), ("OPTIONS", "/in/ok")]
        {
            let reply = client.request(method, path).send();
            let has = ["X-Request-ID", "X-Response-Time", "Access-Control-Allow-Origin"]
                .map(|name| reply.header(name).is_some());
            assert_eq!(has, [true; 3], "{method} {path}");
        }
        for path in ["/out", "/nothing", "/in/nothing"] {
            assert_eq!(client.get(path).send().header("X-Request-ID"), None, "{path}");
        }
    }

    #[test]
    fn a_refusal_after_a_head_goes_to_the_hooks_of_its_route_with_that_head() {
        let mut inner = Router::new();
        Cors::new(["https://b"]).add_to(&mut inner);
        inner.after(|req, res| {
            res.set_header("X-Seen", format!("{} {} {:?}", req.method(), req.target(), req.route()));
        });
        inner.on_any_error(|_, e| format!("inner {}", e.status().as_u16()));
        inner.post("/{id:int}", |_| "never").max_body(4);
        inner.post("/stream", |_| "never").streaming().max_body(4);
        let mut app = App::new();
        app.nest("/in", inner);
        app.get("/", |_| "never");
        app.after(|req, res| res.set_header("X-Outer", format!("{:?}", req.route())));
        let chunked = "Transfer-Encoding: chunked\r\n\r\n";
        let item = ("/in/7", "POST /in/7 Some(\"/in/{id:int}\")");
        for (method, (target, seen), rest, status) in [
            ("POST", item, "Content-Length: 5\r\n\r\n12345".to_owned(), 413),
            ("POST", item, format!("{chunked}5\r\n12345\r\n0\r\n\r\n"), 413),
            ("POST", item, format!("{chunked}x\r\n"), 400),
            ("POST", item, format!("{chunked}1\r\n1\r\n0\r\nbad name: x\r\n\r\n"), 400),
            ("POST", item, "Content-Length: 4\r\n\r\n12".to_owned(), 400),
            ("POST", item, "Expect: x\r\nContent-Length: 1\r\n\r\n1".to_owned(), 417),
            // The decision on the head holds, whatever follows it.
            ("PUT", ("/in/7", "PUT /in/7 None"), format!("{chunked}x\r\n"), 405),
            (
                "POST",
                ("/in/stream", "POST /in/stream Some(\"/in/stream\")"),
                format!("{chunked}5\r\n12345\r\n0\r\n\r\n"),
                413,
            ),
        ] {
            let bytes = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\n{rest}");
            let (got, fields) = answer(&app, bytes.as_bytes());
            assert_eq!(got, status.to_string(), "{bytes}");
            let value = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
            assert_eq!(value("X-Seen"), Some(seen), "{bytes}");
            assert_eq!(value("Access-Control-Allow-Origin"), Some("https://b"), "{bytes}");
            assert_eq!(value("Connection"), Some("close"), "{bytes}");
        }
        for lines in [
            "Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Host: a\r\nHost: b\r\n",
            "Host: a\r\n X: y\r\n",
        ] {
            let bytes = format!("POST /in/7 HTTP/1.1\r\n{lines}\r\n");
            let (status, fields) = answer(&app, bytes.as_bytes());
            let outer = fields.iter().find(|(field, _)| field == "X-Outer").map(|(_, value)| value.as_str());
            assert_eq!((status.as_str(), outer), ("400", Some("None")), "what such a head says is not to be relied on");
            assert!(fields.iter().all(|(field, _)| field != "X-Seen"));
        }
    }

    #[test]
    fn pipelined_requests_keep_their_own_ids() {
        let app = app();
        let text = String::from_utf8(app.test().raw(&b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n".repeat(40))).unwrap();
        let ids: std::collections::HashSet<_> =
            text.lines().filter_map(|line| line.strip_prefix("X-Request-ID: ")).collect();
        assert_eq!(ids.len(), 40);
    }

    #[test]
    fn a_header_that_came_twice_is_none() {
        let mut app = App::new();
        app.get("/", |req| req.single_header("x-a").unwrap_or("none").to_owned());
        let cases: &[(&[u8], &str)] =
            &[(b"", "none"), (b"X-A: 1\r\n", "1"), (b"X-A: 1\r\nx-a: 1\r\n", "none"), (b"X-A: \xff\r\n", "none")];
        for (fields, expected) in cases {
            let reply = app.test().raw(&[b"GET / HTTP/1.1\r\nHost: a\r\n", *fields, b"\r\n"].concat());
            assert!(reply.ends_with(expected.as_bytes()), "{}", fields.escape_ascii());
        }
    }
}
