//! The lab of the wire view on a real server: what its clients send and see, and what it refuses.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

mod support;
#[cfg(feature = "tls")]
#[path = "support/tls_client.rs"]
mod tls_client;

use support::bounded;
#[cfg(feature = "tls")]
use support::server::TestServer;
use support::trace::events;
use support::view::View;
#[cfg(feature = "tls")]
use support::view::app;

const GET: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

/// Bytes in base64, as the page writes them.
fn base64(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |three: &[u8]| {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..=three.len()).map(move |at| char::from(digits[(bits >> (18 - 6 * at)) as usize & 63])).collect::<String>()
    };
    bytes.chunks(3).map(encode).collect()
}

/// A plan that sends these texts with pauses of 250 ms: they do not coalesce.
fn plan(texts: &[&str], then: &str) -> Value {
    let segment = |(at, text): (usize, &&str)| json!({"b64": base64(text.as_bytes()), "after_ms": at.min(1) * 250});
    json!({"segments": texts.iter().enumerate().map(segment).collect::<Vec<_>>(), "then": then, "timeout_ms": 600})
}

/// Starts a client; returns its address.
fn start(view: &View, plan: &Value) -> Value {
    let reply = view.post("send", plan);
    assert!(reply.starts_with("HTTP/1.1 202 "), "{reply}");
    let reply: Value = serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap();
    reply["client"].clone()
}

/// Waits until the trace of a client's connection is as expected; returns its events.
fn seen(view: &View, client: &Value, expected: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    bounded::eventually("the events of the client", || {
        let all = events(&whole_lines(&view.trace.text()));
        let open = all.iter().find(|event| event["e"] == "conn.open" && event["peer"] == *client);
        let c = open.map(|event| event["c"].clone());
        let of_client: Vec<_> = all.into_iter().filter(|event| Some(&event["c"]) == c.as_ref()).collect();
        if expected(&of_client) { Ok(of_client) } else { Err(format!("{of_client:?}")) }
    })
}

/// Plays a plan to its end; returns the events of its connection.
fn play(view: &View, plan: &Value) -> Vec<Value> {
    seen(view, &start(view, plan), |events| {
        let is_over = |event: &Value| event["e"] == "lab.closed" && event["how"] != "half";
        events.iter().any(is_over) && events.iter().any(|event| event["e"] == "conn.close")
    })
}

fn whole_lines(text: &str) -> String {
    text.rsplit_once('\n').map_or("", |(lines, _)| lines).to_owned()
}

/// What a client did and saw: `sent 4`, `closed fin`.
fn client_side(events: &[Value]) -> Vec<String> {
    let of_lab = events.iter().filter_map(|event| Some((event["e"].as_str()?.strip_prefix("lab.")?, event)));
    let word = |(name, event): (&str, &Value)| match (&event["n"], &event["how"]) {
        (Value::Number(n), _) => format!("{name} {n}"),
        (_, Value::String(how)) => format!("{name} {how}"),
        _ => name.to_owned(),
    };
    of_lab.map(word).collect()
}

fn reads(events: &[Value]) -> Vec<u64> {
    events.iter().filter(|event| event["e"] == "conn.recv").filter_map(|event| event["n"].as_u64()).collect()
}

fn status(events: &[Value]) -> Option<u64> {
    events.iter().find(|event| event["e"] == "resp.head").and_then(|event| event["status"].as_u64())
}

#[test]
fn what_is_cut_arrives_in_pieces() {
    let view = View::start();
    let events = play(&view, &plan(&["GET ", "/hell", "o HTTP/1.1\r\nHost: a\r\n\r\n"], "read"));
    assert_eq!(events[0]["lab"], true);
    assert_eq!(reads(&events), [4, 5, 23]);
    let sent = events.iter().find(|event| event["e"] == "conn.send").unwrap()["n"].as_u64().unwrap();
    let expected = ["connected", "sent 4", "sent 5", "sent 23", &format!("got {sent}"), "closed fin"];
    assert_eq!(client_side(&events), expected);
    // The clock is that of the server. A time is that of the return of a call.
    let at = |name: &str, n: u64| events.iter().find(|one| one["e"] == name && one["n"] == n).unwrap()["t"].as_u64();
    assert!(at("lab.sent", 4) < at("conn.recv", 5) && at("conn.recv", 23) < at("lab.got", sent));
}

