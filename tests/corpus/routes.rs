//! The application that the referee and the corpus are played against: one route a line, each as small as its description.

use serde_json::Value;
use wirelight::{App, Error, Method, Redirect, Request, Result, StatusCode, json};

/// Every route of the referee's table that the library offers without a pool, a file or a stream.
pub fn routes() -> App {
    let mut app = App::new();
    app.get("/plaintext", |_| "Hello, World!");
    app.post("/echo", echo);
    app.put("/echo", echo);
    app.get("/users/{id:int}", user);
    app.get("/empty", |_| ());
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        app.route(method, "/headers", headers);
    }
    app.get("/static/hello.txt", |_| "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\n");
    app.get("/panic", panics);
    app.get("/redirect", |_| Redirect::found("/plaintext"));
    app.get("/private", |_| Err::<(), _>(Error::unauthorized("Bearer", "for members only")));
    app
}

fn echo(req: &Request) -> (StatusCode, [(&'static str, String); 1], Vec<u8>) {
    let media_type = req.content_type().unwrap_or("application/octet-stream");
    (StatusCode::OK, [("Content-Type", media_type.to_owned())], req.body().to_vec())
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
