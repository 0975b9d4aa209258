//! Types that only the document of the API has: the handlers read and write JSON without them.
#![expect(dead_code, reason = "their schemas are used")]

use schemars::JsonSchema;
use serde_json::Value;

use crate::users::User;

/// All fields of a user.
#[derive(JsonSchema)]
pub struct NewUser {
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[^\x00]*$"))]
    name: String,
    #[schemars(length(max = 254), regex(pattern = r"^[!-+\--:=?-~]+@[!-+\--:=?A-~]+$"))]
    email: String,
}

/// The fields of a user to change. One that is missing or null keeps its value.
#[derive(JsonSchema)]
pub struct UserChange {
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[^\x00]*$"))]
    name: Option<String>,
    #[schemars(length(max = 254), regex(pattern = r"^[!-+\--:=?-~]+@[!-+\--:=?A-~]+$"))]
    email: Option<String>,
}

#[derive(JsonSchema)]
pub struct Paging {
    /// The number of the page, from 1. What is not a number means 1.
    page: Option<String>,
    /// Users on a page, from 1 to 100. What is not a number means 20.
    per_page: Option<String>,
}

#[derive(JsonSchema)]
pub struct UserPage {
    data: Vec<User>,
    page: u64,
    per_page: u64,
    /// Users on all pages.
    total: u64,
}

#[derive(JsonSchema)]
pub struct Readiness {
    status: String,
}

/// An error.
#[derive(JsonSchema)]
pub struct Problem {
    error: String,
    message: String,
    /// What is wrong with each field.
    #[schemars(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
    request_id: Option<String>,
}
