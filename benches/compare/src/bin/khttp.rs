//! khttp, with a thread for each connection. Its event loop polls without a pause while a worker has a request: not a server for
//! one core.

use std::io::{self, Read};

use khttp::{Headers, Method, RequestContext, ResponseHandle, Server};

/// Bytes of one read of a streamed body.
const READ: usize = 64 << 10;

fn text(response: &mut ResponseHandle, body: impl AsRef<[u8]>) -> io::Result<()> {
    let mut headers = Headers::new();
    headers.add(Headers::CONTENT_TYPE, b"text/plain");
    response.ok(&headers, body)
}

fn buffered(mut request: RequestContext, response: &mut ResponseHandle) -> io::Result<()> {
    let mut body = Vec::new();
    request.body().take(compare::MAX_BUFFERED as u64).read_to_end(&mut body)?;
    text(response, body.len().to_string())
}

fn upload(mut request: RequestContext, response: &mut ResponseHandle) -> io::Result<()> {
    let (mut piece, mut bytes) = (vec![0; READ], 0);
    loop {
        match request.body().read(&mut piece)? {
            0 => return text(response, bytes.to_string()),
            read => bytes += read,
        }
    }
}

fn main() -> io::Result<()> {
    let mut server = Server::builder(compare::address())?;
    server.route(Method::Get, "/plaintext", |_, response| text(response, "Hello, World!"));
    server.route(Method::Post, "/buffered", buffered);
    server.route(Method::Post, "/upload", upload);
    server.build().serve_threaded()
}
