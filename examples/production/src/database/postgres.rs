//! PostgreSQL through a pool of connections that are made again when they broke; knows no users but their columns.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Row};
use r2d2_postgres::PostgresConnectionManager;
use wirelight::{Error, Result};

use super::{Database, Value, duplicate, gone, migrations};
use crate::users::User;

type Manager = PostgresConnectionManager<NoTls>;

/// PostgreSQL has 100 for everybody by default: ten instances and an administrator fit.
const CONNECTIONS: u32 = 8;
/// How long a request waits for a connection, when all are taken or the database is gone.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a packet may stay unanswered before the connection counts as broken: a machine that vanished says nothing.
const UNANSWERED: Duration = Duration::from_secs(5);
/// How long a statement may take. Ours take a millisecond.
const OPTIONS: &str = "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=10s";
/// Two instances that start together take turns; the number is any that nobody else locks.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7234001)";

pub struct Postgres {
    pool: r2d2::Pool<Manager>,
    /// Whether the schema is up to date: seen to by the first request that finds the database, which may be down when we start.
    migrated: Mutex<bool>,
}

impl Postgres {
    pub fn new(url: &str) -> io::Result<Postgres> {
        let mut config: Config = url.parse().map_err(wrong)?;
        config.connect_timeout(PATIENCE).tcp_user_timeout(UNANSWERED).application_name("wirelight-production");
        let options = config.get_options().map_or(OPTIONS.into(), |own| format!("{OPTIONS} {own}"));
        config.options(&options);
        // `build_unchecked` does not wait for a connection. Each is asked whether it lives before it is used: one round trip, and a
        // restart of the database costs no request once it is back.
        let pool = r2d2::Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(Some(0))
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(PostgresConnectionManager::new(config, NoTls));
        Ok(Postgres { pool, migrated: Mutex::new(false) })
    }

    fn connection(&self) -> Result<r2d2::PooledConnection<Manager>> {
        let mut connection = self.pool.get().map_err(gone)?;
        // A panic while it is locked leaves `false` behind, and the transaction rolled back.
        let mut migrated = self.migrated.lock().unwrap_or_else(PoisonError::into_inner);
        if !*migrated {
            migrate(&mut connection).map_err(explained)?;
            *migrated = true;
        }
        Ok(connection)
    }
}

impl Database for Postgres {
    fn users(&self, statement: &str, values: &[Value<'_>]) -> Result<Vec<User>> {
        let values: Vec<_> = values.iter().map(Value::for_postgres).collect();
        let rows = self.connection()?.query(statement, &values).map_err(explained)?;
        rows.iter().map(user).collect::<Result<_, _>>().map_err(explained)
    }

    fn number(&self, statement: &str) -> Result<i64> {
        self.connection()?.query_one(statement, &[]).and_then(|row| row.try_get(0)).map_err(explained)
    }
}

impl Value<'_> {
    fn for_postgres(&self) -> &(dyn ToSql + Sync) {
        match self {
            Value::Number(number) => number,
            Value::Text(text) => text,
        }
    }
}

/// Names the part that is wrong, not the URL, which may hold a password.
fn wrong(error: postgres::Error) -> io::Error {
    let part = std::error::Error::source(&error).map(|part| format!(": {part}")).unwrap_or_default();
    io::Error::new(io::ErrorKind::InvalidInput, format!("DATABASE_URL: {error}{part}"))
}

fn user(row: &Row) -> Result<User, postgres::Error> {
    Ok(User { id: row.try_get(0)?, name: row.try_get(1)?, email: row.try_get(2)? })
}

/// All missing steps in one transaction: PostgreSQL takes back what defines tables too.
fn migrate(client: &mut Client) -> Result<(), postgres::Error> {
    let mut transaction = client.transaction()?;
    transaction.batch_execute(LOCK)?;
    transaction.batch_execute("CREATE TABLE IF NOT EXISTS migrations (number BIGINT PRIMARY KEY)")?;
    let version = transaction.query_one("SELECT coalesce(max(number), 0) FROM migrations", &[])?.try_get(0)?;
    for (number, sql) in migrations::missing(migrations::POSTGRES, version) {
        transaction.batch_execute(sql)?;
        transaction.execute("INSERT INTO migrations VALUES ($1)", &[number])?;
        log::info!("migration {number} is in");
    }
    transaction.commit()
}

fn explained(error: postgres::Error) -> Error {
    let of_the_socket = std::error::Error::source(&error).is_some_and(|cause| cause.is::<io::Error>());
    match error.code() {
        Some(&SqlState::UNIQUE_VIOLATION) => duplicate(),
        Some(code) if is_out_of_reach(code) => gone(error),
        None if error.is_closed() || of_the_socket => gone(error),
        _ => Error::internal(error),
    }
}

/// Connections that failed, resources that ran out, operators who intervened: classes 08, 53 and 57 of the SQL states.
fn is_out_of_reach(code: &SqlState) -> bool {
    ["08", "53", "57"].iter().any(|class| code.code().starts_with(class))
}
