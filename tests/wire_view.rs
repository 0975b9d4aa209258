//! The wire view on a real server: who may see it, what its stream says, and that a page of it draws whatever comes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use wirelight::{App, Server};

mod support;

use support::bounded;
use support::trace::events;
use support::view::{View, app};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/page");

/// Asks for a part of the view: the status, and what every response of it has.
fn asks(view: &View, target: &str, fields: &str, status: u16) {
    let reply = view.get(target, fields);
    assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {fields:?}: {reply}");
    assert!(status != 403 || reply.lines().count() < 20 && !reply.contains(&view.token), "{reply}");
    let policy = "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';";
    assert!(status == 404 || reply.contains(policy) && reply.contains("nosniff") && reply.contains("no-store"));
}

#[test]
fn only_the_person_at_this_machine_sees_it() {
    let view = View::start();
    let (port, cookie, token) = (view.server.address.port(), view.cookie(), &view.token);
    for (target, fields, status) in [
        ("/_wire/", String::new(), 403),
        ("/_wire/?k=", String::new(), 403),
        ("/_wire/?k=0123456789abcdef0123456789abcdef", String::new(), 403),
        ("/_wire/events", String::new(), 403),
        ("/_wire/page.js", "Cookie: wire=1\r\n".to_owned(), 403),
        // The cookie of another port, or of another run.
        ("/_wire/", cookie.replace(&port.to_string(), &(port ^ 1).to_string()), 403),
        ("/_wire/", format!("Cookie: wire-{port}=\r\n"), 403),
        ("/_wire/", format!("Cookie: wire-{port}={}\r\n", &token[1..]), 403),
        ("/_wire/", format!("Cookie: wire-{port}={token}0\r\n"), 403),
        ("/_wire/", cookie.clone(), 200),
        // Another server on this machine may have set a cookie of this name.
        ("/_wire/", format!("Cookie: wire-{port}=0\r\n{cookie}"), 200),
        ("/_wire/", format!("Cookie: a=b; wire-{port}=0; wire-{port}={token}\r\n"), 200),
        ("/_wire/view.js", format!("{cookie}Sec-Fetch-Site: none\r\n"), 200),
        ("/_wire/capture.ndjson", cookie.clone(), 200),
        ("/_wire/other", format!("{cookie}Connection: close\r\n"), 404),
        ("/_wire/../_wire/", format!("{cookie}Connection: close\r\n"), 404),
        ("/_wire/..%2fhello", format!("{cookie}Connection: close\r\n"), 404),
        ("/_wire/story-..%2f..%2fetc%2fpasswd.ndjson", format!("{cookie}Connection: close\r\n"), 404),
    ] {
        asks(&view, target, &fields, status);
    }
}

/// Pages of other sites, by their own name (DNS rebinding) or from their own origin, and whatever comes through a proxy.
#[test]
fn no_other_site_sees_it() {
    let view = View::start();
    let (address, port) = (view.server.address, view.server.address.port());
    for (fields, status) in [
        ("Host: evil.example".to_owned(), 403),
        (format!("Host: evil.example:{port}"), 403),
        ("Host: 127.0.0.1:1".to_owned(), 403),
        ("Host: 127.0.0.1".to_owned(), 403),
        ("Host: localhost".to_owned(), 403),
        (format!("Host: localhost.:{port}"), 403),
        (format!("Host: localhost.evil.example:{port}"), 403),
        (format!("Host: 127.0.0.1.evil.example:{port}"), 403),
        (format!("Host: 127.0.0.1:{port}0"), 403),
        (format!("Host: 127.0.0.1:0{port}"), 403),
        (format!("Host: 2130706433:{port}"), 403),
        (format!("Host: [::ffff:127.0.0.1]:{port}"), 403),
        ("Host:".to_owned(), 403),
        ("Origin: http://evil.example".to_owned(), 403),
        ("Origin: null".to_owned(), 403),
        ("Origin: ".to_owned(), 403),
        ("Origin: file://".to_owned(), 403),
        (format!("Origin: https://{address}"), 403),
        ("Origin: http://127.0.0.1:1".to_owned(), 403),
        (format!("Origin: http://localhost:{port}"), 403),
        (format!("Origin: http://{address}\r\nOrigin: http://evil.example"), 403),
        ("Sec-Fetch-Site: cross-site".to_owned(), 403),
        ("Sec-Fetch-Site: same-site".to_owned(), 403),
        ("Sec-Fetch-Site: ".to_owned(), 403),
        ("Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site".to_owned(), 403),
        ("X-Forwarded-For: 127.0.0.1".to_owned(), 403),
        ("X-Forwarded-Host: localhost".to_owned(), 403),
        ("Forwarded: for=127.0.0.1".to_owned(), 403),
        ("Via: 1.1 proxy".to_owned(), 403),
        (format!("Host: localhost:{port}"), 200),
        (format!("Host: LocalHost:{port}"), 200),
        (format!("Host: [::1]:{port}"), 200),
        (format!("Origin: http://{address}\r\nSec-Fetch-Site: same-origin"), 200),
    ] {
        asks(&view, "/_wire/", &format!("{}{fields}\r\n", view.cookie()), status);
    }
    // An absolute target takes precedence over Host (RFC 9112 §3.2.2); here both must name this server.
    asks(&view, "http://evil.example/_wire/", &view.cookie(), 403);
    let absolute = format!("http://{address}/_wire/");
    asks(&view, &absolute, &format!("{}Host: evil.example\r\n", view.cookie()), 403);
    asks(&view, &absolute, &view.cookie(), 200);
}

