//! Requirements of RFC 9110 that no other test asks about, each by its section: bytes in, bytes out.

use std::io::Write;

use wirelight::middleware::BasicAuth;
use wirelight::{App, Cookie, Limits, Request, Response, Result, Router, StatusCode};

mod support;

use support::recorded::Recorded;

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: echo\r\n";

fn app() -> App {
    let mut app = App::new();
    app.get("/", |_| "text");
    app.post("/", |_| "made");
    app.post("/json", |req: &Request| -> Result<String> { Ok(req.json::<serde_json::Value>()?.to_string()) });
    app.get("/dated", |_| {
        (StatusCode::OK, [("Last-Modified", "Sat, 29 Oct 1994 19:43:31 GMT"), ("ETag", "\"a\"")], "dated")
    });
    app.get("/aged", |_| (StatusCode::OK, [("Last-Modified", "Sat, 29 Oct 1994 19:43:31 GMT")], "aged"));
    app.get("/cookie", |req: &Request| req.cookie("c").map(|value| value.len().to_string()).unwrap_or_default());
    app.get("/accepts", |req: &Request| req.accepts(&["text/html", "text/plain"]).unwrap_or("neither").to_owned());
    app.get("/echo", |req: &Request| {
        Response::upgrade(req, "echo", |mut socket, early| {
            let _ = socket.write_all(&early);
        })
    });
    let mut inside = Router::new();
    BasicAuth::new([("u", "p")]).realm("a b").add_to(&mut inside);
    inside.get("/", |_| "in");
    app.nest("/basic", inside);
    app
}

/// The response to these bytes.
fn ask(app: &App, request: &str) -> String {
    String::from_utf8_lossy(&app.test().recorded().raw(request.as_bytes())).into_owned()
}

fn get(app: &App, path: &str, fields: &str) -> String {
    ask(app, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or_default()
}

/// Field lines are `Name: value` without further whitespace, lists have members with one space between them (RFC 9110 §5.6.1.1,
/// §5.6.3), and no field tells what the server is (§10.2.4).
#[test]
fn what_it_sends_is_as_the_grammar_prefers() {
    let app = app();
    let requests = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /basic HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /accepts HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "nonsense\r\n\r\n",
    ];
    for request in requests {
        let response = ask(&app, request);
        let (head, _) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
        assert!(head.starts_with("HTTP/1.1 "), "{request}{response}");
        for line in head.split("\r\n").skip(1) {
            let (name, value) = line.split_once(": ").unwrap_or_default();
            assert!(!name.is_empty() && !value.is_empty() && value.trim() == value, "{line:?}");
            assert!(!name.eq_ignore_ascii_case("server"), "{line}");
            if ["Allow", "Connection", "Vary", "Upgrade"].contains(&name) {
                assert!(value.split(", ").all(|member| !member.is_empty() && !member.contains([' ', ','])), "{line:?}");
            }
        }
    }
}

/// RFC 9110 §2.3.
#[test]
fn it_reads_the_longest_cookie_that_it_sends() {
    let mut app = app();
    app.get("/set", |_| Response::new(StatusCode::OK).cookie(Cookie::new("c", "x".repeat(4_095))));
    let sent = get(&app, "/set", "");
    let value = sent.split("Set-Cookie: ").nth(1).and_then(|rest| rest.split([';', '\r']).next()).unwrap_or_default();
    assert_eq!(value.len(), 4_097, "{sent}");
    assert!(get(&app, "/cookie", &format!("Cookie: {value}\r\n")).ends_with("\r\n\r\n4095"));
}

/// RFC 9110 §7.8, the first requirement.
#[test]
fn the_name_of_a_protocol_has_no_case() {
    let app = app();
    for offer in ["echo", "ECHO", "h2c, Echo"] {
        assert_eq!(
            status(&get(&app, "/echo", &format!("Connection: upgrade\r\nUpgrade: {offer}\r\n"))),
            "101",
            "{offer}"
        );
    }
    assert_eq!(status(&get(&app, "/echo", "Connection: upgrade\r\nUpgrade: echos\r\n")), "426");
}

