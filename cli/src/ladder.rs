//! `wirelight ladder`: lists the steps of `examples/ladder`, runs one, compares two, and checks a
//! learner's own version.

mod bounded;
mod check;
mod checkout;
mod diff;
mod evidence;
mod header;
mod program;
mod shell;

use std::os::unix::process::CommandExt;
use std::path::Path;

use super::failure::Failure;
use super::help;
use super::options::{bad_option, text};
use super::output::{print_wrapped, println_flush};
use checkout::{Checkout, Rung};
use program::ServerCommand;

/// Runs the subcommand; without one, prints the list.
pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let words = arguments.raw_args().map_err(bad_option)?.map(|word| text("an argument", word));
    let words = words.collect::<Result<Vec<_>, _>>()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.iter().take_while(|word| **word != "--").any(|word| ["-h", "--help"].contains(word)) {
        println_flush(help::of("ladder"));
        return Ok(());
    }
    match &words[..] {
        [] => list(&Checkout::find()?),
        ["run", name, flags @ ..] => {
            let checkout = Checkout::find()?;
            return start(&checkout, checkout.step(name)?, flags);
        }
        ["diff", old, new] => {
            let checkout = Checkout::find()?;
            compare(checkout.step(old)?, checkout.step(new)?);
        }
        ["check", name, rest @ ..] => {
            let checkout = Checkout::find()?;
            return check_step(&checkout, checkout.step(name)?, rest);
        }
        _ => return Err(Failure::usage("the arguments are [run|diff|check] and steps; --help describes them")),
    }
    Ok(())
}

/// Prints the title of each step.
fn list(checkout: &Checkout) {
    for rung in &checkout.rungs {
        let title = rung.header.title.split_once(": ").map_or("", |(_, title)| title);
        print_wrapped(&format!("  {:<15} ", rung.name), title);
    }
    println_flush("\nBegin with `wirelight ladder run 00`; examples/ladder/README.md says how.");
}

/// Prints what to try, and becomes the program of the step.
fn start(checkout: &Checkout, rung: &Rung, flags: &[&str]) -> Result<(), Failure> {
    is_program(rung)?;
    introduce(rung);
    for trial in &rung.header.trials {
        let with = trial.flags.join(" ");
        let note = if with.is_empty() { with } else { format!("   (run it with {with})") };
        println_flush(format_args!("Try     {}{note}", trial.command));
    }
    println_flush(format_args!("Source  {}\n", rung.path.display()));
    let error = ServerCommand::of_file(checkout, &rung.path)?.with(flags).exec();
    Err(Failure::runtime(format!("cannot start the step: {error}")))
}

/// Fails for a landing, which is a module without a `main`.
fn is_program(rung: &Rung) -> Result<(), Failure> {
    let module = || Failure::usage(format!("{} is a module that later steps use; run one of these", rung.name));
    if rung.header.trials.is_empty() { Err(module()) } else { Ok(()) }
}

/// Prints title and prose of a step.
fn introduce(rung: &Rung) {
    println_flush(&rung.header.title);
    for (label, text) in rung.header.prose.iter().filter(|(label, _)| label != "Break") {
        print_wrapped(&format!("{label:<8}"), text);
    }
}

/// Prints what a step adds to another: why, and the changed lines.
fn compare(old: &Rung, new: &Rung) {
    introduce(new);
    let ((added, removed), text) = diff::diff(&old.code(), &new.code());
    println_flush(format_args!(
        "\nFrom step {} to {}: {added} lines more, {removed} fewer.\n{text}",
        old.name, new.name
    ));
}

/// Checks the step itself, a file, or a command after `--`.
fn check_step(checkout: &Checkout, rung: &Rung, arguments: &[&str]) -> Result<(), Failure> {
    is_program(rung)?;
    let (own, command) = match arguments.iter().position(|word| *word == "--") {
        Some(at) => (arguments.get(..at), arguments.get(at + 1..).filter(|words| !words.is_empty())),
        None => (Some(arguments), None),
    };
    let (before, own) = match own.unwrap_or_default() {
        ["--before", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let server = match (own, command) {
        ([], Some(words)) => ServerCommand::of_words(words),
        ([file], None) => ServerCommand::of_file(checkout, Path::new(file))?,
        ([], None) => {
            let earlier = rung.header.trials.iter().find_map(|trial| trial.before.as_ref());
            let earlier = earlier.filter(|_| before).map(|(step, _)| checkout.step(step)).transpose()?;
            ServerCommand::of_file(checkout, &earlier.unwrap_or(rung).path)?
        }
        _ => return Err(Failure::usage("after the step: --before, then one file, or -- and a command")),
    };
    match check::check(rung, &server, before)? {
        true => Ok(()),
        false => Err(Failure::runtime(format!("step {} is not complete", rung.name))),
    }
}
