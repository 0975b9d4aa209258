//! Checks an archive against HAR 1.2: the fields that an object must and may have, and their types.

use serde_json::Value;

/// The kind of a field.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// `2026-11-22T13:15:15.800Z`, or with an offset instead of the Z.
    Time,
    /// An absolute one.
    Url,
    /// At least this; -1 means "not known".
    Number(f64),
    Whole(i64),
    Object(&'static [Field]),
    List(&'static [Field]),
}

use Kind::{List, Number, Object, Text, Time, Url, Whole};

/// Name, kind, and whether it must be there.
type Field = (&'static str, Kind, bool);

const MUST: bool = true;
const MAY: bool = false;

const ARCHIVE: &[Field] = &[("log", Object(LOG), MUST)];
const LOG: &[Field] = &[
    ("version", Text, MUST),
    ("creator", Object(PROGRAM), MUST),
    ("browser", Object(PROGRAM), MAY),
    ("pages", List(PAGE), MAY),
    ("entries", List(ENTRY), MUST),
    ("comment", Text, MAY),
];
const PROGRAM: &[Field] = &[("name", Text, MUST), ("version", Text, MUST), ("comment", Text, MAY)];
const PAGE: &[Field] = &[
    ("startedDateTime", Time, MUST),
    ("id", Text, MUST),
    ("title", Text, MUST),
    ("pageTimings", Object(PAGE_TIMINGS), MUST),
    ("comment", Text, MAY),
];
const PAGE_TIMINGS: &[Field] =
    &[("onContentLoad", Number(-1.0), MAY), ("onLoad", Number(-1.0), MAY), ("comment", Text, MAY)];
const ENTRY: &[Field] = &[
    ("pageref", Text, MAY),
    ("startedDateTime", Time, MUST),
    ("time", Number(0.0), MUST),
    ("request", Object(REQUEST), MUST),
    ("response", Object(RESPONSE), MUST),
    ("cache", Object(CACHE), MUST),
    ("timings", Object(TIMINGS), MUST),
    ("serverIPAddress", Text, MAY),
    ("connection", Text, MAY),
    ("comment", Text, MAY),
];
const REQUEST: &[Field] = &[
    ("method", Text, MUST),
    ("url", Url, MUST),
    ("httpVersion", Text, MUST),
    ("cookies", List(COOKIE), MUST),
    ("headers", List(PAIR), MUST),
    ("queryString", List(PAIR), MUST),
    ("postData", Object(POST_DATA), MAY),
    ("headersSize", Whole(-1), MUST),
    ("bodySize", Whole(-1), MUST),
    ("comment", Text, MAY),
];
const RESPONSE: &[Field] = &[
    ("status", Whole(100), MUST),
    ("statusText", Text, MUST),
    ("httpVersion", Text, MUST),
    ("cookies", List(COOKIE), MUST),
    ("headers", List(PAIR), MUST),
    ("content", Object(CONTENT), MUST),
    ("redirectURL", Text, MUST),
    ("headersSize", Whole(-1), MUST),
    ("bodySize", Whole(-1), MUST),
    ("comment", Text, MAY),
];
/// The optional ones of a cookie that we never write are left out.
const COOKIE: &[Field] = &[("name", Text, MUST), ("value", Text, MUST), ("comment", Text, MAY)];
const PAIR: &[Field] = &[("name", Text, MUST), ("value", Text, MUST), ("comment", Text, MAY)];
const POST_DATA: &[Field] =
    &[("mimeType", Text, MUST), ("params", List(PARAMETER), MUST), ("text", Text, MUST), ("comment", Text, MAY)];
const PARAMETER: &[Field] = &[
    ("name", Text, MUST),
    ("value", Text, MAY),
    ("fileName", Text, MAY),
    ("contentType", Text, MAY),
    ("comment", Text, MAY),
];
const CONTENT: &[Field] = &[
    ("size", Whole(0), MUST),
    ("compression", Whole(i64::MIN), MAY),
    ("mimeType", Text, MUST),
    ("text", Text, MAY),
    ("encoding", Text, MAY),
    ("comment", Text, MAY),
];
const CACHE: &[Field] = &[("beforeRequest", Object(CACHED), MAY), ("afterRequest", Object(CACHED), MAY)];
const CACHED: &[Field] = &[
    ("expires", Text, MAY),
    ("lastAccess", Text, MUST),
    ("eTag", Text, MUST),
    ("hitCount", Whole(0), MUST),
    ("comment", Text, MAY),
];
const TIMINGS: &[Field] = &[
    ("blocked", Number(-1.0), MAY),
    ("dns", Number(-1.0), MAY),
    ("connect", Number(-1.0), MAY),
    ("send", Number(0.0), MUST),
    ("wait", Number(0.0), MUST),
    ("receive", Number(0.0), MUST),
    ("ssl", Number(-1.0), MAY),
    ("comment", Text, MAY),
];

/// What is wrong with the archive, a line for each.
pub fn complaints(archive: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    object(archive, ARCHIVE, "", &mut complaints);
    complaints
}

/// Fields of one's own begin with an underscore; all others are in the table.
fn object(value: &Value, fields: &[Field], place: &str, complaints: &mut Vec<String>) {
    let Some(object) = value.as_object() else { return complaints.push(format!("{place}: no object")) };
    for name in object.keys().filter(|name| !name.starts_with('_')) {
        if !fields.iter().any(|(known, ..)| known == name) {
            complaints.push(format!("{place}.{name}: not in HAR"));
        }
    }
    for (name, kind, must) in fields {
        let place = format!("{place}.{name}");
        match object.get(*name) {
            Some(value) => check(value, *kind, &place, complaints),
            None if *must => complaints.push(format!("{place}: missing")),
            None => {}
        }
    }
}

fn check(value: &Value, kind: Kind, place: &str, complaints: &mut Vec<String>) {
    let right = match kind {
        Text => value.is_string(),
        Time => value.as_str().is_some_and(is_time),
        Url => value.as_str().is_some_and(|url| url.starts_with("http://") && url.len() > 7),
        Number(least) => value.as_f64().is_some_and(|number| number >= least),
        Whole(least) => value.as_i64().is_some_and(|number| number >= least),
        Object(fields) => return object(value, fields, place, complaints),
        List(fields) => {
            let Some(items) = value.as_array() else { return complaints.push(format!("{place}: no list")) };
            for (at, item) in items.iter().enumerate() {
                object(item, fields, &format!("{place}[{at}]"), complaints);
            }
            return;
        }
    };
    if !right {
        complaints.push(format!("{place}: {value}"));
    }
}

fn is_time(text: &str) -> bool {
    let like = |text: &str, form: &str| {
        text.len() == form.len()
            && text
                .bytes()
                .zip(form.bytes())
                .all(|(byte, form)| if form == b'0' { byte.is_ascii_digit() } else { byte == form })
    };
    let Some((date, rest)) = text.split_at_checked(19) else { return false };
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let fraction = &rest[..rest.len() - zone.len()];
    like(date, "0000-00-00T00:00:00")
        && (fraction.is_empty()
            || fraction.len() > 1 && like(fraction, &format!(".{}", "0".repeat(fraction.len() - 1))))
        && (zone == "Z" || like(zone, "+00:00") || like(zone, "-00:00"))
}