#[test]
fn the_token_leaves_the_address_for_a_cookie() {
    let view = View::start();
    let reply = view.get(&format!("/_wire/?k={}", view.token), "Sec-Fetch-Site: none\r\n");
    assert!(reply.starts_with("HTTP/1.1 303 ") && reply.contains("\r\nLocation: /_wire/\r\n"), "{reply}");
    let cookie = reply.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/_wire"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    // No later request tells it to anybody.
    assert!(reply.contains("\r\nReferrer-Policy: no-referrer\r\n"), "{reply}");
    // What else the address says of the page stays, and nothing else.
    for (query, location) in [
        ("&trace=smuggling", "/_wire/?trace=smuggling"),
        ("&trace=//evil.example/%0d%0aX:1&next=//evil.example", "/_wire/?trace=//evil.example/%0d%0aX:1"),
        ("&%6b=1&&kk&k=2", "/_wire/"),
    ] {
        let reply = view.get(&format!("/_wire/?k={}{query}", view.token), "");
        assert!(reply.contains(&format!("\r\nLocation: {location}\r\n")), "{query}: {reply}");
    }
    let pair = cookie.split(';').next().unwrap();
    assert!(view.get("/_wire/", &format!("Cookie: {pair}\r\n")).starts_with("HTTP/1.1 200 "));
}

#[test]
fn it_refuses_an_address_that_others_reach() {
    let folder = std::env::temp_dir().join(format!("wirelight-view-{}", std::process::id()));
    let server = |address: &str| Server::bind(address).unwrap().signals(false);
    for server in [
        server("0.0.0.0:0"),
        server("127.0.0.1:0").and_bind("0.0.0.0:0").unwrap(),
        Server::bind_unix(&folder).unwrap().signals(false),
    ] {
        let refused = server.wire_view(|url| panic!("it printed {url}")).run(app()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");
        assert!(refused.to_string().contains("loopback"), "{refused}");
    }
}

#[test]
fn a_page_sees_each_request_and_nothing_of_itself() {
    let view = View::start();
    let mut stream = view.watch("");
    let first = stream.next();
    assert!(stream.snapshot, "{first:?}");
    if first[0]["e"] != "server.start" {
        stream.until("server.start", 1);
    }
    let mut client = view.server.connect();
    client.send("GET /hello?name=Ada HTTP/1.1\r\nHost: a\r\nAuthorization: hunter2\r\n\r\n");
    assert_eq!(client.reply().0, 200);
    let mut seen = stream.until("resp.done", 1);
    assert!(seen.iter().any(|event| event["e"] == "route.match" && event["pattern"] == "/hello"), "{seen:?}");
    let page = view.get("/_wire/page.css", &view.cookie());
    assert!(page.contains("text/css"), "{page}");
    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().0, 200);
    seen.extend(stream.until("resp.done", 1));
    let trace = view.trace.text();
    // The table of routes, and the comparison with it, have the routes of the page.
    let lines: String =
        trace.lines().filter(|line| !line.contains("server.start") && !line.contains("route.try")).collect();
    let text = serde_json::to_string(&seen).unwrap() + &lines;
    for secret in ["hunter2", &view.token, "/_wire/events", "page.css", "text/event-stream"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // What is told of the connections of a page: that they are, and their end.
    let trace = events(&trace);
    let observers: Vec<_> = trace.iter().filter(|event| event["e"] == "conn.observer").collect();
    assert_eq!(observers.len(), 2, "the stream and the style sheet");
    for observer in observers {
        let after =
            trace.iter().filter(|event| event["c"] == observer["c"] && event["q"].as_u64() > observer["q"].as_u64());
        assert!(after.into_iter().all(|event| event["e"] == "conn.close"), "{observer}");
    }
}

/// A browser uses a connection again that has asked for something else before.
#[test]
fn a_connection_that_asks_for_the_page_later_is_not_traced_from_then_on() {
    let view = View::start();
    let mut client = view.server.connect();
    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().0, 200);
    let page = format!("GET /_wire/?k={} HTTP/1.1\r\nHost: {}\r\n\r\n", view.token, view.server.address);
    let (first, second) = page.split_at(7);
    client.send(first);
    client.send(second);
    let mut rest = String::new();
    client.0.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("HTTP/1.1 303 "), "{rest}");
    let trace = bounded::eventually("the close of the connection", || {
        let text = view.trace.text();
        if text.contains("conn.close") { Ok(text) } else { Err(text) }
    });
    assert!(trace.contains("/hello") && trace.contains("conn.observer") && !trace.contains(&view.token), "{trace}");
}

