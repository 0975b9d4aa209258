//! The document of the demo API that is committed is that of its routes.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Command;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

/// `UPDATE_DOCS=1` writes the document.
#[test]
fn the_committed_document_is_that_of_the_routes() {
    let output = Command::new(env!("CARGO_BIN_EXE_wirelight")).args(["routes", "--openapi"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let now = String::from_utf8(output.stdout).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(DOCUMENT, &now).unwrap();
    }
    let committed = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(committed == now, "docs/openapi.json is stale: UPDATE_DOCS=1 cargo test --test openapi -p wirelight-cli");
}
