//! Keeps the functions that `docs/tour.md` quotes equal to the source.
//!
//! A line `<!-- src/net/conn.rs: drive -->` is followed by that function as a block of Rust. `UPDATE_DOCS=1 cargo test --test rules`
//! writes the blocks anew.

use std::path::Path;
use std::{env, fs};

use super::repository;
use super::source::Source;

const PAGE: &str = "docs/tour.md";

/// Compares the quotes of the page with the source, after rewriting them if `UPDATE_DOCS` is set.
pub fn stale_quotes(sources: &[Source]) -> Vec<String> {
    let page = repository::read(PAGE);
    match updated(&page, sources) {
        Err(problem) => vec![format!("{PAGE}: {problem}")],
        Ok(now) if now == page => Vec::new(),
        Ok(now) if env::var_os("UPDATE_DOCS").is_some() => {
            fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE), now).expect("a writable page");
            Vec::new()
        }
        Ok(_) => vec![format!("{PAGE}: a quote is not the source's; UPDATE_DOCS=1 cargo test --test rules")],
    }
}

/// The page with the source's text in each quote.
fn updated(page: &str, sources: &[Source]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, anchored)) = rest.split_once("<!-- ") {
        let (anchor, after) = anchored.split_once(" -->\n").ok_or("an anchor without an end")?;
        let (path, name) = anchor.split_once(": ").ok_or(format!("no function in {anchor}"))?;
        let source = sources.iter().find(|source| source.path == path).ok_or(format!("{path} is not there"))?;
        let block = after.strip_prefix("```rust,ignore\n").and_then(|block| block.split_once("```\n"));
        let (_, after) = block.ok_or(format!("no block of Rust after {anchor}"))?;
        out += &format!("{before}<!-- {anchor} -->\n```rust,ignore\n{}```\n", quoted(source, name)?);
        rest = after;
    }
    Ok(out + rest)
}

/// A function with its documentation, from the margin.
fn quoted(source: &Source, name: &str) -> Result<String, String> {
    let function = source.functions().find(|function| function.name == name);
    let function = function.ok_or(format!("{}: no function `{name}`", source.path))?;
    let lines: Vec<&str> = source.text.lines().collect();
    let first = function.line - 1;
    let documented = |line: &&&str| ["///", "#["].iter().any(|start| line.trim_start().starts_with(start));
    let above = lines[..first].iter().rev().take_while(documented).count();
    let indent = lines[first].len() - lines[first].trim_start().len();
    let quoted = &lines[first - above..first + function.text.lines().count()];
    Ok(quoted.iter().map(|line| line.get(indent..).unwrap_or("").to_owned() + "\n").collect())
}

#[test]
fn detects_a_stale_quote() {
    let source = "impl A {\n    /// Does.\n    #[inline]\n    fn f() {\n        g();\n    }\n}\n";
    let sources = Source::all([("src/a.rs", source)]);
    let page = |quote: &str| format!("# Tour\n\n<!-- src/a.rs: f -->\n```rust,ignore\n{quote}```\n\nText.\n");
    let quote = "/// Does.\n#[inline]\nfn f() {\n    g();\n}\n";
    assert_eq!(updated(&page("old\n"), &sources), Ok(page(quote)));
    assert_eq!(updated(&page(quote), &sources), Ok(page(quote)));
    assert!(updated(&page(quote).replace(": f", ": h"), &sources).is_err());
    assert!(updated(&page(quote).replace("a.rs", "b.rs"), &sources).is_err());
}
