//! The program that the benchmarks measure: three routes through the ordinary public API, nothing tuned by hand.
//!
//! `PORT=8000 WORKERS=1 cargo run --release --example bench`, then `wrk http://127.0.0.1:8000/plaintext`.

use serde::Serialize;
use wirelight::{App, Json, Request, Result, Server};

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

fn main() -> std::io::Result<()> {
    let port: u16 = number("PORT", 8000);
    let workers = number("WORKERS", 1);
    let mut app = App::new();
    app.get("/plaintext", |_| "Hello, World!");
    app.get("/json", |_| Json(Message { message: "Hello, World!" }));
    app.get("/users/{id:int}", user);
    Server::bind(("127.0.0.1", port))?.workers(workers.into()).run(app)
}

fn number(name: &str, default: u16) -> u16 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
