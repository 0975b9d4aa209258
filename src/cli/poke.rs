//! `wirelight poke`: what the arguments ask for, and to whom bytes may go; how they go is said in `poke/`.

mod lesson;
mod plan;
mod server;
mod suite;
mod talk;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};

use super::experiment::{Step, pieces};
use super::{Failure, confused, explain, help, say};
use talk::Manner;

/// What the options say, before it is known what they are for.
#[derive(Default)]
struct Options {
    values: Vec<String>,
    file: Option<OsString>,
    every: Option<usize>,
    at: Vec<usize>,
    gap: Option<Duration>,
    hold: Option<Duration>,
    half_close: bool,
    slow_read: Option<u64>,
    repeat: usize,
    experiment: Option<String>,
    predict: Option<usize>,
    suite: Option<String>,
    /// The names of all that were given.
    given: Vec<String>,
}

/// Sends bytes, plays an experiment, or plays all of them against a server.
pub(super) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let Some(options) = read(arguments)? else {
        say(help::of("poke"));
        return Ok(());
    };
    let most = if options.suite.is_some() {
        0
    } else if options.experiment.is_some() {
        1
    } else {
        2
    };
    if let Some(more) = options.values.get(most) {
        return Err(Failure::usage(format!("{more:?} is one argument too many; quote the bytes: '…'")));
    }
    options.agree()?;
    if let Some(server) = &options.suite {
        return suite::run(address(server)?);
    }
    if let Some(name) = &options.experiment {
        let server = options.values.first().map(|text| address(text)).transpose()?;
        return lesson::run(name, server, options.predict);
    }
    poke(options)
}

fn poke(options: Options) -> Result<(), Failure> {
    let mut values = options.values.iter();
    let server = values.next().ok_or_else(|| Failure::usage("poke needs an address of this machine, as in :8080"))?;
    let server = address(server)?;
    let bytes = match (&options.file, values.next()) {
        (Some(file), None) => explain::read(file.clone())?,
        (None, Some(text)) => plan::unescaped(text)?,
        _ => return Err(Failure::usage("poke needs the bytes to send: behind the address, or in a file with --file")),
    };
    let steps = options.steps(&bytes.repeat(options.repeat.max(1)));
    let manner = Manner { slow: options.slow_read.map(|rate| (rate, None)), told: true, ..Manner::default() };
    talk::talk(server, &steps, &manner).map_err(Failure::runtime)?;
    Ok(())
}

impl Options {
    fn steps(&self, bytes: &[u8]) -> Vec<Step> {
        let gap = self.gap.map_or(5, |gap| gap.as_millis() as u64);
        let mut steps = match self.every {
            Some(every) => pieces(bytes, every, gap),
            None => plan::cut(bytes, &self.at, gap),
        };
        if self.half_close {
            steps.push(Step::HalfClose);
        }
        steps.extend(self.hold.map(|hold| Step::Hold(hold.as_millis() as u64)));
        steps
    }
}

/// None: the help was asked for.
fn read(mut arguments: lexopt::Parser) -> Result<Option<Options>, Failure> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next().map_err(confused)? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Value(value) => options.values.push(text(value)?),
            Long("half-close") => {
                options.half_close = true;
                options.given.push("half-close".to_owned());
            }
            Long("file") => {
                options.file = Some(arguments.value().map_err(confused)?);
                options.given.push("file".to_owned());
            }
            Long(name) => {
                let name = name.to_owned();
                options.given.push(name.clone());
                let value = text(arguments.value().map_err(confused)?)?;
                options.set(&name, &value)?;
            }
            other => return Err(confused(other.unexpected())),
        }
    }
    Ok(Some(options))
}

impl Options {
    /// What one way of poking has no use for is a misunderstanding, not to be passed over.
    fn agree(&self) -> Result<(), Failure> {
        let (with, fits): (_, &[&str]) = if self.suite.is_some() {
            ("--suite", &["suite"])
        } else if self.experiment.is_some() {
            ("--experiment", &["experiment", "predict"])
        } else if self.every.is_some() {
            ("--every", &["every", "file", "gap", "repeat", "half-close", "hold", "slow-read"])
        } else {
            ("bytes to send", &["at", "file", "gap", "repeat", "half-close", "hold", "slow-read"])
        };
        match self.given.iter().find(|name| !fits.contains(&name.as_str())) {
            Some(name) => Err(Failure::usage(format!("--{name} does not go with {with}"))),
            None => Ok(()),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        match name {
            "every" => self.every = Some(plan::count("--every", value)?),
            "at" => self.at = plan::marks(value)?,
            "gap" => self.gap = Some(super::duration("--gap", value)?),
            "hold" => self.hold = Some(super::duration("--hold", value)?),
            "slow-read" => self.slow_read = Some(plan::rate(value)?),
            "repeat" => self.repeat = plan::count("--repeat", value)?,
            "experiment" => self.experiment = Some(value.to_owned()),
            "predict" => self.predict = Some(plan::count("--predict", value)?),
            "suite" => self.suite = Some(value.to_owned()),
            _ => {
                return Err(Failure::usage(format!("invalid option '--{name}'; --help lists the options")));
            }
        }
        Ok(())
    }
}

fn text(value: OsString) -> Result<String, Failure> {
    value.into_string().map_err(|value| Failure::usage(format!("{value:?} is no text; other bytes are written \\xff")))
}

/// `:8080`, `8080`, `localhost:8080`, `[::1]:8080`, `http://127.0.0.1:8080/`: this machine and nobody else's. Nothing is resolved.
fn address(given: &str) -> Result<SocketAddr, Failure> {
    let bare = given.strip_prefix("http://").unwrap_or(given).trim_end_matches('/');
    let (host, port) = bare.rsplit_once(':').unwrap_or(("", bare));
    let wrong = || Failure::usage(format!("{given:?} is no address; write :8080 or 127.0.0.1:8080"));
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let ip = match host.trim_start_matches('[').trim_end_matches(']') {
        "" | "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse().map_err(|_| not_ours(given))?,
    };
    if ip.is_loopback() { Ok(SocketAddr::new(ip, port)) } else { Err(not_ours(given)) }
}

fn not_ours(given: &str) -> Failure {
    Failure::usage(format!(
        "{given:?} is not this machine; poke sends broken requests, and only to 127.0.0.1, ::1 and localhost"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_poked() {
        for (given, expected) in [
            (":80", "127.0.0.1:80"),
            ("8080", "127.0.0.1:8080"),
            ("localhost:1", "127.0.0.1:1"),
            ("http://127.0.0.2:3/", "127.0.0.2:3"),
            ("[::1]:4", "[::1]:4"),
        ] {
            assert_eq!(address(given).ok().map(|address| address.to_string()).as_deref(), Some(expected));
        }
        for given in
            ["", ":", "x", ":99999", "example.com:80", "192.168.0.1:80", "0.0.0.0:80", "[::]:80", "https://localhost"]
        {
            assert!(address(given).is_err_and(|failure| failure.code == 2), "{given}");
        }
    }
}
