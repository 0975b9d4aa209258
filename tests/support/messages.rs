//! Requests with something special in each, valid and invalid.

/// A valid request.
pub const GET: &str = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";

/// Messages of one or several requests, valid and invalid.
pub fn messages() -> Vec<String> {
    let post = |rest: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\n{rest}");
    let mut messages = vec![
        GET.to_owned(),
        GET.repeat(3),
        format!("\r\n{GET}"),
        GET.replace("1.1", "1.7"),
        GET.replace("1.1", "1.0"),
        GET.replace("1.1\r\n", "1.0\r\nConnection: keep-alive\r\n"),
        GET.replace("Host: a", "Host: a\r\nConnection: close"),
        GET.replace("/plaintext", "/users/7?page=%41"),
        GET.replace("/plaintext", "/plaintext?page=100%"),
        GET.replace("/plaintext", "/users/seven"),
        GET.replace("/plaintext", "/guarded"),
        GET.replace("/plaintext", "/stream"),
        GET.replace("GET", "PUT"),
        format!("{}{GET}", post("Content-Length: 5\r\n\r\nhello")),
        post("Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n00b\r\n, the world\r\n0\r\nX: y\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n"),
        post("Transfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n"),
        post("Transfer-Encoding: chunked\r\n\r\n5 x\r\nhello\r\n0\r\n\r\n"),
        post("Content-Length: 9999999\r\n\r\n"),
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        post("Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"),
    ];
    for head in [
        "Host : a",
        "Host: a\r\n b",
        "Host: a\r\nno colon",
        "Host: a\r\nA: \x07",
        "Host: a\x0bb",
        "Host: a\r\nHost: b",
        "A: b",
    ] {
        messages.push(format!("{GET}{}", GET.replace("Host: a", head)));
    }
    messages
}
