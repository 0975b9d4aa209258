//! `docs/events.md` and the trace agree: the page lists every event that occurs, and each listed one occurs, with its types and words.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use wirelight::{App, Error, Response, Server, TestConnection, Trace};

#[path = "../cli/src/experiment_app.rs"]
mod experiment_app;
mod support;

use support::bounded;
use support::messages::{GET, messages};
use support::trace::{self, Output};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.md");

/// One row of a table of the page.
#[derive(Debug)]
struct Member {
    types: Vec<String>,
    optional: bool,
    /// The values in backticks beside it: for a `word`, all that it may be.
    words: BTreeSet<String>,
}

/// What the page says of one event; of the name "", what every event has.
#[derive(Default)]
struct Section {
    members: BTreeMap<String, Member>,
    example: String,
}

type Schema = BTreeMap<String, Section>;

/// The page as tables.
fn read(page: &str) -> Schema {
    let (mut schema, mut name) = (Schema::new(), None);
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("### `") {
            name = Some(title.trim_end_matches('`').to_owned());
            schema.entry(name.clone().unwrap()).or_default();
        } else if line.starts_with("## Members of every event") {
            name = Some(String::new());
        } else if let Some((row, section)) = line.strip_prefix("| `").zip(name.as_ref()) {
            let cells: Vec<_> = row.split(" | ").collect();
            let types = cells[1].trim_end_matches('?').split(" or ").map(str::to_owned).collect();
            let words = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let member = Member { types, optional: cells[1].ends_with('?'), words };
            let members = &mut schema.entry(section.clone()).or_default().members;
            members.insert(cells[0].trim_end_matches('`').to_owned(), member);
        } else if let Some((_, section)) = line.starts_with('{').then_some(()).zip(name.as_ref()) {
            schema.entry(section.clone()).or_default().example = line.to_owned();
        }
    }
    schema
}

/// An event's members, those of `limits` and `routes` by their whole names.
fn members(event: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (name, value) in event.as_object().unwrap() {
        all.push((name.clone(), value));
        let inner = match (name.as_str(), value) {
            ("limits", limits) => vec![limits],
            ("routes", routes) => routes.as_array().unwrap().iter().collect(),
            _ => Vec::new(),
        };
        let inner = inner.into_iter().flat_map(|object| object.as_object().unwrap());
        all.extend(inner.map(|(member, value)| (format!("{name}.{member}"), value)));
    }
    all
}

