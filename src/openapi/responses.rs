//! Describes responses; those of the server itself are shared components.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::object;
use super::schemas::ERROR_PAGE;
use crate::http1::status::StatusCode;
use crate::response::status_messages::default_message;

const RESPONSES: &str = "#/components/responses/";

/// Returns a response that is not an error. `status` may be a class, or `default`.
pub(super) fn success(status: &str, content: Value) -> Value {
    let phrase = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
    let description = match phrase.and_then(StatusCode::canonical_reason) {
        Some(phrase) => phrase,
        None if status.starts_with('3') => "A redirect.",
        None => "The handler decides on the status.",
    };
    let location = json!({ "Location": { "schema": { "type": "string" } } });
    let headers = if status.starts_with('3') { location } else { Value::Null };
    object([("description", description.into()), ("headers", headers), ("content", content)])
}

/// Returns the response of an error with this page.
pub(super) fn failure(status: StatusCode, when: Option<&str>, page: Option<&Value>) -> Value {
    let content = page.map_or(Value::Null, |page| json!({ "application/json": { "schema": page } }));
    let description = when.unwrap_or(default_message(status));
    object([("description", description.into()), ("headers", headers(status)), ("content", content)])
}

/// Returns a reference to the shared response of an error.
pub(super) fn reference(status: StatusCode) -> String {
    format!("{RESPONSES}{}", name(status))
}

/// Returns the page of errors without a handler of the program.
pub(super) fn default_page() -> Value {
    json!({ "$ref": ERROR_PAGE })
}

/// Returns the shared responses that operations refer to.
pub(super) fn components<'o>(operations: impl Iterator<Item = &'o Map<String, Value>>) -> Value {
    let responses = operations.filter_map(|operation| operation.get("responses")?.as_object()).flatten();
    let references = responses.filter_map(|(status, response)| response.get("$ref").and(status.parse().ok()));
    let statuses: BTreeSet<u16> = references.collect();
    let shared = statuses.into_iter().filter_map(|status| StatusCode::from_u16(status).ok());
    let shared: Map<_, _> = shared.map(|status| (name(status), failure(status, None, Some(&default_page())))).collect();
    shared.into()
}

/// The phrase of the status without spaces: `NotFound`.
fn name(status: StatusCode) -> String {
    let phrase = status.canonical_reason().unwrap_or_default();
    let name: String = phrase.chars().filter(char::is_ascii_alphanumeric).collect();
    if name.is_empty() { format!("Status{}", status.as_u16()) } else { name }
}

/// Returns the fields that an error of this status has.
fn headers(status: StatusCode) -> Value {
    let (name, about, schema) = match status {
        StatusCode::UNAUTHORIZED => ("WWW-Authenticate", "How to authenticate.", json!({ "type": "string" })),
        StatusCode::METHOD_NOT_ALLOWED => ("Allow", "The methods of the path.", json!({ "type": "string" })),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            ("Retry-After", "Seconds until it is worth trying again.", json!({ "type": "integer", "minimum": 0 }))
        }
        _ => return Value::Null,
    };
    // A 503 has it if the server is busy, not if a deadline has passed. RFC 9110 requires the others.
    let required = status != StatusCode::SERVICE_UNAVAILABLE;
    json!({ name: { "description": about, "required": required, "schema": schema } })
}
