//! Asks `examples/httparena` what HttpArena's validator asks: sums, fragments, pipelining, JSON, gzip, uploads, files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::{Read, Write};
use std::{fs, iter};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use wirelight::App;

#[path = "../examples/httparena/app.rs"]
mod app;
mod support;

use support::folder::Folder;
use support::server::{Client, TestServer};

/// The example's application on a socket, with a data set of 50 items and the files of one folder.
struct Arena {
    server: TestServer,
    folder: Folder,
}

struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Arena {
    fn new() -> Arena {
        let folder = Folder::new();
        for (name, text) in [("reset.css", "* { margin: 0 }"), ("app.js", "let a = 1"), ("manifest.json", "{}")] {
            fs::write(folder.file(name), text).unwrap();
        }
        let app: App = app::app(items(), folder.file(""));
        Arena { server: TestServer::start(app), folder }
    }

    /// Sends a request in these fragments. The server has read each one before the next is sent: its only worker has
    /// answered another client in between.
    fn fragments<'a>(&self, fragments: impl IntoIterator<Item = &'a [u8]>) -> Reply {
        let (mut client, mut other) = (self.server.connect(), self.server.connect());
        for fragment in fragments {
            client.send(fragment);
            other.send("GET /pipeline HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert_eq!(other.reply(), (200, "ok".to_owned()));
        }
        reply(&mut client)
    }

    fn ask(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut client = self.server.connect();
        client.send(request);
        reply(&mut client)
    }

    fn get(&self, target: &str, fields: &str) -> Reply {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"))
    }
}

