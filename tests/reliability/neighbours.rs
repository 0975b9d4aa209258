//! The server of `tests/reliability/neighbours` and of some rows of `run`: one worker, and a route for each kind of client that keeps it busy.

use std::io;

use wirelight::events::{Broadcast, Event};
use wirelight::{Request, Response, Server, StatusCode, Tls};

fn main() -> io::Result<()> {
    let variable = |name| std::env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")));
    let mut app = wirelight::App::new();
    app.state(Broadcast::new());
    app.get("/plaintext", |_| "Hello, World!");
    app.post("/buffered", |req| req.body().len().to_string()).max_body(4 << 20);
    app.post("/upload", upload).streaming().max_body(4 << 30);
    app.files("/files", variable("FILES")?);
    app.get("/events", |req: &Request| req.state::<Broadcast>().subscribe(req));
    app.post("/event", |req| {
        req.state::<Broadcast>().send(Event::data("for all"));
        StatusCode::NO_CONTENT
    });
    app.get("/upgrade", |req: &Request| {
        Response::upgrade(req, "echo", |mut socket, _| {
            let _ = io::copy(&mut socket.clone(), &mut socket); // until the client leaves
        })
    });
    let server = Server::from_env()?.workers(1).max_connections(30_000);
    match std::env::var("CERTIFICATE") {
        Ok(certificate) => server.tls(Tls::from_pem(certificate, variable("KEY")?)?).run(app),
        Err(_) => server.run(app),
    }
}

fn upload(req: &Request) -> io::Result<String> {
    io::copy(&mut req.body_reader(), &mut io::sink()).map(|bytes| bytes.to_string())
}
