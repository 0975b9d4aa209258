//! Plays one experiment as a lesson: question, prediction, exchange, explanation. Works with any
//! server on this machine.

use std::io::{BufRead, IsTerminal};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use super::exchange::{self, ExchangeOptions, Note, Transcript, View};
use super::printer::Printer;
use super::stages::{Held, Left, Stages, is_farewell};
use super::target::Target;
use super::test_server::{self, TestServer};
use super::timeline::Timeline;
use super::{catalog, grade};
use crate::experiment::{Experiment, Step};
use crate::failure::Failure;
use crate::output::{print_wrapped, println_flush};
use crate::responses;

/// Most bytes to read, and longest time to read after everything is sent.
const MOST: (usize, Duration) = (4 * 1024 * 1024, Duration::from_secs(60));

/// The answer to a question at the terminal.
enum Prediction {
    Choice(usize),
    None,
    Quit,
}

/// How an experiment is played.
#[derive(Clone, Copy)]
pub(super) struct Play {
    pub(super) target: Target,
    /// Shows the server's events on the same timeline.
    pub(super) both: bool,
    pub(super) stages: Stages,
}

/// Plays the experiment with this name or number. `predicted` is the number of a choice: one's own
/// prediction, or the vote of a class.
pub(super) fn run(name: &str, predicted: Option<&str>, play: Play) -> Result<(), Failure> {
    let (index, experiment) = catalog::find(name)?;
    let experiment = experiment.in_run(unique());
    let Play { target, both, stages } = play;
    let choices = experiment.texts("choices");
    let predicted = predicted.map(|text| choice(text, choices.len())).transpose()?;
    println_flush(format_args!("{}. {}\n\n{}", index + 1, experiment.text("title"), experiment.delivery()));
    print_wrapped("", experiment.text("question"));
    println_flush("");
    for (number, choice) in choices.iter().enumerate() {
        print_wrapped(&format!("  {}  ", number + 1), choice);
    }
    let predicted = match predicted.map_or_else(|| ask(choices.len()), Prediction::Choice) {
        Prediction::Choice(number) => Some(number),
        Prediction::None => None,
        Prediction::Quit => return Ok(()),
    };
    println_flush("");
    if let Some(choice) = predicted.filter(|_| stages.paused).and_then(|number| choices.get(number - 1)) {
        print_wrapped("The vote: ", &format!("{}. {choice}\n", predicted.unwrap_or_default()));
    }
    if let Err(Left) = stages.before("send the bytes") {
        return Ok(());
    }
    let Some(outcome) = play.exchange(&experiment)? else { return Ok(()) };
    println_flush("");
    if let Err(Left) = stages.before("why") {
        return Ok(());
    }
    grade::reveal(&experiment, predicted, &outcome);
    println_flush("");
    print_wrapped("Change it: ", experiment.text("change"));
    let both = if both { " --both" } else { "" };
    println_flush(format_args!("  {}{both}", experiment.command(&target.to_string())));
    catalog::say_next(index, target);
    Ok(())
}

/// Parses the number of a choice, from 1.
fn choice(text: &str, choices: usize) -> Result<usize, Failure> {
    let number = text.parse().ok().filter(|number| (1..=choices).contains(number));
    number.ok_or_else(|| Failure::usage(format!("--predict must be a number from 1 to {choices} here, not {text:?}")))
}

/// Returns a run number that is unique within the window of a rate limit.
fn unique() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

/// Reads a prediction from the terminal; without a terminal, there is none.
fn ask(choices: usize) -> Prediction {
    if !std::io::stdin().is_terminal() {
        return Prediction::None;
    }
    println_flush(format_args!("\nWhat do you think? 1 to {choices}; Enter just shows it, q leaves:"));
    loop {
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).is_err() {
            return Prediction::None;
        }
        match line.trim() {
            "" => return Prediction::None,
            text if is_farewell(text) => return Prediction::Quit,
            text => match text.parse() {
                Ok(number) if (1..=choices).contains(&number) => return Prediction::Choice(number),
                _ => println_flush(format_args!("A number from 1 to {choices}, Enter or q:")),
            },
        }
    }
}

