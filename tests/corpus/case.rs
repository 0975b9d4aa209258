//! The corpus as values: what a case sends and which outcomes it allows.
//!
//! Unknown keys are refused while loading, so that no wish of a newer corpus is ever overlooked.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corpus {
    pub set: String,
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub id: String,
    pub class: String,
    pub title: String,
    /// The section of the RFC that decides the case.
    #[serde(rename = "ref")]
    pub section: String,
    pub level: String,
    /// What the application must offer; `core` is not named.
    pub needs: Vec<String>,
    pub steps: Vec<Step>,
    /// The case passes when one of them is what happened.
    pub expect: Vec<Outcome>,
    /// Patterns that the stream must not hold whatever else it says.
    #[serde(default)]
    pub never: Vec<String>,
    /// How long the conformance suite waits for a response.
    #[serde(default = "patience")]
    pub timeout_ms: u64,
    /// `"every"`: the bytes are also sent in two pieces, cut at each place in turn.
    pub split: Option<String>,
    /// What another suite wants of the case, if it comes from there.
    pub theirs: Option<Theirs>,
    /// Why the response is right where the other suite does not want it.
    pub why: Option<String>,
    /// About sockets and schedules; without meaning in virtual time.
    #[serde(rename = "split_ms", default)]
    _split_ms: IgnoredAny,
    #[serde(rename = "settle_ms", default)]
    _settle_ms: IgnoredAny,
    #[serde(rename = "rcvbuf", default)]
    _rcvbuf: IgnoredAny,
    #[serde(rename = "alone", default)]
    _alone: IgnoredAny,
}