#[test]
fn a_stream_goes_on_where_it_was_cut() {
    let view = View::start();
    let mut stream = view.watch("");
    stream.next();
    let mut client = view.server.connect();
    let mut ask = || {
        client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.reply().0, 200);
    };
    ask();
    stream.until("resp.done", 1);
    let id = stream.id.clone();
    drop(stream);
    ask();
    let mut again = view.watch(&format!("Last-Event-ID: {id}\r\n"));
    let seen = again.until("resp.done", 1);
    assert!(!again.snapshot && seen.iter().all(|event| event["e"] != "server.start"), "{seen:?}");
    drop(again);
    // An id that this run has not given begins anew.
    let run = id.split('-').next().unwrap();
    for unknown in ["1-1", "-1", "0", "-", "NaN", "\u{ff}", "99999999999999999999999", "1e9-1", &"9".repeat(5000)] {
        begins_anew(&view, unknown);
    }
    for number in ["18446744073709551615", "18446744073709551616", "-1", "+1", "007", "", "4294967296", "0x1"] {
        begins_anew(&view, &format!("{run}-{number}"));
    }
}

/// A stream after this id is a snapshot, with both requests.
fn begins_anew(view: &View, id: &str) {
    let mut stream = view.watch(&format!("Last-Event-ID: {id}\r\n"));
    let all = stream.next();
    assert!(stream.snapshot && all.iter().filter(|event| event["e"] == "resp.done").count() == 2, "{id}: {all:?}");
}

#[test]
fn two_pages_may_watch_and_a_stalled_one_slows_no_client() {
    let view = View::start();
    let stalled = view.watch("");
    let second = view.watch("");
    let reply = view.get("/_wire/events", &view.cookie());
    assert!(reply.starts_with("HTTP/1.1 503 ") && reply.contains("two pages are watching already"), "{reply}");
    let mut client = view.server.connect();
    let body = "x".repeat(60_000);
    for _ in 0..40 {
        client.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{body}"));
        assert_eq!(client.reply().0, 200);
    }
    drop((client, stalled, second));
    // More than is shown of one connection: it says how much is missing.
    let capture = bounded::eventually("the end of the connection", || {
        let capture = view.get("/_wire/capture.ndjson", &view.cookie());
        if capture.contains("wire.skip") && capture.contains("\"reqs\":40") { Ok(capture) } else { Err(capture) }
    });
    assert!(capture.len() < 300_000, "{}", capture.len());
}

