//! hyper on one current-thread runtime a worker.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

type Reply = Response<Full<Bytes>>;

fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers_mut().insert(SERVER, HeaderValue::from_static("hyper"));
    reply
}

fn length(bytes: usize) -> Reply {
    reply(StatusCode::OK, "text/plain", bytes.to_string())
}

async fn respond(request: Request<Incoming>) -> Result<Reply, Infallible> {
    let failed = || reply(StatusCode::BAD_REQUEST, "text/plain", "the body ended early");
    Ok(match request.uri().path() {
        "/plaintext" => reply(StatusCode::OK, "text/plain", "Hello, World!"),
        "/buffered" => match request.into_body().collect().await {
            Ok(body) => length(body.to_bytes().len()),
            Err(_) => failed(),
        },
        "/upload" => {
            let (mut body, mut bytes) = (request.into_body(), 0);
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => bytes += frame.data_ref().map_or(0, Bytes::len),
                    Err(_) => return Ok(failed()),
                }
            }
            length(bytes)
        }
        _ => reply(StatusCode::NOT_FOUND, "text/plain", "Not Found"),
    })
}

async fn connection(socket: impl AsyncRead + AsyncWrite + Unpin) {
    let mut builder = http1::Builder::new();
    let _ = builder.pipeline_flush(true).serve_connection(TokioIo::new(socket), service_fn(respond)).await;
}

fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = tokio::net::TcpListener::from_std(compare::listener()).expect("a listener");
        let acceptor = compare::tls().map(|config| TlsAcceptor::from(Arc::new(config)));
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            let _ = socket.set_nodelay(true);
            match acceptor.clone() {
                None => drop(tokio::task::spawn_local(connection(socket))),
                Some(acceptor) => drop(tokio::task::spawn_local(async move {
                    if let Ok(socket) = acceptor.accept(socket).await {
                        connection(socket).await;
                    }
                })),
            }
        }
    });
}

fn main() {
    (1..compare::workers()).for_each(|_| drop(std::thread::spawn(serve)));
    serve();
}
