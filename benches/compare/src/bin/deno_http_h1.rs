//! deno_http_h1, the protocol of Deno's server, on one current-thread runtime a worker. The connections of a worker share its
//! buffers. Routes and the Date field are ours: it has neither.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use deno_http_h1::{Error, Header, Response, ResponseBody, SharedBodyChunk, SharedConn, SharedResponseWriter};
use deno_http_h1::{SharedScratch, Version};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of the buffer into which a worker reads.
const READ: usize = 64 << 10;

/// What the connections of a worker share.
struct Worker {
    scratch: RefCell<SharedScratch>,
    date: RefCell<String>,
}

enum Route {
    Hello,
    Buffered,
    Upload,
    Unknown,
}

impl Route {
    fn of(target: &[u8]) -> Route {
        match target {
            b"/plaintext" => Route::Hello,
            b"/buffered" => Route::Buffered,
            b"/upload" => Route::Upload,
            _ => Route::Unknown,
        }
    }
}

struct Connection {
    conn: SharedConn<TcpStream>,
    worker: Rc<Worker>,
}

impl Connection {
    async fn serve(mut self) -> Result<(), Error> {
        while let Some((route, keep_alive)) = self.request().await? {
            match route {
                Route::Hello => self.respond(200, b"Hello, World!", keep_alive).await?,
                Route::Unknown => self.respond(404, b"Not Found", keep_alive).await?,
                Route::Buffered => {
                    let mut body = Vec::new();
                    self.body(|piece| body.extend_from_slice(piece)).await?;
                    self.respond(200, body.len().to_string().as_bytes(), keep_alive).await?;
                }
                Route::Upload => {
                    let mut bytes = 0;
                    self.body(|piece| bytes += piece.len()).await?;
                    self.respond(200, bytes.to_string().as_bytes(), keep_alive).await?;
                }
            }
            if !keep_alive {
                break;
            }
        }
        Ok(())
    }

    async fn request(&mut self) -> Result<Option<(Route, bool)>, Error> {
        let Connection { conn, worker } = self;
        poll_fn(|context| {
            let scratch = &mut worker.scratch.borrow_mut();
            conn.poll_next_request_with(context, scratch, |request| (Route::of(request.target), request.keep_alive))
        })
        .await
    }

    /// Lends each piece of the body.
    async fn body(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let Connection { conn, worker } = self;
        loop {
            let piece = poll_fn(|context| {
                conn.poll_read_body_chunk_with(context, &mut worker.scratch.borrow_mut(), |piece| take(piece))
            });
            if let SharedBodyChunk::Complete = piece.await? {
                return Ok(());
            }
        }
    }

    async fn respond(&mut self, status: u16, body: &[u8], keep_alive: bool) -> Result<(), Error> {
        let Connection { conn, worker } = self;
        let date = worker.date.borrow().clone();
        let headers =
            [Header { name: b"content-type", value: b"text/plain" }, Header { name: b"date", value: date.as_bytes() }];
        let reason: &[u8] = if status == 200 { b"OK" } else { b"Not Found" };
        let body = ResponseBody::Bytes(body);
        let response = Response { version: Version::Http11, status, reason, headers: &headers, body, keep_alive };
        let mut writer = SharedResponseWriter::new(response);
        poll_fn(|context| conn.poll_write_response_with(context, &mut worker.scratch.borrow_mut(), &mut writer)).await
    }
}

/// Formats the date once a second.
async fn tell_time(worker: Rc<Worker>) {
    loop {
        *worker.date.borrow_mut() = httpdate::fmt_http_date(SystemTime::now());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::from_std(compare::listener()).expect("a listener");
        let scratch = RefCell::new(SharedScratch::new(READ, 512));
        let date = RefCell::new(httpdate::fmt_http_date(SystemTime::now()));
        let worker = Rc::new(Worker { scratch, date });
        tokio::task::spawn_local(tell_time(worker.clone()));
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            let _ = socket.set_nodelay(true);
            tokio::task::spawn_local(Connection { conn: SharedConn::new(socket), worker: worker.clone() }.serve());
        }
    });
}

fn main() {
    (1..compare::workers()).for_each(|_| drop(std::thread::spawn(serve)));
    serve();
}