fn is(value: &Value, kind: &str, words: &BTreeSet<String>) -> bool {
    match kind {
        "number" => value.is_u64(),
        "text" => value.is_string(),
        "word" => value.as_str().is_some_and(|word| words.contains(word)),
        "flag" => value.is_boolean(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the page knows no type {other:?}"),
    }
}

/// What of these events is not as the page says.
fn complaints(schema: &Schema, events: &[Value]) -> BTreeSet<String> {
    let (mut complaints, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        let name = event["e"].as_str().unwrap();
        let Some(section) = schema.get(name) else {
            complaints.insert(format!("{name} is not on the page"));
            continue;
        };
        let common = schema.get("").filter(|_| name != "probe.drop");
        let listed = |member: &str| {
            let own = section.members.get(member).map(|row| (name, row));
            own.or_else(|| Some(("", common?.members.get(member)?)))
        };
        let has = members(event);
        for (member, value) in &has {
            match listed(member) {
                None => complaints.insert(format!("{name} has {member}, and the page does not")),
                Some((_, row)) if !row.types.iter().any(|kind| is(value, kind, &row.words)) => {
                    complaints.insert(format!("{name} has {member} {value}, which is not a {}", row.types.join(" or ")))
                }
                Some((section, _)) => seen.insert((section.to_owned(), member.clone())),
            };
        }
        let sections = [Some(section), common];
        let needed = sections.into_iter().flatten().flat_map(|section| &section.members);
        for (member, _) in needed.filter(|(member, row)| !row.optional && !member.contains('.')) {
            if !has.iter().any(|(name, _)| name == member) {
                complaints.insert(format!("{name} lacks {member}"));
            }
        }
        seen.insert((name.to_owned(), String::new()));
    }
    for (name, section) in schema.iter() {
        let event = (!name.is_empty()).then_some("");
        for member in section.members.keys().map(String::as_str).chain(event) {
            if !seen.contains(&(name.clone(), member.to_owned())) {
                complaints.insert(format!("{name} {member} is on the page and never occurs"));
            }
        }
    }
    complaints
}

/// What a trace says of one connection without a socket.
fn watched(app: &App, drive: impl FnOnce(&mut TestConnection<'_>)) -> String {
    let page = Output::default();
    {
        let client = app.test().trace(Trace::json().to(page.clone()));
        drive(&mut client.connect());
    }
    page.text()
}

/// All guided experiments and extras, each on a connection of its own.
fn of_experiments() -> String {
    let file: Value = serde_json::from_str(include_str!("../src/wire/experiments.json")).unwrap();
    let experiments = ["experiments", "extras"].into_iter().flat_map(|list| file[list].as_array().unwrap());
    let app = experiment_app::app(Duration::ZERO);
    experiments
        .map(|experiment| {
            watched(&app, |connection| {
                connection.set_write_capacity(experiment["room"].as_u64().map_or(usize::MAX, |room| room as usize));
                experiment["plan"].as_array().unwrap().iter().for_each(|step| take(step, connection));
                connection.set_write_capacity(usize::MAX);
            })
        })
        .collect()
}

/// One step of a delivery; `docs/experiments.md` describes them.
fn take(step: &Value, connection: &mut TestConnection<'_>) {
    let number = |field: &str| step[field].as_u64();
    if let Some(text) = step["send"].as_str() {
        let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let bytes = bytes.repeat(number("times").unwrap_or(1) as usize);
        bytes.chunks(number("every").unwrap_or(64 * 1024) as usize).for_each(|piece| connection.send(piece));
    } else if let Some(time) = number("gap").or(number("hold")) {
        connection.advance(Duration::from_millis(time));
    } else {
        connection.half_close();
    }
}

fn app() -> App {
    let mut app = App::new();
    app.before(|_| Ok(()));
    app.after(|_, res| res.set_header("Set-Cookie", "a=b"));
    app.get("/plaintext", |_| "Hello, World!");
    app.post("/echo", |req| req.body().to_vec());
    app.get("/users/{id:int}", |req| req.param::<u64>("id").map(|id| id.to_string()));
    app.get("/guarded", |_| "never").require(|_| Err(Error::forbidden("no")));
    app.get("/rare", |_| "now and then").limit("1 per day");
    app.get("/pool", |_| "slowly").blocking();
    app.get("/large", |_| vec![b'x'; 16 << 20]);
    app.files("/docs", concat!(env!("CARGO_MANIFEST_DIR"), "/docs"));
    app.get("/stream", |_| Response::default().reader(&b"streamed"[..], None));
    app
}

/// Right and wrong messages, cut in two, with hooks, guards, limits and a pool around them.
fn of_messages() -> String {
    let app = app();
    let paths = ["/rare", "/pool", "/guarded", "/docs/events.md"].map(|path| GET.replace("/plaintext", path).repeat(2));
    let secret = GET.replace("Host: a", "Host: a\r\nCookie: secret");
    let messages = messages().into_iter().chain(paths).chain([secret]);
    messages
        .map(|message| {
            watched(&app, |connection| {
                let (first, second) = message.as_bytes().split_at(message.len() / 2);
                connection.send(first);
                connection.send(second);
                connection.half_close();
            })
        })
        .collect()
}

/// More than the queue holds for a reader that stalls: the rest is dropped, and counted.
fn of_a_flood() -> String {
    let (page, gate) = (Output::default(), Arc::new(Mutex::new(())));
    let trace = Trace::json().to(Stalled { page: page.clone(), gate: gate.clone() });
    let server = Server::bind("127.0.0.1:0").unwrap().signals(false).trace(trace);
    let (address, handle) = (server.local_addr(), server.handle());
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n";
    let stalled = gate.lock().unwrap();
    let running = std::thread::spawn(move || server.run(app()));
    for _ in 0..12 {
        let mut client = bounded::connect(address);
        client.write_all(format!("{head}{}", "x".repeat(1_000_000)).as_bytes()).unwrap();
        assert!(client.read_to_end(&mut Vec::new()).unwrap() > 1_000_000);
    }
    drop(stalled);
    handle.stop();
    bounded::joined(running).unwrap().unwrap();
    page.text().lines().filter(|line| line.len() < 1000).flat_map(|line| [line, "\n"]).collect()
}

/// A reader that reads when its gate is open.
struct Stalled {
    page: Output,
    gate: Arc<Mutex<()>>,
}

impl Write for Stalled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _open = self.gate.lock().unwrap();
        self.page.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What needs a kernel: sleep, accept, readiness, and clients that go away in the middle of an answer.
fn of_sockets() -> String {
    let page = Output::default();
    let trace = Trace::json().to(page.clone()).max_bytes(64).source_locations();
    let (sender, urls) = channel();
    let server = Server::bind("127.0.0.1:0").unwrap().signals(false).trace(trace);
    let server = server.wire_view(move |url| sender.send(url.to_owned()).unwrap());
    let (address, handle) = (server.local_addr(), server.handle());
    let running = std::thread::spawn(move || server.run(app()));
    let ask = |path: &str| {
        let mut client = bounded::connect(address);
        client.write_all(GET.replace("/plaintext", path).as_bytes()).unwrap();
        client.peek(&mut [0]).unwrap(); // its answer is here, or begins to be
        client
    };
    assert_ne!(ask("/plaintext").read(&mut [0; 4096]).unwrap(), 0);
    drop(ask("/plaintext")); // to close with an answer unread is a reset
    let slow = ask("/large");
    await_word(&page, "\"backpressure\"");
    drop(slow);
    (1..=3).for_each(|number| await_word(&page, &format!("\"c\":{number},\"e\":\"conn.close\"")));
    drop(ask("/_wire/"));
    await_word(&page, "\"conn.observer\"");
    let url = bounded::received(&urls);
    // GET /plaintext HTTP/1.1, Host: a, Connection: close
    let request = json!({"b64": "R0VUIC9wbGFpbnRleHQgSFRUUC8xLjENCkhvc3Q6IGENCkNvbm5lY3Rpb246IGNsb3NlDQoNCg=="});
    play_lab(address, &url, &json!({"segments": [request]}));
    await_word(&page, "\"lab.eof\"");
    // One that sends on after the server has closed.
    let more = json!({"b64": "eA==", "after_ms": 250});
    play_lab(address, &url, &json!({"segments": [request, more, more, more], "read": {"after_sending": true}}));
    await_word(&page, "\"lab.rst\"");
    await_word(&page, "\"e\":\"lab.closed\"");
    play_lab(address, &url, &json!({"segments": [request], "step": true}));
    await_word(&page, "\"e\":\"lab.held\"");
    handle.stop();
    bounded::joined(running).unwrap().unwrap();
    page.text()
}

/// Plays a client of the wire view's lab.
fn play_lab(address: SocketAddr, url: &str, plan: &Value) {
    let (token, plan) = (url.split_once("?k=").unwrap().1, plan.to_string());
    let mut client = bounded::connect(address);
    let head = format!("POST /_wire/send?k={token} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
    client.write_all(format!("{head}Content-Length: {}\r\n\r\n{plan}", plan.len()).as_bytes()).unwrap();
    assert!(std::io::read_to_string(client).unwrap().starts_with("HTTP/1.1 202 "));
}

/// Waits until the trace says this: it is written by a thread of its own.
fn await_word(page: &Output, word: &str) {
    bounded::eventually(word, || match page.text() {
        text if text.contains(word) => Ok(()),
        text => Err(text),
    });
}

/// The lines of all of it, with what they say.
fn everything() -> Vec<(String, Value)> {
    let text = [of_experiments(), of_messages(), of_a_flood(), of_sockets()].concat();
    text.lines().map(str::to_owned).zip(trace::events(&text)).collect()
}

/// The page with an example of each event: the shortest line among those that have the most members. One that has the same members
/// stays, so that the page changes when the schema does.
fn with_examples(page: &str, events: &[(String, Value)]) -> String {
    let (schema, mut out, mut name) = (read(page), String::new(), String::new());
    for line in page.lines().filter(|line| !line.starts_with('{')) {
        if let Some(title) = line.strip_prefix("### `") {
            name = title.trim_end_matches('`').to_owned();
        }
        out += &format!("{line}\n");
        if line == "```json" {
            let own = events.iter().filter(|(_, event)| event["e"] == name.as_str());
            let best = own.min_by_key(|(line, event)| (usize::MAX - members(event).len(), line.len()));
            let (line, event) = best.unwrap();
            let names = |event: &Value| members(event).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
            let old = &schema[&name].example;
            let stays = serde_json::from_str(old).is_ok_and(|old: Value| names(&old) == names(event));
            out += &format!("{}\n", if stays { old.clone() } else { shortened(line, event) });
        }
    }
    out
}

/// The tables of `server.start` are long: two rows show what they are made of.
fn shortened(line: &str, event: &Value) -> String {
    ["routes", "states", "transitions"].iter().filter_map(|name| event[name].as_array()).fold(
        line.to_owned(),
        |line, list| {
            let two = Value::from(list.iter().take(2).cloned().collect::<Vec<_>>());
            line.replace(&Value::from(list.clone()).to_string(), &two.to_string())
        },
    )
}

#[test]
fn the_page_lists_what_occurs_and_what_it_lists_occurs() {
    let lines = everything();
    let page = std::fs::read_to_string(PAGE).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, with_examples(&page, &lines)).unwrap();
    }
    let events: Vec<_> = lines.into_iter().map(|(_, event)| event).collect();
    let wrong = complaints(&read(&page), &events);
    assert!(wrong.is_empty(), "docs/events.md and the trace differ:\n{wrong:#?}");
}

/// One place and one thread: the second client waits outside, the second request for the pool gets 503.
#[test]
fn a_full_house_and_a_full_pool_are_limits() {
    let held = GET.replace("/plaintext", "/held");
    for (places, sent, word) in [(1, "GET", "\"connections\",\"value\":1"), (9, &held, "\"pool\",\"value\":0")] {
        let (page, gate) = (Output::default(), Arc::new(Mutex::new(())));
        let (mut app, held) = (app(), gate.clone());
        app.get("/held", move |_| held.lock().map_or("", |_| "released")).blocking();
        let server = Server::bind("127.0.0.1:0").unwrap().signals(false).max_connections(places).pool(1, 0);
        let server = server.trace(Trace::json().to(page.clone()));
        let (address, handle) = (server.local_addr(), server.handle());
        let running = std::thread::spawn(move || server.run(app));
        let shut = gate.lock().unwrap();
        let clients = [(); 2].map(|()| {
            let mut client = bounded::connect(address);
            client.write_all(sent.as_bytes()).unwrap();
            client
        });
        await_word(&page, &format!("\"e\":\"limit.hit\",\"which\":{word}"));
        drop((shut, clients));
        handle.stop();
        bounded::joined(running).unwrap().unwrap();
    }
}

#[test]
fn every_event_has_an_example_that_is_one() {
    let mut schema = read(&std::fs::read_to_string(PAGE).unwrap());
    for (name, section) in schema.iter().filter(|(name, _)| !name.is_empty()) {
        let example: Value = serde_json::from_str(&section.example).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(example["e"], name.as_str());
        let wrong = complaints(&schema, &[example]);
        let wrong: Vec<_> = wrong.iter().filter(|wrong| !wrong.ends_with("never occurs")).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
    // It barks, at what is missing on the page, at what is too much on it, and at what is another type or word.
    let line = r#"{"q":1,"t":2,"w":0,"c":1,"e":"pipeline","left_bytes":"3","new":true}"#;
    let event: Value = serde_json::from_str(line).unwrap();
    schema.retain(|name, _| ["", "pipeline"].contains(&name.as_str()));
    let wrong: Vec<_> = complaints(&schema, std::slice::from_ref(&event)).into_iter().collect();
    let never =
        [" code", " r", " sys", "pipeline left_bytes"].map(|what| format!("{what} is on the page and never occurs"));
    let told = ["pipeline has left_bytes \"3\", which is not a number", "pipeline has new, and the page does not"];
    assert_eq!(wrong, [&never[..3], &told.map(str::to_owned), &never[3..]].concat());
    assert_eq!(complaints(&Schema::new(), &[event]).into_iter().collect::<Vec<_>>(), ["pipeline is not on the page"]);
}
