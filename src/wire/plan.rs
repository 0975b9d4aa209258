//! Parses what a client of the lab is to do. A plan names no address: the client connects to the
//! server's own listener.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::bytes::base64;

/// Bounds of a plan.
const SEGMENTS: usize = 200;
const BYTES: usize = 64 * 1024;
const FILL: u64 = 16 * 1024 * 1024;
/// Bound on a pause, on the silence after the last segment, and on all pauses together.
const TIME: u64 = 20_000;
const DEFAULT_TIMEOUT: u64 = 5_000;

/// What a client does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(super) segments: Vec<PlanSegment>,
    pub(super) then: Then,
    pub(super) read: ReadPace,
    /// Longest silence of the server, after the last segment, before the client closes.
    pub(super) timeout: Duration,
    /// The server holds its connection before each stage.
    pub(super) step: bool,
}

/// Bytes that are sent at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlanSegment {
    /// Pause before it.
    pub(super) after: Duration,
    pub(super) bytes: Vec<u8>,
    /// Number of `x` after them.
    pub(super) fill: u64,
}

/// What a client does after its last segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Reads until the server closes, or has been silent for a second after a response.
    Read,
    /// Reads until the server closes, or for the timeout.
    Hold,
    /// Closes its writing side, then reads.
    HalfClose,
    /// Resets the connection.
    Reset,
}

/// How fast a client reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReadPace {
    /// 0: as fast as it can.
    pub(super) bytes_per_second: u64,
    /// How long it reads so slowly; then as fast as it can.
    pub(super) slow_for: Duration,
    /// It reads nothing before all is sent.
    pub(super) after_sending: bool,
}

impl Plan {
    /// Parses the body of a request.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub(crate) fn parse(value: &Value) -> Result<Plan, String> {
        let members = object(value, "a plan", &["segments", "then", "read", "timeout_ms", "step"])?;
        let list = members.get("segments").and_then(Value::as_array).ok_or("a plan has a list: segments")?;
        if list.len() > SEGMENTS {
            return Err(format!("a plan has at most {SEGMENTS} segments"));
        }
        let segments = list.iter().map(PlanSegment::parse).collect::<Result<Vec<_>, _>>()?;
        if segments.iter().map(|segment| segment.bytes.len()).sum::<usize>() > BYTES {
            return Err(format!("a plan has at most {BYTES} bytes"));
        }
        if segments.iter().map(|segment| segment.fill).sum::<u64>() > FILL {
            return Err(format!("a plan fills at most {FILL} bytes"));
        }
        if segments.iter().map(|segment| segment.after).sum::<Duration>() > Duration::from_millis(TIME) {
            return Err(format!("the pauses of a plan are at most {TIME} ms together"));
        }
        let then = match members.get("then").map(Value::as_str) {
            None | Some(Some("read")) => Then::Read,
            Some(Some("hold")) => Then::Hold,
            Some(Some("half_close")) => Then::HalfClose,
            Some(Some("reset")) => Then::Reset,
            Some(_) => return Err("then is read, hold, half_close or reset".to_owned()),
        };
        let read = members.get("read").map_or(Ok(ReadPace::default()), ReadPace::parse)?;
        let timeout = number(members, "timeout_ms", DEFAULT_TIMEOUT, TIME)?;
        let step = flag(members, "step")?;
        Ok(Plan { segments, then, read, timeout: Duration::from_millis(timeout), step })
    }
}

impl PlanSegment {
    fn parse(value: &Value) -> Result<PlanSegment, String> {
        let members = object(value, "a segment", &["b64", "after_ms", "fill"])?;
        let text = members.get("b64").map_or(Some(""), Value::as_str);
        let bytes = text.and_then(|text| base64::decode_lenient(text.as_bytes())).ok_or("b64 is text in base64")?;
        let after = Duration::from_millis(number(members, "after_ms", 0, TIME)?);
        Ok(PlanSegment { after, bytes, fill: number(members, "fill", 0, FILL)? })
    }
}

impl ReadPace {
    fn parse(value: &Value) -> Result<ReadPace, String> {
        let members = object(value, "read", &["bytes_per_s", "slow_ms", "after_sending"])?;
        let bytes_per_second = number(members, "bytes_per_s", 0, FILL)?;
        let slow_for = Duration::from_millis(number(members, "slow_ms", TIME, TIME)?);
        let after_sending = flag(members, "after_sending")?;
        Ok(ReadPace { bytes_per_second, slow_for, after_sending })
    }
}