/// For a projector, the page has a class on its root and a style sheet more. The server decides it: by the address that it printed.
#[test]
fn a_classroom_gets_its_page() {
    let view = View::start();
    for (query, location) in [("&classroom", "/_wire/?classroom#lab"), ("", "/_wire/")] {
        let reply = view.get(&format!("/_wire/?k={}{query}", view.token), "");
        assert!(reply.starts_with("HTTP/1.1 303 "), "{reply}");
        assert!(reply.contains(&format!("\r\nLocation: {location}\r\n")), "{reply}");
    }
    for (target, is_classroom) in [("/_wire/", false), ("/_wire/?classroom", true)] {
        let page = view.get(target, &view.cookie());
        let marks =
            ["<html class=\"classroom\" lang=\"en\">", "<link rel=\"stylesheet\" href=\"classroom.css\">\n</head>"];
        assert!(marks.iter().all(|mark| page.contains(mark) == is_classroom), "{target}: {page}");
    }
    assert!(view.get("/_wire/?classroom", "").starts_with("HTTP/1.1 403 "));
    let style = view.get("/_wire/classroom.css", &view.cookie());
    assert!(
        style.contains("\r\nContent-Type: text/css") && style.contains(".classroom { font-size: 20px; }"),
        "{style}"
    );
}

/// These files, and all that they import statically.
fn with_imports(files: &BTreeMap<String, String>, names: &[&str]) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    while let Some(name) = open.pop() {
        let lines = files[&name].lines().filter(|line| line.starts_with("import "));
        let imported = lines.map(|line| line.split("\"./").nth(1).unwrap().split('"').next().unwrap().to_owned());
        if found.insert(name.clone()) {
            open.extend(imported);
        }
    }
    found
}

/// T15: the requests of the pages themselves leave nothing but the beginning of their connections, so that events never make events.
#[test]
fn watching_makes_no_events() {
    let view = View::start();
    let mut stream = view.watch("");
    stream.next();
    (0..20).for_each(|_| _ = view.get("/_wire/page.css", &view.cookie()));
    let mut client = view.server.connect();
    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().0, 200);
    let seen = stream.until("resp.done", 1);
    // A connection whose request comes after it was accepted has a read that finds nothing.
    let found_nothing = |event: &&Value| event["e"] == "conn.recv" && event["n"] == "would_block";
    let marker = &seen.iter().find(|event| event["e"] == "conn.recv" && !found_nothing(event)).unwrap()["c"];
    let own: Vec<_> = seen.iter().filter(|event| event["c"] != *marker && !found_nothing(event)).collect();
    for event in &own {
        let beginning =
            ["server.start", "conn.open", "conn.interest", "conn.timer", "conn.ready", "conn.observer", "wire.counts"];
        assert!(beginning.contains(&event["e"].as_str().unwrap()), "{event}");
    }
    assert!(own.len() <= 20 * 6, "{} events of 20 requests", own.len());
}

/// T14: what a page is not shown of a connection is counted, event by event.
#[test]
fn what_is_not_shown_is_counted() {
    let view = View::start();
    let mut stream = view.watch("");
    stream.next();
    let reader = std::thread::spawn(move || stream.until("conn.close", 1));
    let mut client = view.server.connect();
    let body = "x".repeat(60_000);
    for _ in 0..40 {
        client.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{body}"));
        assert_eq!(client.reply().0, 200);
    }
    let peer = client.0.get_ref().local_addr().unwrap().to_string();
    drop(client);
    let shown = bounded::joined(reader).unwrap();
    let c = &shown.iter().find(|event| event["peer"] == peer.as_str()).unwrap()["c"];
    let of_client = |event: &&Value| event["c"] == *c && event["near"] != false;
    let skipped: u64 = shown.iter().filter(of_client).filter_map(|event| event["events"].as_u64()).sum();
    let here = shown.iter().filter(of_client).filter(|event| event["e"] != "wire.skip").count() as u64;
    let all = bounded::eventually("the close", || {
        let text = view.trace.text();
        if text.contains("\"reqs\":40") { Ok(events(&text)) } else { Err(text.len().to_string()) }
    });
    assert!(skipped > 0, "nothing was left out of 5 MB");
    // What the tracer skips, because the machine is too fast for it, is in neither.
    assert_eq!(here + skipped, all.iter().filter(of_client).count() as u64, "{here} + {skipped}");
}

