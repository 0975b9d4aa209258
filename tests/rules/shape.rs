//! The shape of files and functions: the first sentence, and how long is too long. clippy's `too_many_lines` has the functions.

use super::source::{Source, words};

/// A ceiling, not a target: a file holds one idea, whatever its length.
const FILE: usize = 500;
/// `Conn::drive`, the path of a request, fits one screen: comments count.
const DRIVE: (&str, &str, usize) = ("src/net/", "drive", 40);
/// Files that do not start with a sentence in `//!`.
pub fn first_sentence(sources: &[Source]) -> Vec<String> {
    let missing = |source: &&Source| {
        let paragraph = source.text.lines().map_while(|line| line.strip_prefix("//! "));
        let sentence = paragraph.collect::<Vec<_>>().join(" ");
        sentence.len() < 20 || !sentence.ends_with(['.', ':'])
    };
    let complain = |s: &Source| format!("{}: does not start with a sentence that says what is here", s.path);
    sources.iter().filter(missing).map(complain).collect()
}

/// Files of more than [`FILE`] lines, without their tests.
pub fn long_files(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| source.lines > FILE);
    long.map(|s| format!("{}: {} lines before its tests, of {FILE}", s.path, s.lines)).collect()
}

/// `Conn::drive`, if it has more lines than fit a screen, or is not where it is looked for.
pub fn long_drive(sources: &[Source]) -> Vec<String> {
    let (folder, name, most) = DRIVE;
    let files = sources.iter().filter(|source| source.path.starts_with(folder));
    let lengths = files.flat_map(Source::functions).filter(|f| f.name == name).map(|f| f.text.lines().count());
    match lengths.max() {
        Some(lines) if lines <= most => Vec::new(),
        Some(lines) => vec![format!("{folder}: `{name}` has {lines} lines, of {most}")],
        None => vec![format!("{folder}: `{name}` is not there; tests/rules/shape.rs says where it is")],
    }
}

/// `#[cfg(…)]` and `cfg!(…)` inside functions: two programs in one text, of which a reader sees neither.
pub fn cfg_in_bodies(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for f in source.functions() {
            if ["#[cfg(", "cfg!("].iter().any(|cfg| words(f.body, cfg).next().is_some()) {
                complaints.push(format!("{}:{}: `{}` has a cfg in its body", source.path, f.line, f.name));
            }
        }
    }
    complaints
}

/// Lines of code: no comments, blank lines or tests.
pub fn code_lines(code: &str) -> usize {
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

#[test]
fn detects_a_file_without_a_sentence() {
    let with = |text: &str| first_sentence(&Source::all([("src/a.rs", text)])).len();
    assert_eq!(with("//! What a byte means, not where it came from.\n\nfn f() {}"), 0);
    assert_eq!(with("//! What a byte means,\n//! not where it came from.\n//!\n//! More"), 0);
    for text in ["", "fn f() {}", "//! placeholder", "/// What a byte means, not where it came from.", "//!"] {
        assert_eq!(with(text), 1, "{text}");
    }
}

#[test]
fn detects_long_files() {
    let tests = "#[cfg(test)]\nmod tests {\n\n\n}\n";
    let file = |lines: usize| Source::all([("src/http1/a.rs", "f();\n".repeat(lines) + tests)]);
    assert_eq!(long_files(&file(500)), [""; 0]);
    assert_eq!(long_files(&file(501)), ["src/http1/a.rs: 501 lines before its tests, of 500"]);
}

#[test]
fn detects_a_long_drive() {
    let body = |lines: usize| format!("x;\nfn drive() {{\n{}// why\n}}\n", "f();\n".repeat(lines));
    let with = |path: &str, lines| long_drive(&Source::all([(path, body(lines))]));
    assert_eq!(with("src/net/conn.rs", 37), [""; 0]);
    assert_eq!(with("src/net/conn.rs", 38), ["src/net/: `drive` has 41 lines, of 40"]);
    assert_eq!(with("src/app/other.rs", 1).len(), 1);
}

#[test]
fn detects_a_cfg_in_a_body() {
    let with = |text: &str| cfg_in_bodies(&Source::all([("src/a.rs", text)])).len();
    assert_eq!(with("#[cfg(unix)]\nfn f() {}"), 0);
    assert_eq!(with("fn f() { #[cfg(unix)] g(); }"), 1);
    assert_eq!(with("fn f() { if cfg!(unix) { g(); } }"), 1);
}
