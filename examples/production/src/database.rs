//! Which database a URL names, what any database must do, and what a client reads when one fails; knows no statement.

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

    /// Runs a statement that gives one number.
    fn number(&self, statement: &str) -> Result<i64>;
}

/// What stands for `$1`.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Number(i64),
    Text(Option<&'a str>),
}

/// `sqlite:PATH`, or a URL that libpq would take.
pub fn open(url: &str) -> io::Result<Box<dyn Database>> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Box::new(sqlite::Sqlite::open(path)?)),
        Some(("postgres" | "postgresql", _)) => Ok(Box::new(postgres::Postgres::new(url)?)),
        // Without the URL: it may hold a password.
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "DATABASE_URL begins with sqlite: or postgres://")),
    }
}

fn duplicate() -> Error {
    Error::conflict("Another user has this email.")
}

/// Not our fault and not the client's: come back soon. What the database said is for the log.
fn gone(reason: impl Display) -> Error {
    log::error!("the database is gone: {reason}");
    Error::new(StatusCode::SERVICE_UNAVAILABLE, "The database is out of reach.").with_header("Retry-After", "1")
}
