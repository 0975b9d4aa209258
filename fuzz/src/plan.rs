//! Plans of the wire view's composer: what keeps the bounds is taken, anything else is refused in one sentence.

use serde_json::{Map, Value, json};
use wirelight::fuzzing;

use crate::choices::Choices;

/// The bounds of a plan (`src/wire/plan.rs`).
const SEGMENTS: usize = 200;
const FILL: u64 = 16 * 1024 * 1024;
const TIME: u64 = 20_000;

/// Checks any JSON, then a plan of a grammar.
pub fn plan(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        parse(&value);
    }
    let mut choices = Choices(data);
    let mut valid = true;
    let long = choices.below(16) == 15;
    let segments = choices.list(if long { 255 } else { 8 }, |choices| segment(choices, &mut valid));
    valid &= segments.len() <= SEGMENTS;
    valid &= total(&segments, "after_ms") <= u128::from(TIME) && total(&segments, "fill") <= u128::from(FILL);
    let mut plan = Map::from_iter([("segments".to_owned(), Value::from(segments))]);
    let mut member = |choices: &mut Choices<'_>, name: &str, good: &[Value], bad: &[Value]| {
        if choices.flag() {
            let is_good = choices.below(8) < 7;
            valid &= is_good;
            plan.insert(name.to_owned(), choices.one_of(if is_good { good } else { bad }));
        }
    };
    member(
        &mut choices,
        "then",
        &[json!("read"), json!("hold"), json!("half_close"), json!("reset")],
        &[json!("Read"), json!(1), json!(null)],
    );
    member(&mut choices, "timeout_ms", &[json!(0), json!(TIME)], &[json!(TIME + 1), json!(-1), json!(1.5), json!("1")]);
    member(&mut choices, "step", &[json!(true), json!(false)], &[json!(0), json!(null)]);
    let paces = [json!({}), json!({"bytes_per_s": FILL, "slow_ms": TIME, "after_sending": true})];
    member(&mut choices, "read", &paces, &[json!([]), json!({"slow_ms": TIME + 1}), json!({"pace": 1})]);
    if choices.below(16) == 15 {
        valid = false;
        plan.insert("host".to_owned(), json!("192.0.2.1"));
    }
    let plan = Value::from(plan);
    assert_eq!(parse(&plan), valid, "{plan}");
}

/// Returns a segment; its numbers may be too large.
fn segment(choices: &mut Choices<'_>, valid: &mut bool) -> Value {
    let mut members = Map::new();
    for (name, most) in [("after_ms", TIME), ("fill", FILL)] {
        if choices.flag() {
            let number = match choices.below(16) {
                14 => most,
                15 => choices.number(),
                small => small as u64,
            };
            *valid &= number <= most;
            members.insert(name.to_owned(), number.into());
        }
    }
    if choices.flag() {
        let (text, is_good) =
            choices.one_of(&[("R0VUIC8=", true), ("", true), ("DQo", true), ("%", false), ("A", false)]);
        *valid &= is_good;
        members.insert("b64".to_owned(), text.into());
    }
    members.into()
}

fn total(segments: &[Value], name: &str) -> u128 {
    segments.iter().filter_map(|segment| segment[name].as_u64()).map(u128::from).sum()
}

/// Returns whether a plan is taken.
fn parse(value: &Value) -> bool {
    let refusal = fuzzing::plan(value).err();
    assert!(refusal.iter().all(|why| !why.is_empty() && !why.contains(char::is_control)), "{refusal:?}");
    refusal.is_none()
}