#[test]
fn a_client_ends_as_its_plan_says() {
    let view = View::start();
    let half = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe";
    for (texts, then, expected, answer) in [
        (&[GET][..], "half_close", &["sent 32", "closed half", "got", "eof", "closed fin"][..], Some(200)),
        (&["GET / HTTP/1.1\r\n\r\n"], "read", &["sent 18", "got", "eof", "closed fin"], Some(400)),
        (&[half], "half_close", &["sent 53", "closed half", "got", "eof", "closed fin"], Some(400)),
        (&[half], "hold", &["sent 53", "closed fin"], Some(400)), // the server answers the FIN
        (&[half], "reset", &["sent 53", "closed rst"], None),
        (&[], "half_close", &["closed half", "eof", "closed fin"], None),
    ] {
        let events = play(&view, &plan(texts, then));
        let side = client_side(&events);
        let short: Vec<_> = side[1..].iter().map(|word| if word.starts_with("got") { "got" } else { word }).collect();
        assert_eq!(short, expected, "{texts:?} {then}");
        assert_eq!(status(&events), answer, "{texts:?} {then}");
        assert_eq!(side[0], "connected");
    }
}

#[test]
fn a_reset_of_the_server_is_seen() {
    let view = View::start();
    let close = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut plan = plan(&[close, "x", "x", "x"], "read");
    plan["read"] = json!({"after_sending": true});
    let events = play(&view, &plan);
    assert_eq!(status(&events), Some(200));
    assert!(client_side(&events).contains(&"rst".to_owned()), "{:?}", client_side(&events));
}

/// The client sends 8 MiB before it reads, and still finds the response.
#[test]
fn a_large_body_is_made_of_x() {
    let view = View::start();
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n";
    let segments = json!([{"b64": base64(head.as_bytes()), "fill": 8_388_608}]);
    let events = play(&view, &json!({"segments": segments, "read": {"after_sending": true}}));
    assert_eq!(status(&events), Some(413));
    let got: u64 = events.iter().filter(|event| event["e"] == "lab.got").filter_map(|event| event["n"].as_u64()).sum();
    let sent = events.iter().find(|event| event["e"] == "conn.close").unwrap()["out"].as_u64();
    assert_eq!(Some(got), sent, "{:?}", client_side(&events));
}

#[test]
fn a_slow_reader_reads_at_its_pace() {
    let view = View::start();
    let mut plan = plan(&[GET], "read");
    plan["read"] = json!({"bytes_per_s": 400, "slow_ms": 20_000});
    let events = play(&view, &plan);
    let pieces: Vec<_> = events.iter().filter(|event| event["e"] == "lab.got").map(|event| &event["n"]).collect();
    assert!(pieces.len() > 2 && pieces.iter().all(|n| **n == 40 || Some(*n) == pieces.last().copied()), "{pieces:?}");
}

#[test]
fn only_the_page_may_send() {
    let view = View::start();
    let (address, cookie) = (view.server.address, view.cookie());
    let json = "Content-Type: application/json\r\n";
    let host = format!("Host: {address}\r\n");
    let all = format!("{host}{cookie}{json}");
    for (fields, status) in [
        (format!("{host}{json}"), 403),
        (format!("{host}{json}Cookie: wire-{}=0123456789abcdef0123456789abcdef\r\n", address.port()), 403),
        (format!("Host: evil.example\r\n{cookie}{json}"), 403),
        (format!("{all}Origin: http://evil.example\r\n"), 403),
        (format!("{all}Origin: null\r\n"), 403),
        (format!("{all}Sec-Fetch-Site: cross-site\r\n"), 403),
        (format!("{all}Sec-Fetch-Site: same-site\r\n"), 403),
        (format!("{all}X-Forwarded-For: 127.0.0.1\r\n"), 403),
        (format!("{all}Via: 1.1 proxy\r\n"), 403),
        // What a form of another site can send without asking first.
        (format!("{host}{cookie}Content-Type: text/plain\r\n"), 415),
        (format!("{host}{cookie}Content-Type: application/x-www-form-urlencoded\r\n"), 415),
        (format!("{all}Origin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n"), 202),
    ] {
        let step = json!({"client": "127.0.0.1:1"}).to_string();
        for (name, body, granted) in [("send", "{\"segments\":[]}", 202), ("step", &step, 404)] {
            let mut client = view.server.connect();
            let length = body.len();
            client.send(format!("POST /_wire/{name} HTTP/1.1\r\n{fields}Content-Length: {length}\r\n\r\n{body}"));
            let (head, status) = (client.head(), if status == 202 { granted } else { status });
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{name} {fields}: {head}");
            assert!(head.contains("\r\nContent-Security-Policy: default-src 'none'; "), "{head}");
        }
    }
    for name in ["send", "step"] {
        let reply = view.get(&format!("/_wire/{name}"), &format!("{cookie}Connection: close\r\n"));
        assert!(reply.starts_with("HTTP/1.1 405 "), "{reply}");
    }
}

