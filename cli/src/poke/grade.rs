//! Grades the outcome of an experiment by what the server sent, and by what the RFC requires and
//! allows.

use wirelight::FAULTS;

use super::exchange::Ending;
use crate::experiment::Experiment;
use crate::output::print_wrapped;
use crate::responses::RawResponse;

/// What was received from a server.
pub(super) struct Outcome {
    pub(super) responses: Vec<RawResponse>,
    pub(super) ending: Ending,
    /// The status that another client received during the exchange.
    pub(super) other: Option<u16>,
}

/// The grade of an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    Right,
    /// With the reason.
    Tolerated(String),
    Wrong,
}

/// Grades the outcome by rules that apply to any server. `None` if the experiment has no such
/// rules, because it needs a route of the demo.
pub(super) fn evaluate(experiment: &Experiment, outcome: &Outcome) -> Option<Grade> {
    let right = experiment.right_outcomes()?;
    if experiment.statuses("other").is_some() && outcome.other.is_none() {
        return Some(Grade::Wrong);
    }
    if right.iter().any(|expected| outcome.fits(expected)) {
        return Some(Grade::Right);
    }
    let tolerated = experiment.tolerated_outcomes().into_iter().find(|(expected, _)| outcome.fits(expected));
    Some(tolerated.map_or(Grade::Wrong, |(_, reason)| Grade::Tolerated(reason)))
}

/// Prints the outcome, whether the prediction was right, and the explanation.
pub(super) fn reveal(experiment: &Experiment, predicted: Option<usize>, outcome: &Outcome) {
    let sections = experiment.texts("rfc").join(", ");
    let expected = outcome.is_the_expected_one(experiment);
    if expected {
        compare(experiment, predicted);
    } else {
        differs(experiment, predicted, outcome, &sections);
    }
    print_wrapped("Why: ", &format!("{} ({sections})", experiment.text("why")));
    if expected && !experiment.text("policy").is_empty() {
        print_wrapped("     ", experiment.text("policy"));
    }
    // The fault is shown only if the response names it.
    for row in FAULTS.iter().filter(|row| experiment.texts("faults").contains(&row.name)) {
        if outcome.responses.iter().any(|response| String::from_utf8_lossy(&response.body).contains(row.message)) {
            let place = experiment.number("at").map_or(String::new(), |at| format!(", byte {at}"));
            print_wrapped("The fault: ", &format!("{}{place} ({}).", row.message, row.rfc));
        }
    }
    outcome.incomplete().iter().for_each(|text| print_wrapped("", text));
}

/// Prints the prediction beside the outcome, if that is the expected one: ✓, or what is wrong with
/// the prediction.
fn compare(experiment: &Experiment, predicted: Option<usize>) {
    let right = experiment.number("right").unwrap_or(0) as usize;
    let truth = experiment.texts("choices").get(right).copied().unwrap_or_default();
    let number = right + 1;
    match predicted {
        Some(said) if said == number => print_wrapped("✓ ", &format!("You said {said}, and so it is: {truth}.")),
        Some(said) if experiment.allowed().contains(&(said - 1)) => {
            let text = format!("You said {said}. The RFC allows that as well; here it is {number}: {truth}.");
            print_wrapped("✓ ", &text);
        }
        Some(said) => {
            print_wrapped("✗ ", &format!("You said {said}. It is {number}: {truth}."));
            let reply = experiment.texts("replies").get(said - 1).copied().unwrap_or_default();
            print_wrapped(&format!("  Not {said}: "), reply);
        }
        None => print_wrapped("", &format!("It is {number}: {truth}.")),
    }
}

/// Prints an unexpected outcome: the prediction cannot be checked, but the server can be graded by
/// the rule.
fn differs(experiment: &Experiment, predicted: Option<usize>, outcome: &Outcome, sections: &str) {
    let choice = predicted.and_then(|number| Some((number, *experiment.texts("choices").get(number - 1)?)));
    let said = choice.map_or(String::new(), |(number, choice)| format!("You said {number}: {choice}. "));
    let ours = experiment.statuses("statuses").unwrap_or_default();
    let end = if experiment.text("end") == "open" { Ending::Open } else { Ending::Fin };
    print_wrapped("", &format!("{said}Here: {}. wirelight: {}.", outcome.phrase(), phrase(&ours, end)));
    match evaluate(experiment, outcome) {
        Some(Grade::Right) => print_wrapped("", &format!("This is right as well ({sections}).")),
        Some(Grade::Tolerated(reason)) => print_wrapped("", &format!("This is tolerated. {reason}")),
        Some(Grade::Wrong) => {
            print_wrapped("", &format!("The rule asks for {} ({sections}).", rule(experiment)));
        }
        None => {}
    }
    if outcome.responses.iter().any(|response| response.status == 404) {
        let more = "this server may not have the path. Without an address the experiment starts a server that has it.";
        print_wrapped("404: ", more);
    }
}

