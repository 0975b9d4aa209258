//! ntex, on tokio.

use ntex::SharedCfg;
use ntex::http::HttpServiceConfig;
use ntex::time::Seconds;
use ntex::util::Bytes;
use ntex::web::error::PayloadError;
use ntex::web::types::{Payload, PayloadConfig};
use ntex::web::{App, HttpServer, get, post};

async fn upload(mut body: Payload) -> Result<String, PayloadError> {
    let mut bytes = 0;
    while let Some(piece) = body.recv().await {
        bytes += piece?.len();
    }
    Ok(bytes.to_string())
}

#[ntex::main]
async fn main() -> std::io::Result<()> {
    let idle = HttpServiceConfig::new().set_keepalive(Seconds(compare::KEEP_ALIVE.as_secs() as u16));
    HttpServer::new(async || {
        App::new()
            .state(PayloadConfig::new(compare::MAX_BUFFERED))
            .route("/plaintext", get().to(async || "Hello, World!"))
            .route("/buffered", post().to(async |body: Bytes| body.len().to_string()))
            .route("/upload", post().to(upload))
    })
    .workers(compare::workers())
    .backlog(4096)
    .config(SharedCfg::new("compare").add(idle))
    .bind(compare::address())?
    .run()
    .await
}
