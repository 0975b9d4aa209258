//! The server that the conformance referee plays its cases against: the routes of its target page, on HOST:PORT with WORKERS.
//!
//! `PORT=8000 cargo run --release --example conformance`; the same routes are played without sockets by `cargo test --test corpus`.

use std::time::Duration;

use wirelight::Server;

#[path = "../tests/corpus/routes.rs"]
mod routes;

fn main() -> std::io::Result<()> {
    Server::from_env()?.run(routes::routes(Duration::from_millis(150)))
}