impl Outcome {
    /// Returns whether the outcome is the one that the experiment describes.
    fn is_the_expected_one(&self, experiment: &Experiment) -> bool {
        let last = self.responses.last().map_or("".into(), |response| String::from_utf8_lossy(&response.head));
        let last = last.to_ascii_lowercase();
        let has = |field: &&str| last.contains(&format!("\r\n{}:", field.to_ascii_lowercase()));
        let mut bodies = self.responses.iter().zip(experiment.texts("bodies"));
        if experiment.bad_response().is_some() {
            return self.responses.iter().any(|response| !response.whole) && self.ending == Ending::Open;
        }
        Some(self.statuses()) == experiment.statuses("statuses")
            && self.ending.name() == experiment.text("end")
            && self.responses.iter().all(|response| response.whole)
            && experiment.texts("headers").iter().all(has)
            && bodies.all(|(response, words)| String::from_utf8_lossy(&response.body).contains(words))
            && experiment.statuses("other").is_none_or(|statuses| self.other == statuses.first().copied())
    }

    /// Returns whether it matches `expected`, as in `ok 400 close`: the statuses in order, and the
    /// end.
    fn fits(&self, expected: &str) -> bool {
        let words: Vec<_> = expected.split(' ').collect();
        let Some((end, statuses)) = words.split_last() else { return false };
        let fits = |(word, response): (&&str, &RawResponse)| {
            response.whole
                && if *word == "ok" { is_accepted(response.status) } else { *word == response.status.to_string() }
        };
        *end == self.ending.name()
            && statuses.len() == self.responses.len()
            && statuses.iter().zip(&self.responses).all(fits)
    }

    fn statuses(&self) -> Vec<u16> {
        self.responses.iter().map(|response| response.status).collect()
    }

    /// Describes the outcome in short: `404, then it closes`.
    fn phrase(&self) -> String {
        phrase(&self.statuses(), self.ending)
    }

    /// Describes how much was received of an incomplete response, if there is one.
    pub(super) fn incomplete(&self) -> Option<String> {
        let response = self.responses.iter().find(|response| !response.whole && response.status != 0)?;
        let announced = response.announced.map_or(String::new(), |length| format!(" of {length}"));
        Some(format!("The client has {}{announced} bytes of the body and waits for more.", response.body.len()))
    }
}

fn phrase(statuses: &[u16], ending: Ending) -> String {
    let words: Vec<_> = statuses
        .chunk_by(|a, b| a == b)
        .map(|equal| match (equal, equal.len()) {
            ([0, ..], _) => "bytes that are not HTTP".to_owned(),
            ([status, ..], 1) => status.to_string(),
            ([status, ..], count) => format!("{count} × {status}"),
            ([], _) => String::new(),
        })
        .collect();
    let came = if words.is_empty() { "no response".to_owned() } else { words.join(", ") };
    let end = match ending {
        Ending::Fin => "then it closes",
        Ending::Reset => "then it resets the connection",
        Ending::Open => "and the connection stays open",
    };
    format!("{came}, {end}")
}

/// Describes what the rule requires: `400`, `408, then it closes`.
pub(super) fn rule(experiment: &Experiment) -> String {
    let right = experiment.right_outcomes().unwrap_or_default();
    let word = |status: &str| if status == "ok" { "a valid response".to_owned() } else { status.to_owned() };
    let words = |statuses: &str| match statuses.split(' ').map(word).collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "no response yet".to_owned(),
        words => words,
    };
    let mut wanted: Vec<(String, Vec<&str>)> = Vec::new();
    for (statuses, end) in right.iter().map(|outcome| outcome.rsplit_once(' ').unwrap_or(("", outcome))) {
        match wanted.iter_mut().find(|(known, _)| *known == words(statuses)) {
            Some((_, ends)) => ends.push(end),
            None => wanted.push((words(statuses), vec![end])),
        }
    }
    let one = |(statuses, ends): &(String, Vec<&str>)| match &**ends {
        ["close"] => format!("{statuses} and close"),
        ["open"] => format!("{statuses} and an open connection"),
        _ => statuses.clone(),
    };
    wanted.iter().map(one).collect::<Vec<_>>().join(", or ")
}

/// Returns whether the status means that the syntax was accepted, even if the target, method or
/// media type was refused.
fn is_accepted(status: u16) -> bool {
    matches!(status, 200..=399 | 401 | 403..=407 | 409..=411 | 415 | 422 | 426 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_said_in_a_few_words() {
        for (statuses, ending, words) in [
            (&[404][..], Ending::Fin, "404, then it closes"),
            (&[], Ending::Open, "no response, and the connection stays open"),
            (&[200, 200, 429], Ending::Open, "2 × 200, 429, and the connection stays open"),
            (&[0], Ending::Reset, "bytes that are not HTTP, then it resets the connection"),
        ] {
            assert_eq!(phrase(statuses, ending), words);
        }
    }
}
