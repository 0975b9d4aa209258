//! All experiments that need no routes of ours, against any server: a report card; judges outcomes, not servers' reasons.

use std::net::SocketAddr;
use std::time::Duration;

use super::lesson;
use super::talk::{self, Ending, Manner};
use crate::cli::answers::{self, Answer};
use crate::cli::experiment::{self, Experiment};
use crate::cli::{Failure, say};

/// How an outcome is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Tolerated,
    Wrong,
}

/// Plays them one after the other and prints the card. A server with something wrong makes the command fail.
pub(super) fn run(server: SocketAddr) -> Result<(), Failure> {
    say(format_args!("Report card of {server}\n"));
    let mut counts = [0; 3];
    for experiment in experiment::list("experiments").iter().filter(|one| one.outcomes("right").is_some()) {
        let (outcome, verdict) = judged(experiment, server)?;
        let word = match verdict {
            Verdict::Right => "right",
            Verdict::Tolerated => "tolerated",
            Verdict::Wrong => "WRONG",
        };
        say(format_args!("  {word:<9}  {:<28}  {outcome}", experiment.text("title")));
        if verdict != Verdict::Right {
            let expected = experiment.outcomes("right").unwrap_or_default().join(" | ");
            say(format_args!("             expected {expected} ({})", experiment.texts("rfc").join(", ")));
        }
        counts[verdict as usize] += 1;
    }
    let [right, tolerated, wrong] = counts;
    say(format_args!("\n{right} right, {tolerated} tolerated, {wrong} wrong"));
    say(
        "ok stands for any answer that takes the request for a valid one; open, close and reset say what became of the connection",
    );
    if wrong > 0 {
        Err(Failure::runtime(format!("{wrong} of {} are wrong", right + tolerated + wrong)))
    } else {
        Ok(())
    }
}

fn judged(experiment: &Experiment, server: SocketAddr) -> Result<(String, Verdict), Failure> {
    // A server's patience is its own affair: that it waits is seen after a moment.
    let moment = Duration::from_millis(700);
    // Where it has to answer, it may take its time: not every server is quick the first time it is asked.
    let answers = experiment.outcomes("right").unwrap_or_default().iter().all(|outcome| outcome.contains(' '));
    let first = if answers { Duration::from_secs(5) } else { moment };
    let most = (256 * 1024, Duration::from_secs(10));
    let manner = Manner { patience: moment, first, hold: moment, most, ..Manner::default() };
    let (talked, other) = std::thread::scope(|scope| {
        let talk = scope.spawn(|| talk::talk(server, &experiment.steps(), &manner));
        let other = experiment.statuses("other").map(|_| lesson::other(server));
        (talk.join(), other)
    });
    let talk = talked.unwrap_or_else(|_| Err(std::io::Error::other("the conversation broke off")));
    let talk = talk.map_err(Failure::runtime)?;
    let answers = answers::read(&talk.received, &answers::heads(&experiment.sent()));
    if other.as_deref() == Some("nothing") {
        return Ok(("another client has to wait".into(), Verdict::Wrong));
    }
    let verdict = [("right", Verdict::Right), ("tolerated", Verdict::Tolerated)].into_iter().find(|(name, _)| {
        let outcomes = experiment.outcomes(name).unwrap_or_default();
        outcomes.iter().any(|outcome| fits(outcome, &answers, talk.ending))
    });
    Ok((told(&answers, talk.ending), verdict.map_or(Verdict::Wrong, |(_, verdict)| verdict)))
}

/// `ok 400 close`: the statuses of the answers in order, and the end.
fn fits(outcome: &str, answers: &[Answer], ending: Ending) -> bool {
    let words: Vec<_> = outcome.split(' ').collect();
    let Some((end, statuses)) = words.split_last() else { return false };
    let fits = |(word, answer): (&&str, &Answer)| {
        answer.whole && if *word == "ok" { is_accepted(answer.status) } else { *word == answer.status.to_string() }
    };
    *end == ending.name() && statuses.len() == answers.len() && statuses.iter().zip(answers).all(fits)
}

/// Whether the server took the request for a valid one, whatever it thinks of its target, method or media type.
fn is_accepted(status: u16) -> bool {
    matches!(status, 200..=399 | 401 | 403..=407 | 409..=411 | 415 | 422 | 426 | 429)
}

fn told(answers: &[Answer], ending: Ending) -> String {
    let mut words: Vec<_> = answers.iter().map(told_one).collect();
    words.push(ending.name().into());
    words.join(" ")
}

fn told_one(answer: &Answer) -> String {
    match (answer.status, answer.whole) {
        (0, _) => "garbage".into(),
        (status, true) => status.to_string(),
        (status, false) => format!("{status}(cut)"),
    }
}