/// Each open connection has a cell that says what it does.
#[test]
fn a_burst_of_connections_has_a_cell_each() {
    let view = View::start();
    let mut stream = view.watch("");
    stream.next();
    let clients: Vec<_> = (0..120)
        .map(|number| {
            let mut client = view.server.connect();
            match number % 4 {
                0 => {}
                1 => {
                    client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
                    assert_eq!(client.reply().0, 200);
                }
                2 => client.send("GET /hello HTTP/1.1\r\nHost"),
                _ => client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel"),
            }
            client
        })
        .collect();
    let load = |expected: &dyn Fn(&Value) -> bool| {
        bounded::eventually("the cells", || {
            let reply = view.get("/_wire/load.json", &view.cookie());
            let load: Value = serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap();
            if expected(&load) { Ok(load) } else { Err(reply) }
        })
    };
    let activities =
        |load: &Value, name: &str| load["cells"].as_array().unwrap().iter().filter(|cell| cell[2] == name).count();
    let all = ["silent", "idle", "head", "body"];
    let full = load(&|load| all.iter().all(|name| activities(load, name) == 30));
    assert_eq!((&full["open"], &full["every"]), (&120.into(), &1.into()));
    assert!(full["counts"]["connections"].as_u64().unwrap() >= 120);
    drop(clients);
    let empty = load(&|load| load["open"] == 0);
    assert!(empty["cells"].as_array().unwrap().is_empty());
}

#[test]
fn the_page_is_small_and_asks_no_other_host() {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(PAGE).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        for forbidden in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=", "https://"]
        {
            assert!(!text.contains(forbidden), "{name}: {forbidden}");
        }
        for (at, _) in text.match_indices("http://") {
            let rest = &text[at + 7..];
            assert!(rest.starts_with("www.w3.org/2000/svg") || rest.starts_with("${"), "{name}: {rest:.40}");
        }
        if name != "package.json" {
            files.insert(name, text);
        }
    }
    let size = |names: &BTreeSet<String>| names.iter().map(|name| files[name].len()).sum::<usize>();
    let first = with_imports(&files, &["index.html", "page.css", "page.js"]);
    assert!(size(&first) <= 64 * 1024, "{} bytes, of 65536: {first:?}", size(&first));
    // Each further view: what it adds.
    let views = files["views.js"].split_once("const VIEWS = {").unwrap().1.split_once("};").unwrap().0;
    let views: Vec<_> = views.split(',').map(|row| row.split(':').next().unwrap().trim()).collect();
    assert_eq!(views.len(), 7, "{views:?}");
    for view in views {
        let all = with_imports(&files, &[&format!("{view}.js"), &format!("{view}.css")]);
        let more: BTreeSet<_> = all.difference(&first).cloned().collect();
        assert!(size(&more) <= 24 * 1024, "{view}: {} bytes, of 24576: {more:?}", size(&more));
    }
    // All of it, as a client that accepts gzip would get it.
    let mut app = App::new();
    wirelight::middleware::Gzip::new().add_to(&mut app);
    let all = files.values().fold(String::new(), |all, text| all + text);
    let plain = all.len();
    app.get("/", move |_| all.clone());
    let packed = app.test().get("/").header("Accept-Encoding", "gzip").send().body().len();
    assert!(packed <= 64 * 1024, "{packed} bytes, of 65536, of {plain} unpacked");
}

#[test]
fn every_file_of_the_page_is_served() {
    let view = View::start();
    for entry in fs::read_dir(PAGE).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let target = match name {
            "package.json" => continue, // for node
            "index.html" => "",
            name => name,
        };
        let reply = view.get(&format!("/_wire/{target}"), &view.cookie());
        assert_eq!(reply.split_once("\r\n\r\n").unwrap().1, fs::read_to_string(&path).unwrap(), "{name}");
    }
}

