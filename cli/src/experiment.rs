//! Reads the guided experiments from `experiments.json`; `poke/` plays them.

use serde_json::Value;

use super::escape;

/// Longest shown part of a delivery, in characters.
const SHOWN: usize = 400;
/// Marks the run in the file. See [`Experiment::in_run`].
const RUN: &str = "?run=1 ";

const FILE: &str = include_str!("experiments.json");

/// An experiment: what is sent, the question, the outcome. Its fields are described in
/// `docs/experiments.md`.
pub(super) struct Experiment(Value);

/// One step of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Send(Vec<u8>),
    /// Milliseconds until the next step.
    Wait(u64),
    /// Milliseconds in which the server is expected to react.
    Hold(u64),
    HalfClose,
}

/// Returns the list with this name, `experiments` or `extras`.
pub(super) fn list(name: &str) -> Vec<Experiment> {
    let file: Value = serde_json::from_str(FILE).unwrap_or_default();
    file[name].as_array().into_iter().flatten().cloned().map(Experiment).collect()
}

impl Experiment {
    /// Returns a text field; empty if it is missing.
    pub(super) fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// Returns a number field.
    pub(super) fn number(&self, field: &str) -> Option<u64> {
        self.0[field].as_u64()
    }

    /// Returns a field that is a list of texts.
    pub(super) fn texts(&self, field: &str) -> Vec<&str> {
        texts(&self.0[field])
    }

    /// Returns a field that is a list of statuses; `None` if it is missing.
    pub(super) fn statuses(&self, field: &str) -> Option<Vec<u16>> {
        let list = self.0[field].as_array()?;
        Some(list.iter().filter_map(Value::as_u64).map(|status| status as u16).collect())
    }

    /// Returns the outcomes that are right for any server, as in `400 close`. `None` if the
    /// experiment needs a route of the demo.
    pub(super) fn right_outcomes(&self) -> Option<Vec<&str>> {
        self.0.get("suite").map(|suite| texts(&suite["right"]))
    }

    /// Returns the outcomes that are tolerated, each with its reason.
    pub(super) fn tolerated_outcomes(&self) -> Vec<(&str, String)> {
        let outcomes = self.0["suite"]["tolerated"].as_object().into_iter().flatten();
        outcomes.map(|(outcome, reason)| (outcome.as_str(), reason_of(reason))).collect()
    }

    /// Returns the choices, from 0, that the RFC allows besides the right one.
    pub(super) fn allowed(&self) -> Vec<usize> {
        let list = self.0["allowed"].as_array().into_iter().flatten();
        list.filter_map(Value::as_u64).map(|choice| choice as usize).collect()
    }

    /// Returns whether the client reads only after it has sent everything.
    pub(super) fn is_busy(&self) -> bool {
        self.0["busy"] == true
    }

    /// Sets a run number for the experiment, so that earlier runs do not use up its rate limit.
    pub(super) fn in_run(mut self, number: u64) -> Experiment {
        for step in self.0["plan"].as_array_mut().into_iter().flatten() {
            let own = step["send"].as_str().filter(|text| text.contains(RUN));
            if let Some(text) = own.map(|text| text.replace(RUN, &format!("?run={number} "))) {
                step["send"] = text.into();
            }
        }
        self
    }

    /// Returns the response of a server that makes the mistake.
    pub(super) fn bad_response(&self) -> Option<Vec<u8>> {
        self.0["answer"].as_str().map(bytes)
    }

    /// Returns the steps of the delivery.
    pub(super) fn steps(&self) -> Vec<Step> {
        self.plan().iter().flat_map(steps).collect()
    }

    /// Describes what is sent: line ends visible, repetitions counted.
    pub(super) fn delivery(&self) -> String {
        self.plan().iter().map(|step| shown(step) + "\n").collect()
    }

