//! xitca-web.

use std::io;

use xitca_web::App;
use xitca_web::body::{BodyExt, RequestBody};
use xitca_web::error::Error;
use xitca_web::handler::body::{Body, Limit};
use xitca_web::handler::handler_service;
use xitca_web::route::{get, post};

async fn buffered((body, _): (Vec<u8>, Limit<{ compare::MAX_BUFFERED }>)) -> String {
    body.len().to_string()
}

async fn upload(Body(mut body): Body<RequestBody>) -> Result<String, Error> {
    let mut bytes = 0;
    while let Some(piece) = body.data().await {
        bytes += piece?.len();
    }
    Ok(bytes.to_string())
}

fn main() -> io::Result<()> {
    App::new()
        .at("/plaintext", get(handler_service(async || "Hello, World!")))
        .at("/buffered", post(handler_service(buffered)))
        .at("/upload", post(handler_service(upload)))
        .serve()
        .worker_threads(compare::workers())
        .backlog(4096)
        .keep_alive_timeout(compare::KEEP_ALIVE)
        .bind(compare::address())?
        .run()
        .wait()
}
