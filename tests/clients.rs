//! Real clients that upload while the server refuses: each must read the status (RFC 9112 §9.6). The clients are in `clients/`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use support::bounded;
use support::server::TestServer;
use wirelight::{App, Error, Html, Request, Timeouts, Tls};

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

/// Returns timeouts that no client reaches, however slow the machine is: so no connection ends by one
/// of them. Timeouts have their own tests.
fn timeouts() -> Timeouts {
    let long = Duration::from_secs(600);
    Timeouts {
        head: long,
        body_idle: long,
        body_grace: long,
        write_idle: long,
        write_grace: long,
        keep_alive: long,
        keep_alive_near_limit: long,
        linger: long,
        linger_idle: long,
        ..Timeouts::default()
    }
}

/// Returns whether there is a Python that can run the scripts. Prints why if not.
fn python() -> bool {
    let version = "import ssl, sys; sys.exit(sys.version_info < (3, 8))";
    let found = Command::new("python3").args(["-c", version]).output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: Python 3.8 or newer with ssl is not installed");
    }
    found
}

/// The clients that are installed, with bodies of 3 MB, directly. With `CLIENTS=full` in the environment all of it: 30 MB, TLS, proxies.
#[test]
fn every_client_reads_the_answer_that_comes_before_its_body_is_sent() {
    if !python() {
        return;
    }
    let full = std::env::var("CLIENTS").is_ok_and(|value| value == "full");
    let tls = Tls::from_pem(format!("{FOLDER}data/tls/cert.pem"), format!("{FOLDER}data/tls/key.pem")).unwrap();
    let plain = TestServer::with(app(), |server| server.timeouts(timeouts()));
    let by_tls = TestServer::with(app(), |server| server.timeouts(timeouts()).tls(tls));
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

/// The relay of the matrix reports each fault of a server that it sees on its sockets, and no other.
#[test]
fn the_relay_finds_each_fault_of_a_server() {
    if !python() {
        return;
    }
    let output = bounded::output(Command::new("python3").arg("-B").arg(format!("{FOLDER}clients/relay_check.py")));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
