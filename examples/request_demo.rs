//! Everything a request tells: query, JSON, form, headers, URL, address; run with `cargo run --example request_demo`; try:
//! `curl 'http://127.0.0.1:8000/demo?page=2&limit=x&tag=a&tag=b' -H 'Content-Type: application/json' -d '{"a": 1}'`
use serde_json::Value;
use wirelight::{App, Request, json};

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.get("/demo", demo);
    app.post("/demo", demo);
    app.run_from_env()
}

fn demo(req: &Request) -> Value {
    // Flask's `request.data` is what no form parser took.
    let raw = if req.form_pairs().next().is_none() { req.body() } else { b"" };
    json!({
        "page": req.query_or("page", 1_i64), // missing or no number: the default
        "limit": req.query_or("limit", 10_i64),
        "tags": req.query_all("tag").collect::<Vec<_>>(),
        "json": req.json_opt::<Value>(), // none instead of an error
        "username": req.form("username"),
        "raw_len": raw.len(),
        "content_type": req.content_type(),
        "method": req.method().as_str(),
        "url": req.url(),
        "base_url": req.base_url(),
        "host": req.host(),
        "path": req.path(),
        "remote_addr": req.remote_addr().map(|peer| peer.ip()),
        "authorization": req.header("Authorization"),
    })
}
