//! Configures a server from the environment: HOST, PORT, WORKERS.

use std::env::{self, VarError};
use std::io::{self, Write};
use std::str::FromStr;

use super::Server;
use crate::app::App;

impl Server {
    /// Binds to `HOST`:`PORT`, by default `127.0.0.1:8000`, with `WORKERS` threads, by default 1,
    /// as set by Heroku, systemd's `Environment=` or a container's `-e`. An empty variable counts
    /// as not set. `HOST=unix:/run/app.sock` is a unix socket, which has no port.
    ///
    /// # Errors
    /// Fails if a variable is not a valid number or not UTF-8, naming it; and as
    /// [`bind`](Server::bind).
    pub fn from_env() -> io::Result<Server> {
        let host = variable("HOST")?.unwrap_or("127.0.0.1".into());
        let workers = number("WORKERS", "a number")?.unwrap_or(1);
        let server = match host.strip_prefix("unix:") {
            Some(path) => Server::bind_unix(path),
            None => {
                let port = number("PORT", "a number from 0 to 65535")?.unwrap_or(8000);
                Server::bind((host.as_str(), port))
            }
        };
        Ok(server?.workers(workers))
    }
}

impl App {
    /// Serves this application as the [environment](Server::from_env) configures it, until TERM or
    /// INT. Prints `listening on http://…` (with PORT=0, the only place that shows the port), or
    /// `listening on unix:…`.
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// let mut app = wirelight::App::new();
    /// app.get("/", |_| "Hello!");
    /// app.run_from_env() // PORT=9000 cargo run
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Server::from_env`] and [`Server::run`].
    pub fn run_from_env(self) -> io::Result<()> {
        let server = Server::from_env()?;
        for address in server.addresses() {
            let scheme = if address.starts_with("unix:") { "" } else { "http://" };
            let _ = writeln!(io::stdout(), "listening on {scheme}{address}"); // fails if stdout is closed
        }
        server.run(self)
    }
}

fn number<T: FromStr>(name: &str, what: &str) -> io::Result<Option<T>> {
    let Some(text) = variable(name)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| invalid(format!("{name} must be {what}, not {text:?}")))
}

fn variable(name: &str) -> io::Result<Option<String>> {
    match env::var(name) {
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(text)) => Err(invalid(format!("{name} is not valid UTF-8: {text:?}"))),
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
