//! Serves what HttpArena (the benchmark of HTTP frameworks) measures over HTTP/1.1: `app.rs` on port 8080, and under TLS on
//! 8081 if there are certificates. `tests/httparena.rs` asks what its validator asks.
//!
//! `cargo run --release --features tls --example httparena`. `DATA` (default `/data`) has `dataset.json` and `static/`,
//! `CERTIFICATES` (default `/certs`) has `server.crt` and `server.key`; `PORT` and `TLS_PORT` change the ports.

mod app;

use std::path::PathBuf;
use std::{io, thread};

use app::Item;
use wirelight::{App, Server, Tls};

fn main() -> io::Result<()> {
    let data = PathBuf::from(variable("DATA", "/data"));
    let items = || -> io::Result<Vec<Item>> { Ok(serde_json::from_slice(&std::fs::read(data.join("dataset.json"))?)?) };
    let files = data.join("static");
    let certificates = PathBuf::from(variable("CERTIFICATES", "/certs"));
    let secure = match certificates.join("server.crt") {
        certificate if certificate.is_file() => {
            let tls = Tls::from_pem(certificate, certificates.join("server.key"))?;
            Some((server("TLS_PORT", "8081")?.tls(tls), app::app(items()?, &files)))
        }
        _ => None,
    };
    let (plain, app) = (server("PORT", "8080")?, app::app(items()?, &files));
    thread::scope(|scope| {
        let secure = secure.map(|(server, app): (Server, App)| scope.spawn(move || server.run(app)));
        plain.run(app)?;
        secure
            .map_or(Ok(()), |thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("the TLS server panicked"))))
    })
}

/// Binds a server with a worker for each CPU that this process may use.
fn server(port: &str, default: &str) -> io::Result<Server> {
    let port: u16 = variable(port, default).parse().map_err(|_| io::Error::other(format!("{port} is not a port")))?;
    Ok(Server::bind(("0.0.0.0", port))?.workers(thread::available_parallelism()?.get()))
}

fn variable(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}
