//! Stores users with SQL that both databases understand.

use schemars::JsonSchema;
use serde::Serialize;
use wirelight::Result;

use crate::database::{Database, Value};

#[derive(Debug, Serialize, JsonSchema)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub email: String,
}

pub struct Users(Box<dyn Database>);

const PAGE: &str = "SELECT id, name, email FROM users ORDER BY id LIMIT $1 OFFSET $2";
const FIND: &str = "SELECT id, name, email FROM users WHERE id = $1";
const ADD: &str = "INSERT INTO users (name, email) VALUES ($1, $2) RETURNING id, name, email";
const CHANGE: &str = "UPDATE users SET name = coalesce($1, name), email = coalesce($2, email) WHERE id = $3 \
                      RETURNING id, name, email";
const REMOVE: &str = "DELETE FROM users WHERE id = $1 RETURNING id, name, email";
const COUNT: &str = "SELECT count(*) FROM users";

impl Users {
    pub fn new(database: Box<dyn Database>) -> Users {
        Users(database)
    }

    pub fn page(&self, offset: u64, count: u64) -> Result<Vec<User>> {
        let number = |n: u64| Value::Number(i64::try_from(n).unwrap_or(i64::MAX));
        self.0.users(PAGE, &[number(count), number(offset)])
    }

    pub fn count(&self) -> Result<u64> {
        Ok(self.0.number(COUNT)?.unsigned_abs())
    }

    pub fn find(&self, id: i64) -> Result<Option<User>> {
        self.one(FIND, &[Value::Number(id)])
    }

    /// Adds a user. Fails with 409 if the address is taken: the unique index decides, since a query
    /// before the insert would be a race.
    pub fn add(&self, name: &str, email: &str) -> Result<User> {
        let added = self.one(ADD, &[Value::Text(Some(name)), Value::Text(Some(email))])?;
        added.ok_or_else(|| wirelight::Error::internal("an INSERT returned no row"))
    }

    /// Changes a user; fields that are `None` are unchanged.
    pub fn change(&self, id: i64, name: Option<&str>, email: Option<&str>) -> Result<Option<User>> {
        self.one(CHANGE, &[Value::Text(name), Value::Text(email), Value::Number(id)])
    }

    /// Removes a user; returns whether it existed.
    pub fn remove(&self, id: i64) -> Result<bool> {
        Ok(self.one(REMOVE, &[Value::Number(id)])?.is_some())
    }

    fn one(&self, statement: &str, values: &[Value<'_>]) -> Result<Option<User>> {
        Ok(self.0.users(statement, values)?.pop())
    }
}
