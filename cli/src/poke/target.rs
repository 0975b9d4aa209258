//! Parses the target of `poke`: a server on this machine, or `demo`, a server inside this process.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::failure::Failure;

/// The value of ADDRESS on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Address(SocketAddr),
    Demo,
}

/// Formats it as on the command line.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Address(address) if address.ip() == Ipv4Addr::LOCALHOST => write!(f, ":{}", address.port()),
            Target::Address(address) => write!(f, "{address}"),
            Target::Demo => write!(f, "demo"),
        }
    }
}

/// Parses `demo`, `:8080`, `8080`, `localhost:8080`, `[::1]:8080` or `http://127.0.0.1:8080/`. Does
/// not resolve names, so that the bytes stay on this machine.
pub(super) fn parse(given: &str) -> Result<Target, Failure> {
    if given == "demo" {
        return Ok(Target::Demo);
    }
    let bare = given.strip_prefix("http://").unwrap_or(given).trim_end_matches('/');
    let (host, port) = bare.rsplit_once(':').unwrap_or(("", bare));
    let wrong = || Failure::usage(format!("{given:?} is not an address; write :8080, 127.0.0.1:8080 or demo"));
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let ip = match host.trim_start_matches('[').trim_end_matches(']') {
        "" | "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse().map_err(|_| elsewhere(given))?,
    };
    if ip.is_loopback() { Ok(Target::Address(SocketAddr::new(ip, port))) } else { Err(elsewhere(given)) }
}

fn elsewhere(given: &str) -> Failure {
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
            (":80", ":80"),
            ("8080", ":8080"),
            ("localhost:1", ":1"),
            ("http://127.0.0.2:3/", "127.0.0.2:3"),
            ("[::1]:4", "[::1]:4"),
            ("demo", "demo"),
        ] {
            let target = parse(given).ok();
            assert_eq!(target.map(|target| target.to_string()).as_deref(), Some(expected));
            assert_eq!(parse(expected).ok(), target, "{given}");
        }
        for given in
            ["", ":", "x", ":99999", "example.com:80", "192.168.0.1:80", "0.0.0.0:80", "[::]:80", "https://localhost"]
        {
            assert!(parse(given).is_err_and(|failure| failure.code == 2), "{given}");
        }
    }
}
