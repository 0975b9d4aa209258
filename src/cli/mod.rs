//! The command line: which subcommand runs, and how a failure is told; what a subcommand does is in the file of its name.

mod answers;
mod capture;
mod demo;
mod experiment;
mod explain;
mod export;
mod glyphs;
mod lab;
mod logging;
mod poke;
mod replay;
mod routes;
mod screen;
mod serve;
mod settings;
mod trace;
mod users;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "\
wirelight: the HTTP/1.1 server you can see through

Usage: wirelight [serve] [options]
       wirelight routes
       wirelight explain FILE
       wirelight replay CAPTURE
       wirelight export --format FORMAT CAPTURE
       wirelight poke ADDRESS BYTES [options]
       wirelight poke --experiment NAME [ADDRESS]
       wirelight poke --suite ADDRESS

Commands:
  serve            serve the demo API (also without a command)
  routes           print the routes of the demo API
  explain FILE     take a raw request or response apart; - reads the standard input
  replay CAPTURE   give the bytes of a capture to the parser again: do the same events come out?
  export CAPTURE   write it as --format txt, har or pcap, beside it or into --output FILE
  poke             send any bytes to a server on this machine, and see both sides

Options of poke; the bytes may hold \\r \\n \\t \\0 \\xHH and \\\\:
  --file FILE      send a file instead; - reads the standard input
  --every NUMBER   in pieces of so many bytes
  --at 4,9         in pieces that end behind so many bytes
  --gap TIME       between the pieces [5ms]
  --repeat NUMBER  so many times in a row
  --half-close     close our side when all is sent
  --hold TIME      wait so long then
  --slow-read RATE read no faster than 1KiB/s, say
  --experiment NAME  play a guided experiment, by name or number; without an ADDRESS on a server of its own
  --predict NUMBER   what comes of it, for those who are no terminal
  --suite ADDRESS    play all that fit any server, and print a report card

Options of serve, and the environment variables that they win over:
  --host ADDRESS   where to listen, an address, a name or unix:/path [HOST, 127.0.0.1]
  --port NUMBER    0 takes any free port [PORT, 8000]
  --workers NUMBER threads that accept and answer, 1 to 256 [WORKERS, 1]
  --shutdown TIME  how long a graceful stop may take; who is cut then makes the exit code 1 [30s]
  --trace[=TOPICS] show what happens on the wire: conn,parse,route,…; all; json for one object a line on stdout
  --trace-bytes N  how many bytes of each read and write it shows, or all [1024; all in json]
  --trace-src      with each event the line of wirelight's code that tells it
  --color WHEN     auto, always or never [auto; NO_COLOR means never]
  --record FILE    write the whole trace there, as with --trace=json
  --show-secrets   show the values of Authorization, Cookie, Set-Cookie, … too; explain knows it as well, poke hides nothing

Options:
  -h, --help       print this
  -V, --version    print the version

RUST_LOG=debug tells of every connection; RUST_LOG=warn only of trouble.";

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

/// Runs the subcommand that `arguments` (without the program's name) begin with; `serve` when they begin with none.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.peekable();
    let command = arguments.next_if(|first| !first.as_encoded_bytes().starts_with(b"-"));
    let outcome = match command.as_ref().map_or(Some("serve"), |command| command.to_str()) {
        Some("serve") => serve::run(lexopt::Parser::from_args(arguments)),
        Some("explain") => explain::run(lexopt::Parser::from_args(arguments)),
        Some("replay") => replay::run(lexopt::Parser::from_args(arguments)),
        Some("export") => export::run(lexopt::Parser::from_args(arguments)),
        Some("poke") => poke::run(lexopt::Parser::from_args(arguments)),
        Some("routes") => routes::run(lexopt::Parser::from_args(arguments)),
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
    Failure::usage(format!("{error}; `wirelight --help` lists the options"))
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
