//! The `wirelight` command: runs the subcommand that its arguments name; what each one does is in the file of its name.
#![forbid(unsafe_code)]

mod answers;
mod capture;
mod demo;
mod experiment;
mod explain;
mod export;
mod glyphs;
mod help;
mod lab;
mod logging;
mod paste;
mod poke;
mod replay;
mod routes;
mod screen;
mod serve;
mod settings;
mod trace;
mod users;

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

const VERSION: &str = concat!("wirelight ", env!("CARGO_PKG_VERSION"));

/// Why the command ends without success: one sentence for stderr and the code to exit with.
struct Failure {
    code: u8,
    sentence: String,
}

impl Failure {
    /// What was asked for cannot be done: 2, as shells and getopt programs have it.
    fn usage(sentence: impl Display) -> Failure {
        Failure { code: 2, sentence: sentence.to_string() }
    }

    /// It was begun and went wrong.
    fn runtime(sentence: impl Display) -> Failure {
        Failure { code: 1, sentence: sentence.to_string() }
    }
}

/// Runs the subcommand that the arguments begin with; `serve` when they begin with none.
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let command = arguments.next_if(|first| !first.as_encoded_bytes().starts_with(b"-"));
    let outcome = match command.as_ref().map(|command| command.to_str()) {
        None if arguments.peek().is_some_and(|first| first == "--help" || first == "-h") => {
            say(help::OVERVIEW);
            Ok(())
        }
        None | Some(Some("serve")) => serve::run(lexopt::Parser::from_args(arguments)),
        Some(Some("explain")) => explain::run(lexopt::Parser::from_args(arguments)),
        Some(Some("replay")) => replay::run(lexopt::Parser::from_args(arguments)),
        Some(Some("export")) => export::run(lexopt::Parser::from_args(arguments)),
        Some(Some("poke")) => poke::run(lexopt::Parser::from_args(arguments)),
        Some(Some("routes")) => routes::run(lexopt::Parser::from_args(arguments)),
        _ => Err(Failure::usage(format!(
            "there is no command {:?}; `wirelight --help` lists them",
            command.unwrap_or_default()
        ))),
    };
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    // Where stderr is gone, the exit code still tells.
    // The sentence may repeat what somebody typed, pasted or recorded.
    let sentence = glyphs::visible(failure.sentence.as_bytes());
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "wirelight: {}", wirelight::wire::wrap(&sentence, 11, screen::columns(&stderr)));
    ExitCode::from(failure.code)
}

/// An option that a command does not know, or one without its value.
fn confused(error: lexopt::Error) -> Failure {
    Failure::usage(format!("{error}; --help lists the options"))
}

/// `5ms`, `10s`, at most an hour.
fn duration(name: &str, text: &str) -> Result<Duration, Failure> {
    let parsed = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.parse().ok().map(Duration::from_millis),
        (None, Some(number)) => number.parse().ok().map(Duration::from_secs),
        _ => None,
    };
    let bounded = parsed.filter(|time| *time <= Duration::from_secs(3_600));
    bounded
        .ok_or_else(|| Failure::usage(format!("{name} must be a time up to an hour, as in 5ms or 10s, not {text:?}")))
}

/// Prints for people and scripts, at once even into a pipe. A reader that went away (`wirelight | head -1`) does not stop a server.
fn say(text: impl Display) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints text for people, wrapped at words to the width of the terminal; further lines begin under the text after `prefix`.
fn say_hanging(prefix: &str, text: &str) {
    let indent = wirelight::wire::display_width(prefix);
    say(format_args!("{prefix}{}", wirelight::wire::wrap(text, indent, screen::columns(&std::io::stdout()))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_units() {
        assert_eq!(duration("", "5ms").ok(), Some(Duration::from_millis(5)));
        assert_eq!(duration("", "10s").ok(), Some(Duration::from_secs(10)));
        for text in ["", "5", "ms", "-1s", "1h", "99999999s"] {
            assert!(duration("", text).is_err(), "{text}");
        }
    }
}