    /// Returns the `wirelight poke` command that sends the same bytes in the same way to `server`,
    /// for a shell.
    pub(super) fn command(&self, server: &str) -> String {
        let (mut text, mut at, mut sent, mut cuts, mut gap) = (String::new(), Vec::new(), 0, String::new(), 0);
        let mut options = Vec::new();
        for step in self.plan() {
            let number = |field: &str| step[field].as_u64();
            if let Some(send) = step["send"].as_str() {
                at.extend((sent > 0).then(|| sent.to_string()));
                text += &escaped(&bytes(send));
                sent += bytes(send).len();
                if let Some(every) = number("every") {
                    cuts = format!("--every {every} --gap {}ms", number("gap").unwrap_or(0));
                }
                options.extend(number("times").map(|times| format!("--repeat {times}")));
                options.extend(number("fill").map(|fill| format!("--fill {}MiB", fill >> 20)));
                options.extend(self.is_busy().then(|| "--busy".to_owned()));
            }
            gap = number("gap").filter(|_| step["send"].is_null()).unwrap_or(gap);
            options.extend(number("hold").map(|hold| format!("--hold {}s", hold / 1_000)));
            options.extend((step["half_close"] == true).then(|| "--half-close".to_owned()));
        }
        if !at.is_empty() {
            cuts = format!("--at {} --gap {gap}ms", at.join(","));
        }
        options.extend(self.number("room").map(|rate| format!("--slow-read {}KiB/s,2s", rate >> 10)));
        options.extend(self.bad_response().map(|answer| format!("--response '{}'", escaped(&answer))));
        let words = [format!("wirelight poke {server} '{text}'"), cuts].into_iter().chain(options);
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Replaces `/hello` and `/echo` by `path`, for servers that have neither.
    pub(super) fn at_path(mut self, path: &str) -> Experiment {
        for step in self.0["plan"].as_array_mut().into_iter().flatten() {
            if let Some(text) = step["send"].as_str().map(|text| replaced(text, path)) {
                step["send"] = text.into();
            }
        }
        self
    }

    fn plan(&self) -> &[Value] {
        self.0["plan"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Returns all bytes that are sent.
    pub(super) fn sent(&self) -> Vec<u8> {
        let sent = |step| if let Step::Send(bytes) = step { bytes } else { Vec::new() };
        self.steps().into_iter().flat_map(sent).collect()
    }
}

/// Returns the steps that send `bytes` in pieces of `every`, with pauses of `gap` milliseconds
/// between them.
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

/// Puts `path` where a complete or partial request line has a path of the demo.
fn replaced(text: &str, path: &str) -> String {
    text.replace(" /hello", &format!(" {path}")).replace(" /echo", &format!(" {path}"))
}

fn steps(step: &Value) -> Vec<Step> {
    let number = |field: &str| step[field].as_u64();
    if let Some(text) = step["send"].as_str() {
        let mut all = bytes(text).repeat(number("times").unwrap_or(1) as usize);
        all.resize(all.len() + number("fill").unwrap_or(0) as usize, b'x');
        return match number("every") {
            Some(every) => pieces(&all, every as usize, number("gap").unwrap_or(0)),
            None => vec![Step::Send(all)],
        };
    }
    let wait = number("gap").map(Step::Wait).or(number("hold").map(Step::Hold));
    vec![wait.unwrap_or(Step::HalfClose)]
}

fn shown(step: &Value) -> String {
    let number = |field: &str| step[field].as_u64();
    if let Some(text) = step["send"].as_str() {
        let text = escape::shortened(&bytes(text), SHOWN).replace('␊', "␊\n");
        let notes = [
            number("every").map(|every| format!("(in pieces of {every}, {} ms apart)", number("gap").unwrap_or(0))),
            number("times").map(|times| format!("({times} times in a row)")),
            number("fill").map(|fill| format!("(and then {} MiB of x)", fill >> 20)),
        ];
        let lines = [Some(text.trim_end().to_owned())].into_iter().chain(notes).flatten();
        return lines.collect::<Vec<_>>().join("\n");
    }
    match (number("gap"), number("hold")) {
        (Some(time), _) => format!("(a pause of {time} ms)"),
        (_, Some(_)) => "(and then silence)".to_owned(),
        _ => "(and our side is closed)".to_owned(),
    }
}

/// Returns the reason with this name.
fn reason_of(name: &Value) -> String {
    let file: Value = serde_json::from_str(FILE).unwrap_or_default();
    name.as_str().and_then(|name| file["reasons"][name].as_str()).unwrap_or_default().to_owned()
}

/// Escapes bytes in the notation of `wirelight poke`, safe between single quotes in a shell.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            0 => text.push_str("\\0"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' if *byte != b'\'' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// Decodes text in which each character stands for the byte of the same number.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
