//! The shape of files and functions: the first sentence, how long is too long, and how much code a folder may hold.

use super::source::{Source, words};

const FILE: usize = 400;
const FUNCTION: usize = 60;
/// `Conn::drive`, the story of a request, fits one screen: comments count.
const DRIVE: (&str, &str, usize) = ("src/net/conn.rs", "drive", 40);
/// The first plan gave net 1,500, app 2,200 and middleware 900. Since then net took in the pool, the streams, both ways at once,
/// TLS, for upgraded connections too, rates in a window and bounds on what connections hold; app the files, conditional
/// requests, ranges, cookies, negotiation, proxies, checks, pages and multipart forms; middleware the rate limits, those in Redis,
/// gzip, and log lines spelled by hand (a third of the instructions). Each is a file or two of its own. Wire had 1,800, and took in the explanation of any
/// message, pasted ones too, and every fact of the schema, refused heads included; then the wrapping of lines and the story of
/// a request; then the readings of a smuggling attempt, and what tools show of a body. App came to read preferences with mistakes in
/// them, and to keep forms, queries and cookies that were read once, with an index. Http1 came to frame responses without content, and
/// to say how a target should have been sent. Net, app and middleware took in the end of each exchange: whatever the program
/// does, one answer and one line of the log. App decides on
/// heads before their bodies. Net then took in
/// what each turn of its loop may cost. No budget here is spare room: whoever needs more says what moved in.
const BUDGET: &[(&str, usize)] =
    &[("http1", 2_120), ("net", 4_350), ("app", 6_050), ("middleware", 1_580), ("wire", 4_050)];

/// Files that do not start with a sentence in `//!`.
pub fn first_sentence(sources: &[Source]) -> Vec<String> {
    let missing = |source: &&Source| {
        let paragraph = source.text.lines().map_while(|line| line.strip_prefix("//! "));
        let sentence = paragraph.collect::<Vec<_>>().join(" ");
        sentence.len() < 20 || !sentence.ends_with(['.', ':'])
    };
    let complain = |s: &Source| format!("{}: starts with no sentence of what it decides and does not know", s.path);
    sources.iter().filter(missing).map(complain).collect()
}

/// Files of more than [`FILE`] lines, tests apart: there is a second idea in them that wants its own room.
pub fn long_files(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| source.lines > FILE);
    long.map(|s| format!("{}: {} lines before its tests, of {FILE}", s.path, s.lines)).collect()
}

/// Functions of more than [`FUNCTION`] lines of code, as clippy counts them, and the one that must fit a screen.
pub fn long_functions(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for f in source.functions() {
            let story = (source.path.as_str(), f.name) == (DRIVE.0, DRIVE.1);
            let (lines, most) = if story { (f.text.lines().count(), DRIVE.2) } else { (code_lines(f.body), FUNCTION) };
            if lines > most {
                complaints.push(format!("{}:{}: `{}` has {lines} lines, of {most}", source.path, f.line, f.name));
            }
        }
    }
    complaints
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

/// Folders with more lines of code than [`BUDGET`] gives them: neither tests nor comments nor blank lines count.
pub fn over_budget(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for &(layer, budget) in BUDGET {
        let lines: usize = sources.iter().filter(|s| s.layer() == layer).map(|s| code_lines(&s.code)).sum();
        println!("src/{layer}: {lines} of {budget} lines of code");
        if lines > budget {
            complaints.push(format!("src/{layer}: {lines} lines of code, of {budget}"));
        }
    }
    complaints
}

fn code_lines(code: &str) -> usize {
    code.lines().filter(|line| !line.trim().is_empty()).count()
}

#[test]
fn barks_at_a_file_without_a_sentence() {
    let with = |text: &str| first_sentence(&Source::all([("src/a.rs", text)])).len();
    assert_eq!(with("//! What a byte means, not where it came from.\n\nfn f() {}"), 0);
    assert_eq!(with("//! What a byte means,\n//! not where it came from.\n//!\n//! More"), 0);
    for text in ["", "fn f() {}", "//! placeholder", "/// What a byte means, not where it came from.", "//!"] {
        assert_eq!(with(text), 1, "{text}");
    }
}

#[test]
fn barks_at_long_files_and_full_folders() {
    let tests = "#[cfg(test)]\nmod tests {\n\n\n}\n";
    let file = |lines: usize| Source::all([("src/http1/a.rs", "f();\n".repeat(lines) + tests)]);
    assert_eq!(long_files(&file(400)), [""; 0]);
    assert_eq!(long_files(&file(401)), ["src/http1/a.rs: 401 lines before its tests, of 400"]);
    assert_eq!(over_budget(&file(2_120)), [""; 0]);
    assert_eq!(over_budget(&file(2_121)), ["src/http1: 2121 lines of code, of 2120"]);
}

#[test]
fn barks_at_long_functions() {
    let body = |lines: usize| format!("x;\nfn drive() {{\n{}// why\n}}\n", "f();\n".repeat(lines));
    let with = |path: &str, lines| long_functions(&Source::all([(path, body(lines))]));
    assert_eq!(with("src/net/slots.rs", 60), [""; 0]);
    assert_eq!(with("src/net/slots.rs", 61), ["src/net/slots.rs:2: `drive` has 61 lines, of 60"]);
    assert_eq!(with("src/net/conn.rs", 37), [""; 0]);
    assert_eq!(with("src/net/conn.rs", 38), ["src/net/conn.rs:2: `drive` has 41 lines, of 40"]);
}

#[test]
fn barks_at_a_cfg_in_a_body() {
    let with = |text: &str| cfg_in_bodies(&Source::all([("src/a.rs", text)])).len();
    assert_eq!(with("#[cfg(unix)]\nfn f() {}"), 0);
    assert_eq!(with("fn f() { #[cfg(unix)] g(); }"), 1);
    assert_eq!(with("fn f() { if cfg!(unix) { g(); } }"), 1);
}
