//! Limits requests per client and route; a route's limit replaces the default. Run with
//! `cargo run --example rate_limit`; try:
//! `for i in 1 2 3 4 5 6; do curl -i http://127.0.0.1:8000/expensive; done`
use wirelight::{App, json};

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.limit("100 per hour; 10 per minute");
    app.get("/public", |_| json!({ "data": "Anyone can call this, up to the default limits" }));
    app.get("/expensive", |_| json!({ "result": "expensive computation" })).limit("5 per minute");
    app.run_from_env()
}
