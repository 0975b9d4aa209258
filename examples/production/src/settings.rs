//! Reads the environment, except for HOST, PORT and WORKERS, which the library reads.

use std::env;
use std::io;

/// The settings; see the table in README.md.
pub struct Settings {
    pub database: String,
    pub redis: Option<String>,
    pub fail_closed: bool,
    pub limit: String,
    pub proxies: Vec<String>,
    pub threads: usize,
    pub socket: Option<String>,
}

impl Settings {
    pub fn from_env() -> io::Result<Settings> {
        let threads = text("THREADS").map_or(Ok(16), |number| {
            let positive = number.parse().ok().filter(|&number: &usize| number > 0);
            positive.ok_or_else(|| invalid(format!("THREADS must be a positive number, not {number:?}")))
        })?;
        let fail_closed = match text("LIMITS_WITHOUT_REDIS").as_deref() {
            None | Some("open") => false,
            Some("closed") => true,
            Some(other) => return Err(invalid(format!("LIMITS_WITHOUT_REDIS is open or closed, not {other:?}"))),
        };
        let proxies = text("TRUSTED_PROXIES").unwrap_or("127.0.0.1 ::1 unix".into());
        Ok(Settings {
            database: text("DATABASE_URL").unwrap_or("sqlite:users.db".into()),
            redis: text("REDIS_URL"),
            fail_closed,
            limit: text("RATE_LIMIT").unwrap_or("100 per minute".into()),
            proxies: proxies.split([' ', ',']).filter(|proxy| !proxy.is_empty()).map(str::to_owned).collect(),
            threads,
            socket: text("SOCKET"),
        })
    }
}

/// Reads a variable. An empty one counts as not set.
fn text(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
