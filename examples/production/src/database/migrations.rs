//! The schema's steps, numbered, in the program itself; knows which come next, not how they are run.

/// A step's number and its SQL. A step that was released never changes: the next one mends it.
pub type Step = (i64, &'static str);

pub const SQLITE: &[Step] = &[
    (1, include_str!("../../migrations/sqlite/001_users.sql")),
    (2, include_str!("../../migrations/sqlite/002_one_user_an_email.sql")),
];

pub const POSTGRES: &[Step] = &[
    (1, include_str!("../../migrations/postgres/001_users.sql")),
    (2, include_str!("../../migrations/postgres/002_one_user_an_email.sql")),
];

/// The steps behind `version`. A database that is further than this program belongs to a newer one, whose schema must serve the older
/// program while both run; so that is no error.
pub fn missing(steps: &'static [Step], version: i64) -> impl Iterator<Item = &'static Step> {
    steps.iter().filter(move |(number, _)| *number > version)
}
