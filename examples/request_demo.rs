//! Shows the parts of a request: query, JSON, form, headers, URL, address. Run with
//! `cargo run --example request_demo`; try:
//! `curl 'http://127.0.0.1:8000/demo?page=2&limit=x&tag=a&tag=b' -H 'Content-Type: application/json' -d '{"a": 1}'`
use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value as raw};
use wirelight::{App, Json, Request, Result};

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.get("/demo", demo);
    app.post("/demo", demo);
    app.run_from_env()
}

/// `RawValue` instead of `json!`: the JSON is returned unchanged, including numbers of any length.
fn demo(req: &Request) -> Result<Json<BTreeMap<&'static str, Box<RawValue>>>> {
    // Flask's `request.data` is empty if the body was parsed as a form.
    let data = if req.is_form() { b"" } else { req.body() };
    Ok(Json(BTreeMap::from([
        ("page", raw(&req.query_or("page", 1_i128))?), // missing or not a number: the default
        ("limit", raw(&req.query_or("limit", 10_i128))?),
        ("tags", raw(&req.query_all("tag").collect::<Vec<_>>())?),
        ("json", raw(&req.json_opt::<Box<RawValue>>())?), // null instead of an error
        ("username", raw(&req.form("username"))?),
        ("raw_len", raw(&data.len())?),
        ("content_type", raw(&req.content_type())?),
        ("method", raw(req.method().as_str())?),
        ("url", raw(&req.url())?),
        ("base_url", raw(&req.base_url())?),
        ("host", raw(&req.host())?),
        ("path", raw(req.path())?),
        ("remote_addr", raw(&req.remote_addr().map(|peer| peer.ip()))?),
        ("authorization", raw(&req.header("Authorization"))?),
    ])))
}
