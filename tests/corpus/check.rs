//! Checks a stream of responses against an outcome of a case.
//!
//! Every check answers `None`, or one sentence that says what is wrong.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, SystemTime};

use flate2::read::GzDecoder;
use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;

use super::case::{Answer, Header, Interim, Json, Outcome, Rules, Status, Values};
use super::reader::{Framing, Response, Unread, read_one, text};

/// How far a `Date` may be from now.
const TOLERANCE: Duration = Duration::from_secs(90);

/// How far a response stream agrees with an outcome.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// All responses are there and right; `announced_close`: the last one says so.
    Right {
        announced_close: bool,
    },
    More(String),
    Wrong(String),
}

/// Compares a stream with an outcome; `ended` says that no more bytes will come.
pub fn check(outcome: &Outcome, stream: &[u8], ended: bool) -> Verdict {
    let (mut at, mut got) = (0, Vec::new());
    let wanted = outcome.answers();
    for want in &wanted {
        let number = got.len() + 1;
        let (response, next) = match read_one(stream, at, &want.method, ended) {
            Ok(one) => one,
            Err(Unread::More) if ended => return Verdict::Wrong(format!("response {number} is missing or cut off")),
            Err(Unread::More) => {
                return Verdict::More(format!("only {} of {} responses came", got.len(), wanted.len()));
            }
            Err(Unread::Bad(why)) => return Verdict::Wrong(format!("malformed response stream: {why}")),
        };
        if let Some(problem) = response_problem(want, &response) {
            return Verdict::Wrong(format!("response {number}: {problem}"));
        }
        at = if response.framing == Framing::Upgrade { stream.len() } else { next };
        if response.framing == Framing::Close && number < wanted.len() {
            return Verdict::Wrong(format!("response {number} is delimited by close, yet more were wanted"));
        }
        got.push(response);
    }
    if at < stream.len() {
        let rest = text(&stream[at..stream.len().min(at + 70)]);
        return Verdict::Wrong(format!("{} unexpected bytes: {rest:?}", stream.len() - at));
    }
    match agreement_problem(outcome, &got) {
        Some(problem) => Verdict::Wrong(problem),
        None => Verdict::Right {
            announced_close: got.last().is_some_and(|last| last.tokens("connection").iter().any(|t| t == "close")),
        },
    }
}

/// The first of the forbidden patterns that the stream holds.
pub fn smuggled<'p>(never: &'p [String], stream: &[u8]) -> Option<&'p str> {
    let stream = text(stream);
    never.iter().map(String::as_str).find(|pattern| pattern_of(pattern, false).is_match(&stream))
}

/// What is wrong with one response.
pub fn response_problem(want: &Answer, got: &Response) -> Option<String> {
    if !want.status.iter().any(|status| status_ok(status, got.status)) {
        return Some(format!("status {} was not wanted", got.status));
    }
    if !interim_ok(&want.interim, &got.interim) {
        return Some(format!("interim responses {:?} were not wanted", got.interim));
    }
    if let Some(problem) = want.headers.iter().find_map(|(name, header)| header_problem(name, header, got)) {
        return Some(problem);
    }
    if let Some(problem) = want.one_of_headers.iter().find_map(|group| group_problem(group, got)) {
        return Some(problem);
    }
    if !want.framing.is_empty() && !want.framing.iter().any(|name| framing_is(name, got.framing)) {
        return Some(format!("framing {:?}, wanted {:?}", got.framing, want.framing));
    }
    if !want.version.is_empty() && !want.version.contains(&got.version) {
        return Some(format!("version {}, wanted {:?}", got.version, want.version));
    }
    if want.gunzip && got.tokens("content-encoding").iter().any(|coding| coding == "gzip") {
        let mut plain = Vec::new();
        return match GzDecoder::new(&got.body[..]).read_to_end(&mut plain) {
            Ok(_) => body_problem(want, &plain),
            Err(error) => Some(format!("the body is not in gzip: {error}")),
        };
    }
    body_problem(want, &got.body)
}

