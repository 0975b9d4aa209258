//! Checks the trace of a connection: each line is JSON or safe for a terminal, and the same however the bytes were split.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use wirelight::Trace;

use crate::application::{APP, expects};

/// Checks that each line is JSON in ASCII or has no controls, and that events of messages do not depend on how the bytes were split.
pub fn trace(data: &[u8]) {
    let Some((&step, input)) = data.split_first() else { return };
    let whole = events(&traced(Trace::json(), input, input.len().max(1)));
    let pieces = events(&traced(Trace::json(), input, usize::from(step).max(1)));
    if !expects(input) {
        assert_eq!(of_messages(&pieces), of_messages(&whole));
    }
    let terminal = traced(Trace::terminal().all(), input, usize::from(step).max(1));
    let terminal = String::from_utf8_lossy(&terminal);
    assert!(terminal.chars().all(|c| c == '\n' || !c.is_control()), "{terminal:?}");
}

fn events(lines: &[u8]) -> Vec<Value> {
    assert!(lines.iter().all(|byte| *byte == b'\n' || (b' '..=b'~').contains(byte)));
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let events: Vec<Value> = lines
        .filter_map(|line| serde_json::from_slice(line).ok().or_else(|| unreachable!("{}", line.escape_ascii())))
        .collect();
    for head in events.iter().filter(|event| event["e"] == "parse.head") {
        let mut at = 0;
        for span in head["spans"].as_array().into_iter().flatten() {
            assert!(span[0] == at && span[1].as_u64() > span[0].as_u64(), "{head}");
            at = span[1].as_u64().unwrap_or_default();
        }
        assert_eq!(head["len"], at);
    }
    events
}

/// Returns the events about messages, without those about their bytes, and without times.
fn of_messages(events: &[Value]) -> Vec<Value> {
    const TOPICS: &[&str] =
        &["parse.head", "body", "req", "route", "hook", "handler", "resp.head", "keepalive", "limit"];
    let name = |event: &Value| event["e"].as_str().unwrap_or_default().to_owned();
    let kept = events.iter().filter(|event| TOPICS.iter().any(|topic| name(event).starts_with(topic)));
    let mut kept: Vec<Value> = kept.cloned().collect();
    for fields in kept.iter_mut().filter_map(Value::as_object_mut) {
        ["q", "t", "ns"].iter().for_each(|varying| drop(fields.remove(*varying)));
    }
    kept
}

/// Returns the trace of a client that sends these bytes in pieces and closes.
fn traced(trace: Trace, input: &[u8], step: usize) -> Vec<u8> {
    let buffer = Buffer::default();
    let client = APP.test().trace(trace.to(buffer.clone()));
    let mut connection = client.connect();
    input.chunks(step).for_each(|piece| connection.send(piece));
    connection.half_close();
    drop(connection);
    drop(client);
    buffer.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
