//! Links between pages: the file is there, and so is the heading.

use std::path::{Component, Path, PathBuf};

/// Relative links of the pages that lead nowhere.
pub fn broken(files: &[(String, String)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".md")) {
        for target in links(&prose(text)).iter().filter(|target| !target.contains("://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { resolved(path, file) };
            let page = files.iter().find(|(path, _)| *path == file);
            let is_folder = || files.iter().any(|(path, _)| path.starts_with(&format!("{file}/")));
            match page {
                None if !is_folder() => complaints.push(format!("{path}: {target} is not there")),
                Some((_, page)) if !heading.is_empty() && !headings(page).iter().any(|found| found == heading) => {
                    complaints.push(format!("{path}: {target}: no such heading"));
                }
                _ => {}
            }
        }
    }
    complaints
}

/// The page without its fenced blocks and code spans.
pub fn prose(page: &str) -> String {
    let mut fenced = false;
    let lines = page.lines().filter(|line| {
        let fence = line.trim_start_matches(['>', ' ']).starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    lines.map(|line| line.split('`').step_by(2).collect::<Vec<_>>().join("`") + "\n").collect()
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()).collect()
}

/// A path from the root of the repository.
fn resolved(page: &str, link: &str) -> String {
    let mut path = PathBuf::new();
    for part in Path::new(page).parent().into_iter().flat_map(Path::components).chain(Path::new(link).components()) {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    path.to_string_lossy().into_owned()
}

/// The anchors that GitHub and mdBook make of the headings.
fn headings(page: &str) -> Vec<String> {
    let mut fenced = false;
    let is_heading = |line: &&str| {
        fenced ^= line.starts_with("```");
        !fenced && line.starts_with('#')
    };
    let anchor = |line: &str| {
        let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    page.lines().filter(is_heading).map(anchor).collect()
}

#[test]
fn detects_a_broken_link() {
    let page = "# A title, `code`\n\n[a](b/c.md) [d](#a-title-code)\n\n```sh\n# no heading\n[x](gone.md)\n```\n\n`[y](gone.md)` [e](https://a.b/c)\n";
    let other = ("docs/b/c.md".to_owned(), "[back](../a.md#a-title-code), [folder](../b)\n".to_owned());
    let with = |text: &str| broken(&[("docs/a.md".to_owned(), text.to_owned()), other.clone()]);
    assert_eq!(with(page), Vec::<String>::new());
    for (good, bad) in
        [("b/c.md", "c.md"), ("b/c.md", "b/c.md#x"), ("#a-title-code", "#no-heading"), ("b/c.md", "../b/c.md")]
    {
        assert_eq!(with(&page.replacen(good, bad, 1)).len(), 1, "{bad}");
    }
}
