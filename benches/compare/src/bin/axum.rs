//! axum, with tower-http's files and middleware.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::routing::{get, post};
use axum::serve::{Listener, ListenerExt};
use futures_util::StreamExt;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::services::ServeDir;
use tower_http::{CompressionLevel, trace::TraceLayer};

/// Each handshake runs in a task of its own, so that a slow client does not delay the others.
struct Tls {
    accepted: tokio::sync::mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl Tls {
    fn new(listener: TcpListener, acceptor: TlsAcceptor) -> Tls {
        let address = compare::address();
        let (sender, accepted) = tokio::sync::mpsc::channel(1024);
        tokio::spawn(async move {
            loop {
                let Ok((socket, peer)) = listener.accept().await else { continue };
                let _ = socket.set_nodelay(true);
                let (sender, acceptor) = (sender.clone(), acceptor.clone());
                tokio::spawn(async move {
                    if let Ok(socket) = acceptor.accept(socket).await {
                        let _ = sender.send((socket, peer)).await;
                    }
                });
            }
        });
        Tls { accepted, address }
    }
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        self.accepted.recv().await.expect("the task that accepts")
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn upload(body: Body) -> Result<String, StatusCode> {
    let (mut stream, mut bytes) = (body.into_data_stream(), 0);
    while let Some(piece) = stream.next().await {
        bytes += piece.map_err(|_| StatusCode::BAD_REQUEST)?.len();
    }
    Ok(bytes.to_string())
}

fn app() -> Router {
    let mut app = Router::new()
        .route("/plaintext", get(async || "Hello, World!"))
        .route("/buffered", post(async |body: Bytes| body.len().to_string()))
        .route("/upload", post(upload))
        .nest_service("/files", ServeDir::new(compare::files()))
        .layer(DefaultBodyLimit::max(compare::MAX_BUFFERED));
    for number in 0..compare::routes() {
        app = app.route(&format!("/route{number}/{{id}}"), get(async || "Hello, World!"));
    }
    if let Some(path) = compare::variable("DOCUMENT") {
        let document = Bytes::from(std::fs::read(path).expect("a document"));
        let level = compare::variable("LEVEL").and_then(|level| level.parse().ok()).expect("a level");
        let respond = move || async { ([(header::CONTENT_TYPE, "application/json")], document) };
        app = app
            .route("/document", get(respond))
            .layer(CompressionLayer::new().quality(CompressionLevel::Precise(level)));
    }
    if compare::variable("STACK").is_some() {
        app = app
            .layer(CompressionLayer::new())
            .layer(CorsLayer::permissive())
            .layer(TraceLayer::new_for_http())
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid));
    }
    app
}

fn main() {
    let mut runtime = match compare::workers() {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.worker_threads(compare::workers()).enable_all().build().expect("a runtime").block_on(async {
        let listener = TcpListener::from_std(compare::listener()).expect("a listener");
        match compare::tls() {
            None => {
                axum::serve(listener.tap_io(|socket| _ = socket.set_nodelay(true)), app().into_make_service()).await
            }
            Some(config) => {
                axum::serve(Tls::new(listener, TlsAcceptor::from(Arc::new(config))), app().into_make_service()).await
            }
        }
        .expect("to serve");
    });
}
