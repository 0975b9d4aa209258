//! Opens the database that a URL names, and defines the interface of a database and the error if
//! one fails.

mod migrations;
mod postgres;
mod sqlite;

use std::fmt::Display;
use std::io;

use wirelight::{Error, Result, StatusCode};

use crate::users::User;

pub trait Database: Send + Sync {
    /// Runs a statement whose rows are users.
    fn users(&self, statement: &str, values: &[Value<'_>]) -> Result<Vec<User>>;

    /// Runs a statement that returns one number.
    fn number(&self, statement: &str) -> Result<i64>;
}

/// A value for a parameter such as `$1`.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Number(i64),
    Text(Option<&'a str>),
}

/// Opens `sqlite:PATH`, or a URL in libpq's syntax.
pub fn open(url: &str) -> io::Result<Box<dyn Database>> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Box::new(sqlite::Sqlite::open(path)?)),
        Some(("postgres" | "postgresql", _)) => Ok(Box::new(postgres::Postgres::new(url)?)),
        // The message omits the URL, which may contain a password.
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "DATABASE_URL begins with sqlite: or postgres://")),
    }
}

fn duplicate() -> Error {
    Error::conflict("Another user has this email.")
}

/// Returns the error for an unreachable database: 503, try again soon. The reason is only logged.
fn gone(reason: impl Display) -> Error {
    log::error!("the database is gone: {reason}");
    Error::new(StatusCode::SERVICE_UNAVAILABLE, "The database is out of reach.").with_header("Retry-After", "1")
}