/// The verdicts of another suite: outcomes as patterns (`tests/corpus/theirs.rs`).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theirs {
    pub pass: Vec<String>,
    pub warn: Vec<String>,
    pub scored: bool,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Step {
    Send {
        send: Bytes,
        /// Each byte alone, so many milliseconds apart.
        bytewise: Option<u64>,
    },
    /// Milliseconds.
    Pause { pause: u64 },
    Await {
        #[serde(rename = "await")]
        what: Awaited,
        #[serde(default)]
        must: bool,
        #[serde(default = "await_patience")]
        timeout: u64,
    },
    HalfClose {
        #[serde(rename = "half_close")]
        _half_close: bool,
    },
    /// A whole exchange on a second connection at the same time.
    Other { other: Box<Other> },
    /// Milliseconds in which nothing is read.
    Sleep {
        #[serde(rename = "sleep")]
        _sleep: u64,
    },
    /// A slow reader.
    Drip {
        #[serde(rename = "drip")]
        _drip: IgnoredAny,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Awaited {
    /// So many final responses in all.
    Finals(usize),
    /// `"interim"`: one interim response.
    Interim(String),
}

#[derive(Deserialize)]
pub struct Other {
    pub send: Bytes,
    #[serde(flatten)]
    pub answer: Answer,
    #[serde(rename = "within", default)]
    _within: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    #[serde(default)]
    r: Vec<Answer>,
    #[serde(default)]
    pub then: Then,
    /// Two responses (from 0) and the fields in which they agree.
    #[serde(default)]
    pub same: Vec<(usize, usize, Vec<String>)>,
    /// … in which they differ.
    #[serde(default)]
    pub differ: Vec<(usize, usize, Vec<String>)>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    #[default]
    Any,
    Open,
    Close,
    Wait,
}

#[derive(Deserialize, Clone)]
pub struct Answer {
    pub status: Vec<Status>,
    #[serde(default = "get")]
    pub method: String,
    #[serde(default)]
    pub interim: Interim,
    #[serde(default)]
    pub headers: BTreeMap<String, Header>,
    /// One of each group must hold; the names differ in case if a field occurs twice.
    #[serde(default)]
    pub one_of_headers: Vec<BTreeMap<String, Header>>,
    #[serde(default)]
    pub framing: Vec<String>,
    pub body: Option<Bytes>,
    pub body_has: Option<Bytes>,
    pub body_lacks: Option<Bytes>,
    #[serde(default)]
    pub version: Vec<String>,
    /// The body may come compressed.
    #[serde(default)]
    pub gunzip: bool,
    pub json: Option<Json>,
    #[serde(default = "once")]
    times: usize,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub enum Status {
    Code(u16),
    /// `"4xx"`, or `"reject"`: 4xx, 501 or 505.
    Class(String),
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub enum Interim {
    Exactly(Vec<u16>),
    OneOf {
        #[serde(rename = "in")]
        choices: Vec<Vec<u16>>,
    },
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub enum Header {
    Absent,
    /// Absent after all where `false`.
    Present(bool),
    Value(String),
    Rules(Rules),
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub re: Option<String>,
    pub not_re: Option<String>,
    #[serde(default)]
    pub has: Vec<String>,
    #[serde(default)]
    pub lacks: Vec<String>,
    /// `true`: an IMF-fixdate; `"now"`: that of the current time.
    pub imf: Option<Value>,
}

/// What the application says it was given.
#[derive(Deserialize, Clone)]
pub struct Json {
    #[serde(default)]
    pub header: BTreeMap<String, Values>,
    /// Equal after each run of SP and HTAB became one SP.
    #[serde(default)]
    pub header_ws: BTreeMap<String, String>,
    #[serde(default)]
    pub no_header: Vec<String>,
    #[serde(default)]
    pub header_re: BTreeMap<String, String>,
    #[serde(default)]
    pub header_lacks_re: BTreeMap<String, String>,
    /// Every other member: equal, or `{"in": […]}`.
    #[serde(flatten)]
    pub members: BTreeMap<String, Value>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub enum Values {
    One(String),
    Several(Vec<String>),
}

/// A byte string: latin-1 text, text repeated, or a sequence of them.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub enum Bytes {
    Text(String),
    Repeated { rep: (String, usize) },
    Joined(Vec<Bytes>),
}

impl Corpus {
    /// Loads a corpus, or says which part of it is not understood.
    pub fn load(json: &str) -> Result<Corpus, String> {
        let corpus: Corpus = serde_json::from_str(json).map_err(|e| e.to_string())?;
        for case in &corpus.cases {
            let answers = case.expect.iter().flat_map(|outcome| &outcome.r);
            if let Some(answer) = answers.into_iter().find(|answer| !answer.unknown.is_empty()) {
                return Err(format!("{}: unknown wishes {:?}", case.id, answer.unknown.keys()));
            }
        }
        Ok(corpus)
    }
}

impl Outcome {
    /// The responses in order, `times` unrolled.
    pub fn answers(&self) -> Vec<&Answer> {
        self.r.iter().flat_map(|answer| std::iter::repeat_n(answer, answer.times)).collect()
    }
}

impl Bytes {
    pub fn expand(&self) -> Vec<u8> {
        match self {
            Bytes::Text(text) => text.chars().map(|c| u8::try_from(c).expect("latin-1")).collect(),
            Bytes::Repeated { rep: (text, times) } => Bytes::Text(text.clone()).expand().repeat(*times),
            Bytes::Joined(parts) => parts.iter().flat_map(Bytes::expand).collect(),
        }
    }
}

impl Default for Interim {
    fn default() -> Self {
        Interim::Exactly(Vec::new())
    }
}

fn patience() -> u64 {
    1500
}

fn await_patience() -> u64 {
    2000
}

fn get() -> String {
    "GET".to_owned()
}

fn once() -> usize {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(case: &str) -> Result<Case, String> {
        let json = format!(
            r#"{{"set":"s","cases":[{{"id":"a","class":"c","title":"t","ref":"r","level":"MUST","needs":[],{case}}}]}}"#
        );
        Corpus::load(&json).map(|mut corpus| corpus.cases.remove(0))
    }

    #[test]
    fn byte_strings_are_latin_1_repeated_and_joined() {
        let bytes: Bytes = serde_json::from_str(r#"["a\u00ff", {"rep": ["xy", 2]}, ["", "z"]]"#).expect("bytes");
        assert_eq!(bytes.expand(), b"a\xffxyxyz");
    }

    #[test]
    fn a_case_loads_with_its_defaults() {
        let case =
            one(r#""steps":[{"send":"x"},{"pause":3},{"await":"interim","must":true},{"await":2},{"half_close":true}],
                          "expect":[{"r":[{"status":[200,"4xx"],"times":3}],"then":"open"},{}]"#)
            .expect("a case");
        assert_eq!((case.timeout_ms, case.never.len(), case.steps.len()), (1500, 0, 5));
        assert!(matches!(&case.steps[2], Step::Await { what: Awaited::Interim(_), must: true, timeout: 2000 }));
        assert!(matches!(&case.steps[3], Step::Await { what: Awaited::Finals(2), must: false, .. }));
        assert_eq!(case.expect[0].answers().len(), 3);
        assert_eq!((case.expect[0].then, case.expect[1].then), (Then::Open, Then::Any));
        assert!(case.expect[1].answers().is_empty());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let cases = [
            r#""steps":[],"expect":[],"wish":1"#,
            r#""steps":[{"shout":"x"}],"expect":[]"#,
            r#""steps":[{"send":"x","loud":1}],"expect":[]"#,
            r#""steps":[],"expect":[{"then":"maybe"}]"#,
            r#""steps":[],"expect":[{"r":[{"status":[200],"colour":"red"}]}]"#,
            r#""steps":[],"expect":[{"r":[{"status":[200],"headers":{"A":{"starts":"b"}}}]}]"#,
            r#""steps":[],"expect":[{"r":[{}]}]"#,
        ];
        for case in cases {
            assert!(one(case).is_err(), "{case}");
        }
    }
}
