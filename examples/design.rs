//! Shows API design: versions, pages, all invalid fields in one response. Run with
//! `cargo run --example design`; try: `curl 'http://127.0.0.1:8000/v1/users?page=1&per_page=5'`,
//! `curl http://127.0.0.1:8000/v1/users -H 'Content-Type: application/json' -d '{"name": 7}'`
use std::sync::Mutex;

use serde_json::Value;
use wirelight::{App, Error, Page, Request, Result, Router, StatusCode, Validator, json};

type Users = Vec<Value>;

fn main() -> std::io::Result<()> {
    let mut v1 = Router::new();
    v1.get("/users", list);
    v1.post("/users", create);
    v1.on_error(400, |_, e| json!({ "error": e.message() }));
    v1.on_error(422, |_, e| json!({ "error": e.message(), "details": e.details() }));

    let mut app = App::new();
    app.state(Mutex::new(Users::new()));
    app.nest("/v1", v1); // later also `app.nest("/v2", v2)`
    app.run_from_env()
}

fn list(req: &Request) -> Value {
    let users = req.lock::<Users>();
    let page = Page::from(req, 20, 100); // at least 1, at most 100
    let data: Vec<_> = page.slice(users.iter()).collect();
    json!({ "data": data, "page": page.number, "per_page": page.per_page, "total": users.len() })
}

fn create(req: &Request) -> Result<(StatusCode, Value)> {
    let body: Value = req.json_opt().flatten().ok_or(Error::bad_request("Request body must be valid JSON"))?;
    let mut check = Validator::new(&body);
    let name = check.string("name");
    let email = body["email"].as_str().unwrap_or_default();
    check.check("email", email.contains('@'), "Required, must be a valid email");
    check.finish()?;

    let mut users = req.lock::<Users>();
    let user = json!({ "id": users.len() + 1, "name": name, "email": email });
    users.push(user.clone());
    Ok((StatusCode::CREATED, user))
}
