//! Lists of what breaks a rule today. A list may only shrink: what is not on it fails, and so does an entry that is no longer true.
//!
//! `UPDATE_RULES=1 cargo test --test rules` brings a list up to date, unless it would grow.

use std::path::Path;
use std::{env, fs};

use super::repository;

/// Compares `found` with the lines of `tests/rules/known/{list}.txt`. The text after ` = ` in a line is its reason.
pub fn compare(list: &str, found: &[String]) -> Vec<String> {
    let path = format!("tests/rules/known/{list}.txt");
    let known = repository::read(&path);
    if env::var_os("UPDATE_RULES").is_some() && found.len() <= known.lines().count() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
        fs::write(file, updated(&known, found)).expect("a writable list");
    }
    difference(&path, &repository::read(&path), found)
}

fn entry(line: &str) -> &str {
    line.split(" = ").next().unwrap_or(line)
}

fn difference(path: &str, known: &str, found: &[String]) -> Vec<String> {
    let new = found.iter().filter(|found| !known.lines().any(|line| entry(line) == *found));
    let gone = known.lines().map(entry).filter(|entry| !found.iter().any(|found| found == entry));
    let gone = gone.map(|entry| format!("{path}: `{entry}` is gone; UPDATE_RULES=1 takes it out of the list"));
    new.map(|new| format!("{path}: `{new}` is new")).chain(gone).collect()
}

/// `found`, with the reasons that `known` has for it.
fn updated(known: &str, found: &[String]) -> String {
    let line = |found: &String| known.lines().find(|line| entry(line) == found).unwrap_or(found).to_owned() + "\n";
    found.iter().map(line).collect()
}

#[test]
fn detects_new_entries_and_entries_that_are_gone() {
    let found = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(difference("list", "a\nb = why\n", &found(&["a", "b"])), [""; 0]);
    assert_eq!(difference("list", "a\n", &found(&["a", "b"])), ["list: `b` is new"]);
    assert_eq!(difference("list", "a\nb = why\n", &found(&["a"])).len(), 1);
    assert_eq!(updated("a\nb = why\nc\n", &found(&["b", "d"])), "b = why\nd\n");
}