/// Requests of every shape, and then the page's view of them under node.
#[test]
fn the_view_draws_whatever_comes() {
    if Command::new("node").arg("--version").output().is_err() {
        println!("skipped: node is not installed");
        return;
    }
    let view = View::start();
    let file: Value = serde_json::from_str(include_str!("../src/wire/experiments.json")).unwrap();
    let mut shapes: Vec<Vec<u8>> = Vec::new();
    for experiment in file["experiments"].as_array().unwrap() {
        let sends = experiment["plan"].as_array().unwrap().iter().filter_map(|step| step["send"].as_str());
        shapes.push(sends.flat_map(|text| text.chars().map(|letter| letter as u8)).collect());
    }
    shapes.push(b"GET /hello?name=<img%20onerror=alert(1)> HTTP/1.1\r\nHost: a\r\nX: </script>\r\n\r\n".to_vec());
    shapes.push((0..=255).collect());
    shapes.push(Vec::new());
    // Whole, in one read: sentences name the cuts. Then cut, where each sentence will do.
    let cut = shapes.iter().map(|shape| shape.split_at(shape.len().min(4)));
    let pieces: Vec<_> = shapes.iter().map(|shape| (shape.as_slice(), &b""[..])).chain(cut).collect();
    for (first, second) in &pieces {
        let mut client = view.server.connect();
        // A server that has refused may have closed.
        let _ = client.0.get_mut().write_all(first).and_then(|()| client.0.get_mut().write_all(second));
        let _ = client.0.get_mut().shutdown(std::net::Shutdown::Write);
        let _ = client.0.read_to_end(&mut Vec::new());
    }
    let capture = bounded::eventually("the end of all connections", || {
        let reply = view.get("/_wire/capture.ndjson", &view.cookie());
        let lines = reply.split_once("\r\n\r\n").unwrap().1.to_owned();
        if lines.matches("\"conn.close\"").count() >= pieces.len() { Ok(lines) } else { Err(lines) }
    });
    let path = std::env::temp_dir().join(format!("wirelight-view-{}.ndjson", std::process::id()));
    fs::write(&path, capture).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/view.mjs");
    let output = bounded::output(Command::new("node").arg(script).arg(&path));
    fs::remove_file(&path).unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    println!("{out}");
}

/// T13: what is hidden in the trace is in no export, wherever a client puts it and however it cuts it.
#[test]
fn no_export_has_a_secret() {
    let view = View::start();
    let secret = "hunter2hunter2";
    let get = "GET /hello HTTP/1.1\r\nHost: a\r\n";
    let mut pieces: Vec<Vec<String>> = Vec::new();
    for name in ["Authorization", "COOKIE", "set-cookie", "X-Api-Key", "Proxy-Authorization"] {
        let line = format!("{name}: a={secret}\r\n");
        pieces.push(vec![format!("{get}{line}\r\n")]);
        pieces.push(vec![format!("{get}{}", &line[..3]), format!("{}\r\n", &line[3..])]);
        pieces.push(vec![format!("{get}{}", &line[..line.len() - 4]), format!("{}\r\n", &line[line.len() - 4..])]);
        // In a refused head, before its fault and after it; in a folded line; in trailers; in a head that never ends.
        pieces.push(vec![format!("GET /hello HTTP/1.1\r\n{line}\r\n")]);
        pieces.push(vec![format!("GET /hello HTTP/1.1\r\nHost : a\r\n{line}\r\n")]);
        pieces.push(vec![format!("{get}{name}:\r\n {secret}\r\n\r\n")]);
        let chunks = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
        pieces.push(vec![format!("{chunks}{line}\r\n")]);
        pieces.push(vec![format!("{get}{line}")]);
    }
    for shape in &pieces {
        let mut client = view.server.connect();
        for piece in shape {
            // A server that has refused may have closed.
            let _ = client.0.get_mut().write_all(piece.as_bytes());
        }
        let _ = client.0.get_mut().shutdown(std::net::Shutdown::Write);
        let _ = client.0.read_to_end(&mut Vec::new());
    }
    let capture = bounded::eventually("the end of all connections", || {
        let reply = view.get("/_wire/capture.ndjson", &view.cookie());
        let lines = reply.split_once("\r\n\r\n").unwrap().1.to_owned();
        if lines.matches("\"conn.close\"").count() >= pieces.len() { Ok(lines) } else { Err(lines) }
    });
    assert!(capture.contains("GET /hello") && !capture.contains("hunter2"), "{capture}");
    if Command::new("node").arg("--version").output().is_err() {
        println!("skipped: node is not installed");
        return;
    }
    let path = std::env::temp_dir().join(format!("wirelight-secrets-{}.ndjson", std::process::id()));
    fs::write(&path, capture).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/export.mjs");
    for format in ["text", "har", "pcap", "poke", "test"] {
        let output = bounded::output(Command::new("node").arg(&script).arg(&path).arg(format));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("hello"),
            "{format}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!text.contains("hunter2"), "{format}: {text}");
    }
    fs::remove_file(&path).unwrap();
}

/// Captures of any bytes, and the stories with them damaged in every way.
#[test]
fn any_capture_ends_in_a_drawing_or_a_sentence() {
    if Command::new("node").arg("--version").output().is_err() {
        println!("skipped: node is not installed");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/capture.mjs");
    let output = bounded::output(Command::new("node").arg(script));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
