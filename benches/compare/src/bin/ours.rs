//! wirelight, with its public API and without tuning.

use std::io::{self, BufRead};

use wirelight::middleware::{AccessLog, Cors, Format, Gzip, Metrics, RequestId};
use wirelight::{App, Request, Response, Server, StatusCode, Tls};

fn main() -> io::Result<()> {
    let mut app = App::new();
    if std::env::var_os("STACK").is_some() {
        middleware(&mut app);
    }
    app.get("/plaintext", |_| "Hello, World!");
    app.post("/buffered", |req| req.body().len().to_string()).max_body(4 << 20);
    app.post("/upload", upload).streaming().max_body(4 << 30);
    app.files("/files", variable("FILES")?);
    app.get("/metrics", Metrics::new().handler());
    for number in 0..number("ROUTES")? {
        app.get(&format!("/route{number}/{{id:int}}"), |_| "Hello, World!");
    }
    if let Ok(path) = variable("DOCUMENT") {
        let document = std::fs::read(path)?;
        Gzip::new().level(number("LEVEL")?).add_to(&mut app);
        app.get("/document", move |_| {
            Response::new(StatusCode::OK).header("Content-Type", "application/json").bytes(document.clone())
        });
    }
    let server = Server::from_env()?.max_connections(30_000).incoming_cpu(std::env::var_os("INCOMING_CPU").is_some());
    match variable("CERTIFICATE") {
        Ok(certificate) => server.tls(Tls::from_pem(certificate, variable("KEY")?)?).run(app),
        Err(_) => server.run(app),
    }
}

fn middleware(app: &mut App) {
    RequestId::new().add_to(app);
    AccessLog::new(Format::Common).to(io::sink()).add_to(app);
    Metrics::new().add_to(app);
    Cors::new(["https://example.com"]).add_to(app);
    app.limit("1000000000/second");
    Gzip::new().add_to(app);
}

fn upload(req: &Request) -> io::Result<String> {
    let (mut body, mut bytes) = (req.body_reader(), 0);
    loop {
        let piece = body.fill_buf()?.len();
        if piece == 0 {
            return Ok(bytes.to_string());
        }
        bytes += piece;
        body.consume(piece);
    }
}

fn variable(name: &str) -> io::Result<String> {
    std::env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

fn number(name: &str) -> io::Result<u32> {
    variable(name).map_or(Ok(0), |value| value.parse().map_err(io::Error::other))
}
