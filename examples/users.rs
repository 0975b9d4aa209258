//! The full CRUD pattern with a map in memory. Run with `cargo run --example users`; try:
//! `curl http://127.0.0.1:8000/users -H 'Content-Type: application/json' -d '{"name": "Venki", "email": "v@example.com"}'`,
//! `curl http://127.0.0.1:8000/users/1`, and the same path with `-X PATCH`, `-X PUT` and
//! `-X DELETE`
use std::collections::BTreeMap;
use std::sync::Mutex;

use schemars::JsonSchema;
use serde_json::Value;
use serde_json::value::RawValue;
use wirelight::{App, Error, Json, Request, Result, StatusCode, json};

/// Fields of any type, as sent: a number of 30 digits is kept exactly, as in Python.
type Fields = BTreeMap<String, Box<RawValue>>;

#[derive(Clone, serde::Serialize, JsonSchema)]
struct User {
    id: u64,
    #[schemars(with = "Value")]
    name: Box<RawValue>,
    #[schemars(with = "Value")]
    email: Box<RawValue>,
}

#[derive(Default)]
struct Users {
    last_id: u64,
    by_id: BTreeMap<u64, User>,
}

const MISSING: &str = "name and email are required";

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.state(Mutex::new(Users::default()));
    app.get("/users", |req| Json(req.lock::<Users>().by_id.values().cloned().collect::<Vec<_>>()))
        .about("Lists users.")
        .gives::<Vec<User>>();
    app.post("/users", create).about("Creates a user.").takes::<document::NewUser>().gives_status::<User>(201);
    app.get("/users/{id:int}", show).about("Shows a user.").gives::<User>();
    app.put("/users/{id:int}", replace).about("Replaces a user.").takes::<document::NewUser>().gives::<User>();
    app.patch("/users/{id:int}", update).about("Changes a user.").takes::<document::Change>().gives::<User>();
    app.delete("/users/{id:int}", remove).about("Removes a user.");
    app.on_error(400, |_, error| json!({ "error": error.message() }));
    app.on_error(422, |_, _| (StatusCode::BAD_REQUEST, json!({ "error": MISSING }))); // JSON, but not an object
    app.docs("/docs", app.openapi().title("Users").errors::<document::Mistake>());
    app.run_from_env()
}

fn create(req: &Request) -> Result<(StatusCode, Json<User>)> {
    let fields = req.json()?;
    let mut users = req.lock::<Users>();
    let user = user(users.last_id + 1, fields)?;
    users.last_id = user.id;
    users.by_id.insert(user.id, user.clone());
    Ok((StatusCode::CREATED, Json(user)))
}

fn show(req: &Request) -> Result<Option<Json<User>>> {
    Ok(req.lock::<Users>().by_id.get(&req.param("id")?).cloned().map(Json))
}

fn replace(req: &Request) -> Result<Json<User>> {
    let (id, mut users) = (req.param("id")?, req.lock::<Users>());
    let old = users.by_id.get_mut(&id).ok_or(Error::not_found(""))?;
    *old = user(id, req.json()?)?;
    Ok(Json(old.clone()))
}

fn update(req: &Request) -> Result<Json<User>> {
    let mut users = req.lock::<Users>();
    let user = users.by_id.get_mut(&req.param("id")?).ok_or(Error::not_found(""))?;
    let mut fields: Fields = req.json()?;
    // Only update fields that were provided.
    for (field, name) in [(&mut user.name, "name"), (&mut user.email, "email")] {
        if let Some(value) = fields.remove(name) {
            *field = value;
        }
    }
    Ok(Json(user.clone()))
}

fn remove(req: &Request) -> Result<Option<()>> {
    Ok(req.lock::<Users>().by_id.remove(&req.param("id")?).map(|_| ()))
}

/// Creates a user from the required fields.
fn user(id: u64, mut fields: Fields) -> Result<User> {
    match (fields.remove("name"), fields.remove("email")) {
        (Some(name), Some(email)) => Ok(User { id, name, email }),
        _ => Err(Error::bad_request(MISSING)),
    }
}

/// Types that only the document of the API has: bodies are read as [`Fields`].
mod document {
    #![expect(dead_code, reason = "their schemas are used")]

    use schemars::JsonSchema;
    use serde_json::{Map, Value};

    #[derive(JsonSchema)]
    pub struct NewUser {
        name: Value,
        email: Value,
    }

    /// The fields to change.
    #[derive(JsonSchema)]
    pub struct Change(Map<String, Value>);

    #[derive(JsonSchema)]
    pub struct Mistake {
        error: String,
    }
}
