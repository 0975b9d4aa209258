//! Handles errors by status, with one handler for the rest. Run with `cargo run --example errors`;
//! try: `curl http://127.0.0.1:8000/nothing`, `…/abort/409`, `…/boom`,
//! `curl http://127.0.0.1:8000/json -d '{'`
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use wirelight::{App, Json, abort, json};

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.on_error(400, |_, e| json!({ "error": e.name(), "message": e.message() }));
    app.on_error(404, |_, e| json!({ "error": e.name(), "message": e.message() }));
    app.on_error(405, |_, e| json!({ "error": e.name() }));
    app.on_error(500, |_, e| json!({ "error": e.name() }));
    app.on_any_error(|_, e| json!({ "error": e.name(), "message": e.message(), "status_code": e.status().as_u16() }));

    app.get("/ok", |_| json!({ "ok": true }));
    app.get("/abort/{code:int}", |req| abort::<()>(req.param("code").unwrap_or(0))); // no status: 500
    app.post("/json", |req| req.json::<Box<RawValue>>().map(|got| Json(BTreeMap::from([("got", got)]))));
    app.get("/boom", |req| json!(1 / req.body().len())); // divides by zero: a panic, which the server catches
    app.run_from_env()
}
