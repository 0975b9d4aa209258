//! Makes six mistakes of API design, each under `/before`, and each corrected at another path. Run
//! with `cargo run --example design_mistakes`; try: `curl http://127.0.0.1:8000/before/deleteUser?id=1`,
//! `curl -i http://127.0.0.1:8000/before/users/9`, `curl -i http://127.0.0.1:8000/v1/users/9`
use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::Value;
use wirelight::{App, Page, Request, Response, Result, Router, StatusCode, Validator, json};

type Users = BTreeMap<u64, Value>;
/// 201, `Location`, and what was created.
type Created = (StatusCode, [(&'static str, String); 1], Value);

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    let users = (1..=1_000).map(|id| (id, json!({ "id": id, "name": format!("User {id}") })));
    app.state(Mutex::new(users.collect::<Users>()));

    let mut before = Router::new();
    before.get("/deleteUser", delete_by_link); // 1: a verb in the path, and a GET that changes something
    before.get("/profile", |_| json!({ "first": "Ada", "last": "Lovelace" })); // 2: last week it had `name`
    before.get("/users/{id:int}", show_with_200); // 3: the error is in the body alone
    before.get("/users", |req| req.lock::<Users>().values().cloned().collect::<Value>()); // 4: all of them
    before.post("/users", create_anything); // 5: no validation
    before.get("/report", leaking_report); // 6: internals in the message
    app.nest("/before", before);

    let mut v1 = Router::new();
    v1.get("/profile", |_| json!({ "name": "Ada Lovelace" }));
    v1.get("/users", list);
    v1.post("/users", create);
    v1.get("/users/{id:int}", show);
    v1.delete("/users/{id:int}", remove);
    v1.get("/report", report);
    app.nest("/v1", v1);
    app.get("/v2/profile", |_| json!({ "first": "Ada", "last": "Lovelace" }));
    app.run_from_env()
}

fn delete_by_link(req: &Request) -> String {
    let removed = req.lock::<Users>().remove(&req.query_or("id", 0));
    format!("{} user deleted\n", u8::from(removed.is_some()))
}

fn show_with_200(req: &Request) -> Result<Value> {
    let user = req.lock::<Users>().get(&req.param("id")?).cloned();
    Ok(user.unwrap_or_else(|| json!({ "error": "user not found" })))
}

fn create_anything(req: &Request) -> Result<(StatusCode, Value)> {
    let user: Value = req.json()?;
    req.lock::<Users>().insert(1_001, user.clone());
    Ok((StatusCode::CREATED, user))
}

fn leaking_report(_: &Request) -> (StatusCode, Value) {
    let error = query().err().map(|error| error.to_string());
    (StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": error }))
}

fn show(req: &Request) -> Result<Option<Value>> {
    Ok(req.lock::<Users>().get(&req.param("id")?).cloned())
}

fn remove(req: &Request) -> Result<Option<()>> {
    Ok(req.lock::<Users>().remove(&req.param("id")?).map(drop))
}

fn list(req: &Request) -> Response {
    let users = req.lock::<Users>();
    let page = Page::from(req, 20, 100);
    Response::default()
        .header("Link", page.links(users.len() as u64))
        .json(&json!({ "data": page.slice(users.values()).collect::<Vec<_>>(), "total": users.len() }))
}

fn create(req: &Request) -> Result<Created> {
    let body: Value = req.json()?;
    let mut check = Validator::new(&body);
    let name = check.string("name");
    let email = body["email"].as_str().unwrap_or_default();
    check.check("email", email.contains('@'), "Required, must be a valid email");
    check.finish()?;
    let mut users = req.lock::<Users>();
    let id = users.last_key_value().map_or(1, |(id, _)| id + 1);
    let user = json!({ "id": id, "name": name, "email": email });
    users.insert(id, user.clone());
    Ok((StatusCode::CREATED, [("Location", format!("/v1/users/{id}"))], user))
}

/// `?` makes it a 500. The text goes to the log alone.
fn report(_: &Request) -> Result<Value> {
    Ok(query()?)
}

/// Fails as a database does.
fn query() -> std::io::Result<Value> {
    Err(std::io::Error::other("no relation \"users\" at 10.0.3.7:5432 for app_rw"))
}
