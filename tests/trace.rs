//! The trace is true: the same for every split of the bytes, without terminal control bytes or secrets, with state steps of the table only.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use wirelight::{App, Error, FAULTS, TestConnection, Trace};

mod support;

use support::messages::{GET, messages};
use support::trace::{self, Output, message_events};

fn app() -> App {
    let mut app = App::new();
    app.before(|_| Ok(()));
    app.after(|_, res| res.set_header("X-After", "1"));
    app.get("/plaintext", |_| "Hello, World!");
    app.post("/echo", |req| req.body().to_vec());
    app.get("/users/{id:int}", |req| req.param::<u64>("id").map(|id| id.to_string()));
    app.get("/guarded", |_| "never").require(|_| Err(Error::forbidden("no")));
    app.get("/panic", |_| -> &'static str { std::panic::resume_unwind(Box::new("no")) });
    app.get("/login", |_| wirelight::Response::default().header("Set-Cookie", "id=s3cr3t"));
    app.get("/upgrade", |req| wirelight::Response::upgrade(req, "echo", |_, _| {}));
    app.get("/stream", |_| wirelight::Response::default().reader(&b"streamed"[..], None));
    app
}

/// What a trace says of one connection.
fn watched(trace: Trace, drive: impl FnOnce(&mut TestConnection<'_>)) -> String {
    watched_on(&app(), trace, drive)
}

fn watched_on(app: &App, trace: Trace, drive: impl FnOnce(&mut TestConnection<'_>)) -> String {
    let page = Output::default();
    {
        let client = app.test().trace(trace.to(page.clone()));
        let mut connection = client.connect();
        drive(&mut connection);
        drop(connection);
    }
    page.text()
}

fn events(drive: impl FnOnce(&mut TestConnection<'_>)) -> Vec<Value> {
    trace::events(&watched(Trace::json(), drive))
}

fn named<'e>(events: &'e [Value], name: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["e"] == name).collect()
}

/// T4: where the network cuts the stream changes how often is read and parsed, and nothing else.
#[test]
fn what_is_told_of_a_message_does_not_depend_on_the_cuts() {
    for message in messages() {
        let bytes = message.as_bytes();
        let whole = message_events(&events(|connection| connection.send(bytes)));
        let single = message_events(&events(|connection| bytes.chunks(1).for_each(|byte| connection.send(byte))));
        assert_eq!(single, whole, "byte by byte: {message:?}");
        for cut in 1..bytes.len() {
            let pieces = message_events(&events(|connection| {
                connection.send(&bytes[..cut]);
                connection.send(&bytes[cut..]);
            }));
            assert_eq!(pieces, whole, "cut at {cut}: {message:?}");
        }
    }
}

/// Tolerated mistakes are reported with their offset.
#[test]
fn what_is_tolerated_is_told() {
    for (message, at, rfc) in [
        (format!("\r\n{GET}"), 0, "RFC 9112 §2.2"),
        (GET.replace("1.1", "1.7"), 15, "RFC 9110 §2.5"),
        (GET.replace("/plaintext", "/plaintext?q=100%"), 20, "RFC 3986 §2.1"),
        (GET.replace("/plaintext", "http://a/plaintext?a=%41&b=%4"), 31, "RFC 3986 §2.1"),
    ] {
        let all = events(|connection| connection.send(message.as_bytes()));
        let told: Vec<_> = named(&all, "req.tolerated").iter().map(|event| (&event["at"], &event["rfc"])).collect();
        assert_eq!(told, [(&at.into(), &rfc.into())], "{message:?}");
        assert_eq!(named(&all, "resp.head")[0]["status"], 200, "{message:?}");
    }
    let all = events(|connection| connection.send(GET.replace("/plaintext", "/plaintext?q=%41").as_bytes()));
    assert!(named(&all, "req.tolerated").is_empty());
}

/// The spans of a head tile it, and stream offsets never start again.
#[test]
fn offsets_go_on_from_request_to_request() {
    let body = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n";
    let all =
        events(|connection| connection.send(format!("{GET}{body}{GET}GET / HTTP/1.1\r\nHost : a\r\n\r\n").as_bytes()));
    let (first, second) = (GET.len() as u64, (GET.len() + body.len()) as u64);
    let heads: Vec<_> = named(&all, "parse.head").iter().map(|head| head["off"].as_u64().unwrap()).collect();
    assert_eq!(heads, [0, first, second]);
    let chunks: Vec<_> =
        named(&all, "body.chunk").iter().map(|chunk| (chunk["size"].clone(), chunk["ext"].clone())).collect();
    assert_eq!(chunks, [(5.into(), 2.into()), (0.into(), 0.into())]);
    assert_eq!(named(&all, "body.chunk")[1]["range"][1], second - 2);
    let error = named(&all, "req.error")[0];
    let last = second + GET.len() as u64;
    assert_eq!((error["at"].as_u64(), error["byte"].as_u64()), (Some(last + 20), Some(32)));
    assert_eq!((&error["kind"], &error["rfc"]), (&"space-before-colon".into(), &"RFC 9112 §5.1".into()));
    let requests: Vec<_> =
        named(&all, "keepalive").iter().map(|kept| (kept["r"].as_u64(), kept["keep"].as_bool())).collect();
    assert_eq!(requests, [(Some(1), Some(true)), (Some(2), Some(true)), (Some(3), Some(true)), (Some(4), Some(false))]);
    let last = all.iter().filter_map(|event| event["r"].as_u64()).max();
    assert_eq!(last, Some(4), "after the last request there is none that anything could belong to");
    let sent: u64 = named(&all, "resp.done").iter().map(|done| done["bytes"].as_u64().unwrap()).sum();
    assert_eq!(sent, named(&all, "conn.send").iter().map(|sent| sent["n"].as_u64().unwrap()).sum::<u64>());
}

#[test]
fn routes_hooks_and_handlers_are_told_with_their_reasons() {
    let all = events(|connection| {
        connection.send(GET.replace("/plaintext", "/users/7").as_bytes());
        connection.send(GET.replace("/plaintext", "/guarded").as_bytes());
        connection.send(GET.replace("GET", "PUT").as_bytes());
        connection.send(GET.replace("/plaintext", "/panic").as_bytes());
    });
    let of = |request: u64, name: &str| {
        named(&all, name).into_iter().filter(|e| e["r"] == request).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of(1, "route.match")[0]["params"]["id"], "7");
    assert!(of(1, "route.match")[0]["src"].as_str().unwrap().starts_with("tests/trace.rs:"));
    assert!(of(1, "route.try").iter().any(|tried| tried["reason"] == "'users' is not 'plaintext'"));
    let hooks = |request| {
        of(request, "hook.run").iter().map(|h| (h["phase"].clone(), h["short_circuit"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(hooks(1), [("before".into(), false.into()), ("after".into(), false.into())]);
    assert_eq!(
        hooks(2),
        [("before".into(), false.into()), ("guard".into(), true.into()), ("after".into(), false.into())]
    );
    assert_eq!((of(1, "handler.end").len(), of(2, "handler.start").len()), (1, 0));
    assert_eq!(of(3, "route.miss")[0]["allow"], "GET, HEAD, OPTIONS");
    assert_eq!(of(4, "handler.end")[0]["panic"], true);
}

/// A reached limit is reported with its value, which a route may have set.
#[test]
fn limits_are_told_with_their_values() {
    let mut app = app();
    app.post("/small", |_| "").max_body(3);
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let post = |path: &str, rest: String| format!("POST {path} HTTP/1.1\r\nHost: a\r\n{rest}");
    let long = |n: usize| "x".repeat(n);
    for (message, which, value) in [
        (GET.replace("GET", &long(24)), "method", 23),
        (format!("GET /{}", long(9_000)), "request_line", 8 * 1024),
        (format!("{}{}", GET.trim_end(), "\r\nA: b".repeat(100) + "\r\n\r\n"), "fields", 100),
        (GET.replace("Host: a", &format!("Host: a\r\nA: {}", long(17_000))), "head", 16 * 1024),
        (post("/echo", "Content-Length: 1048577\r\n\r\n".into()), "body", 1024 * 1024),
        (post("/small", "Content-Length: 4\r\n\r\n".into()), "body", 3),
        (post("/small", format!("{chunked}4\r\n")), "body", 3),
        (post("/echo", format!("{chunked}1;{}", long(300))), "chunk_extension", 256),
        (
            post("/echo", chunked.to_owned() + &format!("1;{}\r\na\r\n", long(200)).repeat(99)),
            "chunk_extensions",
            16_384,
        ),
        (post("/echo", format!("{chunked}0\r\nA: {}", long(5_000))), "trailers", 4 * 1024),
    ] {
        let shown = watched_on(&app, Trace::json(), |connection| connection.send(message.as_bytes()));
        let all = trace::events(&shown);
        let hits: Vec<_> = named(&all, "limit.hit").iter().map(|hit| (&hit["which"], &hit["value"])).collect();
        assert_eq!(hits, [(&which.into(), &value.into())], "{}", &message[..message.len().min(60)]);
    }
}

#[test]
fn a_100_is_told_if_it_is_sent() {
    for (path, length, status) in [
        ("/echo", 2, "200"),
        ("/echo", u64::MAX, "413"),
        ("/none", 2, "404"),
        ("/stream-in", 2, "200"),
        ("/stream-in", 100, "413"),
    ] {
        let mut app = app();
        app.post("/stream-in", |_| "in").streaming().max_body(9);
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
        let mut received = String::new();
        let told = watched_on(&app, Trace::json(), |connection| {
            connection.send(head.as_bytes());
            connection.send(b"ab");
            received = String::from_utf8(connection.received().to_vec()).unwrap();
        });
        let is_sent = received.starts_with("HTTP/1.1 100 Continue\r\n\r\n");
        assert!(received.contains(&format!("HTTP/1.1 {status} ")) && is_sent == (status == "200"), "{received}");
        let events = trace::events(&told);
        let told: Vec<_> = named(&events, "req.continue").iter().map(|event| event["sent"] == true).collect();
        assert_eq!(told, [is_sent], "{path} {length}");
    }
}

/// Pipelined responses are sent together, in order; an interim response is not part of the final one.
#[test]
fn the_first_and_the_last_byte_of_an_answer_have_their_times() {
    let expect = "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let all = events(|connection| {
        connection.send(GET.repeat(2).as_bytes());
        connection.set_write_capacity(7);
        connection.send(GET.as_bytes());
        connection.set_write_capacity(usize::MAX);
        connection.send(expect.as_bytes());
        connection.send(b"hi");
    });
    let done: Vec<_> = named(&all, "resp.done");
    let time = |event: &Value, name: &str| event[name].as_u64().unwrap();
    assert!(done.iter().all(|done| time(done, "last_ns") == time(done, "t")));
    let at_once: Vec<_> = done.iter().map(|done| time(done, "first_ns") == time(done, "last_ns")).collect();
    assert_eq!(at_once, [true, true, false, true]);
    assert_eq!(time(done[0], "first_ns"), time(done[1], "first_ns"));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".len() as u64;
    let told: u64 = done.iter().map(|done| time(done, "bytes")).sum();
    let sent: u64 = named(&all, "conn.send").iter().filter_map(|sent| sent["n"].as_u64()).sum();
    assert_eq!(told + interim, sent);
    let heads = named(&all, "resp.head");
    assert!(heads.iter().all(|head| head["framing"] == "length"));
    // Its place in the stream, and that of the interim response before it.
    let mut end = 0;
    for (head, done) in heads.iter().zip(&done) {
        let off = time(head, "off");
        let range = if off > end { serde_json::json!([end, end + interim]) } else { Value::Null };
        assert_eq!(head["interim"], range);
        end = off + time(done, "bytes");
    }
    assert_eq!((end, heads.iter().filter(|head| head["interim"].is_array()).count()), (sent, 1));
}

fn first_hook(_: &mut wirelight::Request<'_>) -> wirelight::Result<()> {
    Ok(())
}

/// A hook has the name of its function and the line where the program added it.
#[test]
fn hooks_and_handlers_have_names_and_places() {
    let mut app = App::new();
    app.before(first_hook);
    let middleware = line!() + 1;
    wirelight::middleware::RequestId::new().add_to(&mut app);
    app.get("/plaintext", |_| "").require(first_hook);
    let shown = watched_on(&app, Trace::json(), |connection| connection.send(GET.as_bytes()));
    let all = trace::events(&shown);
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let told: Vec<_> =
        named(&all, "hook.run").iter().map(|h| (text(h, "phase"), text(h, "name"), text(h, "src"))).collect();
    let place = |line: u32| format!("tests/trace.rs:{line}");
    let id = "wirelight::middleware::request_id::RequestId::add_to::{{closure}}";
    let expected = [
        ("before", "trace::first_hook", middleware - 2),
        ("before", id, middleware),
        ("guard", "trace::first_hook", middleware + 1),
        ("after", id, middleware),
    ];
    assert_eq!(told, expected.map(|(phase, name, line)| (phase.to_owned(), name.to_owned(), place(line))));
    let start = named(&all, "handler.start")[0];
    assert_eq!(text(start, "src"), place(middleware + 1));
    assert!(text(start, "name").starts_with("trace::hooks_and_handlers_have_names_and_places::"));
    let shown = watched_on(&app, Trace::terminal().all(), |connection| connection.send(GET.as_bytes()));
    assert!(shown.contains("before hook  trace::first_hook  "), "{shown}");
    assert!(shown.contains("after hook  a closure in RequestId::add_to  "), "{shown}");
}

/// An exceeded rate is reported with its number and the wait, also on the pool.
#[test]
fn rates_are_told_wherever_they_are_counted() {
    for pool in [false, true] {
        let mut app = App::new();
        app.limit("3 per day");
        let route = app.get("/plaintext", |_| "").limit("2 per minute; 9 per hour");
        if pool {
            route.blocking();
        }
        let shown = watched_on(&app, Trace::json(), |connection| connection.send(GET.repeat(3).as_bytes()));
        let all = trace::events(&shown);
        let limited: Vec<_> = named(&all, "rate.limited");
        assert_eq!(limited.len(), 1, "{shown}");
        assert_eq!((&limited[0]["which"], &limited[0]["value"]), (&"2 per 1 minute".into(), &2.into()));
        assert_eq!((&limited[0]["retry_after"], &limited[0]["r"]), (&60.into(), &3.into()));
        let guards: Vec<_> = named(&all, "hook.run").into_iter().filter(|hook| hook["phase"] == "guard").collect();
        assert_eq!(guards.iter().map(|hook| hook["short_circuit"] == true).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(named(&all, "handler.end").len(), 2);
    }
}

/// With source locations, each event names the line that decides or records it, and that line exists.
#[test]
fn an_event_leads_to_the_line_that_told_it() {
    let drive = |connection: &mut TestConnection<'_>| {
        connection.send(GET.as_bytes());
        connection.half_close();
    };
    assert!(events(drive).iter().all(|event| event["code"].is_null()));
    let shown = watched(Trace::json().source_locations(), drive);
    let all: Vec<Value> = shown.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |event: &Value| {
        let (file, line) = event["code"].as_str().unwrap().split_once(':').unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        (file.to_owned(), text.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap().to_owned())
    };
    for (name, file, words) in [
        ("conn.recv", "src/net/conn/read.rs", "trace_read"),
        ("parse.try", "src/net/conn.rs", "self.trace_received("),
        // What `http1` decides has the place of the rule, not of the call that recorded it.
        ("parse.head", "src/http1/head/parse.rs", "const RULES"),
        ("body.plan", "src/http1/framing.rs", "const RULES"),
        ("keepalive", "src/http1/connection/respond.rs", "const RESPONDS"),
        ("conn.state", "src/http1/connection/receive.rs", "const RECEIVES"),
        ("route.match", "src/net/conn.rs", "self.handle_traced("),
        ("hook.run", "src/app.rs", "observer.observe(HandlerEvent::Before"),
        ("handler.start", "src/app.rs", "observer.observe(HandlerEvent::HandlerStart"),
        ("conn.send", "src/net/conn/write.rs", "trace_write"),
    ] {
        let (told, text) = line(named(&all, name)[0]);
        assert!(told == file && text.contains(words), "{name}: {told}: {text}");
    }
    assert!(all.iter().all(|event| !line(event).1.trim().is_empty()));
    let shown = watched(Trace::terminal().all().source_locations(), drive);
    assert!(shown.lines().any(|line| line.contains("recv() = 36 bytes") && line.contains("  [src/net/conn/read.rs:")));
}

/// T8: only steps of the table, and every row of it that a server takes.
#[test]
fn every_step_is_in_the_table_and_every_row_is_seen() {
    let mut seen = BTreeSet::new();
    let mut table = BTreeSet::new();
    let mut note = |all: Vec<Value>| {
        let row = |row: &Value| (row[0].clone(), row[1].clone(), row[2].clone());
        table.extend(all[0]["transitions"].as_array().unwrap().iter().map(|r| format!("{:?}", row(r))));
        let steps =
            named(&all, "conn.state").into_iter().map(|s| (s["from"].clone(), s["to"].clone(), s["why"].clone()));
        seen.extend(steps.map(|step| format!("{step:?}")));
    };
    for message in messages() {
        note(events(|connection| connection.send(message.as_bytes())));
        note(events(|connection| {
            connection.send(message.as_bytes());
            connection.half_close();
        }));
        note(events(|connection| {
            connection.send(&message.as_bytes()[..message.len() / 2]);
            connection.half_close();
        }));
    }
    note(events(|connection| connection.half_close()));
    note(events(|connection| {
        connection.send(b"\r\n");
        connection.half_close();
    }));
    note(events(|connection| connection.send(GET.replace("/plaintext", "/stream").replace("1.1", "1.0").as_bytes())));
    let upgrade =
        GET.replace("/plaintext", "/upgrade").replace("Host: a", "Host: a\r\nConnection: upgrade\r\nUpgrade: echo");
    note(events(|connection| connection.send(upgrade.as_bytes())));
    assert_eq!(seen.difference(&table).collect::<Vec<_>>(), [""; 0]);
    // The peer's FIN after a whole request is read once its response is sent: then the machine is between two requests.
    let missing: Vec<_> = table.difference(&seen).filter(|row| !row.contains("behind a whole request")).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn deadlines_are_told_when_they_are_set_and_when_they_pass() {
    let all = events(|connection| {
        connection.send(b"GET / HT");
        connection.advance(Duration::from_secs(30));
    });
    assert!(named(&all, "conn.timer").iter().any(|timer| timer["kind"] == "head" && timer["fired"] == true));
    let error = named(&all, "req.error")[0];
    assert_eq!((&error["kind"], &error["at"]), (&"head-timeout".into(), &8.into()));
}

/// T6: the trace of the smallest request, as a story and whole, times masked.
#[test]
fn the_smallest_request_reads_like_this() {
    for (name, trace) in [("story", Trace::terminal()), ("all", Trace::terminal().all())] {
        let shown = watched(trace, |connection| {
            connection.send(b"GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
            connection.half_close();
        });
        let lines = shown.lines().skip_while(|line| !line.trim_start().starts_with("t conn"));
        // How long the machine took between two lines is its own business.
        let masked: Vec<_> = lines.filter(|line| !line.trim_start().starts_with("+ ")).map(mask).collect();
        let file = format!("tests/data/smallest-request-{name}.trace");
        if std::env::var_os("UPDATE_TRACE").is_some() {
            std::fs::write(file, masked.join("\n") + "\n").unwrap();
            continue;
        }
        let golden = std::fs::read_to_string(file).unwrap_or_default();
        assert_eq!(masked.join("\n") + "\n", golden, "UPDATE_TRACE=1 rewrites it");
    }
}

/// Dots for times, for the second that Date shows, and for the lines of this file.
fn mask(line: &str) -> String {
    let (clock, rest) = if line.get(7..9) == Some("ms") { ("  .... ms", &line[9..]) } else { ("", line) };
    let mut words: Vec<_> = rest.split(' ').map(str::to_owned).collect();
    for at in 1..words.len() {
        if ["ns", "µs", "ms", "s"].contains(&words[at].trim_end_matches([',', ')'])) {
            let before = words[at - 1].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            (words[at - 1], words[at]) = (format!("{before}…"), words[at].replace(['n', 'µ', 'm'], ""));
        }
    }
    let line = clock.to_owned() + &words.join(" ");
    match (line.split_once("Date:"), line.split_once(concat!(file!(), ":"))) {
        (Some((before, _)), _) => format!("{before}Date:…"),
        (None, Some((before, after))) => {
            format!("{before}HERE{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        (None, None) => line,
    }
}

/// Only what may show why no route answers is shown: the router tries none of the others.
#[test]
fn routes_that_nearly_match_are_shown_where_none_does() {
    let mut app = app();
    app.delete("/users/{id:int}", |_| "");
    app.get("/users/{id:int}/posts", |_| "");
    app.get("/users/{id:int}/posts/{post:int}", |_| "");
    let routing = |method: &str, path: &str, trace: Trace| -> Vec<String> {
        let message = GET.replace("GET", method).replace("/plaintext", path);
        let shown = watched_on(&app, trace.topics(["route"]), |connection| connection.send(message.as_bytes()));
        let lines = shown.lines().filter_map(|line| line.split_once(" route      "));
        lines.map(|(_, text)| mask(text).split(" (1 of").next().unwrap().to_owned()).collect()
    };
    for (method, path, expected) in [
        ("GET", "/users/abc", &["not GET /users/{id:int}: 'abc' is not an int", NONE][..]),
        ("GET", "/users/", &["not GET /users/{id:int}: '' is not an int", NONE]),
        ("GET", "/users/7/", &["not GET /users/{id:int}: the path has an extra trailing slash", NONE]),
        (
            "PUT",
            "/users/7",
            &[
                "not GET /users/{id:int}: another method",
                "not DELETE /users/{id:int}: another method",
                "none for this method; the path has GET, HEAD, DELETE, OPTIONS",
            ],
        ),
        ("GET", "/users/7/posts/8/9", &["not GET /users/{id:int}/posts/{post:int}: the path has 1 more segment", NONE]),
        ("GET", "/elsewhere", &["none of 11 routes has this path; 11 have another first segment"]),
    ] {
        assert_eq!(routing(method, path, Trace::terminal()), expected, "{method} {path}");
    }
    let found = routing("GET", "/users/7", Trace::terminal());
    assert_eq!(found.last().unwrap(), "/users/{id:int}  id=7");
    let all = events(|connection| connection.send(GET.replace("/plaintext", "/users/abc").as_bytes()));
    let near = named(&all, "route.try").iter().filter(|tried| tried["near"] == true).count();
    assert_eq!((near, named(&all, "route.try").len()), (1, 8), "a program gets the whole table");
}

const NONE: &str = "none of 11 routes has this path; 7 have another first segment";

/// A program reads why a route does not match as a word.
#[test]
fn what_speaks_against_a_route_is_a_word() {
    let mut app = App::new();
    app.get("/users/{id:int}", |_| "");
    for (request, word) in [
        ("GET /users/7", Value::Null),
        ("PUT /users/7", "method".into()),
        ("GET /users/x", "type".into()),
        ("GET /people/7", "segment".into()),
        ("GET /users", "path".into()),
        ("GET /users/7/", "path".into()),
        ("GET /users/7/posts", "path".into()),
        // What differs first.
        ("PUT /people/x/y", "segment".into()),
    ] {
        let text = format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n");
        let all = trace::events(&watched_on(&app, Trace::json(), |connection| connection.send(text.as_bytes())));
        assert_eq!(named(&all, "route.try")[0]["why"], word, "{request}");
    }
}

/// The bytes after a refused request have no effect, and the trace says which they are.
#[test]
fn what_is_never_read_is_told() {
    const FOLLOWING: &str = "GET /admin HTTP/1.1\r\n\r\n";
    let large = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n";
    for (message, refused) in [
        ("GET / HTTP/1.1\r\nHost : a\r\n", "space-before-colon"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nx", "chunk-size"),
        (large, "body-too-large"),
    ] {
        for following in ["", FOLLOWING] {
            let all = events(|connection| {
                connection.send(format!("{message}{following}").as_bytes());
                connection.half_close();
            });
            let error = named(&all, "req.error")[0];
            assert_eq!((&error["kind"], &error["rest"]), (&refused.into(), &message.len().into()));
            let end = message.len() + following.len();
            let range = if following.is_empty() { Value::Null } else { serde_json::json!([message.len(), end]) };
            assert_eq!(named(&all, "conn.close")[0]["never_read"], range, "{message:?} {following:?}");
        }
    }
    let cut = events(|connection| {
        connection.send(&large.as_bytes()[..large.len() - 2]);
        connection.half_close();
    });
    assert!(named(&cut, "req.error")[0]["rest"].is_null(), "the head did not end");
    // How the end of the refused body would have been found.
    let all = events(|connection| connection.send(large.as_bytes()));
    let plan = named(&all, "body.plan")[0];
    assert_eq!((&plan["plan"], &plan["len"]), (&"length".into(), &2_000_000.into()));
    assert!(plan["q"].as_u64() < named(&all, "req.error")[0]["q"].as_u64());
}

/// A state change is reported where it happens, in the order of the machines' rules.
#[test]
fn states_are_told_in_the_order_in_which_they_change() {
    let mut deliveries: Vec<_> = messages();
    deliveries.push(GET.repeat(3));
    deliveries.push(GET.replace("/plaintext", "/stream"));
    for message in deliveries {
        for size in [1, 9, message.len()] {
            let all = events(|connection| {
                message.as_bytes().chunks(size).for_each(|piece| connection.send(piece));
                connection.half_close();
            });
            let (mut client, mut server) = ("recv.Idle".to_owned(), "send.Idle".to_owned());
            for event in &all {
                let (from, to) = (event["from"].as_str().unwrap_or_default(), event["to"].as_str().unwrap_or_default());
                match event["e"].as_str().unwrap() {
                    "parse.try" => assert_ne!(client, "recv.Idle", "a head was read before it began: {message:?}"),
                    "conn.state" if from.starts_with("recv") => {
                        assert_eq!(client, from, "{message:?}");
                        client = to.to_owned();
                        match to {
                            "recv.Body" | "recv.Done" => assert_ne!(server, "send.Idle", "{message:?}"),
                            "recv.Idle" => assert_eq!(server, "send.Done", "the answer is out first: {message:?}"),
                            _ => {}
                        }
                    }
                    "conn.state" => {
                        assert_eq!(server, from, "{message:?}");
                        server = to.to_owned();
                        match to {
                            "send.Respond" => assert_ne!(client, "recv.Idle", "{message:?}"),
                            "send.Done" => assert_eq!(client, "recv.Done", "{message:?}"),
                            "send.Idle" => assert_eq!(client, "recv.Idle", "{message:?}"),
                            _ => {}
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn no_color_has_no_escape_and_color_has() {
    let shown = |color| watched(Trace::terminal().color(color), |connection| connection.send(GET.as_bytes()));
    assert!(!shown(false).contains('\x1b'));
    // `to` turns colours off.
    assert!(!watched(Trace::terminal().color(true), |connection| connection.send(GET.as_bytes())).contains('\x1b'));
}

/// T13: no form shows a secret unless it was asked for: however it is spelled, folded, refused, cut, and in answers too.
#[test]
fn secrets_are_hidden_unless_asked_for() {
    let names = ["Authorization", "cookie", "X-API-Key", "PROXY-AUTHORIZATION", "Set-Cookie"];
    let mut messages: Vec<_> =
        names.iter().map(|name| GET.replace("Host: a", &format!("Host: a\r\n{name}: s3cr3t"))).collect();
    messages.extend([
        GET.replace("Host: a", "Host: a\r\nCookie: a\r\n s3cr3t"),
        GET.replace("Host: a", "Cookie : s3cr3t"),
        GET.replace("Host: a\r\n", "Host: a\nAuthorization: s3cr3t\n"),
        GET.replace("/plaintext", "/login"),
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nCookie: s3cr3t\r\n\r\n".to_owned(),
    ]);
    for message in messages {
        for size in [1, 9, message.len()] {
            for (hide, trace) in [
                (true, Trace::json()),
                (true, Trace::terminal()),
                (true, Trace::terminal().all().columns(Some(60))),
                (false, Trace::json().show_secrets()),
                (false, Trace::terminal().show_secrets()),
            ] {
                let send = |connection: &mut TestConnection<'_>| {
                    message.as_bytes().chunks(size).for_each(|piece| connection.send(piece));
                };
                let shown = watched(trace, send);
                let leaks = shown.contains("cr3") || shown.contains("s3c") || shown.contains("\"data\":\"3\"");
                // In pieces of one byte no text is contiguous, masked or not; the mask is.
                assert!(!leaks || !hide, "{message:?} in pieces of {size}: {shown}");
                assert!(hide || leaks || size == 1, "{message:?}: {shown}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// T6: whatever comes, no byte of a terminal's trace is a control, but the line feeds; and NDJSON is ASCII.
    #[test]
    fn no_bytes_of_a_client_control_the_terminal(junk in proptest::collection::vec(any::<u8>(), 0..80), place in 0..4) {
        let mut bytes = match place {
            0 => Vec::new(),
            1 => b"GET /".to_vec(),
            2 => b"GET / HTTP/1.1\r\nHost: a\r\nA: ".to_vec(),
            _ => b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n".to_vec(),
        };
        bytes.extend(junk);
        let drive = |connection: &mut TestConnection<'_>| {
            connection.send(&bytes);
            connection.half_close();
        };
        for trace in [Trace::terminal(), Trace::terminal().all()] {
            let shown = watched(trace, drive);
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        }
        prop_assert!(watched(Trace::json(), drive).bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
    }
}

/// T9: no section is made up.
#[test]
fn every_section_named_is_a_heading_of_its_rfc() {
    let headings = std::fs::read_to_string("tests/data/rfc-sections.txt").unwrap();
    let headings: BTreeSet<_> = headings.lines().filter_map(|line| line.split('\t').next()).collect();
    for row in FAULTS {
        assert!(headings.contains(row.rfc), "{}: {}", row.name, row.rfc);
    }
    let mut named = BTreeSet::new();
    for message in messages() {
        let all = events(|connection| connection.send(message.as_bytes()));
        named.extend(all.iter().filter_map(|event| Some(event["rfc"].as_str()?.to_owned())));
    }
    let unknown: Vec<_> = named.iter().filter(|rfc| !headings.contains(rfc.as_str())).collect();
    assert_eq!(unknown, [""; 0]);
}
