//! axum, with tower-http's files.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use futures_util::StreamExt;
use tower_http::services::ServeDir;

async fn upload(body: Body) -> Result<String, StatusCode> {
    let (mut stream, mut bytes) = (body.into_data_stream(), 0);
    while let Some(piece) = stream.next().await {
        bytes += piece.map_err(|_| StatusCode::BAD_REQUEST)?.len();
    }
    Ok(bytes.to_string())
}

fn main() {
    let mut runtime = match compare::workers() {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.worker_threads(compare::workers()).enable_all().build().expect("a runtime").block_on(async {
        let app = Router::new()
            .route("/plaintext", get(async || "Hello, World!"))
            .route("/buffered", post(async |body: Bytes| body.len().to_string()))
            .route("/upload", post(upload))
            .nest_service("/files", ServeDir::new(compare::files()))
            .layer(DefaultBodyLimit::max(compare::MAX_BUFFERED));
        let listener = tokio::net::TcpListener::from_std(compare::listener()).expect("a listener");
        let listener = listener.tap_io(|socket| _ = socket.set_nodelay(true));
        axum::serve(listener, app).await.expect("to serve");
    });
}