fn status_ok(want: &Status, got: u16) -> bool {
    match want {
        Status::Code(code) => *code == got,
        Status::Class(class) if class == "reject" => (400..500).contains(&got) || got == 501 || got == 505,
        Status::Class(class) => *class == format!("{}xx", got / 100),
    }
}

fn interim_ok(want: &Interim, got: &[u16]) -> bool {
    match want {
        Interim::Exactly(list) => list == got,
        Interim::OneOf { choices } => choices.iter().any(|list| list == got),
    }
}

fn framing_is(name: &str, framing: Framing) -> bool {
    format!("{framing:?}").eq_ignore_ascii_case(name)
}

fn group_problem(group: &BTreeMap<String, Header>, got: &Response) -> Option<String> {
    let problems: Option<Vec<_>> = group.iter().map(|(name, header)| header_problem(name, header, got)).collect();
    problems.map(|all| all.join(" and "))
}

fn header_problem(name: &str, want: &Header, got: &Response) -> Option<String> {
    let values = got.values(name);
    let joined = values.join(", ");
    match want {
        Header::Absent | Header::Present(false) if values.is_empty() => None,
        Header::Absent | Header::Present(false) => Some(format!("{name} must be absent, got {values:?}")),
        _ if values.is_empty() => Some(format!("{name} is missing")),
        Header::Present(true) => None,
        Header::Value(value) if joined == *value => None,
        Header::Value(value) => Some(format!("{name}: {joined:?}, wanted {value:?}")),
        Header::Rules(rules) => rule_problem(rules, &joined).map(|problem| format!("{name}: {joined:?} {problem}")),
    }
}

fn rule_problem(rules: &Rules, value: &str) -> Option<String> {
    let matches = |pattern: &str| pattern_of(pattern, true).is_match(value);
    let tokens: Vec<_> = value.split(',').map(|token| token.trim().to_ascii_lowercase()).collect();
    let holds = |token: &&String| tokens.contains(&token.to_ascii_lowercase());
    if let Some(pattern) = rules.re.as_ref().filter(|pattern| !matches(pattern)) {
        return Some(format!("does not match /{pattern}/"));
    }
    if let Some(pattern) = rules.not_re.as_ref().filter(|pattern| matches(pattern)) {
        return Some(format!("must not match /{pattern}/"));
    }
    if let Some(token) = rules.has.iter().find(|token| !holds(token)) {
        return Some(format!("lacks {token:?}"));
    }
    if let Some(token) = rules.lacks.iter().find(holds) {
        return Some(format!("must not hold {token:?}"));
    }
    rules.imf.as_ref().and_then(|imf| date_problem(imf, value))
}

/// Only the preferred form may be sent (RFC 9110 §5.6.7).
fn date_problem(imf: &Value, value: &str) -> Option<String> {
    let Some(date) = httpdate::parse_http_date(value).ok().filter(|date| httpdate::fmt_http_date(*date) == value)
    else {
        return Some("is no IMF-fixdate".to_owned());
    };
    let now = SystemTime::now();
    let distance = now.duration_since(date).or_else(|_| date.duration_since(now)).unwrap_or(Duration::MAX);
    (imf == "now" && distance > TOLERANCE).then(|| "is not the current time".to_owned())
}

fn body_problem(want: &Answer, got: &[u8]) -> Option<String> {
    let shown = || text(&got[..got.len().min(80)]);
    if let Some(body) = want.body.as_ref().map(|body| body.expand()).filter(|body| body != got) {
        let wanted = text(&body[..body.len().min(80)]);
        return Some(format!("body {:?} ({} bytes), wanted {wanted:?} ({})", shown(), got.len(), body.len()));
    }
    let holds = |part: &Vec<u8>| memchr::memmem::find(got, part).is_some();
    if let Some(part) = want.body_has.as_ref().map(|part| part.expand()).filter(|part| !holds(part)) {
        return Some(format!("body {:?} lacks {:?}", shown(), text(&part)));
    }
    if let Some(part) = want.body_lacks.as_ref().map(|part| part.expand()).filter(holds) {
        return Some(format!("body {:?} must not hold {:?}", shown(), text(&part)));
    }
    want.json.as_ref().and_then(|json| json_problem(json, got))
}