/// A plan cannot name another address, and no listener but the server's hears of it.
#[test]
fn a_plan_has_no_address() {
    let view = View::start();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let other = elsewhere.local_addr().unwrap();
    for (plan, why) in [
        (json!({"segments": [], "host": "127.0.0.1", "port": other.port()}), "no other members"),
        (json!({"segments": [], "address": other.to_string()}), "no other members"),
        (json!({"segments": [{"b64": "", "server": other.to_string()}]}), "no other members"),
        (json!("http://example.com/"), "a plan is a JSON object"),
        (json!({"segments": [{"fill": 1e30}]}), "fill is a number"),
    ] {
        let reply = view.post("send", &plan);
        assert!(reply.starts_with("HTTP/1.1 400 ") && reply.contains(why), "{plan}: {reply}");
    }
    let request = format!("GET http://{other}/ HTTP/1.1\r\nHost: {other}\r\n\r\n");
    let events = play(&view, &plan(&[&request], "read"));
    assert_eq!(status(&events), Some(404), "the server reads it, and goes nowhere");
    assert!(elsewhere.accept().is_err());
    let large = json!({"segments": [], "then": "x".repeat(200_000)});
    assert!(view.post("send", &large).starts_with("HTTP/1.1 413 "));
}

#[test]
fn four_clients_at_a_time() {
    let view = View::start();
    let hold = json!({"segments": [], "then": "hold", "timeout_ms": 20_000});
    for _ in 0..4 {
        assert!(view.post("send", &hold).starts_with("HTTP/1.1 202 "));
    }
    let reply = view.post("send", &hold);
    assert!(reply.starts_with("HTTP/1.1 503 ") && reply.contains("four clients of the lab"), "{reply}");
    // The server closes them: their places are free again.
    view.server.handle.stop_now();
}

#[test]
fn a_place_is_free_after_its_client() {
    let view = View::start();
    for _ in 0..9 {
        play(&view, &plan(&[], "reset"));
    }
}

fn named<'e>(events: &'e [Value], name: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["e"] == name).collect()
}

/// What a connection waits for, each time that it is held.
fn gates(events: &[Value]) -> Vec<&str> {
    named(events, "lab.held").iter().filter_map(|event| event["before"].as_str()).collect()
}

#[test]
fn a_stepped_connection_waits_before_each_stage_and_others_go_on() {
    let view = View::start();
    let mut plan = plan(&[GET], "read");
    plan["step"] = true.into();
    let client = start(&view, &plan);
    let step = |freely: bool| {
        let reply = view.post("step", &json!({"client": client, "freely": freely}));
        assert!(reply.starts_with("HTTP/1.1 204 "), "{reply}");
    };
    let sent = |events: &[Value]| named(events, "lab.sent").len() == 1;
    let events = seen(&view, &client, |events| gates(events) == ["recv"] && sent(events));
    assert_eq!(reads(&events), [0; 0]);
    for _ in 0..3 {
        let mut other = view.server.connect();
        other.send(GET);
        assert_eq!(other.reply().0, 200, "another client is served");
    }
    step(false);
    let events = seen(&view, &client, |events| gates(events) == ["recv", "handle"]);
    assert_eq!((reads(&events), named(&events, "parse.head").len()), (vec![32], 0));
    step(false);
    let events = seen(&view, &client, |events| gates(events) == ["recv", "handle", "send"]);
    assert!(events.iter().all(|event| event["r"].is_null() || event["r"] == 1), "a gate begins no request");
    assert_eq!((status(&events), named(&events, "conn.send").len()), (Some(200), 0));
    step(false);
    let events = seen(&view, &client, |events| named(events, "lab.got").len() == 1);
    assert_eq!((gates(&events), named(&events, "conn.send").len()), (vec!["recv", "handle", "send"], 1));
    step(true);
    let events = seen(&view, &client, |events| named(events, "conn.close").len() == 1);
    assert_eq!((gates(&events).len(), named(&events, "conn.close")[0]["reqs"].as_u64()), (3, Some(1)));
    let reply = view.post("step", &json!({"client": client}));
    assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
}

/// Whatever a stage leaves, the next one finds it: stepped to its end, a connection comes to the same.
#[test]
fn stepping_changes_nothing_but_the_time() {
    let view = View::start();
    let body = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    let last = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for texts in [&[last][..], &[GET, last], &[body, "hel", &format!("lo{last}")], &["GET / HTTP/1.1\r\n\r\n"], &[]] {
        let plan = plan(texts, "half_close");
        let whole = play(&view, &plan);
        let mut stepped = plan.clone();
        stepped["step"] = true.into();
        let client = start(&view, &stepped);
        let mut stepped_at = None;
        let events = bounded::eventually("the end of a stepped connection", || {
            let events = seen(&view, &client, |events| !events.is_empty());
            if !named(&events, "conn.close").is_empty() {
                return Ok(events);
            }
            // The client goes on while its connection is held, and readiness is noticed.
            let noticed = |event: &&Value| {
                let name = event["e"].as_str().unwrap();
                name != "lab.held" && (name.starts_with("lab.") || name == "conn.ready" || name == "conn.interest")
            };
            let last = events.iter().rev().find(|event| !noticed(event));
            if last.is_some_and(|event| event["e"] == "lab.held" && event["q"].as_u64() > stepped_at) {
                stepped_at = last.unwrap()["q"].as_u64();
                view.post("step", &json!({"client": client}));
            }
            Err(format!("{events:?}"))
        });
        let told = |events: &[Value]| {
            let names = ["parse.head", "body.end", "req.error", "resp.head", "keepalive"];
            let of_http = events.iter().filter(|event| names.contains(&event["e"].as_str().unwrap()));
            of_http.map(|event| format!("{} {} {}", event["e"], event["status"], event["at"])).collect::<Vec<_>>()
        };
        assert_eq!(told(&events), told(&whole), "{texts:?}");
        let totals = |events: &[Value]| ["in", "out", "reqs"].map(|name| named(events, "conn.close")[0][name].clone());
        assert_eq!(totals(&events), totals(&whole), "{texts:?}");
    }
}

