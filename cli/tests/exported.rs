//! The tests that the wire view exports of a capture, as a visitor would paste them: they compile, and hold for the demo.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::process::Command;

use wirelight::App;

#[path = "../src/demo.rs"]
mod demo;
#[path = "../src/experiment_app.rs"]
#[allow(dead_code, reason = "these tests use a part")]
mod experiment_app;
mod support;
#[path = "../src/users.rs"]
mod users;

use support::bounded;

fn app() -> App {
    demo::app(false)
}

include!("data/exported.rs");

/// The file is what the page writes. `UPDATE_DOCS=1 cargo test --test exported` brings it up to date.
#[test]
fn the_page_writes_these_tests() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let file = format!("{folder}tests/data/exported.rs");
    if Command::new("node").arg("--version").output().is_err() {
        return println!("skipped: node is not installed");
    }
    let (script, capture) = (format!("{folder}../tests/wire/export.mjs"), format!("{folder}tests/data/capture.ndjson"));
    let output = bounded::output(Command::new("node").args([&script, &capture, "test"]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = String::from_utf8(output.stdout).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &written).unwrap();
    }
    assert_eq!(written, std::fs::read_to_string(&file).unwrap());
}
