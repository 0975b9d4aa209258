//! Waits in tests: each has a bound, so that a test fails instead of hanging.

/// Calls that return only when another thread or process acts. `tests/support/bounded.rs` has one with a bound for each of them.
const ENDLESS: &[(&str, &str)] = &[
    (".recv()", "bounded::received"),
    (".join()", "bounded::joined"),
    (".wait()", "bounded::exited"),
    (".wait_with_output()", "Leash::output"),
    (".is_ok() {}", "bounded::eventually or bounded::refused"),
    ("TcpStream::connect(", "bounded::connect"),
];

const TESTS: &[&str] = &["tests/", "cli/tests/"];

/// `(file, line, why)`: lines that contain an endless call and may.
pub const ALLOWED: &[(&str, &str, &str)] = &[
    ("tests/support/bounded.rs", "", "the bounds themselves"),
    ("cli/tests/", "let _ = self.child.wait();", "its process was killed in the line before"),
    ("tests/rules/", "", "names what it looks for"),
    ("tests/", "let _ = self.child.wait();", "its process was killed in the line before"),
    ("tests/", "barrier.wait()", "a handler on the pool; the client that waits for it has a bound"),
    ("tests/error_dictionary.rs", "cell.join()", "curl and the browser have time limits of their own"),
    ("tests/tls.rs", "speaker.join()", "runs in a handler; the client that waits for it has a bound"),
    ("tests/error_dictionary/chromium.rs", "while Instant::now() < end", "has an end"),
    ("cli/tests/poke.rs", "stream.write_all", "a bad server, which the client leaves"),
    ("tests/server.rs", "assert_eq!(TcpStream::connect(address).unwrap_err()", "expects a refusal"),
];

/// Lines of the files under `tests/` that wait without a bound.
pub fn endless(files: &[(String, String)], allowed: &[(&str, &str, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in
        files.iter().filter(|(path, _)| path.ends_with(".rs") && TESTS.iter().any(|folder| path.starts_with(folder)))
    {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let Some((call, instead)) = ENDLESS.iter().find(|(call, _)| line.contains(call)) else { continue };
            if !allowed.iter().any(|(file, part, _)| path.starts_with(file) && line.contains(part)) {
                complaints.push(format!("{path}:{}: `{call}` may never return; use {instead}", number + 1));
            }
        }
    }
    complaints
}

#[test]
fn detects_waits_without_a_bound() {
    let with =
        |line: &str, path: &str| endless(&[(path.into(), line.into())], &[("tests/b.rs", "why", "a reason")]).len();
    for (call, _) in ENDLESS {
        let line = format!("let a = b{call}");
        assert_eq!(with(&line, "tests/a.rs"), 1, "{call}");
        assert_eq!(with(&format!("// {line}"), "tests/a.rs"), 0);
        assert_eq!(with(&format!("{line} why"), "tests/b.rs"), 0);
        assert_eq!(with(&line, "src/a.rs"), 0);
    }
    assert_eq!(with("names.join(\", \")", "tests/a.rs"), 0);
}
