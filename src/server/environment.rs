//! A server as the environment describes it: HOST, PORT, WORKERS; knows no other way to configure one.

use std::env::{self, VarError};
use std::io::{self, Write};
use std::str::FromStr;

use super::Server;
use crate::app::App;

impl Server {
    /// Binds to `HOST`:`PORT`, by default `127.0.0.1:8000`, with `WORKERS` threads, by default 1: what Heroku, systemd's `Environment=`
    /// and a container's `-e` say. A variable that is set to nothing counts as not set. `HOST=unix:/run/app.sock` is a unix socket, and
    /// has no port.
    ///
    /// # Errors
    /// When a number is none, naming the variable; and as [`bind`](Server::bind).
    pub fn from_env() -> io::Result<Server> {
        let host = variable("HOST")?.unwrap_or("127.0.0.1".into());
        let workers = number("WORKERS")?.unwrap_or(1);
        let server = match host.strip_prefix("unix:") {
            Some(path) => Server::bind_unix(path),
            None => Server::bind((host.as_str(), number::<u16>("PORT")?.unwrap_or(8000))),
        };
        Ok(server?.workers(workers))
    }
}

impl App {
    /// Serves this application where the [environment](Server::from_env) says, until TERM or INT, and prints `listening on http://…`:
    /// with PORT=0 nobody else knows the port. On a unix socket it is `listening on unix:…`.
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
        let address = server.addresses().concat(); // there is one
        let scheme = if address.starts_with("unix:") { "" } else { "http://" };
        // Who closed our output does not want the line.
        let _ = writeln!(io::stdout(), "listening on {scheme}{address}");
        server.run(self)
    }
}

fn number<T: FromStr>(name: &str) -> io::Result<Option<T>> {
    let Some(text) = variable(name)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| invalid(format!("{name} must be a number, not {text:?}")))
}

fn variable(name: &str) -> io::Result<Option<String>> {
    match env::var(name) {
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(text)) => Err(invalid(format!("{name} is no text: {text:?}"))),
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
