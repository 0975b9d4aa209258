//! Verifies the JSON Web Tokens of an issuer: a resource server (RFC 6750, RFC 7519). Run with
//! `JWKS=keys.json cargo run --example jwt`, where `keys.json` has the issuer's keys (RFC 7517); try:
//! `curl -i http://127.0.0.1:8000/notes`,
//! `curl -i http://127.0.0.1:8000/notes -H "Authorization: Bearer $TOKEN"`
use std::sync::Mutex;

use wirelight::middleware::BearerAuth;
use wirelight::{App, Error, Request, Result, Router, StatusCode, json};

mod keys;
mod ring_provider;

use keys::{Claims, Keys};

fn main() -> std::io::Result<()> {
    ring_provider::install();
    let path = std::env::var("JWKS").unwrap_or("keys.json".into());
    let keys = Keys::load(&path).map_err(|error| std::io::Error::other(format!("{path}: {error}")))?;
    let tokens = BearerAuth::lookup(move |token| keys.verify(token)).realm("notes");

    let mut notes = Router::new();
    notes.require(tokens.guard());
    notes.get("/", |req| json!(*req.lock::<Vec<String>>())).require(scope("notes:read"));
    notes.post("/", add).require(scope("notes:write")).max_body(1024);
    let mut app = App::new();
    app.state(Mutex::new(Vec::<String>::new()));
    app.nest("/notes", notes);
    app.run_from_env()
}

/// Requires a scope of the verified token, with the challenge of RFC 6750 §3.1.
fn scope(needed: &'static str) -> impl Fn(&mut Request) -> Result<()> + Send + Sync + 'static {
    move |req| match req.get::<Claims>().is_some_and(|claims| claims.has_scope(needed)) {
        true => Ok(()),
        false => {
            let challenge = format!("Bearer realm=\"notes\", error=\"insufficient_scope\", scope=\"{needed}\"");
            Err(Error::forbidden("The token does not allow this.").with_header("WWW-Authenticate", challenge))
        }
    }
}

fn add(req: &Request) -> Result<StatusCode> {
    let author = req.get::<Claims>().map_or("", |claims| &claims.sub);
    let note = format!("{author}: {}", req.text_body()?);
    let mut notes = req.lock::<Vec<String>>();
    if notes.len() >= 1_000 {
        return Err(Error::conflict("There are enough notes."));
    }
    notes.push(note);
    Ok(StatusCode::CREATED)
}
