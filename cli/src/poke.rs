//! `wirelight poke`: reads the arguments, and starts an exchange, an experiment or the suite.

mod catalog;
#[cfg(test)]
mod composer_lines;
mod entry;
mod exchange;
mod fold;
mod grade;
mod guided;
mod parse;
mod printer;
mod server_events;
mod splitter;
mod stages;
mod suite;
mod target;
mod test_server;
mod timeline;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use lexopt::Arg::{Long, Short, Value};

use super::experiment::{Step, pieces};
use super::failure::Failure;
use super::options::{bad_option, duration};
use super::output::{print_wrapped, println_flush};
use super::{explain, help, responses};
use exchange::View;
use guided::Play;
use printer::Printer;
use stages::Stages;
use target::Target;
use test_server::TestServer;
use timeline::Timeline;

/// The options as given, not yet checked against each other.
#[derive(Default)]
struct Options {
    values: Vec<String>,
    file: Option<OsString>,
    every: Option<usize>,
    at: Vec<usize>,
    gap: Option<Duration>,
    hold: Option<Duration>,
    half_close: bool,
    reset: bool,
    slow_read: Option<(u64, Option<Duration>)>,
    repeat: usize,
    fill: usize,
    busy: bool,
    both: bool,
    pause: bool,
    response: Option<String>,
    /// An empty name requests the list.
    experiment: Option<String>,
    predict: Option<String>,
    suite: Option<String>,
    path: Option<String>,
    /// The names of all given options.
    given: Vec<String>,
}

/// Returns where an option without a value is kept.
type Flag = fn(&mut Options) -> &mut bool;

/// Options without a value.
const FLAGS: [(&str, Flag); 5] = [
    ("half-close", |options| &mut options.half_close),
    ("reset", |options| &mut options.reset),
    ("busy", |options| &mut options.busy),
    ("both", |options| &mut options.both),
    ("pause", |options| &mut options.pause),
];

/// Parses the value of an option, and keeps it.
type SetValue = fn(&mut Options, &str) -> Result<(), Failure>;

/// Options with a value that is text.
const VALUES: [(&str, SetValue); 11] = [
    ("every", |options, value| parse::count("--every", value).map(|every| options.every = Some(every))),
    ("at", |options, value| parse::marks(value).map(|marks| options.at = marks)),
    ("gap", |options, value| duration("--gap", value).map(|gap| options.gap = Some(gap))),
    ("hold", |options, value| duration("--hold", value).map(|hold| options.hold = Some(hold))),
    ("slow-read", |options, value| parse::rate(value).map(|rate| options.slow_read = Some(rate))),
    ("repeat", |options, value| parse::count("--repeat", value).map(|times| options.repeat = times)),
    ("fill", |options, value| parse::size("--fill", value).map(|bytes| options.fill = bytes)),
    ("response", |options, value| keep(&mut options.response, value)),
    ("predict", |options, value| keep(&mut options.predict, value)),
    ("suite", |options, value| keep(&mut options.suite, value)),
    ("path", |options, value| parse::path(value).map(|path| options.path = Some(path))),
];

/// Sends bytes, plays an experiment, or plays all experiments against a server.
pub(super) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let Some(options) = read(arguments)? else {
        println_flush(help::of("poke"));
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
        return report(target::parse(server)?, options.path.as_deref());
    }
    let target = options.values.first().map(|text| target::parse(text)).transpose()?;
    if options.both && matches!(target, Some(Target::Address(_))) {
        return Err(Failure::usage("--both sees only a server of its own: write demo, or no address"));
    }
    match &options.experiment {
        Some(name) if name.is_empty() => println_flush(catalog::list()),
        Some(name) => {
            let (target, stages) = (target.unwrap_or(Target::Demo), Stages { paused: options.pause });
            return guided::run(name, options.predict.as_deref(), Play { target, both: options.both, stages });
        }
        None => {
            let target =
                target.ok_or_else(|| Failure::usage("poke needs an address of this machine, as in :8080, or demo"))?;
            return poke(&options, target);
        }
    }
    Ok(())
}

fn report(target: Target, path: Option<&str>) -> Result<(), Failure> {
    match target {
        Target::Address(server) => suite::run(server, path),
        Target::Demo => suite::run(TestServer::start(None)?.address, path),
    }
}

