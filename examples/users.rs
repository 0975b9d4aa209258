//! The full CRUD pattern over a map in memory; run with `cargo run --example users`; try:
//! `curl http://127.0.0.1:8000/users -H 'Content-Type: application/json' -d '{"name": "Zoë", "email": "zoe@example.org"}'`,
//! `curl http://127.0.0.1:8000/users/1`, and the same path with `-X PATCH`, `-X PUT` and `-X DELETE`
use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use wirelight::{App, Error, Json, Request, Result, StatusCode, json};

#[derive(Clone, Serialize)]
struct User {
    id: u64,
    name: String,
    email: String,
}

/// What a client sends: both fields for a new user, any of them for a change.
#[derive(Deserialize)]
struct Fields {
    name: Option<String>,
    email: Option<String>,
}

impl Fields {
    fn into_user(self, id: u64) -> Result<User> {
        match (self.name, self.email) {
            (Some(name), Some(email)) => Ok(User { id, name, email }),
            _ => Err(Error::bad_request("name and email are required")),
        }
    }
}

#[derive(Default)]
struct Users {
    last_id: u64,
    by_id: BTreeMap<u64, User>,
}

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.state(Mutex::new(Users::default()));
    app.get("/users", |req| Json(req.lock::<Users>().by_id.values().cloned().collect::<Vec<_>>()));
    app.post("/users", create);
    app.get("/users/{id:int}", show);
    app.put("/users/{id:int}", replace);
    app.patch("/users/{id:int}", update);
    app.delete("/users/{id:int}", remove);
    app.on_error(400, |_, error| json!({ "error": error.message() }));
    app.on_error(422, |_, _| (StatusCode::BAD_REQUEST, json!({ "error": "name and email must be strings" })));
    app.run_from_env()
}

fn create(req: &Request) -> Result<(StatusCode, Json<User>)> {
    let fields: Fields = req.json()?;
    let mut users = req.lock::<Users>();
    let user = fields.into_user(users.last_id + 1)?;
    users.last_id = user.id;
    users.by_id.insert(user.id, user.clone());
    Ok((StatusCode::CREATED, Json(user)))
}

fn show(req: &Request) -> Result<Option<Json<User>>> {
    Ok(req.lock::<Users>().by_id.get(&req.param("id")?).cloned().map(Json))
}

fn replace(req: &Request) -> Result<Json<User>> {
    let mut users = req.lock::<Users>();
    let user = users.by_id.get_mut(&req.param("id")?).ok_or(Error::not_found(""))?;
    *user = req.json::<Fields>()?.into_user(user.id)?;
    Ok(Json(user.clone()))
}

fn update(req: &Request) -> Result<Json<User>> {
    let mut users = req.lock::<Users>();
    let user = users.by_id.get_mut(&req.param("id")?).ok_or(Error::not_found(""))?;
    let Fields { name, email } = req.json()?;
    if let Some(name) = name {
        user.name = name;
    }
    if let Some(email) = email {
        user.email = email;
    }
    Ok(Json(user.clone()))
}

fn remove(req: &Request) -> Result<Option<()>> {
    Ok(req.lock::<Users>().by_id.remove(&req.param("id")?).map(|_| ()))
}
