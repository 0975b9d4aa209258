//! Collects a trace, and reads events from it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A writer whose bytes tests can read.
#[derive(Clone, Default)]
pub struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    /// Returns what was written so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Parses a JSON trace.
pub fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the events that do not depend on how the bytes are split. `100 Continue` does: it depends on whether the body has arrived.
pub fn message_events(events: &[Value]) -> Vec<Value> {
    let topics = ["parse.head", "body.", "req.", "route.", "hook.", "handler.", "resp.head", "keepalive", "limit."];
    let kept = events.iter().filter(|event| {
        let name = event["e"].as_str().unwrap_or_default();
        name != "req.continue" && topics.iter().any(|topic| name.starts_with(topic))
    });
    let mut kept: Vec<_> = kept.cloned().collect();
    for fields in kept.iter_mut().filter_map(Value::as_object_mut) {
        ["q", "t", "ns", "interim"].iter().for_each(|varying| _ = fields.remove(*varying));
        if fields["e"] == "resp.head" {
            fields.remove("off"); // an interim response moves it
        }
    }
    kept
}
