//! Defines the three measured routes with the public API, without tuning.

use serde::Serialize;
use wirelight::{App, Json, Request, Result};

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

#[derive(Serialize)]
struct User {
    id: u64,
}

fn user(req: &Request) -> Result<Json<User>> {
    Ok(Json(User { id: req.param("id")? }))
}

pub fn app() -> App {
    let mut app = App::new();
    app.get("/plaintext", |_| "Hello, World!");
    app.get("/json", |_| Json(Message { message: "Hello, World!" }));
    app.get("/users/{id:int}", user);
    app
}
