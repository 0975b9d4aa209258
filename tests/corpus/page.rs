//! The cases that the wire view runs from its page, as JSON: those of the corpus that need no more than a GET, `/echo` and the status of
//! each answer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::case::{Answer, Case, Outcome, Status, Step, Then};

/// The parts of the protocol, in the order of the page.
const CLASSES: [&str; 11] = [
    "request-line",
    "target",
    "host",
    "field-lines",
    "line-ends",
    "framing-length",
    "framing-te",
    "chunked",
    "expect",
    "persistence",
    "methods",
];
/// Bytes of a case at most.
const LARGEST: usize = 400;

/// Returns the cases as one JSON list, a case a line. `requirements` is the page that names cases as proofs of what the RFCs require.
pub fn cases(all: &[Case], requirements: &str) -> String {
    let rules = rules(requirements);
    let fitting = |class: &'static str| all.iter().filter(move |case| case.class == class);
    let all = CLASSES.into_iter().flat_map(fitting).filter_map(|case| page_case(case, rules.get(case.id.as_str())));
    let lines: Vec<_> = all.map(|case| case.to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

/// The requirement that each case proves: `MUST: 400 for whitespace before the colon`.
fn rules(requirements: &str) -> BTreeMap<&str, String> {
    let mut rules = BTreeMap::new();
    for row in requirements.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, _, level, requirement, ..] = cells[..] else { continue };
        let rule = if level == "–" { requirement.to_owned() } else { format!("{level}: {requirement}") };
        for name in row.split("`case:").skip(1).filter_map(|rest| rest.split('`').next()) {
            rules.entry(name).or_insert_with(|| rule.clone());
        }
    }
    rules
}

fn page_case(case: &Case, rule: Option<&String>) -> Option<Value> {
    if case.needs.iter().any(|need| !["users", "echo"].contains(&need.as_str())) {
        return None;
    }
    let (mut send, mut after, mut sent) = (Vec::new(), 0, Vec::new());
    let mut half_close = false;
    for step in &case.steps {
        match step {
            Step::Send { send: bytes, bytewise: None } => {
                let bytes = bytes.expand();
                sent.extend_from_slice(&bytes);
                send.push(json!([bytes.into_iter().map(char::from).collect::<String>(), std::mem::take(&mut after)]));
            }
            Step::Pause { pause } => after += pause,
            Step::HalfClose { .. } => half_close = true,
            _ => return None,
        }
    }
    if !keeps_its_meaning(&sent) {
        return None;
    }
    let expect = case.expect.iter().map(outcome).collect::<Option<Vec<_>>>()?;
    let needs_echo = case.needs.iter().any(|need| need == "echo");
    let Case { id, class, title, section, level, .. } = case;
    let mut one = json!({"id": id, "class": class, "title": title, "rfc": section, "level": level, "send": send, "expect": expect});
    // What most cases lack is left out.
    if let Some(rule) = rule {
        one["rule"] = rule.as_str().into();
    }
    for (name, is) in [("echo", needs_echo), ("half_close", half_close)] {
        if is {
            one[name] = true.into();
        }
    }
    (sent.len() <= LARGEST).then_some(one)
}

/// Whether the page may put its own path, with a query, in place of those of the suite: they are whole targets or paths before a query.
fn keeps_its_meaning(sent: &[u8]) -> bool {
    let text: String = sent.iter().copied().map(char::from).collect();
    let names = ["/plaintext", "/users/"];
    let mut places = names.iter().flat_map(|name| text.match_indices(name));
    let has_target = text.contains("/echo") || names.iter().any(|name| text.contains(name));
    has_target
        && places.all(|(at, name)| {
            let after = text[at + name.len()..].trim_start_matches(|letter: char| letter.is_ascii_digit());
            let whole = after.starts_with([' ', '?', '\r', '\n', '\t', '\0', '#']) || after.is_empty();
            whole && !text[..at].ends_with(['=', '/', '.', '%'])
        })
}

/// The statuses of the answers in order, and what becomes of the connection: `200 400|501 close`.
fn outcome(outcome: &Outcome) -> Option<String> {
    let mut words = outcome.answers().into_iter().map(statuses).collect::<Option<Vec<_>>>()?;
    words.push(match outcome.then {
        Then::Any => "any".to_owned(),
        Then::Open => "open".to_owned(),
        Then::Close => "close".to_owned(),
        Then::Wait => "wait".to_owned(),
    });
    Some(words.join(" "))
}

fn statuses(answer: &Answer) -> Option<String> {
    // What the page does not check would make its verdict a lie.
    let more = !answer.headers.is_empty() || !answer.one_of_headers.is_empty() || answer.json.is_some();
    let names = answer.status.iter().map(|status| match status {
        Status::Code(code) => code.to_string(),
        Status::Class(class) => class.clone(),
    });
    (!more).then(|| names.collect::<Vec<_>>().join("|"))
}
