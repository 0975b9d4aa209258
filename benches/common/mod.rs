//! One exchange to measure: the input, its pieces, and the expected output.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wirelight::App;

/// Times `requests` on a connection that has answered them once before. Divide by their number to compare.
///
/// The length of the answers is compared every time: nothing is faster than a closed connection.
pub fn exchange(bencher: Bencher<'_, '_>, app: &App, requests: &[u8], status: &str) {
    in_pieces(bencher, app, requests, requests.len(), status);
}

/// As [`exchange`], but the bytes arrive `size` at a time.
pub fn in_pieces(bencher: Bencher<'_, '_>, app: &App, requests: &[u8], size: usize, status: &str) {
    let client = app.test();
    let mut connection = client.connect();
    connection.send(requests);
    let answers = String::from_utf8_lossy(connection.take_received()).into_owned();
    assert!(answers.starts_with(&format!("HTTP/1.1 {status} ")), "{answers}");
    assert!(!connection.is_closed(), "{answers}");
    bencher.counter(BytesCount::new(requests.len())).bench_local(|| {
        for piece in black_box(requests).chunks(size) {
            connection.send(piece);
        }
        assert_eq!(connection.take_received().len(), answers.len());
    });
}

/// A GET request with nothing but what RFC 9112 §3.2 asks for.
pub fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}
