//! A starting point for production: request ids, a structured log, JSON errors, a health check. Run
//! with `cargo run --example template`; try: `curl -i http://127.0.0.1:8000/health`,
//! `curl -i http://127.0.0.1:8000/nothing`
use wirelight::middleware::{AccessLog, Format, RequestId, health};
use wirelight::{App, json};

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    RequestId::new().add_to(&mut app);
    AccessLog::new(Format::Json).to(std::io::stdout()).add_to(&mut app);
    app.on_any_error(|req, e| json!({ "error": e.name(), "message": e.message(), "request_id": req.id() }));
    app.on_error(500, |req, e| json!({ "error": e.name(), "request_id": req.id() }));
    app.get("/health", health());
    // Nest routers here: app.nest("/v1/users", users::router());
    app.run_from_env()
}
