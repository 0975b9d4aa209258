//! Parsing: heads of several sizes and chunked bodies, whole and in pieces.

mod common;

use common::{exchange, get, in_pieces};
use divan::Bencher;
use wirelight::App;

/// Just below the default limits: 16 KiB, 100 fields.
const LONGEST_HEAD: usize = 16_000;

fn app() -> App {
    let mut app = App::new();
    app.get("/", |_| "");
    app.post("/", |_| "");
    app
}

/// A head with this many fields more than `Host`, and of about this many bytes.
fn head(fields: usize, bytes: usize) -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\nHost: localhost\r\n".to_vec();
    for number in 0..fields {
        head.extend_from_slice(format!("X-Field-{number:02}: ").as_bytes());
        head.resize((number + 1) * bytes / fields - 4, b'v');
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// 64 KiB in chunks of 1 KiB.
fn chunked() -> Vec<u8> {
    let mut request = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..64 {
        request.extend_from_slice(b"400\r\n");
        request.extend_from_slice(&[b'x'; 1024]);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

fn main() {
    divan::main();
}

#[divan::bench]
fn shortest_head(bencher: Bencher<'_, '_>) {
    exchange(bencher, &app(), &get("/"), "200");
}

#[divan::bench(args = [10, 30, 90])]
fn fields(bencher: Bencher<'_, '_>, fields: usize) {
    exchange(bencher, &app(), &head(fields, 64 * fields), "200");
}

#[divan::bench]
fn head_of_16_kib(bencher: Bencher<'_, '_>) {
    exchange(bencher, &app(), &head(90, LONGEST_HEAD), "200");
}

/// The attack that makes a careless parser quadratic.
#[divan::bench]
fn head_of_16_kib_byte_by_byte(bencher: Bencher<'_, '_>) {
    in_pieces(bencher, &app(), &head(90, LONGEST_HEAD), 1, "200");
}

/// A query whose every byte must be checked.
#[divan::bench]
fn long_target(bencher: Bencher<'_, '_>) {
    exchange(bencher, &app(), &get(&format!("/?{}", "key=value%20&".repeat(200))), "200");
}

#[divan::bench]
fn chunked_64_kib(bencher: Bencher<'_, '_>) {
    exchange(bencher, &app(), &chunked(), "200");
}

#[divan::bench]
fn chunked_64_kib_in_pieces_of_100_bytes(bencher: Bencher<'_, '_>) {
    in_pieces(bencher, &app(), &chunked(), 100, "200");
}
