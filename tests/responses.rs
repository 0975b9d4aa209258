//! Responses for what handlers, hooks and error handlers return: statuses, content and fields, bytes in, bytes out.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Mutex;

use log::{Level, LevelFilter, Log, Metadata, Record};
use wirelight::middleware::Cors;
use wirelight::{
    App, Error, Method, Redirect, Request, Response, Result, Router, Server, StatusCode, TrailingSlash, abort,
};

mod support;

use support::bounded;
use support::recorded::Recorded;

/// The response to these bytes, without its Date.
fn raw(app: &App, request: &str) -> String {
    let bytes = app.test().recorded().raw(request.as_bytes());
    let text = String::from_utf8(bytes).unwrap();
    text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect()
}

fn get(app: &App, path: &str) -> String {
    raw(app, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
}

/// The values of a field in a response, one for each line.
fn values<'t>(response: &'t str, name: &str) -> Vec<&'t str> {
    let head = response.split("\r\n\r\n").next().unwrap();
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap()
}

/// Errors that were logged while a test ran on this thread.
struct Logged;

thread_local! {
    static ERRORS: Mutex<Vec<String>> = const { Mutex::new(Vec::new()) };
}

impl Log for Logged {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() == Level::Error
    }

    fn log(&self, record: &Record<'_>) {
        if record.level() == Level::Error {
            ERRORS.with(|errors| errors.lock().unwrap().push(record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

fn errors_of(run: impl FnOnce()) -> Vec<String> {
    let _ = log::set_logger(&Logged); // another test may have set it
    log::set_max_level(LevelFilter::Error);
    ERRORS.with(|errors| errors.lock().unwrap().clear());
    run();
    ERRORS.with(|errors| std::mem::take(&mut *errors.lock().unwrap()))
}

const SERVER_ERROR: &str = "HTTP/1.1 500 Internal Server Error\r\n";

#[test]
fn an_interim_status_is_a_500_and_one_line_in_the_log() {
    for code in [100, 101, 102, 103, 199] {
        let mut app = App::new();
        app.get("/status", move |_| status(code));
        app.get("/tuple", move |_| (status(code), "text"));
        app.get("/response", move |_| Response::new(status(code)));
        app.get("/error", move |_| Error::new(status(code), "text"));
        app.get("/answer", move |_| Error::response(Response::new(status(code))));
        app.get("/pieces", move |_| Response::new(status(code)).chunks(["a", "b"]));
        app.get("/page", |_| abort::<()>(418));
        app.on_error(418, move |_, _| (status(code), "page"));
        let mut hooked = Router::new();
        hooked.after(move |_, response| response.set_status(status(code)));
        hooked.get("/", |_| "text");
        app.nest("/hook", hooked);
        for path in ["/status", "/tuple", "/response", "/error", "/answer", "/pieces", "/hook"] {
            let mut response = String::new();
            let errors = errors_of(|| response = get(&app, path));
            assert!(response.starts_with(SERVER_ERROR), "{code} {path}: {response}");
            assert_eq!(response.matches("HTTP/1.1").count(), 1, "{code} {path}: {response}");
            assert_eq!(errors.len(), 1, "{code} {path}: {errors:?}");
            assert!(errors.iter().all(|line| line.contains(&code.to_string())), "{code} {path}: {errors:?}");
        }
        let mut response = String::new();
        let errors = errors_of(|| response = get(&app, "/page"));
        assert!(response.starts_with("HTTP/1.1 418 I'm a teapot\r\n"), "{code}: {response}");
        assert_eq!(errors.len(), 1, "{code}: {errors:?}");
    }
}

#[test]
fn a_page_of_the_500_with_an_interim_status_ends_as_well() {
    let mut app = App::new();
    app.get("/", |_| StatusCode::EARLY_HINTS);
    app.on_any_error(|_, _| StatusCode::PROCESSING);
    assert!(get(&app, "/").starts_with(SERVER_ERROR));
}

/// `status-line = HTTP-version SP status-code SP [ reason-phrase ] CRLF` (RFC 9112 §4).
#[test]
fn a_status_without_a_reason_phrase_keeps_its_space() {
    let mut app = App::new();
    app.get("/", |_| StatusCode::from_u16(299).map_err(Error::internal));
    assert!(raw(&app, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 299 \r\n"));
}

#[test]
fn a_status_without_content_has_none_however_it_is_made() {
    for (code, framing) in [(204, ""), (205, "Content-Length: 0\r\n"), (304, "")] {
        let mut app = App::new();
        app.get("/tuple", move |_| (status(code), "text"));
        app.get("/pieces", move |_| Response::new(status(code)).chunks(["a", "b"]));
        app.get("/reader", move |_| Response::new(status(code)).reader(&b"text"[..], Some(4)));
        app.get("/page", |_| abort::<()>(418));
        app.on_error(418, move |_, _| (status(code), "page"));
        let mut hooked = Router::new();
        hooked.after(|_, response| response.set_text("hook"));
        hooked.get("/", move |_| status(code));
        app.nest("/hook", hooked);
        let line = format!("HTTP/1.1 {}\r\n", status(code));
        for path in ["/tuple", "/pieces", "/reader", "/page", "/hook"] {
            for method in ["GET", "HEAD"] {
                // The second response shows that the connection is in step.
                let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n");
                let twice = raw(&app, &request.repeat(2));
                assert_eq!(twice, format!("{line}{framing}\r\n").repeat(2), "{code} {method} {path}");
            }
        }
    }
}

#[test]
fn an_error_adds_only_the_fields_that_its_page_lacks() {
    let mut app = App::new();
    app.get("/limit", |_| {
        let error = Error::new(StatusCode::TOO_MANY_REQUESTS, "").with_header("Retry-After", "9");
        Err::<(), _>(error.with_header("Set-Cookie", "a=1").with_header("X-Error", "1"))
    });
    app.on_error(429, |_, _| {
        (
            StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", "5"), ("Set-Cookie", "b=2"), ("Content-Type", "text/csv")],
            "page",
        )
    });
    app.get("/auth", |_| Error::unauthorized("Bearer", ""));
    app.on_error(401, |_, _| (StatusCode::UNAUTHORIZED, [("WWW-Authenticate", "Basic")], "page"));
    app.on_error(405, |_, _| (StatusCode::METHOD_NOT_ALLOWED, [("Allow", "PUT")], "page"));
    app.get("/twice", |_| {
        abort::<()>(503).map_err(|e| e.with_header("Retry-After", "1").with_header("Retry-After", "2"))
    });
    let limit = get(&app, "/limit");
    assert_eq!(values(&limit, "Retry-After"), ["5"]);
    assert_eq!(values(&limit, "Set-Cookie"), ["b=2", "a=1"]);
    assert_eq!(values(&limit, "Content-Type"), ["text/csv"]);
    assert_eq!(values(&limit, "X-Error"), ["1"]);
    assert_eq!(values(&get(&app, "/auth"), "WWW-Authenticate"), ["Basic"]);
    assert_eq!(values(&raw(&app, "DELETE /auth HTTP/1.1\r\nHost: a\r\n\r\n"), "Allow"), ["PUT"]);
    assert_eq!(values(&get(&app, "/twice"), "Retry-After"), ["2"]);
}

#[test]
fn a_range_outside_has_one_content_range_whatever_its_page_says() {
    let mut app = App::new();
    app.get("/", |_| Response::default().accept_ranges().text("0123456789"));
    app.on_error(416, |_, _| (StatusCode::RANGE_NOT_SATISFIABLE, [("Content-Range", "bytes */10")], "page"));
    let response = raw(&app, "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=20-\r\n\r\n");
    assert_eq!(values(&response, "Content-Range"), ["bytes */10"]);
}

#[test]
fn no_field_that_comes_once_comes_twice() {
    let mut app = App::new();
    app.get("/", |_| {
        let mut response = Response::default();
        response.set_text("text");
        for _ in 0..2 {
            for (name, value) in [
                ("Content-Type", "text/csv"),
                ("Location", "/a"),
                ("Server", "s"),
                ("Date", "now"),
                ("Content-Length", "9"),
                ("ETag", "\"a\""),
                ("Last-Modified", "Sat, 29 Oct 1994 19:43:31 GMT"),
            ] {
                response.append_header(name, value);
            }
        }
        response
    });
    app.after(|_, response| response.append_header("Location", "/b"));
    let bytes = String::from_utf8(app.test().raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
    for name in ["Content-Type", "Location", "Server", "Date", "Content-Length", "ETag", "Last-Modified"] {
        assert_eq!(values(&bytes, name).len(), 1, "{name}: {bytes}");
    }
    assert_eq!(values(&bytes, "Location"), ["/b"]);
    assert_eq!(values(&bytes, "Content-Length"), ["4"]);
}

#[test]
fn several_cookies_in_one_tuple_are_all_sent() {
    let mut app = App::new();
    app.get("/", |_| (StatusCode::OK, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Type", "a/b")], "text"));
    let response = get(&app, "/");
    assert_eq!(values(&response, "Set-Cookie"), ["a=1", "b=2"]);
    assert_eq!(values(&response, "Content-Type"), ["a/b"]);
}

const UPGRADE: &str = "Connection: upgrade\r\nUpgrade: echo\r\n";

fn upgrades() -> App {
    let mut app = App::new();
    let echo = |req: &Request| Response::upgrade(req, "echo", |_, _| {});
    app.get("/", echo);
    app.post("/", echo);
    app.get("/streamed", echo).streaming();
    app
}

#[test]
fn an_upgrade_field_is_named_by_connection() {
    let mut app = upgrades();
    app.get("/own", |_| (StatusCode::UPGRADE_REQUIRED, [("Upgrade", "TLS/1.0, HTTP/1.1")], "text"));
    app.get("/ok", |_| (StatusCode::OK, [("Upgrade", "h2c")], "text"));
    app.get("/error", |_| Error::new(StatusCode::UPGRADE_REQUIRED, "").with_header("upgrade", "a/1"));
    for path in ["/", "/own", "/ok", "/error"] {
        let response = get(&app, path);
        assert_eq!(values(&response, "Connection"), ["Upgrade"], "{response}");
        assert_eq!(values(&response, "Upgrade").len(), 1, "{response}");
        let closing = raw(&app, &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        assert_eq!(values(&closing, "Connection"), ["Upgrade", "close"], "{closing}");
    }
}

#[test]
fn only_a_get_is_upgraded() {
    let app = upgrades();
    let ask = |method: &str, path: &str, rest: &str| {
        raw(&app, &format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{UPGRADE}{rest}"))
    };
    assert!(ask("GET", "/", "\r\n").starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(ask("GET", "/", "Content-Length: 1\r\n\r\nx").starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    let head = ask("HEAD", "/", "\r\n");
    assert!(head.starts_with("HTTP/1.1 426 Upgrade Required\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(values(&head, "Upgrade"), ["echo"]);
    assert!(ask("POST", "/", "Content-Length: 0\r\n\r\n").starts_with("HTTP/1.1 426 "));
    let old = raw(&app, &format!("GET / HTTP/1.0\r\n{UPGRADE}\r\n"));
    assert!(old.starts_with("HTTP/1.1 426 "), "{old}");
}

#[test]
fn no_upgrade_begins_in_the_middle_of_a_body() {
    let server = Server::bind("127.0.0.1:0").unwrap().signals(false);
    let (address, handle) = (server.local_addr(), server.handle());
    let running = std::thread::spawn(move || server.run(upgrades()));
    let mut stream = bounded::connect(address);
    write!(stream, "GET /streamed HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n{UPGRADE}\r\nb").unwrap();
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 426 Upgrade Required\r\n");
    drop(stream);
    handle.stop();
    bounded::joined(running).unwrap().unwrap();
}

#[test]
fn an_upgrade_that_a_hook_overrules_does_not_happen() {
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{UPGRADE}\r\n");
    let mut forbidden = upgrades();
    forbidden.after(|_, response| response.set_status(StatusCode::FORBIDDEN));
    let response = raw(&forbidden, &request);
    assert!(
        response.starts_with("HTTP/1.1 403 Forbidden\r\n") && response.contains("\r\nContent-Length: 0\r\n"),
        "{response}"
    );
    let mut replaced = upgrades();
    replaced.after(|_, response| response.set_text("text"));
    assert!(raw(&replaced, &request).starts_with(SERVER_ERROR));
}

#[test]
fn a_head_route_says_nothing_false_about_get() {
    let mut app = App::new();
    app.get("/r", |_| "hello world");
    app.head("/r", |_| StatusCode::OK);
    app.head("/said", |_| Response::default().header("Content-Length", "11").header("X-A", "1"));
    app.head("/text", |_| "hello world");
    app.head("/away", |_| Redirect::found("/r"));
    app.head("/none", |_| ());
    app.head("/missing", |_| abort::<()>(404));
    app.get("/empty", |_| "");
    for (path, length) in [
        ("/r", vec![]),
        ("/said", vec!["11"]),
        ("/text", vec!["11"]),
        ("/away", vec![]),
        ("/none", vec![]),
        ("/empty", vec!["0"]),
    ] {
        let twice = raw(&app, &format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(2));
        assert_eq!(values(&twice, "Content-Length"), length, "{twice}");
        assert!(twice.matches("HTTP/1.1 ").count() == 2 && twice.ends_with("\r\n\r\n"), "{twice}");
    }
    assert_ne!(values(&raw(&app, "HEAD /missing HTTP/1.1\r\nHost: a\r\n\r\n"), "Content-Length"), ["0"]);
}

#[test]
fn a_method_of_no_route_is_501_and_a_standard_one_405() {
    let mut app = App::new();
    app.get("/", |_| "get");
    app.route("PURGE".parse().unwrap(), "/cache", |_| "purged");
    for (method, path, expected) in [
        ("PURGE", "/cache", 200),
        ("PURGE", "/", 405),
        ("PURGE", "/missing", 404),
        ("DELETE", "/", 405),
        ("TRACE", "/", 405),
        ("DELETE", "/missing", 404),
        ("BREW", "/", 501),
        ("BREW", "/missing", 501),
        ("get", "/", 501),
        ("query", "/", 501),
        ("QUERY", "/", 405),
        ("QUERY", "/missing", 404),
    ] {
        let response = raw(&app, &format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(response.starts_with(&format!("HTTP/1.1 {expected} ")), "{method} {path}: {response}");
        assert_eq!(values(&response, "Allow").len(), usize::from(expected == 405), "{response}");
        assert!(values(&response, "Connection").is_empty(), "{response}");
    }
}

#[test]
fn a_missing_state_is_told_with_the_line_that_asks_for_it() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut app = App::new();
    let line = line!() + 1;
    app.get("/state", |req| req.state::<u32>().to_string());
    app.get("/lock", |req| req.lock::<u32>().to_string());
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| SEEN.lock().unwrap().push(info.to_string())));
    let responses = ["/state", "/lock"].map(|path| get(&app, path));
    std::panic::set_hook(before);
    assert!(responses.iter().all(|response| response.starts_with(SERVER_ERROR)));
    let seen = SEEN.lock().unwrap();
    let said = |line: u32, state: &str| {
        let place = format!("{}:{line}:", file!());
        seen.iter().any(|text| text.contains(&place) && text.contains(state))
    };
    assert!(said(line, "no state of type u32"), "{seen:?}");
    assert!(said(line + 1, "Mutex<u32>"), "{seen:?}");
}

#[test]
fn a_failed_bind_names_what_was_asked_for() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let said = |bound: std::io::Result<Server>| bound.map(|_| ()).unwrap_err().to_string();
    for (sentence, expected) in [
        (said(Server::bind("localhost")), "cannot listen on \"localhost\": "),
        (said(Server::bind("127.0.0.1:99999")), "cannot listen on \"127.0.0.1:99999\": "),
        (said(Server::bind("")), "cannot listen on \"\": "),
        (said(Server::bind(&[][..])), "cannot listen on []: "),
        (said(Server::bind(taken)), &format!("cannot listen on {taken}: ")),
        (said(Server::bind("127.0.0.1:0").unwrap().and_bind("no-port")), "cannot listen on \"no-port\": "),
        (said(Server::bind("192.0.2.1:0")), "cannot listen on 192.0.2.1:0: "),
    ] {
        assert!(sentence.starts_with(expected), "{sentence}");
    }
}

#[test]
fn a_page_without_content_keeps_the_status_of_its_error_unless_it_says_204() {
    let mut app = App::new();
    app.on_error(404, |_, _| "");
    app.on_error(405, |_, _| ());
    app.get("/", |_| "get");
    let missing = get(&app, "/missing");
    assert!(
        missing.starts_with("HTTP/1.1 404 Not Found\r\n") && missing.ends_with("Content-Length: 0\r\n\r\n"),
        "{missing}"
    );
    assert!(raw(&app, "PUT / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 204 No Content\r\n"));
}

#[test]
fn a_preflight_of_a_path_without_its_slash_is_answered_and_its_request_redirected() {
    let mut app = App::new();
    app.trailing_slash(TrailingSlash::Redirect);
    Cors::new(["https://b"]).methods([Method::PUT]).add_to(&mut app);
    app.put("/dir/", |_| "put");
    let fields = "Host: a\r\nOrigin: https://b\r\n";
    let preflight = raw(&app, &format!("OPTIONS /dir HTTP/1.1\r\n{fields}Access-Control-Request-Method: PUT\r\n\r\n"));
    assert!(preflight.starts_with("HTTP/1.1 204 "), "{preflight}");
    assert_eq!(values(&preflight, "Access-Control-Allow-Methods"), ["PUT"]);
    let request = raw(&app, &format!("PUT /dir HTTP/1.1\r\n{fields}Content-Length: 0\r\n\r\n"));
    assert!(request.starts_with("HTTP/1.1 308 "), "{request}");
    assert_eq!(values(&request, "Location"), ["/dir/"]);
    assert_eq!(values(&request, "Access-Control-Allow-Origin"), ["https://b"]);
}

#[test]
fn a_redirect_encodes_its_location() -> Result<()> {
    let mut app = App::new();
    app.get("/a", |_| Redirect::found("/café"));
    app.get("/b", |_| Redirect::see_other("/a b?c=%20é#d"));
    app.get("/split", |_| Redirect::found("/a\r\nSet-Cookie: b=1"));
    assert_eq!(values(&get(&app, "/a"), "Location"), ["/caf%C3%A9"]);
    assert_eq!(values(&get(&app, "/b"), "Location"), ["/a%20b?c=%20%C3%A9#d"]);
    let split = get(&app, "/split");
    assert!(split.starts_with(SERVER_ERROR) && values(&split, "Set-Cookie").is_empty(), "{split}");
    Ok(())
}
