//! may_minihttp, on the coroutines of may. It does not decode chunks.

use std::io::{self, BufRead, Read};

use may_minihttp::{HttpServer, HttpService, Request, Response};

#[derive(Clone)]
struct Service;

impl HttpService for Service {
    fn call(&mut self, request: Request, response: &mut Response) -> io::Result<()> {
        response.header("Content-Type: text/plain");
        match request.path() {
            "/plaintext" => response.body("Hello, World!"),
            "/buffered" => {
                let mut body = Vec::new();
                request.body().take(compare::MAX_BUFFERED as u64).read_to_end(&mut body)?;
                response.body_vec(body.len().to_string().into());
            }
            "/upload" => response.body_vec(count(request.body())?.to_string().into()),
            _ => response.status_code(404, "Not Found").body("Not Found"),
        }
        Ok(())
    }
}

fn count(mut body: impl BufRead) -> io::Result<usize> {
    let mut bytes = 0;
    loop {
        let piece = body.fill_buf()?.len();
        if piece == 0 {
            return Ok(bytes);
        }
        bytes += piece;
        body.consume(piece);
    }
}

fn main() -> io::Result<()> {
    may::config().set_workers(compare::workers());
    let server = HttpServer(Service).start(compare::address())?;
    server.join().map_err(|_| io::Error::other("a panic"))
}
