//! A server with its wire view, and a reader of its stream of events.

use std::io::{BufRead, Read};
use std::sync::mpsc::channel;

use serde_json::Value;
use wirelight::{App, Request, Trace};

use super::bounded;
use super::server::{Client, TestServer};
use super::trace::Output;

pub fn app() -> App {
    let mut app = App::new();
    app.get("/hello", |req: &Request<'_>| format!("Hello, {}!", req.query("name").unwrap_or("World".into())));
    app.post("/echo", |req| req.body().to_vec());
    app
}

/// A server with its view, and the token.
pub struct View {
    pub server: TestServer,
    pub token: String,
    pub trace: Output,
}

impl View {
    pub fn start() -> View {
        let (sender, urls) = channel();
        let trace = Output::default();
        let other = trace.clone();
        let server = TestServer::with(app(), move |server| {
            let server = server.trace(Trace::json().to(other));
            server.wire_view(move |url| sender.send(url.to_owned()).unwrap())
        });
        let url = bounded::received(&urls);
        let (page, token) = url.split_once("?k=").unwrap();
        assert_eq!(page, format!("http://{}/_wire/", server.address));
        View { token: token.to_owned(), server, trace }
    }

    /// Sends a request with these fields beside `Host`, if they have none; returns the whole response.
    pub fn get(&self, target: &str, fields: &str) -> String {
        let mut client = self.open(target, fields);
        let mut text = String::new();
        client.0.read_to_string(&mut text).unwrap();
        text
    }

    pub fn open(&self, target: &str, fields: &str) -> Client {
        let address = self.server.address;
        let host = if fields.lines().any(|line| line.starts_with("Host:")) {
            String::new()
        } else {
            format!("Host: {address}\r\n")
        };
        let mut client = self.server.connect();
        client.send(format!("GET {target} HTTP/1.1\r\n{host}{fields}\r\n"));
        client
    }

    pub fn cookie(&self) -> String {
        format!("Cookie: wire-{}={}\r\n", self.server.address.port(), self.token)
    }

    /// Posts JSON to the lab (`send` a plan, `step` a client); returns the whole response.
    pub fn post(&self, name: &str, plan: &Value) -> String {
        let (address, cookie, plan) = (self.server.address, self.cookie(), plan.to_string());
        let mut client = self.server.connect();
        client.send(format!(
            "POST /_wire/{name} HTTP/1.1\r\nHost: {address}\r\n{cookie}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{plan}",
            plan.len()
        ));
        let mut text = String::new();
        client.0.read_to_string(&mut text).unwrap();
        text
    }

    /// Opens the stream, once a place for it is free: the server may not have noticed yet that a page has left.
    pub fn watch(&self, fields: &str) -> Stream {
        bounded::eventually("a stream", || {
            let mut client = self.open("/_wire/events", &format!("{}{fields}", self.cookie()));
            let head = client.head();
            let is_stream = head.starts_with("HTTP/1.1 200 ") && head.contains("text/event-stream");
            if is_stream { Ok(Stream { client, id: String::new(), snapshot: false }) } else { Err(head) }
        })
    }
}

/// The event stream of a page.
pub struct Stream {
    client: Client,
    pub id: String,
    /// Whether the last event was a snapshot.
    pub snapshot: bool,
}

impl Stream {
    /// Reads one event, and returns the events of the trace in it.
    pub fn next(&mut self) -> Vec<Value> {
        let mut list = Vec::new();
        self.snapshot = false;
        loop {
            let mut line = String::new();
            assert_ne!(self.client.0.read_line(&mut line).unwrap(), 0, "the stream ended");
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => id.clone_into(&mut self.id),
                Some(("event", name)) => self.snapshot = name == "snapshot",
                Some(("data", json)) => list.push(serde_json::from_str(json).unwrap()),
                None if !list.is_empty() => return list,
                _ => {} // chunk sizes, `retry`, heartbeats
            }
        }
    }

    /// Reads until `event` has occurred `times` times.
    pub fn until(&mut self, event: &str, times: usize) -> Vec<Value> {
        let mut all = Vec::new();
        while all.iter().filter(|one: &&Value| one["e"] == event).count() < times {
            all.extend(self.next());
        }
        all
    }
}
