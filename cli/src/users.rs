//! Keeps users in memory, and serves six routes: list, create, show, replace, update and delete.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};
use wirelight::{Error, Request, Result, Router, StatusCode, json};

/// Bounds the memory of a demo that is open to the internet.
const MAX_USERS: usize = 10_000;
/// Longest name in characters.
const MAX_NAME: usize = 100;
/// Longest address in bytes (RFC 5321 §4.5.3.1.3, without the angle brackets).
const MAX_EMAIL: usize = 254;

/// All users; shared by all workers.
#[derive(Default)]
pub(super) struct Users(Mutex<Table>);

#[derive(Default)]
struct Table {
    users: BTreeMap<u64, User>,
    /// The last id that was assigned. Ids start at 1 and are not reused.
    last: u64,
}

#[derive(Clone)]
struct User {
    name: String,
    email: String,
}

/// The response to a creation: 201, the location and the new user.
type Created = (StatusCode, [(&'static str, String); 1], Value);

/// Returns the routes below `/users`.
pub(super) fn router() -> Router {
    let mut r = Router::new();
    r.get("/", list).about("Lists all users, in the order of their ids.").gives::<Vec<StoredUser>>();
    r.post("/", create)
        .about("Creates a user.")
        .takes::<NewUser>()
        .gives_status::<StoredUser>(201)
        .fails(409, "Another user has this email address, or there are too many users.");
    r.get("/{id:int}", show).about("Shows a user.").gives::<StoredUser>();
    r.put("/{id:int}", replace).about("Replaces a user.").takes::<NewUser>().gives::<StoredUser>().fails(409, TAKEN);
    r.patch("/{id:int}", update)
        .about("Changes fields of a user.")
        .takes::<UserChange>()
        .gives::<StoredUser>()
        .fails(409, TAKEN);
    r.delete("/{id:int}", remove).about("Removes a user.");
    r
}

const TAKEN: &str = "Another user has this email address.";

/// A user, as the responses write it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the document shows it; handlers write JSON without a type")]
struct StoredUser {
    /// Ids start at 1 and are not reused.
    id: u64,
    name: String,
    email: String,
}

/// All fields of a user. Spaces around a value are removed.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the document shows it; `User::from_json` reads it")]
struct NewUser {
    #[schemars(length(min = 1, max = 100), regex(pattern = r"\S"))]
    name: String,
    #[schemars(length(max = 254), regex(pattern = r"^[!-?A-~]+@[!-?A-~]+$"))]
    email: String,
}

/// The fields of a user to change; the others keep their values.
#[derive(JsonSchema)]
#[schemars(transform = all_optional)]
#[expect(dead_code, reason = "the document shows it; `User::from_json` reads it")]
struct UserChange {
    #[schemars(length(min = 1, max = 100), regex(pattern = r"\S"))]
    name: String,
    #[schemars(length(max = 254), regex(pattern = r"^[!-?A-~]+@[!-?A-~]+$"))]
    email: String,
}

/// A field may be missing, but not null.
fn all_optional(schema: &mut Schema) {
    schema.remove("required");
}

fn list(req: &Request) -> Value {
    table(req).users.iter().map(|(id, user)| user.json(*id)).collect()
}

fn create(req: &Request) -> Result<Created> {
    let user = User::from_json(&req.json()?, None)?;
    let mut table = table(req);
    table.check_email(&user.email, None)?;
    if table.users.len() >= MAX_USERS {
        return Err(Error::conflict(format!("This demo keeps at most {MAX_USERS} users; delete some first.")));
    }
    table.last += 1;
    let id = table.last;
    let body = user.json(id);
    table.users.insert(id, user);
    Ok((StatusCode::CREATED, [("Location", format!("/users/{id}"))], body))
}

fn show(req: &Request) -> Result<Value> {
    let id = req.param("id")?;
    table(req).users.get(&id).map(|user| user.json(id)).ok_or_else(no_such_user)
}

fn replace(req: &Request) -> Result<Value> {
    let id = req.param("id")?;
    table(req).store(id, |_| User::from_json(&req.json()?, None))
}

fn update(req: &Request) -> Result<Value> {
    let id = req.param("id")?;
    table(req).store(id, |old| User::from_json(&req.json()?, Some(old)))
}

fn remove(req: &Request) -> Result<()> {
    let id: u64 = req.param("id")?;
    table(req).users.remove(&id).map(drop).ok_or_else(no_such_user)
}

/// Locks the table. Ignores poisoning: every change is one insertion or removal, so the table is
/// always valid.
fn table<'r>(req: &'r Request) -> MutexGuard<'r, Table> {
    req.state::<Users>().0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_such_user() -> Error {
    Error::not_found("There is no user with this id.")
}

impl Table {
    /// Replaces a user by what `change` returns for it.
    fn store(&mut self, id: u64, change: impl FnOnce(&User) -> Result<User>) -> Result<Value> {
        let user = change(self.users.get(&id).ok_or_else(no_such_user)?)?;
        self.check_email(&user.email, Some(id))?;
        let body = user.json(id);
        self.users.insert(id, user);
        Ok(body)
    }

    /// Fails with 409 if another user has this address.
    fn check_email(&self, email: &str, own: Option<u64>) -> Result<()> {
        let taken = |(id, user): (&u64, &User)| Some(*id) != own && user.email.eq_ignore_ascii_case(email);
        if self.users.iter().any(taken) { Err(Error::conflict(TAKEN)) } else { Ok(()) }
    }
}

impl User {
    fn json(&self, id: u64) -> Value {
        json!({ "id": id, "name": self.name, "email": self.email })
    }

    /// Reads the fields of `body`; the `old` user provides those that are missing. Fails with 422,
    /// which lists all invalid fields: a typed `req.json()` would report the first one only.
    fn from_json(body: &Value, old: Option<&User>) -> Result<User> {
        let Some(fields) = body.as_object() else {
            let details = json!({ "body": "must be a JSON object" });
            return Err(Error::unprocessable("The body is not a valid user.", details));
        };
        let mut wrong = Map::new();
        let name = field(fields, "name", old.map(|old| &*old.name), name_problem, &mut wrong);
        let email = field(fields, "email", old.map(|old| &*old.email), email_problem, &mut wrong);
        match (name, email) {
            (Some(name), Some(email)) => Ok(User { name, email }),
            _ => Err(Error::unprocessable("The body is not a valid user.", Value::Object(wrong))),
        }
    }
}

/// Returns one field of a user, or adds to `wrong` what is wrong with it.
fn field(
    fields: &Map<String, Value>,
    name: &str,
    old: Option<&str>,
    problem: fn(&str) -> Option<&'static str>,
    wrong: &mut Map<String, Value>,
) -> Option<String> {
    let problem = match (fields.get(name), old) {
        (Some(Value::String(text)), _) => match problem(text.trim()) {
            None => return Some(text.trim().to_owned()),
            Some(problem) => problem,
        },
        (Some(_), _) => "must be a string",
        (None, Some(old)) => return Some(old.to_owned()),
        (None, None) => "is required",
    };
    wrong.insert(name.to_owned(), problem.into());
    None
}

fn name_problem(name: &str) -> Option<&'static str> {
    let length = name.chars().count();
    (length == 0 || length > MAX_NAME).then_some("must have 1 to 100 characters")
}

/// Rejects what cannot be an address. Only a mail shows whether it works.
fn email_problem(email: &str) -> Option<&'static str> {
    let halves = email.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let possible = halves.is_some_and(|(_, domain)| !domain.contains('@')) && !email.contains(char::is_whitespace);
    (!possible || email.len() > MAX_EMAIL).then_some("must be an email address")
}