/// A limit may be any number: the largest one means none (RFC 9112 §3, RFC 6585 §5).
#[test]
fn limits_at_both_ends_of_their_ranges() {
    let app = app();
    let post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nA: b\r\n\r\n";
    let old = "OPTIONS / HTTP/1.2\r\nHost: a\r\n\r\n"; // not on the fast path
    let refused = ["414", "431", "501"].as_slice();
    for (most, expected) in [(0, refused), (8, refused), (usize::MAX - 1, &["200"]), (usize::MAX, &["200"])] {
        let limits = Limits {
            head: most,
            request_line: most,
            fields: most,
            body: most as u64,
            bodies: most as u64,
            chunk_extension: most,
            chunk_extensions: most,
            trailers: most,
        };
        let client = app.test().limits(limits);
        for request in [post, old] {
            let whole = String::from_utf8_lossy(&client.raw(request.as_bytes())).into_owned();
            assert!(expected.contains(&status(&whole)), "{most}: {whole}");
            let mut connection = client.connect();
            request.bytes().for_each(|byte| connection.send(&[byte]));
            let by_bytes = String::from_utf8_lossy(connection.take_received()).into_owned();
            assert!(expected.contains(&status(&by_bytes)), "{most}, by bytes: {by_bytes}");
        }
    }
}

/// RFC 9112 §9.6: after a response with `close` the server closes, and after a 101 it does not.
#[test]
fn a_hundred_and_one_does_not_say_close() {
    let app = app();
    for options in ["close, upgrade", "upgrade\r\nConnection: close", "keep-alive, Upgrade, Close"] {
        let reply = get(&app, "/echo", &format!("Connection: {options}\r\nUpgrade: echo\r\n"));
        assert_eq!(status(&reply), "101", "{options}");
        assert_eq!(reply.matches("Connection: ").count(), 1, "{reply}");
        assert!(reply.contains("\r\nConnection: Upgrade\r\n"), "{reply}");
    }
    assert!(get(&app, "/echo", "Connection: close\r\nUpgrade: echo\r\n").contains("\r\nConnection: close\r\n"));
}

