//! The demo API, by path; knows neither address nor socket.

use std::time::{Duration, Instant};

use serde_json::Value;
use wirelight::{App, Request, json};

use super::lab;
use super::users::{self, Users};

/// When the application was made.
struct Started(Instant);

/// The demo: `/health`, `/hello` and `/users`, and what the guided experiments ask for.
pub(super) fn app() -> App {
    let mut app = App::new();
    app.state(Started(Instant::now()));
    app.state(Users::default());
    app.get("/health", health);
    app.get("/hello", hello);
    app.nest("/users", users::router());
    lab::play(&mut app, Duration::from_millis(300));
    app
}

fn health(req: &Request) -> Value {
    json!({ "status": "ok", "uptime_ms": req.state::<Started>().0.elapsed().as_millis() as u64 })
}

fn hello(req: &Request) -> Value {
    let name = req.query("name").unwrap_or("World".into());
    json!({ "message": format!("Hello, {name}!") })
}
