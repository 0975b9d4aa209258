//! Where to listen and with how many workers: options over environment over defaults, every value checked; opens nothing.

use std::env::{self, VarError};
use std::ffi::OsString;
use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use wirelight::Timeouts;

use super::trace::{Options, Wanted};
use super::{Failure, confused, duration};

/// Threads beyond this are a slip of the finger: more than one for each core gains nothing.
const MOST_WORKERS: usize = 256;

/// What `serve` is told.
pub(super) struct Settings {
    pub(super) place: Place,
    pub(super) workers: usize,
    /// How long a graceful stop may take.
    pub(super) shutdown: Duration,
    pub(super) traces: Wanted,
}

/// Where to listen.
pub(super) enum Place {
    /// What the host and the port resolve to, never empty.
    Ports(Vec<SocketAddr>),
    /// A socket that is a file: `--host unix:/path`, as `Server::addresses` writes it.
    Unix(PathBuf),
}

/// What the arguments ask for.
pub(super) enum Asked {
    Serve(Settings),
    Help,
    Version,
}

/// A value and the name under which its writer knows it: `--port` or `PORT`.
struct Setting {
    name: &'static str,
    text: String,
}

/// Reads the options of `serve`, and the environment for what they leave open.
pub(super) fn read(mut arguments: lexopt::Parser) -> Result<Asked, Failure> {
    use lexopt::Arg::{Long, Short};
    let [mut host, mut port, mut workers] = [None, None, None];
    let mut shutdown = Timeouts::default().shutdown;
    let mut watched = Options::default();
    while let Some(argument) = arguments.next().map_err(confused)? {
        let (name, slot) = match argument {
            Short('h') | Long("help") => return Ok(Asked::Help),
            Short('V') | Long("version") => return Ok(Asked::Version),
            Long("host") => ("--host", &mut host),
            Long("port") => ("--port", &mut port),
            Long("workers") => ("--workers", &mut workers),
            Long("shutdown") => {
                let value = text("--shutdown", arguments.value().map_err(confused)?)?;
                shutdown = duration("--shutdown", &value)?;
                continue;
            }
            Long("trace") => {
                watched.trace = Some(arguments.optional_value().unwrap_or_default());
                continue;
            }
            Long("trace-src") => {
                watched.sources = true;
                continue;
            }
            Long("show-secrets") => {
                watched.secrets = true;
                continue;
            }
            Long(name @ ("trace-bytes" | "color" | "record")) => {
                let slot = match name {
                    "trace-bytes" => &mut watched.bytes,
                    "color" => &mut watched.color,
                    _ => &mut watched.record,
                };
                *slot = Some(arguments.value().map_err(confused)?);
                continue;
            }
            other => return Err(confused(other.unexpected())),
        };
        *slot = Some(Setting { name, text: text(name, arguments.value().map_err(confused)?)? });
    }
    let host = host.map_or_else(|| from_environment("HOST", "127.0.0.1"), Ok)?;
    let workers = workers.map_or_else(|| from_environment("WORKERS", "1"), Ok)?;
    Ok(Asked::Serve(Settings {
        place: place(&host, port)?,
        workers: number(&workers, 1, MOST_WORKERS)?,
        shutdown,
        traces: watched.read()?,
    }))
}

/// A variable that is set to nothing counts as not set: that is how shells and unit files take one back.
fn from_environment(name: &'static str, default: &str) -> Result<Setting, Failure> {
    match env::var(name) {
        Ok(value) if !value.is_empty() => Ok(Setting { name, text: value }),
        Ok(_) | Err(VarError::NotPresent) => Ok(Setting { name, text: default.to_owned() }),
        Err(VarError::NotUnicode(value)) => text(name, value).map(|text| Setting { name, text }),
    }
}

fn text(name: &str, value: OsString) -> Result<String, Failure> {
    value.into_string().map_err(|value| Failure::usage(format!("{name} is no text: {value:?}")))
}

fn number<T: std::str::FromStr + PartialOrd + Display>(setting: &Setting, least: T, most: T) -> Result<T, Failure> {
    let number = setting.text.parse().ok().filter(|number| *number >= least && *number <= most);
    number.ok_or_else(|| {
        Failure::usage(format!("{} must be a number from {least} to {most}, not {:?}", setting.name, setting.text))
    })
}

/// Where the host says, on a port if it has ports. PORT may be set for something else; who asks for a port of a file is confused.
fn place(host: &Setting, port: Option<Setting>) -> Result<Place, Failure> {
    match (host.text.strip_prefix("unix:"), port) {
        (Some(""), _) => Err(Failure::usage(format!("{} must name a file behind unix:", host.name))),
        (Some(_), Some(_)) => Err(Failure::usage(format!("{} is a unix socket, which has no --port", host.text))),
        (Some(path), None) => Ok(Place::Unix(path.into())),
        (None, port) => {
            let port = port.map_or_else(|| from_environment("PORT", "8000"), Ok)?;
            resolve(host, number(&port, 0, u16::MAX)?).map(Place::Ports)
        }
    }
}

/// Turns a host and a port into addresses. `[::1]` is taken as well as `::1`: URLs write it so.
fn resolve(host: &Setting, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let Setting { name, text } = host;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    // What can be no name at all need not be asked of a resolver, which may take its time to say no.
    let plausible =
        !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-_%".contains(&byte));
    let found =
        if plausible { (bare, port).to_socket_addrs().map(Vec::from_iter).unwrap_or_default() } else { Vec::new() };
    if found.is_empty() {
        return Err(Failure::usage(format!("{name} must be an address or a name that resolves to one, not {text:?}")));
    }
    Ok(found)
}
