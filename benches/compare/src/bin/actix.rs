//! actix-web, with actix-files.

use actix_web::web::{Bytes, Payload, PayloadConfig, ServiceConfig, get, post};
use actix_web::{App, Error, HttpServer};
use futures_util::StreamExt;

async fn upload(mut body: Payload) -> Result<String, Error> {
    let mut bytes = 0;
    while let Some(piece) = body.next().await {
        bytes += piece?.len();
    }
    Ok(bytes.to_string())
}

fn routes(config: &mut ServiceConfig) {
    config
        .app_data(PayloadConfig::new(compare::MAX_BUFFERED))
        .route("/plaintext", get().to(async || "Hello, World!"))
        .route("/buffered", post().to(async |body: Bytes| body.len().to_string()))
        .route("/upload", post().to(upload))
        .service(actix_files::Files::new("/files", compare::files()));
    for number in 0..compare::routes() {
        config.route(&format!("/route{number}/{{id}}"), get().to(async || "Hello, World!"));
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let server = HttpServer::new(|| App::new().configure(routes));
    let server = server.workers(compare::workers()).backlog(4096).keep_alive(compare::KEEP_ALIVE);
    match compare::tls() {
        None => server.bind(compare::address())?.run().await,
        Some(config) => server.bind_rustls_0_23(compare::address(), config)?.run().await,
    }
}
