//! The server that the conformance referee plays its cases against: the routes of its target page, on HOST:PORT.
//!
//! `PORT=8000 cargo run --release --example conformance`; the same routes are played without sockets by `cargo test --test corpus`.

use std::time::Duration;

use wirelight::Server;

#[path = "../tests/corpus/routes.rs"]
mod routes;

fn main() -> std::io::Result<()> {
    let host = std::env::var("HOST").unwrap_or("127.0.0.1".into());
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8000);
    Server::bind((host, port))?.run(routes::routes(Duration::from_millis(150)))
}
