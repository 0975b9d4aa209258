//! Writes a capture as HAR 1.2 for developer tools. HAR holds only well-formed exchanges; its
//! comment lists what is left out.

use std::time::Duration;

use serde_json::{Value, json};
use wirelight::explain::{self, Explanation};

use crate::capture::{Capture, Connection, ConnectionId};
use crate::iso_date;
use crate::responses::{self, RawResponse};

/// Exchanges per connection that are written.
const MAX_EXCHANGES: usize = 10_000;

/// Returns the file.
pub(super) fn write(capture: &Capture) -> Vec<u8> {
    let (mut entries, mut left_out) = (Vec::new(), Vec::new());
    for (number, connection) in &capture.connections {
        exchanges(capture, *number, connection, &mut entries, &mut left_out);
    }
    let comment = match left_out.len() {
        0 => "All exchanges of the capture.".to_owned(),
        _ => format!("HAR can only hold well-formed exchanges. Left out: {}.", left_out.join("; ")),
    };
    let comment = capture.gaps().into_iter().fold(comment, |comment, gaps| format!("{comment} {gaps}"));
    let creator = json!({ "name": "wirelight", "version": env!("CARGO_PKG_VERSION") });
    let log = json!({ "log": { "version": "1.2", "creator": creator, "entries": entries, "comment": comment } });
    let mut text = serde_json::to_vec_pretty(&log).unwrap_or_default();
    text.push(b'\n');
    text
}

fn exchanges(
    capture: &Capture,
    number: ConnectionId,
    connection: &Connection,
    entries: &mut Vec<Value>,
    left_out: &mut Vec<String>,
) {
    if connection.missing > 0 {
        left_out.push(format!("connection {number}: {} of its bytes were not recorded", connection.missing));
        return;
    }
    let (requests, sent) = (connection.stream(true), connection.stream(false));
    let (mut from, mut received) = (0, 0);
    let mut responses = responses::read(&sent, &responses::heads(&requests)).into_iter();
    for _ in 0..MAX_EXCHANGES {
        let Some(rest) = requests.get(from..).filter(|rest| !rest.is_empty()) else { return };
        let (explanation, length) = responses::message(rest);
        // A wrong day of the week in a date is harmless.
        if let Some(finding) = explanation.diagnostics().iter().find(|finding| finding.name != "date") {
            left_out.push(format!("connection {number} from byte {from} on: {finding}"));
            return;
        }
        let end = from + length.max(1);
        let begins = received;
        let response = responses.by_ref().inspect(|response| received += response.length).find(RawResponse::is_final);
        let Some(response) = response.filter(|response| response.whole) else {
            left_out.push(format!("connection {number}, the request at byte {from}: no complete response"));
            return;
        };
        let times = [
            connection.time_of(true, from),
            connection.time_of(true, end.saturating_sub(1)),
            connection.time_of(false, begins),
            connection.time_of(false, received.saturating_sub(1)),
        ];
        entries.push(entry(capture, number, &explanation, &response, times));
        from = end;
    }
}

/// `times` are those of the first and last byte of the request, and of the first and last byte of
/// the response.
fn entry(
    capture: &Capture,
    number: ConnectionId,
    request: &Explanation,
    response: &RawResponse,
    times: [u64; 4],
) -> Value {
    let [began, sent, received, ended] = times;
    let span = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e6;
    let (send, wait, receive) = (span(began, sent), span(sent, received), span(received, ended));
    json!({
        "startedDateTime": iso_date::milliseconds(Duration::from_nanos(capture.started.saturating_add(began))),
        "time": send + wait + receive,
        "request": request_json(request),
        "response": response_json(response),
        "cache": {},
        "timings": { "send": send, "wait": wait, "receive": receive },
        "connection": number.to_string(),
    })
}

fn request_json(request: &Explanation) -> Value {
    let fields = fields(request);
    let target = [piece(request, "target"), piece(request, "query")].concat();
    let host = value(&fields, "host").unwrap_or("localhost".into());
    // RFC 9112 §3.3: the server as a whole has the URL of its authority.
    let url = match target.as_str() {
        "*" => format!("http://{host}"),
        path if path.starts_with('/') => format!("http://{host}{path}"),
        _ => target.clone(),
    };
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let query: Vec<_> = pairs.map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let body = content(request);
    let mut json = json!({
        "method": piece(request, "method"),
        "url": url,
        "httpVersion": piece(request, "version"),
        "cookies": [],
        "headers": fields,
        "queryString": query,
        "headersSize": head_size(request),
        "bodySize": body.len(),
    });
    if !body.is_empty() {
        let media_type = value(&fields, "content-type").unwrap_or_default();
        json["postData"] = json!({ "mimeType": media_type, "params": [], "text": String::from_utf8_lossy(&body) });
    }
    json
}

fn response_json(response: &RawResponse) -> Value {
    let head = explain::message(&response.head);
    let fields = fields(&head);
    json!({
        "status": response.status,
        "statusText": piece(&head, "reason"),
        "httpVersion": piece(&head, "version"),
        "cookies": [],
        "headers": fields,
        "content": response_content(&fields, &response.body),
        "redirectURL": value(&fields, "location").unwrap_or_default(),
        "headersSize": response.head.len(),
        "bodySize": response.length - response.head.len(),
    })
}

/// Returns the content: text, or base64 of other bytes. HAR's text is what a Content-Encoding
/// encodes, so an encoded body is left out.
fn response_content(fields: &[Value], body: &[u8]) -> Value {
    let mut json = json!({ "size": body.len(), "mimeType": value(fields, "content-type").unwrap_or_default() });
    if let Some(coding) = value(fields, "content-encoding") {
        json["comment"] = format!("The body is encoded: {coding}.").into();
    } else if let Ok(text) = std::str::from_utf8(body) {
        json["text"] = text.into();
    } else {
        json["text"] = base64(body).into();
        json["encoding"] = "base64".into();
    }
    json
}

/// Encodes with the standard alphabet and padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let byte = |at: usize| usize::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        (0..4).map(move |at| match DIGITS.get(bits >> (18 - 6 * at) & 63) {
            Some(digit) if at <= chunk.len() => char::from(*digit),
            _ => '=',
        })
    });
    digits.collect()
}

fn piece(message: &Explanation, kind: &str) -> String {
    let found = message.spans().find(|piece| piece.kind == kind);
    found.map_or_else(String::new, |piece| String::from_utf8_lossy(piece.bytes).into_owned())
}

fn content(message: &Explanation) -> Vec<u8> {
    let data = message.spans().filter(|piece| ["body", "chunk-data"].contains(&piece.kind));
    data.flat_map(|piece| piece.bytes.to_vec()).collect()
}

fn head_size(message: &Explanation) -> usize {
    message.spans().find(|piece| piece.kind == "blank").map_or(0, |piece| piece.at + piece.bytes.len())
}

/// Returns the field lines. A name begins one; values belong to the last name.
fn fields(message: &Explanation) -> Vec<Value> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for piece in message.spans() {
        let text = String::from_utf8_lossy(piece.bytes);
        match piece.kind {
            "name" => fields.push((text.into_owned(), String::new())),
            "value" => fields.last_mut().into_iter().for_each(|(_, value)| value.push_str(&text)),
            _ => {}
        }
    }
    fields.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn value(fields: &[Value], name: &str) -> Option<String> {
    let same = |field: &&Value| field["name"].as_str().is_some_and(|other| other.eq_ignore_ascii_case(name));
    fields.iter().find(same).and_then(|field| field["value"].as_str()).map(str::to_owned)
}
