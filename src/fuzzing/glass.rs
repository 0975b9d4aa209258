//! What the glass shows of any bytes: all of them, once, in forms that harm no reader, and the same however they were cut.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::application::{APP, expects};
use crate::Trace;
use crate::explain::{Explanation, message};
use crate::http1::head::Head;
use crate::http1::limits::Limits;

/// The pieces of a message tile it, what is wrong lies inside it, and the parser's refusal is among what is wrong.
pub fn explanation(data: &[u8]) {
    let explanation = message(data);
    let (mut shown, rest) = (Vec::new(), explanation.rest());
    for piece in explanation.spans() {
        assert!(piece.at == shown.len() && !piece.bytes.is_empty(), "{:?} at {}", piece, shown.len());
        shown.extend_from_slice(piece.bytes);
    }
    assert!(data.starts_with(&shown) && data.ends_with(rest));
    assert_eq!(shown.len() + rest.len(), data.len(), "{explanation:?}");
    sane(&explanation, data.len());
    if explanation.is_request()
        && let Err(reject) = Head::default().parse(data, &Limits::default())
    {
        let told = explanation.diagnostics().iter().find(|finding| finding.name == reject.fault.info().name);
        assert_eq!(told.map(|finding| finding.at), Some(reject.at), "{reject:?}: {explanation:?}");
    }
    for reading in explanation.interpretations() {
        assert!(reading.body.start <= reading.body.end && reading.body.end <= data.len(), "{explanation:?}");
        assert!(!explanation.continues(), "nothing is the next message after a refusal: {explanation:?}");
    }
    let pasted = crate::explain::pasted(data);
    // A CR in front of each LF at most.
    sane(&pasted, 2 * data.len());
}

fn sane(explanation: &Explanation, length: usize) {
    assert!(explanation.diagnostics().iter().all(|finding| finding.at <= length), "{explanation:?}");
    let findings = explanation.diagnostics().iter().map(ToString::to_string).collect::<String>();
    let readings = explanation.interpretations().iter().map(ToString::to_string).collect::<String>();
    for text in [&findings, &readings, explanation.verdict(), explanation.body(), explanation.unread()] {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

/// Each line of a trace is JSON in ASCII, none drives a terminal, and what is told of messages does not depend on the cuts.
pub fn trace(data: &[u8]) {
    let Some((&step, input)) = data.split_first() else { return };
    let whole = events(&watched(Trace::json(), input, input.len().max(1)));
    let pieces = events(&watched(Trace::json(), input, usize::from(step).max(1)));
    if !expects(input) {
        assert_eq!(meaning(&pieces), meaning(&whole));
    }
    let terminal = watched(Trace::terminal().all(), input, usize::from(step).max(1));
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

/// What is told of the messages themselves, not how their bytes came and went, nor when.
fn meaning(events: &[Value]) -> Vec<Value> {
    const TOPICS: &[&str] =
        &["parse.head", "body", "req", "route", "hook", "handler", "resp.head", "keepalive", "limit"];
    let name = |event: &Value| event["e"].as_str().unwrap_or_default().to_owned();
    let told = events.iter().filter(|event| TOPICS.iter().any(|topic| name(event).starts_with(topic)));
    let mut told: Vec<Value> = told.cloned().collect();
    for fields in told.iter_mut().filter_map(Value::as_object_mut) {
        ["q", "t", "ns"].iter().for_each(|varying| drop(fields.remove(*varying)));
    }
    told
}

/// What a trace writes while a client sends these bytes in pieces, and closes.
fn watched(trace: Trace, input: &[u8], step: usize) -> Vec<u8> {
    let sheet = Sheet::default();
    let client = APP.test().trace(trace.to(sheet.clone()));
    let mut connection = client.connect();
    input.chunks(step).for_each(|piece| connection.send(piece));
    connection.half_close();
    drop(connection);
    drop(client);
    sheet.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[derive(Clone, Default)]
struct Sheet(Arc<Mutex<Vec<u8>>>);

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
