//! The `wirelight` command: runs the subcommand that its arguments name. Each subcommand has a file
//! of its name.
#![forbid(unsafe_code)]

mod capture;
mod demo;
mod escape;
mod experiment;
mod experiment_app;
mod explain;
mod export;
mod failure;
mod help;
mod iso_date;
mod ladder;
mod logging;
mod options;
mod output;
mod paste;
mod poke;
mod replay;
mod responses;
mod routes;
mod serve;
mod settings;
mod trace;
mod users;

use std::io::Write;
use std::process::ExitCode;

use failure::Failure;

/// Runs the subcommand that the arguments begin with; `serve` if they begin with none.
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let command = arguments.next_if(|first| !first.as_encoded_bytes().starts_with(b"-"));
    let outcome = match command.as_ref().map(|command| command.to_str()) {
        None if arguments.peek().is_some_and(|first| first == "--help" || first == "-h") => {
            output::println_flush(help::OVERVIEW);
            Ok(())
        }
        Some(Some("help")) => {
            let about = arguments.next().unwrap_or_default();
            output::println_flush(help::of(&about.to_string_lossy()));
            Ok(())
        }
        None | Some(Some("serve")) => serve::run(lexopt::Parser::from_args(arguments)),
        Some(Some("explain")) => explain::run(lexopt::Parser::from_args(arguments)),
        Some(Some("replay")) => replay::run(lexopt::Parser::from_args(arguments)),
        Some(Some("export")) => export::run(lexopt::Parser::from_args(arguments)),
        Some(Some("ladder")) => ladder::run(lexopt::Parser::from_args(arguments)),
        Some(Some("poke")) => poke::run(lexopt::Parser::from_args(arguments)),
        Some(Some("routes")) => routes::run(lexopt::Parser::from_args(arguments)),
        _ => Err(Failure::usage(format!(
            "there is no command {:?}; `wirelight --help` lists them",
            command.unwrap_or_default()
        ))),
    };
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    // The message may contain text that was typed, pasted or recorded.
    let message = escape::visible(failure.message.as_bytes());
    let mut stderr = std::io::stderr();
    let text = wirelight::terminal::wrap(&message, "wirelight: ".len(), output::columns(&stderr));
    let _ = writeln!(stderr, "wirelight: {text}"); // without a stderr, the exit code reports the failure
    ExitCode::from(failure.code)
}
