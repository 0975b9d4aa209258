//! What the chapters of the guide must hold besides their quotes and outputs: their length, a place in both lists, and RFC sections
//! that the project knows.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::links::prose;

/// Words of prose in a chapter, and in a shorter page after the last chapter.
const WORDS: RangeInclusive<usize> = 700..=1_100;
const FEWER_WORDS: RangeInclusive<usize> = 150..=600;
const CHAPTERS: u32 = 10;

/// Chapters that are too short or too long, or missing from a list of contents.
pub fn chapters(files: &[(String, String)]) -> Vec<String> {
    let number = |path: &str| path.strip_prefix("docs/guide/")?.get(..2)?.parse::<u32>().ok();
    let mut complaints = Vec::new();
    for (path, text) in files {
        let words = match number(path) {
            Some(1..=CHAPTERS) => WORDS,
            Some(_) => FEWER_WORDS,
            None => continue,
        };
        let count = prose(&without_comments(text))
            .split_whitespace()
            .filter(|word| word.contains(char::is_alphanumeric))
            .count();
        if !words.contains(&count) {
            complaints.push(format!("{path}: {count} words of prose, not {} to {}", words.start(), words.end()));
        }
        for list in ["docs/guide/README.md", "docs/guide/SUMMARY.md"] {
            let name = path.rsplit('/').next().unwrap_or_default();
            let names = |(path, text): &(String, String)| path == list && text.contains(&format!("]({name})"));
            if !files.iter().any(names) {
                complaints.push(format!("{list} does not name {name}"));
            }
        }
    }
    complaints
}

/// The page without comments, and without the quoted paragraphs that a test writes.
fn without_comments(page: &str) -> String {
    page.lines()
        .filter(|line| !line.starts_with("<!--") && !line.starts_with('>'))
        .map(|line| line.to_owned() + "\n")
        .collect()
}

/// RFC sections that pages name and neither the source, nor the ladder, nor the experiments do. The source was checked against the
/// texts of the RFCs, section by section; the pages rely on it.
pub fn unknown_sections(files: &[(String, String)]) -> Vec<String> {
    let within = |path: &str, folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    let texts = |folders: &'static [&str]| files.iter().filter(move |(path, _)| within(path, folders));
    let known: BTreeSet<_> =
        texts(&["src/", "cli/src/", "examples/ladder/"]).flat_map(|(_, text)| sections(text)).collect();
    let pages = texts(&["docs/guide/", "docs/teach/", "docs/errata"]);
    let unknown = pages.flat_map(|(path, text)| sections(text).into_iter().map(move |section| (path, section)));
    let unknown = unknown.filter(|(_, section)| !known.contains(section));
    unknown.map(|(path, section)| format!("{path}: the source does not name {section}")).collect()
}

/// Sections as in `RFC 9112 §6.1`; `RFC 9112 §6.1, §9.3` is two.
fn sections(text: &str) -> Vec<String> {
    let text = text.replace("\n", " ").replace("///", "").replace("//!", "");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut found = Vec::new();
    for (at, _) in words.iter().enumerate().filter(|(_, word)| word.trim_start_matches(['(', '[', '"', '`']) == "RFC") {
        let rest = words.get(at + 1..).unwrap_or_default();
        let Some((number, rest)) = rest.split_first() else { continue };
        for word in rest.iter().take_while(|word| word.starts_with('§')) {
            let section = word.trim_end_matches(|c: char| !c.is_ascii_digit());
            found.push(format!("RFC {number} {section}"));
        }
    }
    found
}

#[test]
fn detects_what_a_chapter_lacks() {
    let list = |path: &str, name: &str| (format!("docs/guide/{path}"), format!("- [One]({name})\n"));
    let with = |words: usize, listed: &str| {
        let text = format!("<!-- run -->\n```console\n$ a b\n```\n> quoted by a test\n{}", "word — ".repeat(words));
        chapters(&[
            ("docs/guide/01-one.md".to_owned(), text),
            list("README.md", "01-one.md"),
            list("SUMMARY.md", listed),
        ])
    };
    assert_eq!(with(700, "01-one.md"), Vec::<String>::new());
    assert_eq!(with(699, "01-one.md").len(), 1);
    assert_eq!(with(1_101, "02-two.md").len(), 2);
    let short = |words: usize| {
        let page = ("docs/guide/11-one.md".to_owned(), "word ".repeat(words));
        chapters(&[page, list("README.md", "11-one.md"), list("SUMMARY.md", "11-one.md")])
    };
    assert_eq!((short(150).len(), short(601).len()), (0, 1));
}

#[test]
fn detects_an_unknown_section() {
    let source = ("src/a.rs".to_owned(), "/// (RFC 9112 §6.1, §9.3).\n\"RFC 9110 §5.5\"".to_owned());
    let with = |text: &str| unknown_sections(&[source.clone(), ("docs/guide/01.md".to_owned(), text.to_owned())]);
    assert_eq!(with("See RFC 9112 §6.1, §9.3; RFC\n9110 §5.5."), Vec::<String>::new());
    assert_eq!(with("(RFC 9112 §6.2) and RFC 9110 §6.1").len(), 2);
}
