//! Accesses PostgreSQL through a connection pool, which replaces broken connections.

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

/// Connections of this instance. PostgreSQL allows 100 in total by default: enough for ten
/// instances and an administrator.
const CONNECTIONS: u32 = 8;
/// How long a request waits for a connection if all are in use or the database is unreachable.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a packet may be unacknowledged before the connection counts as broken: a machine that
/// failed sends no FIN.
const UNANSWERED: Duration = Duration::from_secs(5);
/// How long a statement may take. The statements here take a millisecond.
const OPTIONS: &str = "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=10s";
/// Serializes instances that start together. The number is arbitrary, but must not be used for
/// another lock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7234001)";

pub struct Postgres {
    pool: r2d2::Pool<Manager>,
    /// Whether the schema is up to date. The first request that reaches the database migrates it,
    /// since it may be down at startup.
    migrated: Mutex<bool>,
}

impl Postgres {
    pub fn new(url: &str) -> io::Result<Postgres> {
        let mut config: Config = url.parse().map_err(wrong)?;
        config.connect_timeout(PATIENCE).tcp_user_timeout(UNANSWERED).application_name("wirelight-production");
        let options = config.get_options().map_or(OPTIONS.into(), |own| format!("{OPTIONS} {own}"));
        config.options(&options);
        // `build_unchecked` does not wait for a connection. Each connection is tested before use,
        // which costs one round trip; after a restart of the database, no request fails.
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
        // After a panic with the lock held, the value is `false` and the transaction is rolled
        // back.
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

/// Names the invalid part, not the URL, which may contain a password.
fn wrong(error: postgres::Error) -> io::Error {
    let part = std::error::Error::source(&error).map(|part| format!(": {part}")).unwrap_or_default();
    io::Error::new(io::ErrorKind::InvalidInput, format!("DATABASE_URL: {error}{part}"))
}

fn user(row: &Row) -> Result<User, postgres::Error> {
    Ok(User { id: row.try_get(0)?, name: row.try_get(1)?, email: row.try_get(2)? })
}

/// Runs all missing migrations in one transaction: PostgreSQL can roll back table definitions too.
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

/// Returns whether the state is of class 08 (connection), 53 (insufficient resources) or 57
/// (operator intervention).
fn is_out_of_reach(code: &SqlState) -> bool {
    ["08", "53", "57"].iter().any(|class| code.code().starts_with(class))
}