impl Play {
    /// Runs the exchange and prints it. Returns `None` if the stages ended before it was shown.
    fn exchange(self, experiment: &Experiment) -> Result<Option<grade::Outcome>, Failure> {
        let (steps, heads) = (experiment.steps(), responses::heads(&experiment.sent()));
        let mut own = None;
        let timeline = self.both.then(|| Timeline::new(heads.clone()));
        let server = match (experiment.bad_response(), self.target) {
            (Some(response), _) => test_server::respond_with(response)?,
            (None, Target::Address(server)) => server,
            (None, Target::Demo) => own.insert(TestServer::start(timeline.as_ref().map(Timeline::trace))?).address,
        };
        let printer = Printer::new(heads.clone());
        let view: &dyn View = timeline.as_ref().map_or(&printer, |timeline| timeline);
        let held = self.stages.paused.then(|| Held::new(view));
        let view: &dyn View = held.as_ref().map_or(view, |held| held);
        // Two seconds at 1 KiB/s show the effect; the rest is read at full speed.
        let slow = experiment.number("room").map(|rate| (rate, Some(Duration::from_secs(2))));
        let began = timeline.as_ref().map_or_else(Instant::now, |timeline| timeline.began);
        let busy = experiment.is_busy();
        let options = ExchangeOptions { slow, most: MOST, busy, began, ..ExchangeOptions::default() };
        let (transcript, other) = with_other(experiment, &steps, server, &options, view);
        if let Err(Left) = self.stages.before("what came back") {
            return Ok(None);
        }
        held.into_iter().for_each(Held::release);
        finish(own, timeline);
        let Transcript { received, ending } = transcript.map_err(Failure::runtime)?;
        Ok(Some(grade::Outcome { responses: responses::read(&received, &heads), ending, other }))
    }
}

/// Stops the server, and prints the timeline if there is one.
pub(super) fn finish(server: Option<TestServer>, timeline: Option<Timeline>) {
    timeline.iter().for_each(Timeline::wait_for_the_end);
    drop(server);
    timeline.iter().for_each(Timeline::print);
}

/// Runs the exchange. If the experiment is about other clients, another one sends a request at the
/// same time, and its status is returned too.
pub(super) fn with_other(
    experiment: &Experiment,
    steps: &[Step],
    server: SocketAddr,
    options: &ExchangeOptions,
    view: &dyn View,
) -> (std::io::Result<Transcript>, Option<u16>) {
    std::thread::scope(|scope| {
        let first = scope.spawn(|| exchange::run(server, steps, options, view));
        let other = experiment.statuses("other").and_then(|_| other(server, options.began, view));
        let broken = |_| Err(std::io::Error::other("the exchange broke off"));
        (first.join().unwrap_or_else(broken), other)
    })
}

/// Returns the status that another client receives.
fn other(server: SocketAddr, began: Instant, view: &dyn View) -> Option<u16> {
    std::thread::sleep(Duration::from_millis(100)); // so that the first client is served first
    let asked = began.elapsed();
    let request = Step::Send(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec());
    let options = ExchangeOptions { most: (64 * 1024, Duration::from_secs(5)), began, ..ExchangeOptions::default() };
    let clock = FirstByte::default();
    let transcript = exchange::run(server, &[request], &options, &clock);
    let response = transcript.ok().and_then(|transcript| responses::read(&transcript.received, &[]).pop());
    let status = response.map(|response| response.status);
    let took = clock.0.get().copied().unwrap_or(began.elapsed()).saturating_sub(asked);
    view.note(asked, Note::Other(status, took));
    status
}

/// Records when the first byte of a response was received.
#[derive(Default)]
struct FirstByte(std::sync::OnceLock<Duration>);

impl View for FirstByte {
    fn note(&self, at: Duration, note: Note<'_>) {
        if let Note::Received(_) = note {
            self.0.get_or_init(|| at);
        }
    }
}