fn json_problem(want: &Json, body: &[u8]) -> Option<String> {
    let Ok(seen) = serde_json::from_slice::<Value>(body) else {
        return Some(format!("body is not JSON: {:?}", text(&body[..body.len().min(80)])));
    };
    let fields = seen["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let values = |name: &str| -> Vec<String> {
        let named = fields.iter().filter(|pair| pair[0].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
        named.filter_map(|pair| pair[1].as_str().map(str::to_owned)).collect()
    };
    let says = |name: &str, what: String| Some(format!("the application saw {name} = {:?}, {what}", values(name)));
    for (name, wanted) in &want.header {
        let wanted = match wanted {
            Values::One(value) => std::slice::from_ref(value),
            Values::Several(list) => list,
        };
        if values(name) != wanted && !["", " "].iter().any(|gap| same_list(&values(name), wanted, gap)) {
            return says(name, format!("wanted {wanted:?}"));
        }
    }
    for (name, wanted) in &want.header_ws {
        let squeezed: Vec<_> = values(name).iter().map(|value| squeeze(value)).collect();
        if squeezed != [wanted.as_str()] {
            return says(name, format!("wanted {wanted:?}"));
        }
    }
    for (name, pattern) in &want.header_re {
        if !pattern_of(pattern, false).is_match(&values(name).join(", ")) {
            return says(name, format!("wanted /{pattern}/"));
        }
    }
    for (name, pattern) in &want.header_lacks_re {
        if pattern_of(pattern, false).is_match(&values(name).join(", ")) {
            return says(name, format!("must not match /{pattern}/"));
        }
    }
    if let Some(name) = want.no_header.iter().find(|name| !values(name).is_empty()) {
        return says(name, "which must not be there".to_owned());
    }
    want.members.iter().find_map(|(name, wanted)| member_problem(name, wanted, &seen))
}

/// Several lines of a list field and one line with their elements are the same (RFC 9110 §5.3).
fn same_list(a: &[String], b: &[String], gap: &str) -> bool {
    let comma = format!(",{gap}");
    a.join(&comma) == b.join(&comma)
}

fn squeeze(value: &str) -> String {
    value.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn member_problem(name: &str, wanted: &Value, seen: &Value) -> Option<String> {
    let Some(got) = seen.get(name) else { return Some(format!("the JSON has no {name:?}")) };
    let right = match wanted.get("in").and_then(Value::as_array) {
        Some(choices) => choices.contains(got),
        None => got == wanted,
    };
    (!right).then(|| format!("{name} = {got}, wanted {wanted}"))
}

/// The fields in which two responses must agree, and those in which they must differ.
fn agreement_problem(outcome: &Outcome, got: &[Response]) -> Option<String> {
    let rules = outcome.same.iter().map(|rule| (rule, true)).chain(outcome.differ.iter().map(|rule| (rule, false)));
    for ((a, b, names), same) in rules {
        if let Some(name) = names.iter().find(|name| (got[*a].values(name) == got[*b].values(name)) != same) {
            let verb = if same { "differs between" } else { "is the same in" };
            return Some(format!("{name} {verb} responses {} and {}", a + 1, b + 1));
        }
    }
    None
}

/// The corpus is written for Python's `re` over latin-1 text; what it uses of it means the same here.
pub fn pattern_of(pattern: &str, ignore_case: bool) -> Regex {
    RegexBuilder::new(pattern).case_insensitive(ignore_case).build().expect("a pattern of the corpus")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(json: &str) -> Outcome {
        serde_json::from_str(json).expect("an outcome")
    }

    fn verdict(json: &str, stream: &str, ended: bool) -> &'static str {
        match check(&outcome(json), stream.as_bytes(), ended) {
            Verdict::Right { announced_close: true } => "right, then close",
            Verdict::Right { announced_close: false } => "right",
            Verdict::More(_) => "more",
            Verdict::Wrong(_) => "wrong",
        }
    }

    fn reply(status: u16, fields: &str, body: &str) -> String {
        format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{fields}\r\n{body}", body.len())
    }

    #[test]
    fn the_stream_is_read_to_its_end() {
        let two = r#"{"r":[{"status":[200]},{"status":[404]}]}"#;
        let (ok, missing) = (reply(200, "", "a"), reply(404, "Connection: Close\r\n", "b"));
        assert_eq!(verdict(two, "", false), "more");
        assert_eq!(verdict(two, &ok, false), "more");
        assert_eq!(verdict(two, &ok, true), "wrong");
        assert_eq!(verdict(two, &format!("{ok}{missing}"), false), "right, then close");
        assert_eq!(verdict(two, &format!("{missing}{ok}"), false), "wrong");
        assert_eq!(verdict(two, &format!("{ok}{missing}{ok}"), false), "wrong");
        assert_eq!(verdict(two, "HTTP/1.1 200 OK\r\n\r\nrest", true), "wrong");
        assert_eq!(verdict(r#"{"r":[]}"#, "", false), "right");
        assert_eq!(verdict(r#"{"r":[]}"#, "x", false), "wrong");
        assert_eq!(verdict(r#"{"r":[{"status":[101]}]}"#, "HTTP/1.1 101 S\r\n\r\nanything", false), "right");
    }

    #[test]
    fn each_wish_is_heeded() {
        let cases = [
            (r#""status":["2xx"]"#, reply(204, "", ""), true),
            (r#""status":["reject"]"#, reply(501, "", ""), true),
            (r#""status":["reject"]"#, reply(500, "", ""), false),
            (r#""status":[200]"#, format!("HTTP/1.1 100 C\r\n\r\n{}", reply(200, "", "")), false),
            (r#""status":[200],"interim":[100]"#, format!("HTTP/1.1 100 C\r\n\r\n{}", reply(200, "", "")), true),
            (r#""status":[200],"interim":{"in":[[],[100]]}"#, reply(200, "", ""), true),
            (r#""status":[200],"headers":{"A":null}"#, reply(200, "a: 1\r\n", ""), false),
            (r#""status":[200],"headers":{"A":true}"#, reply(200, "", ""), false),
            (r#""status":[200],"headers":{"A":"1, 2"}"#, reply(200, "a: 1\r\na: 2\r\n", ""), true),
            (r#""status":[200],"headers":{"A":"1"}"#, reply(200, "a: 2\r\n", ""), false),
            (r#""status":[200],"headers":{"A":{"re":"^x$"}}"#, reply(200, "a: X\r\n", ""), true),
            (r#""status":[200],"headers":{"A":{"re":"^x$"}}"#, reply(200, "a: xy\r\n", ""), false),
            (r#""status":[200],"headers":{"A":{"not_re":"x"}}"#, reply(200, "a: x\r\n", ""), false),
            (r#""status":[200],"headers":{"A":{"has":["b"],"lacks":["d"]}}"#, reply(200, "a: C, B\r\n", ""), true),
            (r#""status":[200],"headers":{"A":{"has":["b"]}}"#, reply(200, "a: bc\r\n", ""), false),
            (r#""status":[200],"headers":{"A":{"lacks":["b"]}}"#, reply(200, "a: c,b\r\n", ""), false),
            (r#""status":[200],"one_of_headers":[{"A":null,"a":"1"}]"#, reply(200, "", ""), true),
            (r#""status":[200],"one_of_headers":[{"A":null,"a":"1"}]"#, reply(200, "a: 1\r\n", ""), true),
            (r#""status":[200],"one_of_headers":[{"A":null,"a":"1"}]"#, reply(200, "a: 2\r\n", ""), false),
            (r#""status":[200],"framing":["close","length"]"#, reply(200, "", ""), true),
            (r#""status":[200],"framing":["chunked"]"#, reply(200, "", ""), false),
            (r#""status":[200],"version":["HTTP/1.0"]"#, reply(200, "", ""), false),
            (r#""status":[200],"gunzip":true"#, reply(200, "Content-Encoding: gzip\r\n", "ab"), false),
            (r#""status":[200],"body":"ab""#, reply(200, "", "ab"), true),
            (r#""status":[200],"body":"ab""#, reply(200, "", "abc"), false),
            (r#""status":[200],"body_has":"b""#, reply(200, "", "abc"), true),
            (r#""status":[200],"body_has":"d""#, reply(200, "", "abc"), false),
            (r#""status":[200],"body_lacks":"b""#, reply(200, "", "abc"), false),
        ];
        for (want, stream, right) in cases {
            let got = verdict(&format!(r#"{{"r":[{{{want}}}]}}"#), &stream, false);
            assert_eq!(got == "right", right, "{want}: {stream:?} is {got}");
        }
    }

    #[test]
    fn what_the_application_saw_is_compared_by_name() {
        let body = r#"{"query":"a=1","body_length":0,"headers":[["A","1"],["a","2"],["w","x \t y"],["e",""]]}"#;
        let cases = [
            (r#"{"header":{"a":["1","2"]}}"#, true),
            (r#"{"header":{"a":"1, 2"}}"#, true),
            (r#"{"header":{"a":"1,2"}}"#, true),
            (r#"{"header":{"a":"1"}}"#, false),
            (r#"{"header":{"e":""}}"#, true),
            (r#"{"header":{"none":""}}"#, true), // as the referee: both join to nothing
            (r#"{"header_ws":{"w":"x y"}}"#, true),
            (r#"{"header_ws":{"w":"x"}}"#, false),
            (r#"{"header_re":{"a":"^1, "}}"#, true),
            (r#"{"header_lacks_re":{"a":"2"}}"#, false),
            (r#"{"no_header":["b"]}"#, true),
            (r#"{"no_header":["a"]}"#, false),
            (r#"{"query":"a=1","body_length":0}"#, true),
            (r#"{"query":{"in":["","a=1"]}}"#, true),
            (r#"{"query":"b"}"#, false),
            (r#"{"target":"/"}"#, false),
        ];
        for (want, right) in cases {
            let want = serde_json::from_str(want).expect("a wish");
            let got = json_problem(&want, body.as_bytes());
            assert_eq!(got.is_none(), right, "{got:?}");
        }
        assert!(json_problem(&serde_json::from_str("{}").expect("a wish"), b"<html>").is_some());
    }

    #[test]
    fn dates_are_imf_and_current() {
        assert_eq!(date_problem(&"now".into(), &httpdate::fmt_http_date(SystemTime::now() + TOLERANCE / 2)), None);
        assert_eq!(date_problem(&true.into(), "Sun, 06 Nov 1994 08:49:37 GMT"), None);
        assert!(date_problem(&"now".into(), "Sun, 06 Nov 1994 08:49:37 GMT").is_some());
        assert!(date_problem(&true.into(), "Sunday, 06-Nov-94 08:49:37 GMT").is_some());
        assert!(date_problem(&true.into(), "Sun Nov  6 08:49:37 1994").is_some());
        assert!(date_problem(&true.into(), "today").is_some());
    }

    #[test]
    fn responses_agree_and_differ_where_they_must() {
        let (a, b) = (reply(200, "E: 1\r\n", ""), reply(200, "E: 2\r\n", ""));
        let same = r#"{"r":[{"status":[200]},{"status":[200]}],"same":[[0,1,["E"]]]}"#;
        let differ = r#"{"r":[{"status":[200]},{"status":[200]}],"differ":[[0,1,["E"]]]}"#;
        assert_eq!(verdict(same, &format!("{a}{a}"), false), "right");
        assert_eq!(verdict(same, &format!("{a}{b}"), false), "wrong");
        assert_eq!(verdict(differ, &format!("{a}{b}"), false), "right");
        assert_eq!(verdict(differ, &format!("{a}{a}"), false), "wrong");
    }

    #[test]
    fn forbidden_patterns_are_found_anywhere() {
        let never = ["\"id\": ?777\\d".to_owned(), "TOP-SECRET".to_owned()];
        assert_eq!(smuggled(&never, b"HTTP/1.1 200 OK\r\n\r\n{\"id\":7771}"), Some(never[0].as_str()));
        assert_eq!(smuggled(&never, b"\xffTOP-SECRET"), Some("TOP-SECRET"));
        assert_eq!(smuggled(&never, b"{\"id\":77}"), None);
    }
}
