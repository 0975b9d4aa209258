//! A first endpoint: one route, one query parameter. Run with `cargo run --example hello`; try:
//! `curl 'http://127.0.0.1:8000/hello?name=Venki'`
use wirelight::{App, json};

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.get("/hello", |req| {
        let name = req.query("name").unwrap_or("World".into());
        json!({ "message": format!("Hello, {name}!") })
    });
    app.run_from_env()
}
