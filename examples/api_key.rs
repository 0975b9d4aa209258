//! Authenticates requests with a key in a header field. Run with `cargo run --example api_key`;
//! try: `curl -i http://127.0.0.1:8000/protected`,
//! `curl -H 'X-API-Key: key_abc123' http://127.0.0.1:8000/protected`
use serde_json::Value;
use wirelight::middleware::{ApiKey, ApiUser};
use wirelight::{App, Request, json};

fn main() -> std::io::Result<()> {
    // In production, look up a hash of the key in a database: `ApiKey::lookup`.
    let keys = ApiKey::new([("key_abc123", "user_1"), ("key_xyz789", "user_2")]);
    let mut app = App::new();
    app.get("/protected", protected).require(keys.guard());
    app.on_error(401, |_, e| json!({ "error": e.name() }));
    app.run_from_env()
}

fn protected(req: &Request) -> Option<Value> {
    let user = req.get::<ApiUser>()?;
    Some(json!({ "message": format!("Hello, {}!", user.name()), "data": "This is private data." }))
}
