//! Builds the demo API: `/health`, `/hello`, `/users`, and what the guided experiments request.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde_json::Value;
use wirelight::{App, OpenApi, Request, Response, json};

use super::experiment_app;
use super::users::{self, Users};

/// When the application was built.
struct Started(Instant);

/// Returns the application. `wire`: it has the wire view.
pub(super) fn app(wire: bool) -> App {
    let mut app = App::new();
    app.state(Started(Instant::now()));
    app.state(Users::default());
    app.get("/health", health).about("Says that the server works, and for how long.").gives::<Health>();
    app.get("/hello", hello).about("Greets a name, or the world.").takes_query::<Name>().gives::<Greeting>();
    app.nest("/users", users::router());
    app.get("/", move |req| home(req, wire)).about("Says hello.").gives_media(200, "text/plain");
    experiment_app::add_routes(&mut app, Duration::from_millis(300));
    app.docs("/docs", document(&app));
    app
}

/// Returns the document of the API.
pub(super) fn document(app: &App) -> OpenApi {
    app.openapi().title("The demo API of wirelight").version(env!("CARGO_PKG_VERSION"))
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "the document shows it; the handler writes JSON without a type")]
struct Health {
    status: &'static str,
    /// Milliseconds since the application was built.
    uptime_ms: u64,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "the document shows it")]
struct Name {
    /// The name to greet.
    name: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "the document shows it")]
struct Greeting {
    message: String,
}

fn health(req: &Request) -> Value {
    json!({ "status": "ok", "uptime_ms": req.state::<Started>().0.elapsed().as_millis() as u64 })
}

fn hello(req: &Request) -> Value {
    let name = req.query("name").unwrap_or("World".into());
    json!({ "message": format!("Hello, {name}!") })
}

/// Answers a browser whose user has opened the server instead of its wire view. The address of the
/// view has a token, which only the terminal shows: nothing here may contain it.
fn home(req: &Request, wire: bool) -> Response {
    match wire && req.accepts(&["text/plain", "text/html"]) == Some("text/html") {
        true => Response::default().html(HOME),
        false => Response::default().text("Hello!\n"),
    }
}

const HOME: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>wirelight</title>
<h1>Hello!</h1>
<p>This is the server. Your wire view is at the address that your terminal shows, after the words
<em>wire view:</em>. It has a token, so that no other page can read what your programs send.</p>
<p>Keep both open: what you do here appears there, byte by byte.</p>
</html>
"#;
