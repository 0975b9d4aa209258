//! The trace of a case: its events, and whether their spans tile what was sent.

use std::collections::BTreeSet;

use serde_json::Value;
use wirelight::{App, Trace};

use super::support::trace::{self, Output};

/// All events of one connection on which these pieces come.
pub fn events(app: &App, pieces: &[&[u8]]) -> Vec<Value> {
    let page = Output::default();
    {
        let client = app.test().trace(Trace::json().to(page.clone()));
        let mut connection = client.connect();
        pieces.iter().for_each(|piece| connection.send(piece));
    }
    trace::events(&page.text())
}

/// Where the spans and ranges of the events leave a gap or lie upon each other, if anywhere.
pub fn gap(events: &[Value]) -> Option<String> {
    let (mut at, mut last) = (0, "");
    for event in events {
        let name = event["e"].as_str().unwrap_or_default();
        let number = |field: &str| event[field].as_u64().unwrap_or_default();
        let tiled = match name {
            "parse.head" => tiles(event, number("off"), number("len")),
            "req.error" => match event["range"][0].as_u64().zip(event["range"][1].as_u64()) {
                Some((start, end)) => tiles(event, start, end - start),
                None => continue, // in a body, or in a head that is told already
            },
            "resp.head" => {
                let whole = tiles(event, 0, number("len")).is_some();
                whole.then_some((at, at))
            }
            "body.data" | "body.chunk" => event["range"][0].as_u64().zip(event["range"][1].as_u64()),
            // The blank line and the trailers after the last chunk belong to no chunk.
            "body.end" => event["range"][1].as_u64().map(|end| (at, end)),
            _ => continue,
        };
        match tiled {
            Some((start, end)) if start == at && end >= at => (at, last) = (end, name),
            other => return Some(format!("{last} ends at {at}, then {name} has {other:?}: {event}")),
        }
    }
    None
}

/// The place of a head in the stream, if its spans are whole and lie side by side.
fn tiles(event: &Value, start: u64, length: u64) -> Option<(u64, u64)> {
    let mut at = 0;
    for span in event["spans"].as_array()? {
        let (from, to) = (span[0].as_u64()?, span[1].as_u64()?);
        if from != at || to <= from {
            return None;
        }
        at = to;
    }
    (at == length).then_some((start, start + length))
}

/// State steps that are not in the table of the first event, and RFC sections that are not in the list.
pub fn made_up(events: &[Value], sections: &BTreeSet<&str>) -> Vec<String> {
    let step = |from: &Value, to: &Value, why: &Value| format!("{from} {to} {why}");
    let table: BTreeSet<_> = events
        .iter()
        .filter_map(|event| event["transitions"].as_array())
        .flatten()
        .map(|row| step(&row[0], &row[1], &row[2]))
        .collect();
    let steps = events.iter().filter(|event| event["e"] == "conn.state");
    let unknown =
        steps.map(|event| step(&event["from"], &event["to"], &event["why"])).filter(|step| !table.contains(step));
    let named = events.iter().filter_map(|event| event["rfc"].as_str());
    unknown.chain(named.filter(|rfc| !sections.contains(rfc)).map(str::to_owned)).collect()
}
