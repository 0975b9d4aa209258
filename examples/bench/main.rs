//! Serves `routes.rs` for load tests. Benchmarks and the allocation test run the same routes
//! without sockets.
//!
//! `PORT=8000 WORKERS=1 cargo run --release --example bench`, then
//! `wrk http://127.0.0.1:8000/plaintext`.

mod routes;

use wirelight::Server;

fn main() -> std::io::Result<()> {
    let port: u16 = number("PORT", 8000);
    let workers = number("WORKERS", 1);
    Server::bind(("127.0.0.1", port))?.workers(workers.into()).run(routes::app())
}

fn number(name: &str, default: u16) -> u16 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
