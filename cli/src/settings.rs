//! Reads the settings of `serve`: options override the environment, which overrides defaults.

use std::env::{self, VarError};
use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use wirelight::Timeouts;

use super::failure::Failure;
use super::options::{bad_option, duration, text};
use super::trace::{TraceOptions, Traces};

/// More than one worker for each core gains nothing, so a larger number is a mistake.
const MAX_WORKERS: usize = 256;

/// The settings of `serve`.
pub(super) struct Settings {
    pub(super) listen: ListenAddr,
    pub(super) workers: usize,
    /// Longest graceful stop.
    pub(super) shutdown: Duration,
    pub(super) traces: Traces,
    /// `--wire`: serve the wire view.
    pub(super) wire: bool,
    /// `--classroom`: its page is for a projector.
    pub(super) classroom: bool,
}

/// The address to listen on.
pub(super) enum ListenAddr {
    /// The addresses that host and port resolve to; never empty.
    Tcp(Vec<SocketAddr>),
    /// The path of a unix socket: `--host unix:/path`, as `Server::addresses` writes it.
    Unix(PathBuf),
}

/// What the arguments request.
pub(super) enum Command {
    Serve(Settings),
    Help,
    Version,
}

/// A value and its origin: `--port` or `PORT`.
struct Setting {
    name: &'static str,
    text: String,
}

/// Reads the options of `serve`, and the environment for what they omit.
pub(super) fn read(mut arguments: lexopt::Parser) -> Result<Command, Failure> {
    use lexopt::Arg::{Long, Short};
    let [mut host, mut port, mut workers] = [None, None, None];
    let mut shutdown = Timeouts::default().shutdown;
    let mut trace = TraceOptions::default();
    let (mut wire, mut classroom) = (false, false);
    while let Some(argument) = arguments.next().map_err(bad_option)? {
        let (name, slot) = match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Long("host") => ("--host", &mut host),
            Long("port") => ("--port", &mut port),
            Long("workers") => ("--workers", &mut workers),
            Long("shutdown") => {
                let value = text("--shutdown", arguments.value().map_err(bad_option)?)?;
                shutdown = duration("--shutdown", &value)?;
                continue;
            }
            Long("trace") => {
                trace.trace = Some(arguments.optional_value().unwrap_or_default());
                continue;
            }
            Long(name @ ("wire" | "classroom" | "trace-src" | "show-secrets")) => {
                let flag = match name {
                    "wire" => &mut wire,
                    "classroom" => &mut classroom,
                    "trace-src" => &mut trace.sources,
                    _ => &mut trace.secrets,
                };
                *flag = true;
                continue;
            }
            Long(name @ ("trace-bytes" | "color" | "record")) => {
                let slot = match name {
                    "trace-bytes" => &mut trace.bytes,
                    "color" => &mut trace.color,
                    _ => &mut trace.record,
                };
                *slot = Some(arguments.value().map_err(bad_option)?);
                continue;
            }
            other => return Err(bad_option(other.unexpected())),
        };
        *slot = Some(Setting { name, text: text(name, arguments.value().map_err(bad_option)?)? });
    }
    if classroom && !wire {
        return Err(Failure::usage("--classroom changes the page of --wire, so it needs --wire"));
    }
    let host = host.map_or_else(|| from_environment("HOST", "127.0.0.1"), Ok)?;
    let workers = workers.map_or_else(|| from_environment("WORKERS", "1"), Ok)?;
    Ok(Command::Serve(Settings {
        listen: listen_addr(&host, port)?,
        workers: number(&workers, 1, MAX_WORKERS)?,
        shutdown,
        traces: trace.open()?,
        wire,
        classroom,
    }))
}

/// Reads a variable. An empty one counts as not set: shells and unit files unset variables that
/// way.
fn from_environment(name: &'static str, default: &str) -> Result<Setting, Failure> {
    match env::var(name) {
        Ok(value) if !value.is_empty() => Ok(Setting { name, text: value }),
        Ok(_) | Err(VarError::NotPresent) => Ok(Setting { name, text: default.to_owned() }),
        Err(VarError::NotUnicode(value)) => text(name, value).map(|text| Setting { name, text }),
    }
}

fn number<T: std::str::FromStr + PartialOrd + Display>(setting: &Setting, least: T, most: T) -> Result<T, Failure> {
    let number = setting.text.parse().ok().filter(|number| *number >= least && *number <= most);
    number.ok_or_else(|| {
        Failure::usage(format!("{} must be a number from {least} to {most}, not {:?}", setting.name, setting.text))
    })
}

/// Combines host and port. PORT is ignored for a unix socket, since it may be set for another
/// program; `--port` is refused.
fn listen_addr(host: &Setting, port: Option<Setting>) -> Result<ListenAddr, Failure> {
    match (host.text.strip_prefix("unix:"), port) {
        (Some(""), _) => Err(Failure::usage(format!("{} must name a file after unix:", host.name))),
        (Some(_), Some(_)) => Err(Failure::usage(format!("{} is a unix socket, which has no --port", host.text))),
        (Some(path), None) => Ok(ListenAddr::Unix(path.into())),
        (None, port) => {
            let port = port.map_or_else(|| from_environment("PORT", "8000"), Ok)?;
            resolve(host, number(&port, 0, u16::MAX)?).map(ListenAddr::Tcp)
        }
    }
}

/// Resolves a host and a port. `[::1]` is accepted as well as `::1`, as in URLs.
fn resolve(host: &Setting, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let Setting { name, text } = host;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    // A resolver may take seconds to reject what is not a name.
    let plausible =
        !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-_%".contains(&byte));
    let found =
        if plausible { (bare, port).to_socket_addrs().map(Vec::from_iter).unwrap_or_default() } else { Vec::new() };
    if found.is_empty() {
        return Err(Failure::usage(format!("{name} must be an address or a name that resolves to one, not {text:?}")));
    }
    Ok(found)
}
