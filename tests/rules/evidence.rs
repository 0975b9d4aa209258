//! Keeps the tests that a page of the docs names: each must exist.
//!
//! A test is named as `tests/files.rs::links_and_hidden_names`, a case of the corpora as `case:host-missing`, a class of them as `corpus:te`,
//! a row of `tests/reliability/run` as `reliability:R1`, a script or all tests of a file by its path, each in backticks.

use std::path::Path;

use super::repository;

/// The pages that prove their sentences by tests.
const PAGES: &[&str] = &["docs/attacks.md", "docs/claims.md", "docs/conformance.md"];

/// How a page names what is not a test of Rust, and what stands before such a name where it is defined.
const KINDS: &[(&str, &str)] = &[("case:", "\"id\": "), ("corpus:", "\"class\": "), ("reliability:", "@row(")];

/// Folders whose files prove something as a whole: a script, all tests of a file.
const FOLDERS: &[&str] = &["benches/", "cli/tests/", "src/", "tests/"];

/// Names in the pages that no test, class or row has, and rows of tables without a proof.
pub fn complaints() -> Vec<String> {
    let corpora = ["own", "public"].map(|set| repository::read(&format!("tests/corpus/{set}.json"))).concat();
    let rows = repository::read("tests/reliability/run");
    let mut complaints = Vec::new();
    for page in PAGES {
        let text = repository::read(page);
        for name in names(&text).filter(|name| !exists(name, &corpora, &rows)) {
            complaints.push(format!("{page}: there is no `{name}`"));
        }
        for (number, line) in text.lines().enumerate().filter(|(_, line)| is_row(line) && names(line).count() == 0) {
            complaints.push(format!("{page}:{}: nothing proves this: {line}", number + 1));
        }
    }
    complaints
}

/// Whether the line is a row of a table, and neither its head nor the line below that.
fn is_row(line: &str) -> bool {
    line.starts_with("| ") && !line.starts_with("| ---") && !line.ends_with("| proved by |")
}

/// What stands between backticks and names a test.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let kinds = || KINDS.iter().map(|(kind, _)| kind).chain(FOLDERS);
    let named = move |name: &&str| name.contains(".rs::") || kinds().any(|start| name.starts_with(start));
    text.split('`').skip(1).step_by(2).filter(named)
}

fn exists(name: &str, corpora: &str, rows: &str) -> bool {
    if let Some((kind, key)) = KINDS.iter().find(|(kind, _)| name.starts_with(kind)) {
        let name = &name[kind.len()..];
        return [corpora, rows].iter().any(|text| text.contains(&format!("{key}\"{name}\"")));
    }
    let (path, test) = name.split_once("::").unwrap_or((name, ""));
    let there = Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists();
    there && (test.is_empty() || repository::read(path).contains(&format!("fn {test}(")))
}

#[test]
fn detects_a_name_that_nothing_has() {
    let (corpora, rows) = (r#"{"id": "te-0", "class": "te"}"#, r#"@row("R1", "")"#);
    let found = |name| exists(name, corpora, rows);
    assert!(
        found("corpus:te") && found("case:te-0") && found("reliability:R1") && found("tests/rules/evidence.rs::exists")
    );
    assert!(
        !found("corpus:t") && !found("case:te") && !found("reliability:R2") && !found("tests/rules/evidence.rs::exist")
    );
    assert!(!found("tests/rules/nothing.rs::exists") && found("tests/rules") && !found("tests/rule"));
    let row = "| `a` | `corpus:te`, `x.rs::y`, `tests/run` |";
    assert_eq!(names(row).collect::<Vec<_>>(), ["corpus:te", "x.rs::y", "tests/run"]);
    assert!(is_row("| a | b | c |") && !is_row("| --- | --- |") && !is_row("| attack | stopped by | proved by |"));
}
