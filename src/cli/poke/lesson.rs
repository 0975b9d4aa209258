//! One experiment as a lesson: a question, a prediction, the bytes, and why it came out so; plays on any server of this machine.

use std::io::{BufRead, IsTerminal};
use std::net::SocketAddr;
use std::time::Duration;

use wirelight::FAULTS;

use super::server::{self, Lab};
use super::talk::{self, Ending, Manner, Talk};
use crate::cli::answers::{self, Answer};
use crate::cli::experiment::{self, Experiment, Step};
use crate::cli::{Failure, say};

/// Plays the experiment of this name or number, on this server or on one of its own.
pub(super) fn run(name: &str, server: Option<SocketAddr>, predicted: Option<usize>) -> Result<(), Failure> {
    let all = experiment::list("experiments");
    let by_number = name.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let found = all.iter().enumerate().find(|(index, one)| Some(*index) == by_number || one.text("name") == name);
    let Some((index, experiment)) = found else { return Err(unknown(name, &all)) };
    let choices = experiment.texts("choices");
    if predicted.is_some_and(|number| number > choices.len()) {
        return Err(Failure::usage(format!("--predict must be a number from 1 to {} here", choices.len())));
    }
    say(format_args!("{}. {}\n\n{}", index + 1, experiment.text("title"), experiment.delivery()));
    say(format_args!("{}\n", experiment.text("question")));
    for (number, choice) in choices.iter().enumerate() {
        say(format_args!("  {}  {choice}", number + 1));
    }
    let predicted = predicted.or_else(|| asked(choices.len()));
    say("");
    let talk = play(experiment, server)?;
    let answers = answers::read(&talk.received, &answers::heads(&experiment.sent()));
    reveal(experiment, predicted, &answers, talk.ending);
    Ok(())
}

fn unknown(name: &str, all: &[Experiment]) -> Failure {
    let names: Vec<_> = all.iter().map(|experiment| experiment.text("name")).collect();
    Failure::usage(format!("there is no experiment {name:?}; there are {}", names.join(", ")))
}

/// Asks whoever sits at the terminal. Who predicts first remembers; who only watches does not.
fn asked(choices: usize) -> Option<usize> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    say(format_args!("\nWhat do you think? 1 to {choices}, or Enter to just see it:"));
    loop {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).ok()?;
        match line.trim().parse() {
            Ok(number) if (1..=choices).contains(&number) => return Some(number),
            _ if line.trim().is_empty() => return None,
            _ => say(format_args!("A number from 1 to {choices}, or Enter:")),
        }
    }
}

fn play(experiment: &Experiment, server: Option<SocketAddr>) -> Result<Talk, Failure> {
    let mut lab = None;
    let server = match (experiment.answer(), server) {
        (Some(answer), _) => server::faulty(answer)?,
        (None, Some(server)) => server,
        (None, None) => lab.insert(Lab::open()?).address,
    };
    // Two seconds of 1 KiB/s show what there is to see; then the rest at full speed.
    let slow = experiment.number("room").map(|rate| (rate, Some(Duration::from_secs(2))));
    let most = (4 * 1024 * 1024, Duration::from_secs(60));
    let manner = Manner { slow, most, told: true, ..Manner::default() };
    let talked = std::thread::scope(|scope| {
        let talk = scope.spawn(|| talk::talk(server, &experiment.steps(), &manner));
        if experiment.statuses("other").is_some() {
            say(format_args!("             another client asks meanwhile, and gets: {}", other(server)));
        }
        talk.join()
    });
    drop(lab);
    talked.unwrap_or_else(|_| Err(std::io::Error::other("the conversation broke off"))).map_err(Failure::runtime)
}

/// What somebody else gets in the meantime.
pub(super) fn other(server: SocketAddr) -> String {
    std::thread::sleep(Duration::from_millis(100)); // so that the first one is there first
    let request = Step::Send(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec());
    let most = (64 * 1024, Duration::from_secs(5));
    let talk = talk::talk(server, &[request], &Manner { most, ..Manner::default() });
    let answer = talk.ok().and_then(|talk| answers::read(&talk.received, &[]).pop());
    answer.map_or_else(|| "nothing".into(), |answer| answer.status.to_string())
}

fn reveal(experiment: &Experiment, predicted: Option<usize>, answers: &[Answer], ending: Ending) {
    let choices = experiment.texts("choices");
    let right = experiment.number("right").unwrap_or(0) as usize;
    let truth = choices.get(right).copied().unwrap_or_default();
    say("");
    match predicted {
        Some(number) if number == right + 1 => say(format_args!("You said {number}, and so it is: {truth}.")),
        Some(number) => say(format_args!("You said {number}. It is {}: {truth}.", right + 1)),
        None => say(format_args!("It is {}: {truth}.", right + 1)),
    }
    say(format_args!("Why: {} ({})", experiment.text("why"), experiment.texts("rfc").join(", ")));
    for row in FAULTS.iter().filter(|row| experiment.texts("faults").contains(&row.name)) {
        let place = experiment.number("at").map_or(String::new(), |at| format!(", byte {at}"));
        say(format_args!("The fault: {}{place} ({}).", row.sentence, row.rfc));
    }
    if let Some(answer) = answers.iter().find(|answer| !answer.whole && answer.status != 0) {
        say(format_args!("The client has {} bytes of the body and waits for more.", answer.body.len()));
    }
    let seen: Vec<_> = answers.iter().filter(|answer| answer.status != 0).map(|answer| answer.status).collect();
    let as_expected =
        Some(&seen) == experiment.statuses("statuses").as_ref() && ending.name() == experiment.text("end");
    if !as_expected && experiment.answer().is_none() {
        say(format_args!("This server did otherwise: statuses {seen:?}, connection: {}.", ending.name()));
        if seen.contains(&404) {
            say("404: it may lack the path. Without an address the experiment brings a server that has it.");
        }
    }
    say(format_args!("Change it: {}", experiment.text("change")));
}
