//! What a trace tells of messages: not how their bytes came and went, nor when.

use serde_json::Value;

/// The events that must be the same however the bytes are cut. Whether a client waits for 100 depends on whether its body is here.
pub fn meaning(events: &[Value]) -> Vec<Value> {
    let topics = ["parse.head", "body.", "req.", "route.", "hook.", "handler.", "resp.head", "keepalive", "limit."];
    let told = events.iter().filter(|event| {
        let name = event["e"].as_str().unwrap_or_default();
        name != "req.continue" && topics.iter().any(|topic| name.starts_with(topic))
    });
    let mut told: Vec<_> = told.cloned().collect();
    for fields in told.iter_mut().filter_map(Value::as_object_mut) {
        ["q", "t", "ns"].iter().for_each(|varying| _ = fields.remove(*varying));
    }
    told
}
