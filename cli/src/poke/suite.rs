//! All experiments that need no routes of the demo, against any server: a report card, and what to fix first.

use std::net::SocketAddr;
use std::time::Duration;

use super::exchange::{Options, Transcript};
use super::guided;
use super::verdict::{self, Outcome, Verdict};
use crate::answers::{self, Answer};
use crate::experiment::{self, Experiment};
use crate::{Failure, say, say_hanging};

/// From the worst kind of mistake to the mildest.
const URGENT: [&str; 3] = ["attack", "break", "first"];
/// The column of reasons.
const MARGIN: &str = "             ";

/// Plays them one after the other and prints the card. `path`: what to ask for instead of `/hello`. A server that does something
/// wrong makes the command fail.
pub(super) fn run(server: SocketAddr, path: Option<&str>) -> Result<(), Failure> {
    let all: Vec<_> =
        experiment::list("experiments").into_iter().filter(|one| one.right_outcomes().is_some()).collect();
    let path = path.map_or_else(|| known_path(server, &all), |path| Ok(path.to_owned()))?;
    say(format_args!("Report card of {server}, asked for {path}\n"));
    let (mut counts, mut to_fix) = ([0; 3], Vec::new());
    for experiment in all.into_iter().map(|one| one.at_path(&path)) {
        let outcome = play(&experiment, server)?;
        let verdict = verdict::judge(&experiment, &outcome).unwrap_or(Verdict::Wrong);
        let (word, index) = match verdict {
            Verdict::Right => ("right", 0),
            Verdict::Tolerated(_) => ("tolerated", 1),
            Verdict::Wrong => ("WRONG", 2),
        };
        say(format_args!("  {word:<9}  {:<28}  {}", experiment.text("title"), in_short(&outcome)));
        let sections = experiment.texts("rfc").join(", ");
        match &verdict {
            Verdict::Right => {}
            Verdict::Tolerated(reason) => say_hanging(MARGIN, reason),
            Verdict::Wrong => {
                say_hanging(MARGIN, &format!("The rule asks for {} ({sections}).", verdict::rule(&experiment)));
            }
        }
        counts[index] += 1;
        to_fix.push((experiment, verdict));
    }
    let [right, tolerated, wrong] = counts;
    say(format_args!("\n{right} right, {tolerated} tolerated, {wrong} wrong"));
    say_hanging("", "open, close and reset say what became of the connection");
    say_hanging("What to fix first: ", &first_to_fix(&to_fix));
    if wrong > 0 {
        Err(Failure::runtime(format!("{wrong} of {} are wrong", right + tolerated + wrong)))
    } else {
        Ok(())
    }
}

/// `/hello`, or `/` where there is no `/hello`.
fn known_path(server: SocketAddr, all: &[Experiment]) -> Result<String, Failure> {
    let Some(first) = all.first() else { return Ok("/hello".to_owned()) };
    let answers = play(first, server)?.answers;
    let known = answers.first().is_none_or(|answer| answer.status != 404);
    Ok(if known { "/hello" } else { "/" }.to_owned())
}

/// One sentence: the worst mistake, or else the habit that is tolerated most often.
fn first_to_fix(judged: &[(Experiment, Verdict)]) -> String {
    let wrong =
        |shelf: &&str| judged.iter().find(|(one, verdict)| *verdict == Verdict::Wrong && one.text("shelf") == *shelf);
    if let Some((experiment, _)) = URGENT.iter().find_map(wrong) {
        return format!("{} ({})", experiment.text("title"), experiment.texts("rfc").join(", "));
    }
    // A habit shows in several experiments.
    let tolerated: Vec<_> = judged.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Tolerated(_))).collect();
    let times = |one: &(Experiment, Verdict)| tolerated.iter().filter(|(_, other)| *other == one.1).count();
    match tolerated.iter().copied().reduce(|most, one| if times(one) > times(most) { one } else { most }) {
        Some((experiment, Verdict::Tolerated(reason))) => {
            format!("nothing is wrong; of what is tolerated, {}. {reason}", experiment.text("title"))
        }
        _ => "nothing".to_owned(),
    }
}

fn play(experiment: &Experiment, server: SocketAddr) -> Result<Outcome, Failure> {
    // How patient a server is, is its own decision: that it waits is seen after a moment.
    let moment = Duration::from_millis(700);
    // Where it has to answer, it may take its time: not every server is quick the first time it is asked.
    let answers = experiment.right_outcomes().unwrap_or_default().iter().all(|outcome| outcome.contains(' '));
    let first = if answers { Duration::from_secs(5) } else { moment };
    let most = (256 * 1024, Duration::from_secs(10));
    let busy = experiment.is_busy();
    let options = Options { busy, patience: moment, first, hold: moment, most, ..Options::default() };
    let (transcript, other) = guided::with_other(experiment, &experiment.steps(), server, &options, &());
    let Transcript { received, ending } = transcript.map_err(Failure::runtime)?;
    let answers = answers::read(&received, &answers::heads(&experiment.sent()));
    Ok(Outcome { answers, ending, other })
}

/// `200 400 close`.
fn in_short(outcome: &Outcome) -> String {
    let one = |answer: &Answer| match (answer.status, answer.whole) {
        (0, _) => "garbage".to_owned(),
        (status, true) => status.to_string(),
        (status, false) => format!("{status}(cut)"),
    };
    let mut words: Vec<_> = outcome.answers.iter().map(one).collect();
    words.push(outcome.ending.name().to_owned());
    words.join(" ")
}
