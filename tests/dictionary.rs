//! What curl says for each mistake of a server: docs/error-dictionary.md is made here, and must be fresh.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

#[path = "dictionary/mistakes.rs"]
mod mistakes;

use mistakes::MISTAKES;

/// What curl said, and the code that it ended with.
struct Said {
    code: i32,
    words: String,
}

/// None: there is no curl.
fn curl(address: SocketAddr, name: &str) -> Option<Said> {
    let url = format!("http://{address}/{name}");
    let method = if name == "body-for-head" { "--head" } else { "--get" };
    let output =
        Command::new("curl").args(["-q", "-sS", "--noproxy", "*", "--max-time", "1", method, &url]).output().ok()?;
    let words = String::from_utf8_lossy(&output.stderr).trim().trim_start_matches("curl: ").to_owned();
    Some(Said { code: output.status.code().unwrap(), words: masked(&words, address.port()) })
}

/// Times and ports differ from run to run.
fn masked(words: &str, port: u16) -> String {
    let mut out: Vec<String> = Vec::new();
    for word in words.split(' ') {
        let number = word.bytes().all(|byte| byte.is_ascii_digit()) && !word.is_empty();
        let hidden = number && (out.last().is_some_and(|before| before == "after") || word == port.to_string());
        out.push(if hidden { "…".to_owned() } else { word.to_owned() });
    }
    out.join(" ")
}

fn version() -> Option<String> {
    let output = Command::new("curl").arg("--version").output().ok()?;
    String::from_utf8_lossy(&output.stdout).split(' ').nth(1).map(str::to_owned)
}

/// `(name, what is on the wire, what curl said)` for each mistake, and for the port at which nobody listens.
fn asked() -> Option<Vec<(&'static str, &'static str, Said)>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || mistakes::serve(&listener));
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let mut rows = vec![("(no listener)", "Nobody listens at the port.", curl(nobody, "")?)];
    for mistake in MISTAKES {
        rows.push((mistake.name, mistake.what, curl(address, mistake.name)?));
    }
    Some(rows)
}

fn page(version: &str, rows: &[(&str, &str, Said)]) -> String {
    let mut page = format!(
        "# What a client says, and what the server did\n\nAn error message of a client is a riddle about the server. This is the \
         dictionary, in the words of curl {version} (other\nversions end with the same codes and use other words). Try each line: \
         `cargo run --example faulty` makes every mistake at a\npath of its own. `tests/dictionary.rs` makes this page and checks \
         it.\n\n| curl says | What was on the wire | Path |\n| --- | --- | --- |\n"
    );
    for (name, what, said) in rows {
        let words = if said.code == 0 { "(0) nothing: it forgives".to_owned() } else { format!("`{}`", said.words) };
        let path = if name.starts_with('(') { String::new() } else { format!("`/{name}`") };
        page += &format!("| {words} | {what} | {path} |\n");
    }
    page + "\nTwo lessons. Where curl ends with 0 it forgave, so \"it works with curl\" proves little. And no answer looks like a server that \
            never\naccepted: from outside they cannot be told apart, from inside they can, with `wirelight --trace`.\n"
}

/// The codes of a page, row by row.
fn codes(page: &str) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with("| `(") || line.starts_with("| ("));
    rows.filter_map(|row| row.split(['(', ')']).nth(1)).collect()
}

#[test]
fn the_dictionary_is_fresh() {
    let (Some(version), Some(rows)) = (version(), asked()) else { return println!("skipped: no curl") };
    let path = format!("{}/docs/error-dictionary.md", env!("CARGO_MANIFEST_DIR"));
    let now = page(&version, &rows);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed.contains(&format!("curl {version} ")) {
        assert!(
            committed == now,
            "docs/error-dictionary.md is stale: UPDATE_DOCS=1 cargo test --test dictionary\n{now}"
        );
    } else {
        println!("only codes are compared: this is curl {version}");
        assert_eq!(codes(&committed), codes(&now));
    }
    assert_eq!(codes(&now).len(), MISTAKES.len() + 1);
}
