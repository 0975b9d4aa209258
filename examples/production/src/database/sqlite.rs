//! Accesses SQLite through one connection with a lock: SQLite allows one writer at a time anyway.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{Connection, ErrorCode, ffi};
use wirelight::{Error, Result};

use super::{Database, Value, duplicate, gone, migrations};
use crate::users::User;

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(2);

pub struct Sqlite(Mutex<Connection>);

impl Sqlite {
    /// Opens or creates the file, and brings its schema up to date.
    pub fn open(path: &str) -> io::Result<Sqlite> {
        let connection =
            prepared(path).map_err(|error| io::Error::other(format!("the SQLite database {path}: {error}")))?;
        Ok(Sqlite(Mutex::new(connection)))
    }

    /// Locks the connection. Ignores poisoning: SQLite rolls back a statement that a panic
    /// interrupts.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database for Sqlite {
    fn users(&self, statement: &str, values: &[Value<'_>]) -> Result<Vec<User>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(statement).map_err(explained)?;
        let user = |row: &rusqlite::Row<'_>| Ok(User { id: row.get(0)?, name: row.get(1)?, email: row.get(2)? });
        let rows = statement.query_map(rusqlite::params_from_iter(values), user).map_err(explained)?;
        rows.collect::<rusqlite::Result<_>>().map_err(explained)
    }

    fn number(&self, statement: &str) -> Result<i64> {
        self.lock().query_row(statement, [], |row| row.get(0)).map_err(explained)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Value::Number(number) => number.to_sql(),
            Value::Text(text) => text.to_sql(),
        }
    }
}

/// Opens the file. With a write-ahead log, readers in other processes do not wait for a writer.
fn prepared(path: &str) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // IMMEDIATE serializes instances that start together.
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (number, sql) in migrations::missing(migrations::SQLITE, version) {
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", number)?;
        log::info!("migration {number} is in");
    }
    transaction.commit()?;
    Ok(connection)
}

fn explained(error: rusqlite::Error) -> Error {
    match error.sqlite_error() {
        Some(ffi::Error { extended_code: ffi::SQLITE_CONSTRAINT_UNIQUE, .. }) => duplicate(),
        Some(ffi::Error { code, .. }) if is_out_of_reach(*code) => gone(error),
        _ => Error::internal(error),
    }
}

/// Returns whether the error is temporary: caused by the disk or another process.
fn is_out_of_reach(code: ErrorCode) -> bool {
    use ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure};
    matches!(code, CannotOpen | DatabaseBusy | DatabaseLocked | DiskFull | ReadOnly | SystemIoFailure)
}
