//! actix-web, with actix-files.

use actix_web::web::{Bytes, Payload, PayloadConfig, get, post};
use actix_web::{App, Error, HttpServer};
use futures_util::StreamExt;

async fn upload(mut body: Payload) -> Result<String, Error> {
    let mut bytes = 0;
    while let Some(piece) = body.next().await {
        bytes += piece?.len();
    }
    Ok(bytes.to_string())
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let app = || {
        App::new()
            .app_data(PayloadConfig::new(compare::MAX_BUFFERED))
            .route("/plaintext", get().to(async || "Hello, World!"))
            .route("/buffered", post().to(async |body: Bytes| body.len().to_string()))
            .route("/upload", post().to(upload))
            .service(actix_files::Files::new("/files", compare::files()))
    };
    HttpServer::new(app).workers(compare::workers()).backlog(4096).bind(compare::address())?.run().await
}
