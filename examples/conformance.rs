//! Serves the routes that the external conformance test requires, on HOST:PORT with WORKERS.
//!
//! `PORT=8000 cargo run --release --example conformance`; `cargo test --test corpus` tests the same
//! routes without sockets.

use std::time::Duration;

use wirelight::Server;

#[path = "../tests/corpus/routes.rs"]
mod routes;

fn main() -> std::io::Result<()> {
    Server::from_env()?.run(routes::routes(Duration::from_millis(150)))
}
