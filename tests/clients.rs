//! Real clients that upload while the server refuses: each must read the status (RFC 9112 §9.6). The clients are in `clients/`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod support;

use std::process::{Command, Stdio};

use support::server::TestServer;
use wirelight::{App, Error, Html, Request, Tls};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/");

fn app() -> App {
    let mut app = App::new();
    app.get("/page", |_| Html(include_str!("clients/page.html")));
    app.post("/upload", |req: &Request| req.body().len().to_string());
    app.post("/private", |req: &Request| req.body().len().to_string())
        .max_body(50 << 20)
        .require(|_| Err(Error::unauthorized("Bearer", "A key is needed.")));
    app
}

/// The clients that are installed, with bodies of 3 MB, directly. With `CLIENTS=full` in the environment all of it: 30 MB, TLS, proxies.
#[test]
fn every_client_reads_the_answer_that_comes_before_its_body_is_sent() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: Python is not installed");
        return;
    }
    let full = std::env::var("CLIENTS").is_ok_and(|value| value == "full");
    let tls = Tls::from_pem(format!("{FOLDER}data/tls/cert.pem"), format!("{FOLDER}data/tls/key.pem")).unwrap();
    let (plain, by_tls) = (TestServer::start(app()), TestServer::with(app(), |server| server.tls(tls)));
    let mut matrix = Command::new("python3");
    matrix.arg(format!("{FOLDER}clients/matrix"));
    matrix.args(["--plain", &plain.address.to_string(), "--tls", &format!("localhost:{}", by_tls.address.port())]);
    if full {
        matrix.arg("--full");
    }
    // Each of its waits has an end, and all of it may take longer than one wait of a test.
    let output = matrix.stdin(Stdio::null()).output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
