//! Users in memory, and the six routes that list, make, show, replace, change and remove them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use wirelight::{Error, Request, Result, Router, StatusCode, json};

/// A demo that stands on the open net must not grow for ever.
const MOST_USERS: usize = 10_000;
/// Characters of a name.
const LONGEST_NAME: usize = 100;
/// Bytes of an address (RFC 5321 §4.5.3.1.3, without the angle brackets).
const LONGEST_EMAIL: usize = 254;

/// All users, for all workers.
#[derive(Default)]
pub(super) struct Users(Mutex<Table>);

#[derive(Default)]
struct Table {
    users: BTreeMap<u64, User>,
    /// Ids count from 1, and none is used twice.
    last: u64,
}

#[derive(Clone)]
struct User {
    name: String,
    email: String,
}

/// 201, where the new user is found, and what was made.
type Created = (StatusCode, [(&'static str, String); 1], Value);

/// The routes below `/users`.
pub(super) fn router() -> Router {
    let mut r = Router::new();
    r.get("/", list);
    r.post("/", create);
    r.get("/{id:int}", show);
    r.put("/{id:int}", replace);
    r.patch("/{id:int}", change);
    r.delete("/{id:int}", remove);
    r
}

fn list(req: &Request) -> Value {
    table(req).users.iter().map(|(id, user)| user.json(*id)).collect()
}

fn create(req: &Request) -> Result<Created> {
    let user = User::from_json(&req.json()?, None)?;
    let mut table = table(req);
    table.check_email(&user.email, None)?;
    if table.users.len() >= MOST_USERS {
        return Err(Error::conflict(format!("This demo keeps at most {MOST_USERS} users; delete some first.")));
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

fn change(req: &Request) -> Result<Value> {
    let id = req.param("id")?;
    table(req).store(id, |old| User::from_json(&req.json()?, Some(old)))
}

fn remove(req: &Request) -> Result<()> {
    let id: u64 = req.param("id")?;
    table(req).users.remove(&id).map(drop).ok_or_else(no_such_user)
}

/// A handler that panicked left a whole table behind: every change is one insertion or removal.
fn table<'r>(req: &'r Request) -> MutexGuard<'r, Table> {
    req.state::<Users>().0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_such_user() -> Error {
    Error::not_found("There is no user with this id.")
}

impl Table {
    /// Puts what `change` makes of a user in its place.
    fn store(&mut self, id: u64, change: impl FnOnce(&User) -> Result<User>) -> Result<Value> {
        let user = change(self.users.get(&id).ok_or_else(no_such_user)?)?;
        self.check_email(&user.email, Some(id))?;
        let body = user.json(id);
        self.users.insert(id, user);
        Ok(body)
    }

    /// 409 when somebody else has this address.
    fn check_email(&self, email: &str, own: Option<u64>) -> Result<()> {
        let taken = |(id, user): (&u64, &User)| Some(*id) != own && user.email.eq_ignore_ascii_case(email);
        if self.users.iter().any(taken) { Err(Error::conflict("Another user has this email address.")) } else { Ok(()) }
    }
}

impl User {
    fn json(&self, id: u64) -> Value {
        json!({ "id": id, "name": self.name, "email": self.email })
    }

    /// The fields that `body` gives; for those that it leaves out the old ones, if there are any. 422 lists all that is wrong at once.
    fn from_json(body: &Value, old: Option<&User>) -> Result<User> {
        let Some(fields) = body.as_object() else {
            let details = json!({ "body": "must be a JSON object" });
            return Err(Error::unprocessable("The body is no user.", details));
        };
        let mut wrong = Map::new();
        let name = field(fields, "name", old.map(|old| &*old.name), name_problem, &mut wrong);
        let email = field(fields, "email", old.map(|old| &*old.email), email_problem, &mut wrong);
        match (name, email) {
            (Some(name), Some(email)) => Ok(User { name, email }),
            _ => Err(Error::unprocessable("The body is no user.", Value::Object(wrong))),
        }
    }
}

/// One field of a user, or a note in `wrong` of what is the matter with it.
fn field(
    fields: &Map<String, Value>,
    name: &str,
    old: Option<&str>,
    problem: fn(&str) -> Option<&'static str>,
    wrong: &mut Map<String, Value>,
) -> Option<String> {
    let complaint = match (fields.get(name), old) {
        (Some(Value::String(text)), _) => match problem(text.trim()) {
            None => return Some(text.trim().to_owned()),
            Some(problem) => problem,
        },
        (Some(_), _) => "must be a string",
        (None, Some(old)) => return Some(old.to_owned()),
        (None, None) => "is required",
    };
    wrong.insert(name.to_owned(), complaint.into());
    None
}

fn name_problem(name: &str) -> Option<&'static str> {
    let length = name.chars().count();
    (length == 0 || length > LONGEST_NAME).then_some("must have 1 to 100 characters")
}

/// Whether an address works shows when mail arrives; this only finds what can be none.
fn email_problem(email: &str) -> Option<&'static str> {
    let halves = email.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let possible = halves.is_some_and(|(_, domain)| !domain.contains('@')) && !email.contains(char::is_whitespace);
    (!possible || email.len() > LONGEST_EMAIL).then_some("must be an email address")
}
