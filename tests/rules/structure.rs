//! How the code is divided: the share of each folder, the length of the core path, and types that share a name.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::code_lines;
use super::source::{Source, identifier, words};

/// The largest share of all code, in percent, that the files directly in one folder may have.
const SHARE: usize = 15;
/// The code lines that the core path may have together.
const CORE_PATH: usize = 2_000;
/// The heading in `docs/architecture.md` under which the files of the core path are listed.
const HEADING: &str = "## The core path";

/// Folders whose own files, without those of folders in them, hold more than [`SHARE`] percent of the code.
pub fn large_folders(sources: &[Source]) -> Vec<String> {
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources {
        let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        *folders.entry(folder).or_default() += code_lines(&source.code);
    }
    let all: usize = folders.values().sum();
    println!("{all} lines of code in {} files", sources.len());
    for (folder, lines) in &folders {
        println!("{lines:6} {:3} % {folder}", lines * 100 / all.max(1));
    }
    folders.into_iter().filter(|(_, lines)| lines * 100 > all * SHARE).map(|(folder, _)| folder.into()).collect()
}

/// What is wrong with the core path that `page` lists: a file that is not there, or more than [`CORE_PATH`] lines.
pub fn core_path(sources: &[Source], page: &str) -> Vec<String> {
    let files = listed(page);
    if files.is_empty() {
        return vec![format!("docs/architecture.md: lists no files under `{HEADING}`")];
    }
    let mut complaints = Vec::new();
    let mut total = 0;
    for file in files {
        match sources.iter().find(|source| source.path == file) {
            Some(source) => total += code_lines(&source.code),
            None => complaints.push(format!("docs/architecture.md: the core path names {file}, which is not there")),
        }
    }
    println!("the core path: {total} of {CORE_PATH} lines of code");
    if total > CORE_PATH {
        complaints.push(format!("the core path has {total} lines of code, of {CORE_PATH}"));
    }
    complaints
}

/// The paths in backquotes in the table under [`HEADING`], each once.
fn listed(page: &str) -> BTreeSet<&str> {
    let section = page.split_once(HEADING).map_or("", |(_, after)| after.split("\n## ").next().unwrap_or(after));
    let rows = section.lines().filter(|line| line.starts_with("| "));
    rows.flat_map(|row| row.split('`').filter(|part| part.ends_with(".rs"))).collect()
}

/// Names of structs, enums, unions, traits and types that more than one place of a package defines.
pub fn shared_names(sources: &[Source]) -> Vec<String> {
    let mut places: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    for source in sources {
        let depths = depths(&source.code);
        for kind in ["struct ", "enum ", "union ", "trait ", "type "] {
            for at in words(&source.code, kind).filter(|at| depths[*at] == 0) {
                let name = identifier(&source.code[at + kind.len()..]).filter(|name| !name.is_empty());
                *places.entry((source.path.starts_with("cli/"), name.unwrap_or("_"))).or_default() += 1;
            }
        }
    }
    places.into_iter().filter(|(_, places)| *places > 1).map(|((_, name), _)| name.to_owned()).collect()
}

/// For each byte, how many braces are open around it.
fn depths(code: &str) -> Vec<usize> {
    let step = |depth: &mut usize, byte: u8| {
        match byte {
            b'{' => *depth += 1,
            b'}' => *depth = depth.saturating_sub(1),
            _ => {}
        }
        Some(*depth)
    };
    code.bytes().scan(0, step).collect()
}

#[test]
fn detects_a_large_folder() {
    let file = |path: &str, lines: usize| (path.to_owned(), "f();\n".repeat(lines));
    let tree = |lines| [file("src/a/a.rs", lines), file("src/a/b/c.rs", 60 - lines), file("src/d.rs", 40)];
    assert_eq!(large_folders(&Source::all(tree(15))), ["src", "src/a/b"]);
    assert_eq!(large_folders(&Source::all(tree(16))), ["src", "src/a", "src/a/b"]);
}

#[test]
fn detects_a_core_path_that_is_too_long_or_untrue() {
    let with = |lines: usize, page: &str| core_path(&Source::all([("src/a.rs", "f();\n".repeat(lines))]), page).len();
    let page = |file: &str| format!("# Map\n\n{HEADING}\n\n| `{file}` | what |\n\n## Next\n\n| `src/z.rs` | no |\n");
    assert_eq!(with(2_000, &page("src/a.rs")), 0);
    assert_eq!(with(2_001, &page("src/a.rs")), 1);
    assert_eq!(with(2_000, &page("src/b.rs")), 1);
    assert_eq!(with(2_000, "# Map\n"), 1);
}

#[test]
fn detects_a_type_name_with_two_meanings() {
    let with = |a: &str, b: &str| shared_names(&Source::all([("src/a.rs", a), ("src/b.rs", b)]));
    assert_eq!(with("struct A;", "pub(crate) enum A {}"), ["A"]);
    assert_eq!(with("struct A; impl T for A { type B = u8; }", "impl T for C { type B = u8; }"), [""; 0]);
    assert_eq!(with("struct A;", "#[cfg(test)] mod tests { struct A; }"), [""; 0]);
}
