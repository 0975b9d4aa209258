//! The application for the conformance suite and the corpus.

use std::time::Duration;

use serde_json::Value;
use wirelight::{App, Error, Method, Redirect, Request, Response, Result, StatusCode, json};

/// The routes of the conformance suite.
///
/// `pause`: how long the slow route takes. Tests in virtual time have none to lose.
pub fn routes(pause: Duration) -> App {
    let mut app = App::new();
    app.get("/plaintext", |_| "Hello, World!");
    app.post("/echo", echo);
    app.put("/echo", echo);
    app.get("/users/{id:int}", user);
    app.get("/empty", |_| ());
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        app.route(method, "/headers", headers);
    }
    app.files("/static", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/root/static"));
    app.get("/panic", panics);
    app.get("/redirect", |_| Redirect::found("/plaintext"));
    app.get("/stream", stream);
    app.get("/slow", move |_| {
        std::thread::sleep(pause);
        "slow"
    })
    .blocking();
    app.get("/compressible", compressible);
    app.get("/private", |_| Err::<(), _>(Error::unauthorized("Bearer realm=\"members\"", "for members only")));
    app
}

/// Coded by hand rather than by a hook, which would keep all other routes off the short way to their handlers.
fn compressible(req: &Request) -> Response {
    let mut response = Response::new(StatusCode::OK);
    response.set_text("The quick brown fox jumps over the lazy dog.\n".repeat(100));
    wirelight::middleware::Gzip::new().compress(req, &mut response);
    response
}

/// A body of unknown length.
fn stream(_: &Request) -> Response {
    Response::new(StatusCode::OK)
        .chunks((0..10).map(|n| format!("chunk-{n}\n")))
        .header("Content-Type", "text/plain; charset=utf-8")
}

/// The media type goes back as the bytes it came in, which need be no text.
fn echo(req: &Request) -> Response {
    let sent = req.headers().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let mut response = Response::new(StatusCode::OK);
    response.set_bytes(req.body());
    if let Some((_, media_type)) = sent {
        response.set_header("Content-Type", media_type);
    }
    response
}

fn user(req: &Request) -> Result<Value> {
    let id: u64 = req.param("id")?;
    Ok(json!({ "id": id }))
}

/// What the application was given, field values as latin-1.
fn headers(req: &Request) -> Value {
    let latin_1 = |value: &[u8]| value.iter().map(|&byte| byte as char).collect::<String>();
    let fields: Vec<_> = req.headers().map(|(name, value)| (name, latin_1(value))).collect();
    json!({
        "method": req.method().as_str(),
        "target": req.target(),
        "query": req.query_string(),
        "version": req.version().as_str(),
        "headers": fields,
        "body_length": req.body().len(),
    })
}

#[expect(clippy::panic, reason = "to see that the server lives on")]
fn panics(_: &Request) -> StatusCode {
    panic!("the panic route")
}
