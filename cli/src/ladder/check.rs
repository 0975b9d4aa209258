//! Checks a server against the header of a step: runs its commands and compares the facts.

use std::process::Command;
use std::time::Duration;

use super::bounded::Process;
use super::checkout::Rung;
use super::evidence;
use super::header::{Fact, Place, Trial};
use super::program::ServerCommand;
use super::shell;
use crate::failure::Failure;
use crate::output::println_flush;

/// Longest time until a server listens, on a loaded machine.
const START: Duration = Duration::from_secs(20);
/// Longest time for a command.
const RUN: Duration = Duration::from_secs(60);
/// Longest time for a line in the log that the command caused.
const LOG: Duration = Duration::from_secs(5);

/// Time in which a line may still appear that must not.
const GRACE: Duration = Duration::from_secs(1);

/// A server and where it listens.
struct Running {
    process: Process,
    address: String,
}

/// Runs all commands of a step. Returns whether all facts hold.
pub(in crate::ladder) fn check(rung: &Rung, server: &ServerCommand, before: bool) -> Result<bool, Failure> {
    let (mut good, mut run, mut earlier) = (true, 0, None);
    for trial in &rung.header.trials {
        let facts = match (before, &trial.before) {
            (false, _) => &trial.expected,
            (true, Some((_, facts))) => facts,
            (true, None) => continue,
        };
        let flags = trial.flags.join(" ");
        println_flush(format_args!(
            "$ {}{}",
            trial.command,
            if flags.is_empty() { flags } else { format!("   # server: {flags}") }
        ));
        if trial.needs_curl() && !has_curl() {
            println_flush("  skipped: curl is not installed");
            continue;
        }
        let (holds, as_before) = one(trial, facts, server)?;
        earlier = earlier.or(as_before);
        good &= holds;
        run += 1;
    }
    if !good && !before {
        evidence::print_reason(&rung.header, earlier);
    }
    let name = &rung.name;
    println_flush(match (good, before) {
        (true, false) => format!("Step {name}: {run} of {run} commands do what its header says."),
        (true, true) => format!("Here, {run} of {run} commands of step {name} fail as its header says."),
        (false, _) => format!("Step {name}: not yet. The lines with ✗ differ from its header."),
    });
    Ok(good)
}

/// Runs one command against a fresh server, and prints each fact with whether it holds. Returns
/// whether all do; if not, also the earlier step that would have done the same.
fn one<'t>(trial: &'t Trial, facts: &[Fact], server: &ServerCommand) -> Result<(bool, Option<&'t str>), Failure> {
    let mut running = Running::start(server, trial)?;
    let mut others = Vec::new();
    for other in &trial.others {
        let mut other = Process::start(&mut shell::command(other, running.port())).map_err(Failure::runtime)?;
        // poke prints what it sends, so the connection is in the server's queue by then.
        other.prints(START, |text| text.contains('→'));
        others.push(other);
    }
    let mut client = Process::start(&mut shell::command(&trial.command, running.port())).map_err(Failure::runtime)?;
    if let Some(logged) = &trial.stop {
        running.process.prints(START, |log| log.contains(logged));
        running.process.terminate();
    }
    let code = client.exits(RUN).and_then(|status| status.code());
    let printed = client.printed();
    let mut good = true;
    for fact in facts {
        // After the first difference there is nothing to wait for.
        let holds = running.shows(fact, code, &printed, if good { LOG } else { Duration::ZERO });
        println_flush(format_args!(
            "  {} {fact}{}",
            if holds { '✓' } else { '✗' },
            if holds { String::new() } else { seen(fact, code) }
        ));
        good &= holds;
    }
    let mut as_before = None;
    if !good {
        let mut is_there = |fact| running.shows(fact, code, &printed, Duration::ZERO);
        let earlier = trial.before.as_ref().filter(|(_, facts)| facts.iter().all(&mut is_there));
        as_before = earlier.map(|(step, _)| step.as_str());
        evidence::print(&trial.command, &printed, &running.process.printed());
        drop(running);
        if trial.needs_curl() {
            evidence::replay(&trial.command, &Running::start(server, trial)?.address);
        }
    }
    Ok((good, as_before))
}

/// Describes what was there instead.
fn seen(fact: &Fact, code: Option<i32>) -> String {
    match (fact, code) {
        (Fact::Exit(_), Some(code)) => format!(": it was {code}{}", evidence::exit_code(code)),
        (Fact::Exit(_), None) => format!(": it ran for {} s", RUN.as_secs()),
        _ => String::new(),
    }
}

impl Running {
    /// Starts a server and waits until it listens.
    fn start(server: &ServerCommand, trial: &Trial) -> Result<Running, Failure> {
        let mut command = server.with(&trial.flags);
        let command = command.env("PORT", "0");
        let mut process = Process::start(command)
            .map_err(|error| Failure::runtime(format!("cannot start {:?}: {error}", command.get_program())))?;
        process.prints(START, |text| text.contains('\n'));
        let printed = process.printed();
        let first = printed.lines().next().unwrap_or_default();
        let instead = if printed.is_empty() {
            "it printed nothing; if it buffers its output, flush the line (Python: print(…, flush=True))".to_owned()
        } else {
            format!("here it is {first:?}")
        };
        let address = first.strip_prefix("listening on ").map(|address| address.trim_start_matches("http://"));
        match address.filter(|address| address.parse::<std::net::SocketAddr>().is_ok()) {
            Some(address) => Ok(Running { address: address.to_owned(), process }),
            None => Err(Failure::runtime(format!(
                "the first line of a server must be `listening on 127.0.0.1:PORT`, where PORT is a free port if the \
                 variable PORT is 0; {instead}"
            ))),
        }
    }

    fn port(&self) -> &str {
        self.address.rsplit_once(':').map_or("", |(_, port)| port)
    }

    /// Returns whether a fact holds; one of the log within `most`.
    fn shows(&mut self, fact: &Fact, code: Option<i32>, printed: &str, most: Duration) -> bool {
        match fact {
            Fact::Exit(codes) => code.is_some_and(|code| codes.contains(&code)),
            Fact::Stops(code) => self.process.exits(RUN).and_then(|status| status.code()) == Some(*code),
            Fact::Occurs(Place::Output, text, count) => is_count(printed, text, *count),
            Fact::Occurs(Place::Log, text, Some(0)) => !self.process.prints(GRACE.min(most), |log| log.contains(text)),
            // The server may write the line after the client has seen the response.
            Fact::Occurs(Place::Log, text, count) => self.process.prints(most, |log| is_count(log, text, *count)),
        }
    }
}

fn is_count(within: &str, text: &str, count: Option<usize>) -> bool {
    let found = within.matches(text).count();
    count.map_or(found > 0, |count| found == count)
}

impl Trial {
    fn needs_curl(&self) -> bool {
        self.command.contains("curl ")
    }
}

fn has_curl() -> bool {
    Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success())
}
