//! The pages of the guide, the teacher's kit and the errata: what they show is what happens.
//!
//! A comment before a block says what is in it; `UPDATE_DOCS=1 cargo test --test guide` writes the blocks that differ.
//!
//! | comment | block |
//! | --- | --- |
//! | `<!-- run -->` | `console`: commands after `$`, each with what it prints |
//! | `<!-- run: demo --trace -->` | the same, with the server of `wirelight` on the port that the commands call 8000 |
//! | `<!-- run: ladder 09 --flag -->`, `<!-- run: example users -->` | with a step of the ladder, or an example |
//! | `<!-- log -->` | `text`: what the server of the block before printed |
//! | `<!-- experiment: short-body -->` | a quotation: bytes, question and choices |
//! | `<!-- faults: host-missing, bare-lf -->` | their rows of the fault table |
//!
//! A line `…` of a block stands for any number of lines. A command that ends in `&` runs until the end of its block, and its output
//! is not shown. `tests/rules/quotes.rs` has the comment for a quote of the source.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod guide {
    pub mod console;
    pub mod facts;
    pub mod page;
}
#[allow(dead_code, reason = "pages need a part")]
#[path = "../src/escape.rs"]
mod escape;
#[allow(dead_code, reason = "pages need a part")]
#[path = "../src/experiment.rs"]
mod experiment;
mod support;

use std::path::{Path, PathBuf};

use guide::page::{self, Block};
use guide::{console, facts};
use support::bounded;

/// Pages with such blocks: a file, or a folder.
const PAGES: &[&str] = &["guide", "teach", "errata.md"];

#[test]
fn pages_show_what_happens() {
    let checked = pages().into_iter().map(|path| (path.clone(), std::thread::spawn(move || checked(&path))));
    let checked: Vec<_> = checked.collect();
    let problems: Vec<String> = checked
        .into_iter()
        .flat_map(|(path, page)| {
            bounded::joined(page)
                .unwrap_or_else(|_| vec!["the check of this page panicked".to_owned()])
                .into_iter()
                .map(move |problem| format!("{}: {problem}", path.display()))
        })
        .collect();
    assert!(problems.is_empty(), "\n{}\nUPDATE_DOCS=1 cargo test --test guide writes the blocks", problems.join("\n"));
}

/// The Markdown files of the folders.
fn pages() -> Vec<PathBuf> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let within = |path: PathBuf| match std::fs::read_dir(&path) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => vec![path],
    };
    let files = PAGES.iter().flat_map(|page| within(docs.join(page)));
    files.filter(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The names of the ladder's steps: `s03_until_blank_line.rs` is 03, `side_backlog.rs` is backlog.
fn steps() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/ladder");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let step = |name: String| match name.strip_prefix("side_") {
        Some(side) => side.trim_end_matches(".rs").to_owned(),
        None => name.get(1..3).unwrap_or_default().to_owned(),
    };
    names.map(step).collect()
}

/// Compares the blocks of a page with what they should be, or rewrites them.
fn checked(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut problems = [page::unmarked(&text), facts::unknown(&text, &steps())].concat();
    let mut blocks = page::blocks(&text);
    for at in 0..blocks.len() {
        let following = blocks.get(at + 1).filter(|block| block.kind == "log").map(|block| block.text.clone());
        let block = &blocks[at];
        let made = match block.kind.as_str() {
            "run" => console::run(block, following.as_deref()),
            "log" => continue, // made with the block before
            "experiment" => facts::experiment(&block.argument).map(|text| vec![text]),
            "faults" => facts::faults(&block.argument).map(|text| vec![text]),
            other => Err(format!("{other:?} is not a kind of block")),
        };
        match made {
            Err(problem) => problems.push(problem),
            Ok(texts) => {
                for (block, text) in blocks[at..].iter_mut().zip(texts) {
                    if !console::is_same(&block.text, &text) {
                        block.text = text;
                        block.is_stale = true;
                    }
                }
            }
        }
    }
    problems.extend(stale(path, &text, &blocks));
    problems
}

/// Reports the blocks that differ, or writes the page with them.
fn stale(path: &Path, text: &str, blocks: &[Block]) -> Vec<String> {
    let stale: Vec<_> = blocks.iter().filter(|block| block.is_stale).collect();
    if !stale.is_empty() && std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, page::with(text, blocks)).unwrap();
        return Vec::new();
    }
    stale.iter().map(|block| format!("<!-- {} {} --> is now:\n{}", block.kind, block.argument, block.text)).collect()
}

#[test]
fn a_block_is_found_and_replaced() {
    let page = "# A\n\n<!-- src/a.rs: f -->\n```rust,ignore\nfn f() {}\n```\n\n<!-- run: demo -->\n```console\n$ a\nb\n```\n<!-- faults: c, d -->\n| e |\n| f |\n\nText.\n";
    let mut blocks = page::blocks(page);
    let found: Vec<_> = blocks.iter().map(|block| (&*block.kind, &*block.argument, &*block.text)).collect();
    assert_eq!(found, [("run", "demo", "$ a\nb\n"), ("faults", "c, d", "| e |\n| f |\n")]);
    blocks[0].text = "$ a\nc\n".to_owned();
    assert_eq!(page::with(page, &blocks), page.replace("$ a\nb\n", "$ a\nc\n"));
    assert_eq!(page::unmarked(page), Vec::<String>::new());
    assert_eq!(page::unmarked(&page.replace("<!-- run: demo -->\n", "")).len(), 1);
}

#[test]
fn a_name_that_nothing_has_is_found() {
    let page = "`wirelight ladder run 01`, wirelight ladder diff 01 77; `wirelight poke --experiment 3`, --experiment 99 :8000";
    assert_eq!(facts::unknown(page, &steps()), ["there is no step 77", "there is no experiment 99"]);
}

#[test]
fn what_differs_in_each_run_is_not_compared() {
    let shown = "$ curl\n    0.3 ms  → GET\nDate: Fri, 27 Nov 2026 18:12:53 GMT\nfrom 127.0.0.1:43210\n";
    let later = "$ curl\n + 1.2 ms\n  120.9 ms  → GET\nDate: Sat, 28 Nov 2026 08:02:03 GMT\nfrom 127.0.0.1:8000\n";
    assert!(console::is_same(shown, later));
    assert!(!console::is_same(shown, &later.replace("GET", "PUT")));
    assert!(console::is_same("a\n…\nd\n", "a\nb\nc\nd\n") && console::is_same("a\n…\n", "a\nb\n"));
    assert!(!console::is_same("a\n…\nd\n", "a\nb\nd\nc\n") && !console::is_same("b\n…\n", "a\nb\n"));
}
