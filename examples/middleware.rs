//! Runs code before and after every request: an id, the duration, a log line. Run with
//! `cargo run --example middleware`; try: `curl -i http://127.0.0.1:8000/hello`
use wirelight::middleware::{AccessLog, Format, RequestId, ResponseTime};
use wirelight::{App, json};

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    RequestId::new().add_to(&mut app);
    ResponseTime::new().add_to(&mut app);
    AccessLog::new(Format::Dev).to(std::io::stdout()).add_to(&mut app);
    app.get("/hello", |req| {
        let name = req.query("name").unwrap_or("World".into());
        json!({ "message": format!("Hello, {name}!") })
    });
    app.run_from_env()
}
