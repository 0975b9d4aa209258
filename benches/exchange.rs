//! Whole exchanges in memory: bytes in, bytes out, through the connection code that the network uses. What the kernel adds is not here.

mod common;
#[path = "../examples/bench/routes.rs"]
mod routes;

use common::{exchange, get};
use divan::Bencher;
use divan::counter::ItemsCount;
use wirelight::App;

/// What a desktop browser sends with every click: 13 fields, 600 bytes.
const BROWSER: &[u8] = b"GET /plaintext HTTP/1.1\r\n\
    Host: localhost:8000\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: none\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=eyJ1c2VyIjo0Mn0.Zm9vYmFy; theme=dark\r\n\r\n";

fn app() -> App {
    let mut app = routes::app();
    app.post("/length", |req| req.body().len().to_string());
    app
}

fn main() {
    divan::main();
}

#[divan::bench]
fn plaintext(bencher: Bencher<'_, '_>) {
    exchange(bencher, &app(), &get("/plaintext"), "200");
}

#[divan::bench]
fn json(bencher: Bencher<'_, '_>) {
    exchange(bencher, &app(), &get("/json"), "200");
}

#[divan::bench]
fn users(bencher: Bencher<'_, '_>) {
    exchange(bencher, &app(), &get("/users/42"), "200");
}

#[divan::bench]
fn browser_head(bencher: Bencher<'_, '_>) {
    exchange(bencher, &app(), BROWSER, "200");
}

#[divan::bench]
fn pipelined_16(bencher: Bencher<'_, '_>) {
    exchange(bencher.counter(ItemsCount::new(16_u32)), &app(), &get("/plaintext").repeat(16), "200");
}

#[divan::bench]
fn post_1_kib(bencher: Bencher<'_, '_>) {
    let mut request = b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1024\r\n\r\n".to_vec();
    request.extend_from_slice(&[b'x'; 1024]);
    exchange(bencher, &app(), &request, "200");
}

/// The same kilobyte in four chunks.
#[divan::bench]
fn post_1_kib_chunked(bencher: Bencher<'_, '_>) {
    let mut request = b"POST /length HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..4 {
        request.extend_from_slice(b"100\r\n");
        request.extend_from_slice(&[b'x'; 256]);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    exchange(bencher, &app(), &request, "200");
}

#[divan::bench]
fn not_found(bencher: Bencher<'_, '_>) {
    exchange(bencher, &app(), &get("/favicon.ico"), "404");
}
