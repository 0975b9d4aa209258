//! The files of the repository, and the rule that none of them names an absolute path of a machine.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Top folders whose paths belong to one machine. (Written without slashes: this file is checked too.)
const MACHINE: &[&str] = &["work", "root", "home", "tmp"];

/// `(file, why)`: examples in which such a path is what a user would write.
pub const ALLOWED: &[(&str, &str)] = &[];

/// A file of the repository.
pub fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// `(path, text)` of every file that git knows or would add; without git (a published package), of every file that is there.
pub fn files() -> Vec<(String, String)> {
    let git = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(git).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let mut paths = Vec::new();
    match listed {
        Ok(out) if out.status.success() => {
            paths.extend(String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned))
        }
        _ => walk(Path::new(env!("CARGO_MANIFEST_DIR")), &mut paths),
    }
    let read = |path: String| {
        let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).ok()?; // deleted, not yet committed
        Some((path, String::from_utf8_lossy(&bytes).into_owned()))
    };
    paths.into_iter().filter_map(read).collect()
}

/// Files and folders directly in `folder` whose names, without `.rs`, the page does not have between backquotes.
pub fn unlisted(folder: &str, page: &str) -> Vec<String> {
    let inside = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(inside).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let names = entries.map(|entry| entry.expect("a readable entry").file_name().to_string_lossy().into_owned());
    let names = names.filter(|name| name != "README.md").map(|name| name.trim_end_matches(".rs").to_owned());
    let text = read(page);
    let missing =
        names.filter(|name| ![format!("`{name}`"), format!("`{name}/`")].iter().any(|listed| text.contains(listed)));
    missing.map(|name| format!("{page}: does not list {folder}/{name}")).collect()
}

/// Lines that name an absolute path below one of the [`MACHINE`] folders.
pub fn machine_paths(files: &[(String, String)], allowed: &[(&str, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !allowed.iter().any(|(file, _)| file == path)) {
        for (number, line) in text.lines().enumerate() {
            if MACHINE.iter().any(|folder| names(line, &format!("/{folder}/"))) {
                complaints.push(format!("{path}:{}: names a path of a machine: {}", number + 1, line.trim()));
            }
        }
    }
    complaints
}

/// Whether a path in `line` starts with `folder`: not `../x/tmp/`, not `example.com/home/`.
fn names(line: &str, folder: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "_.-})".contains(c);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(inside))
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let inside = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("a path below the root");
        let built = ["target", "fuzz/target", ".git"].iter().any(|skip| inside == Path::new(skip));
        match path.is_dir() {
            true if !built => walk(&path, found),
            true => {}
            false => found.push(inside.to_string_lossy().into_owned()),
        }
    }
}

#[test]
fn detects_paths_of_a_machine() {
    for folder in MACHINE {
        let with = |line: String, allowed| machine_paths(&[("README.md".into(), line)], allowed).len();
        assert_eq!(with(format!("see /{folder}/notes"), &[]), 1);
        assert_eq!(with(format!("\"/{folder}/notes\""), &[]), 1);
        assert_eq!(with(format!("see /{folder}/notes"), &[("README.md", "an example")]), 0);
        assert_eq!(with(format!("see example.com/{folder}/notes, ../{folder}/notes, /{folder}s"), &[]), 0);
    }
}

#[test]
fn detects_a_file_that_no_page_lists() {
    assert_eq!(
        unlisted("docs/decisions", "tests/rules/repository.rs").len(),
        fs::read_dir("docs/decisions").unwrap().count() - 1
    );
}
