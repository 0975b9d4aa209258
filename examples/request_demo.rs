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
    let data = if req.is_form() { b"" } else { req.body() };
    json!({
        "page": req.query_or("page", 1), // the default when it is missing or not a number
        "limit": req.query_or("limit", 10),
        "tags": req.query_all("tag").collect::<Vec<_>>(),
        "json": req.json_opt::<Value>(), // null instead of an error
        "username": req.form("username"),
        "raw_len": data.len(),
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
