//! The full CRUD pattern over a map in memory; run with `cargo run --example users`; try:
//! `curl http://127.0.0.1:8000/users -H 'Content-Type: application/json' -d '{"name": "Venki", "email": "v@example.com"}'`,
//! `curl http://127.0.0.1:8000/users/1`, and the same path with `-X PATCH`, `-X PUT` and `-X DELETE`
use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Map, Value};
use wirelight::{App, Error, Request, Result, StatusCode, json};

#[derive(Default)]
struct Users {
    last_id: u64,
    by_id: BTreeMap<u64, Value>,
}

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.state(Mutex::new(Users::default()));
    app.get("/users", |req| Value::from_iter(req.lock::<Users>().by_id.values().cloned()));
    app.post("/users", create);
    app.get("/users/{id:int}", show);
    app.put("/users/{id:int}", replace);
    app.patch("/users/{id:int}", update);
    app.delete("/users/{id:int}", remove);
    app.on_error(400, |_, error| json!({ "error": error.message() }));
    app.run_from_env()
}

fn create(req: &Request) -> Result<(StatusCode, Value)> {
    let body = req.json()?;
    let mut users = req.lock::<Users>();
    let id = users.last_id + 1;
    let user = user(id, &body)?;
    users.last_id = id;
    users.by_id.insert(id, user.clone());
    Ok((StatusCode::CREATED, user))
}

fn show(req: &Request) -> Result<Option<Value>> {
    Ok(req.lock::<Users>().by_id.get(&req.param("id")?).cloned())
}

fn replace(req: &Request) -> Result<Value> {
    let (id, mut users) = (req.param("id")?, req.lock::<Users>());
    let old = users.by_id.get_mut(&id).ok_or(Error::not_found(""))?;
    *old = user(id, &req.json()?)?;
    Ok(old.clone())
}

fn update(req: &Request) -> Result<Value> {
    let mut users = req.lock::<Users>();
    let user = users.by_id.get_mut(&req.param("id")?).ok_or(Error::not_found(""))?;
    let mut body: Map<String, Value> = req.json()?;
    // Only update fields that were provided.
    for name in ["name", "email"] {
        if let Some(value) = body.remove(name) {
            user[name] = value;
        }
    }
    Ok(user.clone())
}

fn remove(req: &Request) -> Result<Option<()>> {
    Ok(req.lock::<Users>().by_id.remove(&req.param("id")?).map(|_| ()))
}

/// A user made of the fields that a body must have, whatever their type.
fn user(id: u64, body: &Value) -> Result<Value> {
    match (body.get("name"), body.get("email")) {
        (Some(name), Some(email)) => Ok(json!({ "id": id, "name": name, "email": email })),
        _ => Err(Error::bad_request("name and email are required")),
    }
}
