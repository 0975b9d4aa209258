//! Defines the numbered migrations of the schema, and selects those that are missing.

/// The number of a migration and its SQL. A released migration never changes; a later one corrects
/// it.
pub type Step = (i64, &'static str);

pub const SQLITE: &[Step] = &[
    (1, include_str!("../../migrations/sqlite/001_users.sql")),
    (2, include_str!("../../migrations/sqlite/002_one_user_an_email.sql")),
];

pub const POSTGRES: &[Step] = &[
    (1, include_str!("../../migrations/postgres/001_users.sql")),
    (2, include_str!("../../migrations/postgres/002_one_user_an_email.sql")),
];

/// Returns the migrations after `version`. A database with a higher version is not an error: it
/// belongs to a newer program, whose schema must also work for this one while both run.
pub fn missing(steps: &'static [Step], version: i64) -> impl Iterator<Item = &'static Step> {
    steps.iter().filter(move |(number, _)| *number > version)
}
