//! The guided experiments, read from the one file that holds them all; plays none of them.

use serde_json::Value;

use super::glyphs;

/// Characters of a piece that are shown.
const SHOWN: usize = 400;

const FILE: &str = include_str!("../../tests/experiments.json");

/// One experiment: what is sent, what is asked, what comes of it. Its fields are described in `docs/experiments.md`.
pub(super) struct Experiment(Value);

/// One step of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Send(Vec<u8>),
    /// Milliseconds until the next step.
    Wait(u64),
    /// Milliseconds for the server to do something about it.
    Hold(u64),
    HalfClose,
}

/// The experiments of the list of this name, `experiments` or `extras`.
pub(super) fn list(name: &str) -> Vec<Experiment> {
    let file: Value = serde_json::from_str(FILE).unwrap_or_default();
    file[name].as_array().into_iter().flatten().cloned().map(Experiment).collect()
}

impl Experiment {
    /// A field that is text; empty when it is not there.
    pub(super) fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// A field that is a number.
    pub(super) fn number(&self, field: &str) -> Option<u64> {
        self.0[field].as_u64()
    }

    /// A field that is a list of texts.
    pub(super) fn texts(&self, field: &str) -> Vec<&str> {
        texts(&self.0[field])
    }

    /// A field that is a list of statuses; none: it is not there.
    pub(super) fn statuses(&self, field: &str) -> Option<Vec<u16>> {
        let list = self.0[field].as_array()?;
        Some(list.iter().filter_map(Value::as_u64).map(|status| status as u16).collect())
    }

    /// The outcomes that any server may come to, `right` or `tolerated`; none: it needs routes of ours.
    pub(super) fn outcomes(&self, verdict: &str) -> Option<Vec<&str>> {
        self.0.get("suite").map(|suite| texts(&suite[verdict]))
    }

    /// What a server that makes the mistake sends.
    pub(super) fn answer(&self) -> Option<Vec<u8>> {
        self.0["answer"].as_str().map(bytes)
    }

    /// The delivery, step by step.
    pub(super) fn steps(&self) -> Vec<Step> {
        self.0["plan"].as_array().into_iter().flatten().flat_map(steps).collect()
    }

    /// What is sent, as a person reads it: line ends drawn, long repetitions counted.
    pub(super) fn delivery(&self) -> String {
        let steps = self.steps();
        let text = |bytes: &[u8]| glyphs::shortened(bytes, SHOWN).replace('␊', "␊\n").trim_end().to_owned();
        let pauses = steps.iter().filter(|step| matches!(step, Step::Wait(_))).count();
        if pauses > 1 {
            return format!("{}\n(in {} pieces)\n", text(&self.sent()), pauses + 1);
        }
        let line = |step: &Step| match step {
            Step::Send(bytes) => text(bytes),
            Step::Wait(time) => format!("(a pause of {time} ms)"),
            Step::Hold(_) => "(and then silence)".to_owned(),
            Step::HalfClose => "(our side is closed)".to_owned(),
        };
        steps.iter().map(|step| line(step) + "\n").collect()
    }

    /// All that it sends, in one piece.
    pub(super) fn sent(&self) -> Vec<u8> {
        let sent = |step| if let Step::Send(bytes) = step { bytes } else { Vec::new() };
        self.steps().into_iter().flat_map(sent).collect()
    }
}

/// `bytes` in pieces of `every`, with pauses of `gap` milliseconds between them.
pub(super) fn pieces(bytes: &[u8], every: usize, gap: u64) -> Vec<Step> {
    let mut steps = Vec::new();
    for piece in bytes.chunks(every.max(1)) {
        if !steps.is_empty() {
            steps.push(Step::Wait(gap));
        }
        steps.push(Step::Send(piece.to_vec()));
    }
    steps
}

fn steps(step: &Value) -> Vec<Step> {
    let number = |field: &str| step[field].as_u64();
    if let Some(text) = step["send"].as_str() {
        let all = bytes(text).repeat(number("times").unwrap_or(1) as usize);
        return match number("every") {
            Some(every) => pieces(&all, every as usize, number("gap").unwrap_or(0)),
            None => vec![Step::Send(all)],
        };
    }
    let wait = number("gap").map(Step::Wait).or(number("hold").map(Step::Hold));
    vec![wait.unwrap_or(Step::HalfClose)]
}

/// A character of the file is the byte of the same number.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
