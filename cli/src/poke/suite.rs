//! Plays all experiments that need no route of the demo against any server; prints a report, and
//! what to fix first.

use std::net::SocketAddr;
use std::time::Duration;

use super::exchange::{ExchangeOptions, Transcript};
use super::grade::{self, Grade, Outcome};
use super::guided;
use crate::experiment::{self, Experiment};
use crate::failure::Failure;
use crate::output::{print_wrapped, println_flush};
use crate::responses::{self, RawResponse};

/// Kinds of mistakes, from the worst to the mildest.
const URGENT: [&str; 3] = ["attack", "break", "first"];
/// The column at which reasons begin.
const MARGIN: &str = "             ";

/// Plays the experiments in order and prints the report. Requests `path` instead of `/hello`, if
/// given. Fails if the server makes a mistake.
pub(super) fn run(server: SocketAddr, path: Option<&str>) -> Result<(), Failure> {
    let all: Vec<_> =
        experiment::list("experiments").into_iter().filter(|one| one.right_outcomes().is_some()).collect();
    let path = path.map_or_else(|| known_path(server, &all), |path| Ok(path.to_owned()))?;
    println_flush(format_args!("Report card of {server}, asked for {path}\n"));
    let (mut counts, mut to_fix) = ([0; 3], Vec::new());
    for experiment in all.into_iter().map(|one| one.at_path(&path)) {
        let outcome = play(&experiment, server)?;
        let grade = grade::evaluate(&experiment, &outcome).unwrap_or(Grade::Wrong);
        let (word, index) = match grade {
            Grade::Right => ("right", 0),
            Grade::Tolerated(_) => ("tolerated", 1),
            Grade::Wrong => ("WRONG", 2),
        };
        println_flush(format_args!("  {word:<9}  {:<28}  {}", experiment.text("title"), in_short(&outcome)));
        let sections = experiment.texts("rfc").join(", ");
        match &grade {
            Grade::Right => {}
            Grade::Tolerated(reason) => print_wrapped(MARGIN, reason),
            Grade::Wrong => {
                print_wrapped(MARGIN, &format!("The rule asks for {} ({sections}).", grade::rule(&experiment)));
            }
        }
        counts[index] += 1;
        to_fix.push((experiment, grade));
    }
    let [right, tolerated, wrong] = counts;
    println_flush(format_args!("\n{right} right, {tolerated} tolerated, {wrong} wrong"));
    print_wrapped("", "open, close and reset say what became of the connection");
    print_wrapped("What to fix first: ", &first_to_fix(&to_fix));
    if wrong > 0 {
        Err(Failure::runtime(format!("{wrong} of {} are wrong", right + tolerated + wrong)))
    } else {
        Ok(())
    }
}

/// Returns `/hello`, or `/` if the server has no `/hello`.
fn known_path(server: SocketAddr, all: &[Experiment]) -> Result<String, Failure> {
    let Some(first) = all.first() else { return Ok("/hello".to_owned()) };
    let responses = play(first, server)?.responses;
    let known = responses.first().is_none_or(|response| response.status != 404);
    Ok(if known { "/hello" } else { "/" }.to_owned())
}

/// Returns one sentence: the worst mistake, else the most frequent tolerated deviation.
fn first_to_fix(graded: &[(Experiment, Grade)]) -> String {
    let wrong = |shelf: &&str| graded.iter().find(|(one, grade)| *grade == Grade::Wrong && one.text("shelf") == *shelf);
    if let Some((experiment, _)) = URGENT.iter().find_map(wrong) {
        return format!("{} ({})", experiment.text("title"), experiment.texts("rfc").join(", "));
    }
    // The same deviation occurs in several experiments.
    let tolerated: Vec<_> = graded.iter().filter(|(_, grade)| matches!(grade, Grade::Tolerated(_))).collect();
    let times = |one: &(Experiment, Grade)| tolerated.iter().filter(|(_, other)| *other == one.1).count();
    match tolerated.iter().copied().reduce(|most, one| if times(one) > times(most) { one } else { most }) {
        Some((experiment, Grade::Tolerated(reason))) => {
            format!("nothing is wrong; of what is tolerated, {}. {reason}", experiment.text("title"))
        }
        _ => "nothing".to_owned(),
    }
}

fn play(experiment: &Experiment, server: SocketAddr) -> Result<Outcome, Failure> {
    // A server's timeout is its own choice: that it waits is evident after a moment.
    let moment = Duration::from_millis(700);
    // If a response is expected, the wait is longer: a server's first response may be slow.
    let must_respond = experiment.right_outcomes().unwrap_or_default().iter().all(|outcome| outcome.contains(' '));
    let first = if must_respond { Duration::from_secs(5) } else { moment };
    let most = (256 * 1024, Duration::from_secs(10));
    let busy = experiment.is_busy();
    let options = ExchangeOptions { busy, patience: moment, first, hold: moment, most, ..ExchangeOptions::default() };
    let (transcript, other) = guided::with_other(experiment, &experiment.steps(), server, &options, &());
    let Transcript { received, ending } = transcript.map_err(Failure::runtime)?;
    let responses = responses::read(&received, &responses::heads(&experiment.sent()));
    Ok(Outcome { responses, ending, other })
}

/// Describes the outcome in short: `200 400 close`.
fn in_short(outcome: &Outcome) -> String {
    let one = |response: &RawResponse| match (response.status, response.whole) {
        (0, _) => "garbage".to_owned(),
        (status, true) => status.to_string(),
        (status, false) => format!("{status}(cut)"),
    };
    let mut words: Vec<_> = outcome.responses.iter().map(one).collect();
    words.push(outcome.ending.name().to_owned());
    words.join(" ")
}
