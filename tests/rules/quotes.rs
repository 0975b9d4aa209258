//! Keeps the functions that pages quote equal to the source.
//!
//! A line `<!-- src/net/conn.rs: drive -->` is followed by that function, by the constant, struct, enum or trait of that name, as a block
//! of Rust. `UPDATE_DOCS=1 cargo test --test rules` rewrites the blocks.

use std::path::Path;
use std::{env, fs};

use super::source::{Source, closing, find_outside, identifier, words};

/// Pages with quotes: a file, or the beginning of paths.
const PAGES: &[&str] = &["docs/errata", "docs/guide/", "docs/recipes/", "docs/teach/", "docs/tour.md"];

/// Compares the quotes of the pages with the source, after rewriting them if `UPDATE_DOCS` is set.
pub fn stale_quotes(files: &[(String, String)], sources: &[Source]) -> Vec<String> {
    let pages =
        files.iter().filter(|(path, _)| path.ends_with(".md") && PAGES.iter().any(|page| path.starts_with(page)));
    let complaint = |(path, page): &(String, String)| match updated(page, sources) {
        Err(problem) => Some(format!("{path}: {problem}")),
        Ok(now) if now == *page => None,
        Ok(now) if env::var_os("UPDATE_DOCS").is_some() => {
            fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), now).expect("a writable page");
            None
        }
        Ok(_) => Some(format!("{path}: a quote is not the source's; UPDATE_DOCS=1 cargo test --test rules")),
    };
    pages.filter_map(complaint).collect()
}

/// The page with the source's text in each quote. Other comments stay.
fn updated(page: &str, sources: &[Source]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, anchored)) = rest.split_once("<!-- ") {
        let (anchor, after) = anchored.split_once(" -->\n").ok_or("an anchor without an end")?;
        out += &format!("{before}<!-- {anchor} -->\n");
        rest = after;
        let Some((path, name)) = anchor.split_once(": ").filter(|(path, _)| path.ends_with(".rs")) else { continue };
        let source = sources.iter().find(|source| source.path == path).ok_or(format!("{path} is not there"))?;
        let block = after.strip_prefix("```rust,ignore\n").and_then(|block| block.split_once("```\n"));
        let (_, after) = block.ok_or(format!("no block of Rust after {anchor}"))?;
        out += &format!("```rust,ignore\n{}```\n", quoted(source, name)?);
        rest = after;
    }
    Ok(out + rest)
}

/// An item with its documentation, from the margin.
fn quoted(source: &Source, name: &str) -> Result<String, String> {
    let function = source.functions().find(|function| function.name == name);
    let item = function.map(|function| (function.line, function.text)).or_else(|| other_item(source, name));
    let (line, text) = item.ok_or(format!("{}: no item `{name}`", source.path))?;
    let lines: Vec<&str> = source.text.lines().collect();
    let first = line - 1;
    let documented = |line: &&&str| ["///", "#["].iter().any(|start| line.trim_start().starts_with(start));
    let above = lines[..first].iter().rev().take_while(documented).count();
    let indent = lines[first].len() - lines[first].trim_start().len();
    let quoted = &lines[first - above..first + text.lines().count()];
    Ok(quoted.iter().map(|line| line.get(indent..).unwrap_or("").to_owned() + "\n").collect())
}

/// The line and the text of a constant, static, struct, enum or trait.
fn other_item<'s>(source: &'s Source, name: &str) -> Option<(usize, &'s str)> {
    ["const", "static", "struct", "enum", "trait"].iter().find_map(|keyword| {
        let is_named = |start: &usize| identifier(source.code[start + keyword.len()..].trim_start()) == Some(name);
        let start = words(&source.code, keyword).find(is_named)?;
        let code = &source.code[start..];
        let end = find_outside(code, &['{', ';'])?;
        let end = if code.as_bytes()[end] == b'{' { closing(code, end)? } else { end };
        Some((source.line_of(start), &source.text[start..=start + end]))
    })
}

#[test]
fn detects_a_stale_quote() {
    let source = "impl A {\n    /// Does.\n    #[inline]\n    fn f() {\n        g();\n    }\n}\n\n/// Many.\nconst N: [u8; 2] = [1, 2];\n";
    let sources = Source::all([("src/a.rs", source)]);
    let page =
        |quote: &str| format!("# Tour\n\n<!-- run -->\n<!-- src/a.rs: f -->\n```rust,ignore\n{quote}```\n\nText.\n");
    let quote = "/// Does.\n#[inline]\nfn f() {\n    g();\n}\n";
    assert_eq!(updated(&page("old\n"), &sources), Ok(page(quote)));
    assert_eq!(updated(&page(quote), &sources), Ok(page(quote)));
    let constant = page("/// Many.\nconst N: [u8; 2] = [1, 2];\n").replace(": f", ": N");
    assert_eq!(updated(&page("old\n").replace(": f", ": N"), &sources), Ok(constant));
    assert!(updated(&page(quote).replace(": f", ": h"), &sources).is_err());
    assert!(updated(&page(quote).replace("a.rs", "b.rs"), &sources).is_err());
}
