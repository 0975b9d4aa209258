//! Builds the demo API: `/health`, `/hello`, `/users`, and what the guided experiments request.

use std::time::{Duration, Instant};

use serde_json::Value;
use wirelight::{App, Request, json};

use super::experiment_app;
use super::users::{self, Users};

/// When the application was built.
struct Started(Instant);

/// Returns the application.
pub(super) fn app() -> App {
    let mut app = App::new();
    app.state(Started(Instant::now()));
    app.state(Users::default());
    app.get("/health", health);
    app.get("/hello", hello);
    app.nest("/users", users::router());
    experiment_app::add_routes(&mut app, Duration::from_millis(300));
    app
}

fn health(req: &Request) -> Value {
    json!({ "status": "ok", "uptime_ms": req.state::<Started>().0.elapsed().as_millis() as u64 })
}

fn hello(req: &Request) -> Value {
    let name = req.query("name").unwrap_or("World".into());
    json!({ "message": format!("Hello, {name}!") })
}