/// Returns the members of an object that has no others than these.
fn object<'v>(value: &'v Value, what: &str, names: &[&str]) -> Result<&'v Map<String, Value>, String> {
    let members = value.as_object().ok_or_else(|| format!("{what} is a JSON object"))?;
    match members.keys().find(|name| !names.contains(&name.as_str())) {
        Some(_) => Err(format!("{what} has no other members than {}", names.join(", "))),
        None => Ok(members),
    }
}

fn flag(members: &Map<String, Value>, name: &str) -> Result<bool, String> {
    let Some(value) = members.get(name) else { return Ok(false) };
    value.as_bool().ok_or_else(|| format!("{name} is true or false"))
}

/// Parses the body of a step: the client, and whether it runs freely from now on.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub(super) fn parse_step(value: &Value) -> Result<(SocketAddr, bool), String> {
    let members = object(value, "a step", &["client", "freely"])?;
    let client = members.get("client").and_then(Value::as_str).and_then(|client| client.parse().ok());
    Ok((client.ok_or("client is the address that the answer to a plan has")?, flag(members, "freely")?))
}

fn number(members: &Map<String, Value>, name: &str, default: u64, most: u64) -> Result<u64, String> {
    let Some(value) = members.get(name) else { return Ok(default) };
    value.as_u64().filter(|number| *number <= most).ok_or_else(|| format!("{name} is a number from 0 to {most}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_says_what_is_sent_and_read() {
        let plan = Plan::parse(&json!({
            "segments": [{"b64": "R0VUIC8="}, {"b64": "DQo=", "after_ms": 20, "fill": 3}],
            "then": "half_close", "read": {"bytes_per_s": 1024, "slow_ms": 2000}, "timeout_ms": 100,
        }));
        let segment =
            |after, bytes: &[u8], fill| PlanSegment { after: Duration::from_millis(after), bytes: bytes.into(), fill };
        let read = ReadPace { bytes_per_second: 1024, slow_for: Duration::from_millis(2000), after_sending: false };
        let expected = Plan {
            segments: vec![segment(0, b"GET /", 0), segment(20, b"\r\n", 3)],
            then: Then::HalfClose,
            read,
            timeout: Duration::from_millis(100),
            step: false,
        };
        assert_eq!(plan, Ok(expected));
    }

    #[test]
    fn what_is_no_plan_is_refused_with_a_sentence() {
        let long = "AAAA".repeat(BYTES / 3 + 1);
        for (plan, why) in [
            (json!([]), "a plan is a JSON object"),
            (json!({}), "a plan has a list: segments"),
            (json!({"segments": {}}), "a plan has a list: segments"),
            (json!({"segments": [], "host": "example.com"}), "a plan has no other members"),
            (json!({"segments": [], "address": "127.0.0.1:80"}), "a plan has no other members"),
            (json!({"segments": [{"b64": "", "port": 80}]}), "a segment has no other members"),
            (json!({"segments": [{"b64": "%"}]}), "b64 is text in base64"),
            (json!({"segments": [{"b64": 1}]}), "b64 is text in base64"),
            (json!({"segments": [1]}), "a segment is a JSON object"),
            (json!({"segments": vec![json!({}); SEGMENTS + 1]}), "at most 200 segments"),
            (json!({"segments": [{"b64": long}]}), "at most 65536 bytes"),
            (json!({"segments": vec![json!({"fill": FILL}); 2]}), "fills at most"),
            (json!({"segments": [{"fill": -1}]}), "fill is a number from 0"),
            (json!({"segments": [{"after_ms": TIME + 1}]}), "after_ms is a number from 0 to 20000"),
            (json!({"segments": vec![json!({"after_ms": TIME}); 2]}), "at most 20000 ms together"),
            (json!({"segments": [], "then": "explode"}), "then is read"),
            (json!({"segments": [], "then": 1}), "then is read"),
            (json!({"segments": [], "read": 1}), "read is a JSON object"),
            (json!({"segments": [], "read": {"after_sending": 1}}), "after_sending is"),
            (json!({"segments": [], "timeout_ms": 1.5}), "timeout_ms is a number"),
            (json!({"segments": [], "step": "yes"}), "step is true or false"),
        ] {
            let refused = Plan::parse(&plan).unwrap_err();
            assert!(refused.contains(why), "{refused}, not {why}");
        }
    }
}