#[test]
fn a_stop_lets_go_what_is_held() {
    let view = View::start();
    let mut plan = plan(&[GET], "read");
    plan["step"] = true.into();
    let client = start(&view, &plan);
    seen(&view, &client, |events| gates(events) == ["recv"]);
    view.server.handle.stop();
    let View { server, .. } = view;
    server.ended().unwrap();
}

/// The page is served under TLS too. The lab's clients do not speak TLS, so there is none, and the page is told why.
#[cfg(feature = "tls")]
#[test]
fn a_server_with_tls_has_the_page_and_no_lab() {
    use std::io::{Read, Write};

    let (sender, urls) = std::sync::mpsc::channel();
    let folder = tls_client::FOLDER;
    let tls = wirelight::Tls::from_pem(format!("{folder}cert.pem"), format!("{folder}key.pem")).unwrap();
    let server =
        TestServer::with(app(), |server| server.tls(tls).wire_view(move |url| sender.send(url.to_owned()).unwrap()));
    let (url, address) = (bounded::received(&urls), server.address);
    let token = url.strip_prefix(&format!("https://{address}/_wire/?k=")).unwrap();
    let ask = |method: &str, target: &str, fields: &str, body: &str| {
        let mut client = tls_client::client(&tls_client::client_config(), bounded::connect(address));
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let host = format!("Host: {address}\r\n");
        client.write_all(format!("{method} {target} HTTP/1.1\r\n{host}{fields}{length}\r\n{body}").as_bytes()).unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    };
    let reply = ask("GET", &format!("/_wire/?k={token}"), "", "");
    assert!(reply.starts_with("HTTP/1.1 303 ") && reply.contains("; Secure"), "{reply}");
    let cookie = format!("Cookie: wire-{}={token}\r\n", address.port());
    for (origin, status) in [(format!("https://{address}"), 200), (format!("http://{address}"), 403)] {
        let reply = ask("GET", "/_wire/", &format!("{cookie}Origin: {origin}\r\n"), "");
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {reply}");
    }
    let json = format!("{cookie}Content-Type: application/json\r\n");
    let why = "the lab's clients speak plain HTTP and this server speaks TLS: start it without TLS to send from here\n";
    let reply = ask("POST", "/_wire/send", &json, "{\"segments\":[]}");
    assert!(reply.starts_with("HTTP/1.1 409 ") && reply.ends_with(why), "{reply}");
    let reply = ask("POST", "/_wire/step", &json, "{\"client\":\"127.0.0.1:1\"}");
    assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
    // What is shown is what the records hold, not the records.
    assert!(ask("GET", "/hello?name=Ada", "Connection: close\r\n", "").ends_with("Hello, Ada!"));
    let capture = bounded::eventually("the request", || {
        let capture = ask("GET", "/_wire/capture.ndjson", &cookie, "");
        if capture.contains("conn.close") { Ok(capture) } else { Err(capture) }
    });
    assert!(capture.contains("GET /hello?name=Ada HTTP/1.1\\r\\n") && !capture.contains(token), "{capture}");
}

/// The server knows its experiments; they are data for the page.
#[test]
fn the_experiments_are_served() {
    let view = View::start();
    let reply = view.get("/_wire/experiments.json", &view.cookie());
    assert!(reply.contains("\r\nContent-Type: application/json\r\n"), "{reply:.300}");
    let file: Value = serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(file["experiments"].as_array().unwrap().len(), 26);
    assert!(view.get("/_wire/experiments.json", "").starts_with("HTTP/1.1 403 "));
}

/// The composer as pure functions, under node.
#[test]
fn the_composer_plans_what_it_shows() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/compose.mjs");
    if Command::new("node").arg("--version").output().is_err() {
        return println!("skipped: node is not installed");
    }
    let output = bounded::output(Command::new("node").arg(script));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
