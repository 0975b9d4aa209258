//! The server of `benches/compare/run`: the public API without tuning, with a route for each row.
//!
//! `HOST`, `PORT` and `WORKERS` as in any program; `FILES` is the folder behind `/files`; with `CERTIFICATE` and `KEY` it
//! speaks TLS.

use std::io;

use wirelight::{App, Request, Server, Tls};

fn main() -> io::Result<()> {
    let variable = |name| std::env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")));
    let mut app = App::new();
    app.get("/plaintext", |_| "Hello, World!");
    app.post("/buffered", |req| req.body().len().to_string()).max_body(4 << 20);
    app.post("/upload", upload).streaming().max_body(4 << 30);
    app.files("/files", variable("FILES")?);
    let server = Server::from_env()?.max_connections(30_000);
    match std::env::var("CERTIFICATE") {
        Ok(certificate) => server.tls(Tls::from_pem(certificate, variable("KEY")?)?).run(app),
        Err(_) => server.run(app),
    }
}

fn upload(req: &Request) -> io::Result<String> {
    io::copy(&mut req.body_reader(), &mut io::sink()).map(|bytes| bytes.to_string())
}