/// RFC 9110 §7.8, the last requirement. A request whose framing announces no content needs no 100 (§10.1.1).
#[test]
fn a_hundred_precedes_a_hundred_and_one() {
    let app = app();
    let client = app.test();
    let mut connection = client.connect();
    let head = format!("GET /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n{UPGRADE}\r\n");
    connection.send(head.as_bytes());
    assert_eq!(connection.take_received(), b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.send(b"ab");
    assert!(connection.take_received().starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
    assert_eq!(status(&get(&app, "/echo", &format!("Expect: 100-continue\r\n{UPGRADE}"))), "101");
}

/// RFC 9110 §12.5.1.
#[test]
fn a_weight_may_stand_anywhere() {
    let app = app();
    for (accept, best) in [
        ("text/html;q=0.2, text/plain;q=0.5", "text/plain"),
        ("text/html;charset=utf-8;q=0.2, text/plain;q=0.5", "text/plain"),
        ("text/html;q=0.9;charset=utf-8, text/plain;q=0.5", "text/html"),
        ("text/html ; Q = 0.2 ; level=1, text/plain;q=0.5", "text/plain"),
        ("text/html;q=0;level=1, text/plain;q=0.001", "text/plain"),
    ] {
        assert!(get(&app, "/accepts", &format!("Accept: {accept}\r\n")).ends_with(best), "{accept}");
    }
}

/// RFC 9110 §12.5.3.
#[test]
fn a_415_names_codings_only_if_it_is_about_them() {
    let app = app();
    let post =
        |fields: &str| ask(&app, &format!("POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n{fields}\r\n{{}}"));
    let about_type = post("Content-Type: text/plain\r\n");
    assert!(status(&about_type) == "415" && !about_type.contains("Accept-Encoding"), "{about_type}");
    let about_coding = post("Content-Type: application/json\r\nContent-Encoding: br\r\n");
    assert!(status(&about_coding) == "415" && about_coding.contains("Accept-Encoding: identity\r\n"), "{about_coding}");
}

/// RFC 9110 §13.1.3, §13.1.4.
#[test]
fn conditions_by_date_need_a_date() {
    let app = app();
    for date in ["Sat, 29 Oct 1994 19:43:31 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"] {
        for field in ["If-Modified-Since", "If-Unmodified-Since"] {
            assert_eq!(status(&get(&app, "/", &format!("{field}: {date}\r\n"))), "200", "{field}");
        }
    }
    let two = "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n".repeat(2);
    assert_eq!(status(&get(&app, "/dated", &two)), "200", "more than one member");
    assert_eq!(status(&get(&app, "/dated", "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n")), "304");
}

/// RFC 9110 §13.2.1.
#[test]
fn options_and_trace_have_no_conditions() {
    let app = app();
    let conditions =
        "If-Match: \"other\"\r\nIf-None-Match: *\r\nIf-Unmodified-Since: Sat, 29 Oct 1994 19:43:30 GMT\r\n";
    for (method, expected) in [("OPTIONS", "200"), ("TRACE", "405"), ("CONNECT", "501"), ("GET", "412")] {
        let target = if method == "CONNECT" { "a:80" } else { "/dated" };
        let response = ask(&app, &format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{conditions}\r\n"));
        assert_eq!(status(&response), expected, "{response}");
    }
}

/// RFC 9110 §14.4.
#[test]
fn content_range_of_a_request_is_ignored() {
    let app = app();
    assert!(get(&app, "/", "Content-Range: bytes 0-1/4\r\n").ends_with("\r\n\r\ntext"));
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Range: bytes 5-6/9\r\nContent-Length: 2\r\n\r\nab";
    assert!(ask(&app, post).ends_with("\r\n\r\nmade"));
}

/// RFC 9110 §15.4.5.
#[test]
fn a_304_has_few_fields() {
    let app = app();
    for (path, condition, expected) in [
        ("/dated", "If-None-Match: \"a\"", vec!["Date", "ETag"]),
        ("/aged", "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT", vec!["Date", "Last-Modified"]),
    ] {
        let response = get(&app, path, &format!("{condition}\r\n"));
        let lines = response.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        let mut names: Vec<_> = lines.map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!((status(&response), names), ("304", expected), "{path}");
    }
}

/// The rows of docs/coming-from-flask.md about targets, methods and Host.
#[test]
fn odd_requests_get_what_the_page_for_flask_says() {
    let mut app = App::new();
    app.get("/hello", |_| "hello");
    app.get("/users", |_| "users");
    app.get("/users/{id:int}", |_| "user");
    for (line, expected) in [
        ("GET /hello?name=<b>", "400"),
        ("GET /%zz", "400"),
        ("GET /hello?name=%zz", "200"),
        ("GET /hello#x", "400"),
        ("GET /hello?name=é", "400"),
        ("GET /hello?name=%FF", "200"),
        ("GET /users%2F1", "404"),
        ("GET /users//1", "404"),
        ("GET //users/", "404"),
        ("GET /users/%D9%A1", "404"),
        ("OPTIONS *", "200"),
        ("GET *", "400"),
        ("CONNECT a:80", "501"),
        ("get /hello", "501"),
        ("PATCH /hello", "405"),
    ] {
        let response = ask(&app, &format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(status(&response), expected, "{line}: {response}");
    }
    for (fields, expected) in
        [("", "400"), ("Host: a\r\nHost: b\r\n", "400"), ("Host: a/b\r\n", "400"), ("Host: a_b\r\n", "200")]
    {
        let response = ask(&app, &format!("GET /hello HTTP/1.1\r\n{fields}\r\n"));
        assert_eq!(status(&response), expected, "{fields}: {response}");
    }
}
