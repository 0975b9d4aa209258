//! A keep-alive request allocates nothing once a connection runs: counted, not measured, through the real connection code.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../examples/bench/routes.rs"]
mod routes;

use wirelight::{App, Json, Request, TestConnection};

/// Enough for every buffer to have found its size.
const WARM_UP: usize = 100;
const REQUESTS: usize = 1000;

fn app() -> App {
    let mut app = routes::app();
    app.get("/allocates", |_| String::from("Hello, World!"));
    app.post("/length", |req: &Request| Json(req.body().len()));
    app
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: tests\r\nAccept: */*\r\n\r\n")
}

/// Sends `bytes`, and checks that it gets this many answers that say 200 and end with `end`.
fn exchange(c: &mut TestConnection, bytes: &[u8], answers: usize, end: &[u8]) {
    c.send(bytes);
    let received = c.take_received();
    assert_eq!(received.windows(15).filter(|window| *window == b"HTTP/1.1 200 OK").count(), answers);
    assert!(received.ends_with(end));
}

/// Counts the allocations of [`REQUESTS`] exchanges after a warm-up.
fn allocations(bytes: &str, answers: usize, end: &str) -> u64 {
    let app = app();
    let client = app.test();
    let mut c = client.connect();
    let mut some = |times: usize| {
        for _ in 0..times {
            exchange(&mut c, bytes.as_bytes(), answers, end.as_bytes());
        }
    };
    some(WARM_UP);
    allocation_counter::measure(|| some(REQUESTS)).count_total
}

#[test]
fn the_counter_counts() {
    assert!(allocations(&get("/allocates"), 1, "Hello, World!") >= REQUESTS as u64);
}

#[test]
fn a_static_text_costs_no_allocation() {
    assert_eq!(allocations(&get("/plaintext"), 1, "Hello, World!"), 0);
}

#[test]
fn a_json_answer_costs_no_allocation() {
    assert_eq!(allocations(&get("/json"), 1, "{\"message\":\"Hello, World!\"}"), 0);
}

#[test]
fn a_parameter_of_the_path_costs_no_allocation() {
    assert_eq!(allocations(&get("/users/1234"), 1, "{\"id\":1234}"), 0);
}

#[test]
fn sixteen_pipelined_requests_cost_no_allocation() {
    assert_eq!(allocations(&get("/plaintext").repeat(16), 16, "Hello, World!"), 0);
    assert_eq!(allocations(&get("/users/1234").repeat(16), 16, "{\"id\":1234}"), 0);
}

#[test]
fn a_browser_head_costs_no_allocation() {
    let fields: String = (0..20).map(|n| format!("X-Field-{n}: a value as long as a cookie may be {n}\r\n")).collect();
    let head = format!("GET /plaintext HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    assert_eq!(allocations(&head, 1, "Hello, World!"), 0);
}

#[test]
fn a_head_request_costs_no_allocation() {
    assert_eq!(allocations(&get("/plaintext").replace("GET", "HEAD"), 1, "\r\n\r\n"), 0);
}

#[test]
fn a_body_that_comes_whole_costs_no_allocation() {
    let length = "POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(allocations(length, 1, "5"), 0);
    let chunked =
        "POST /length HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(allocations(chunked, 1, "5"), 0);
}