/// Sends the given bytes.
fn poke(options: &Options, target: Target) -> Result<(), Failure> {
    let bytes = match (&options.file, options.values.get(1)) {
        (Some(file), None) => explain::read(file.clone())?,
        (None, Some(text)) => parse::unescaped(text)?,
        (Some(_), Some(_)) => return Err(Failure::usage("--file does not go with bytes after the address")),
        (None, None) => {
            return Err(Failure::usage("poke needs the bytes to send: after the address, or in a file with --file"));
        }
    };
    let mut bytes = bytes.repeat(options.repeat.max(1));
    bytes.resize(bytes.len().saturating_add(options.fill), b'x');
    let heads = responses::heads(&bytes);
    let mut own = None;
    let timeline = options.both.then(|| Timeline::new(heads.clone()));
    let server = match (target, &options.response) {
        (Target::Demo, Some(response)) => test_server::respond_with(parse::unescaped(response)?)?,
        (Target::Demo, None) => own.insert(TestServer::start(timeline.as_ref().map(Timeline::trace))?).address,
        (Target::Address(_), Some(_)) => {
            return Err(Failure::usage("--response is what demo sends; another server has its own"));
        }
        (Target::Address(server), None) => server,
    };
    let printer = Printer::new(heads.clone());
    let view: &dyn View = timeline.as_ref().map_or(&printer, |timeline| timeline);
    let began = timeline.as_ref().map_or_else(Instant::now, |timeline| timeline.began);
    let settings = exchange::ExchangeOptions {
        slow: options.slow_read,
        busy: options.busy,
        reset: options.reset,
        began,
        ..exchange::ExchangeOptions::default()
    };
    let transcript = exchange::run(server, &options.steps(&bytes), &settings, view);
    guided::finish(own, timeline);
    let exchange::Transcript { received, ending } = transcript.map_err(Failure::runtime)?;
    let outcome = grade::Outcome { responses: responses::read(&received, &heads), ending, other: None };
    outcome.incomplete().iter().for_each(|text| print_wrapped("", text));
    Ok(())
}

impl Options {
    fn steps(&self, bytes: &[u8]) -> Vec<Step> {
        let gap = self.gap.map_or(5, |gap| gap.as_millis() as u64);
        let mut steps = match self.every {
            Some(every) => pieces(bytes, every, gap),
            None => parse::cut(bytes, &self.at, gap),
        };
        if self.half_close {
            steps.push(Step::HalfClose);
        }
        steps.extend(self.hold.map(|hold| Step::Hold(hold.as_millis() as u64)));
        steps
    }
}

/// Reads the arguments; `None` if they request the help.
fn read(mut arguments: lexopt::Parser) -> Result<Option<Options>, Failure> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next().map_err(bad_option)? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Value(value) => options.values.push(text(value)?),
            Long("file") => {
                options.file = Some(arguments.value().map_err(bad_option)?);
                options.given.push("file".to_owned());
            }
            Long("experiment") => {
                options.given.push("experiment".to_owned());
                let next = |arguments: &mut lexopt::Parser| {
                    arguments.try_raw_args()?.next_if(|next| !next.as_encoded_bytes().starts_with(b"-"))
                };
                let name = arguments.optional_value().or_else(|| next(&mut arguments));
                options.experiment = Some(name.map(text).transpose()?.unwrap_or_default());
            }
            Long(name) => {
                let name = name.to_owned();
                if let Some((_, flag)) = FLAGS.iter().find(|(known, _)| *known == name) {
                    *flag(&mut options) = true;
                } else if let Some((_, set)) = VALUES.iter().find(|(known, _)| *known == name) {
                    set(&mut options, &text(arguments.value().map_err(bad_option)?)?)?;
                } else {
                    return Err(bad_option(Long(&name).unexpected()));
                }
                options.given.push(name);
            }
            other => return Err(bad_option(other.unexpected())),
        }
    }
    Ok(Some(options))
}

impl Options {
    /// Fails if an option does not apply to this kind of `poke`.
    fn agree(&self) -> Result<(), Failure> {
        let cut = if self.every.is_some() { "every" } else { "at" };
        let bytes = [
            "file",
            "gap",
            "repeat",
            "fill",
            "half-close",
            "reset",
            "hold",
            "slow-read",
            "busy",
            "both",
            "response",
            cut,
        ];
        let (with, fits): (_, &[&str]) = if self.suite.is_some() {
            ("--suite", &["suite", "path"])
        } else if self.experiment.is_some() {
            ("--experiment", &["experiment", "predict", "both", "pause"])
        } else {
            (if self.every.is_some() { "--every" } else { "bytes to send" }, &bytes)
        };
        let misplaced = self.given.iter().find(|name| !fits.contains(&name.as_str()));
        let is_list = self.experiment.as_deref() == Some("");
        let without = self.given.iter().find(|name| is_list && *name != "experiment");
        match (misplaced, without) {
            (Some(name), _) => Err(Failure::usage(format!("--{name} does not go with {with}"))),
            (None, Some(name)) => Err(Failure::usage(format!("--{name} needs an experiment: --experiment NUMBER"))),
            (None, None) if self.both && self.response.is_some() => {
                Err(Failure::usage("--both does not go with --response: that server has no trace"))
            }
            (None, None) => Ok(()),
        }
    }
}

fn keep(slot: &mut Option<String>, value: &str) -> Result<(), Failure> {
    *slot = Some(value.to_owned());
    Ok(())
}

fn text(value: OsString) -> Result<String, Failure> {
    value
        .into_string()
        .map_err(|value| Failure::usage(format!("{value:?} is not valid UTF-8; other bytes are written \\xff")))
}