impl Reply {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn reply(client: &mut Client) -> Reply {
    let head = client.head();
    let status = head[9..12].parse().unwrap();
    let mut reply = Reply { status, head, body: Vec::new() };
    let length = reply.field("Content-Length").map(|length| length.parse().unwrap()).unwrap_or_default();
    reply.body = vec![0; length];
    client.0.read_exact(&mut reply.body).unwrap();
    reply
}

fn items() -> Vec<app::Item> {
    let item = |id: i64| {
        json!({
            "id": id, "name": format!("Item {id}"), "category": "tools", "price": 10 * id + 1, "quantity": id % 7,
            "active": id % 2 == 0, "tags": ["new", "small"], "rating": { "score": id % 5, "count": 3 * id }
        })
    };
    serde_json::from_value((1..=50).map(item).collect::<Value>()).unwrap()
}

#[test]
fn sums_the_query_and_the_body_however_it_is_framed() {
    let arena = Arena::new();
    let post = |framing: &str, body: &str| {
        let head = "POST /baseline11?a=13&b=42 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n";
        arena.ask(format!("{head}{framing}\r\n\r\n{body}"))
    };
    let replies = [
        (arena.get("/baseline11?a=13&b=42", ""), "55"),
        (arena.get("/baseline11?a=733&b=268", ""), "1001"),
        (post("Content-Length: 2", "20"), "75"),
        (post("Content-Length: 3", "917"), "972"),
        (post("Transfer-Encoding: chunked", "2\r\n20\r\n0\r\n\r\n"), "75"),
        (post("Transfer-Encoding: chunked", "1\r\n2\r\n1\r\n0\r\n0\r\n\r\n"), "75"),
    ];
    for (reply, expected) in replies {
        assert_eq!((reply.status, reply.text().as_str()), (200, expected));
        assert!(reply.field("Content-Type").unwrap().starts_with("text/plain"));
    }
    for wrong in ["/baseline11?a=x", "/baseline11?a=9223372036854775807&b=1"] {
        assert_eq!(arena.get(wrong, "").status, 400, "{wrong}");
    }
}

#[test]
fn reassembles_fragmented_requests() {
    let arena = Arena::new();
    let head =
        "POST /baseline11?a=13&b=42 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
    let cases: [(&[&str], &str); 4] = [
        (&["GET /baseli", "ne11?a=13&b=42 HTTP/1.1\r\n", "Host: localhost\r\nConnection: close\r\n\r\n"], "55"),
        (&["GET /baseline11?a=13&b=42 HTTP/1.1\r\n", "Host: localhost\r\n", "User-Agent: a\r\n", "\r\n"], "55"),
        (&[head, "20"], "75"),
        (&[head, "2", "0"], "75"),
    ];
    for (fragments, expected) in cases {
        assert_eq!(
            arena.fragments(fragments.iter().map(|fragment| fragment.as_bytes())).text(),
            expected,
            "{fragments:?}"
        );
    }
    // Byte by byte, as with the smallest MTU.
    let whole = format!("{head}20");
    assert_eq!(arena.fragments(whole.as_bytes().chunks(1)).text(), "75");
}

#[test]
fn answers_a_pipeline_in_order() {
    let arena = Arena::new();
    let mut client = arena.server.connect();
    client.send("GET /pipeline HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(16));
    for _ in 0..16 {
        let reply = reply(&mut client);
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
        assert!(reply.field("Content-Type").unwrap().starts_with("text/plain"));
    }
}

#[test]
fn lists_items_with_their_totals() {
    let arena = Arena::new();
    for (count, factor) in [(12, 3), (22, 7), (31, 2), (50, 5), (1, 1)] {
        let target = format!("/json/{count}?m={factor}");
        let plain = arena.get(&target, "");
        assert_eq!((plain.field("Content-Type"), plain.field("Content-Encoding")), (Some("application/json"), None));
        let listing: Value = serde_json::from_slice(&plain.body).unwrap();
        let items = listing["items"].as_array().unwrap();
        assert_eq!((listing["count"].as_u64(), items.len()), (Some(count), count as usize));
        for item in items {
            let number = |name: &str| item[name].as_i64().unwrap();
            assert_eq!(number("total"), number("price") * number("quantity") * factor);
            assert!(item["tags"].is_array() && item["active"].is_boolean() && item["rating"]["score"].is_i64());
        }
        if count > 1 {
            let compressed = arena.get(&target, "Accept-Encoding: gzip, br\r\n");
            assert_eq!(compressed.field("Content-Encoding"), Some("gzip"));
            let mut same = Vec::new();
            GzDecoder::new(compressed.body.as_slice()).read_to_end(&mut same).unwrap();
            assert_eq!(same, plain.body);
        }
    }
}

#[test]
fn counts_and_echoes_bodies_of_every_size() {
    let arena = Arena::new();
    for size in [0, 17, 512_000, 2 << 20, 20 << 20] {
        let mut client = arena.server.connect();
        client.send(format!("POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"));
        client.0.get_mut().write_all(&vec![b'x'; size]).unwrap();
        assert_eq!(client.reply(), (200, size.to_string()));
    }
    let body: Vec<u8> =
        iter::successors(Some(1_u8), |byte| Some(byte.wrapping_mul(31).wrapping_add(7))).take(100_000).collect();
    let request =
        [b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", body.as_slice()].concat();
    assert!(arena.ask(request).body == body, "the echo differs");
}

#[test]
fn sends_files_as_they_are_on_disk() {
    let arena = Arena::new();
    for (name, kind, text) in [
        ("reset.css", "text/css", "* { margin: 0 }"),
        ("app.js", "text/javascript", "let a = 1"),
        ("manifest.json", "application/json", "{}"),
    ] {
        let reply = arena.get(&format!("/static/{name}"), "");
        assert_eq!((reply.status, reply.text().as_str()), (200, text));
        let found = reply.field("Content-Type").unwrap();
        assert!(found == kind || found.starts_with(&format!("{kind};")), "{found}");
    }
    assert_eq!(arena.get("/static/nonexistent.txt", "").status, 404);
    fs::write(arena.folder.file("reset.css"), "/* other */").unwrap();
    assert_eq!(arena.get("/static/reset.css", "").text(), "/* other */");
}
