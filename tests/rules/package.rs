//! What `cargo publish` would upload: everything that the sources of a package read, its licences and its README, and nothing large.

use std::path::Path;

use serde_json::Value;

use super::manifest::cargo;
use super::repository;

/// `(package, folder, files that are not Rust, largest sum of bytes)`.
const PACKAGES: [(&str, &str, &[&str], u64); 2] = [
    ("wirelight", "", &["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"], 3_000_000),
    ("wirelight-cli", "cli/", &["LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/main.rs"], 500_000),
];

/// Texts before a path that a source names: relative to its own folder, and to that of the package.
const READERS: [(&str, bool); 3] =
    [("include_str!(\"", true), ("include_bytes!(\"", true), ("env!(\"CARGO_MANIFEST_DIR\"), \"/", false)];

/// Fields that crates.io and docs.rs show.
const FIELDS: [&str; 4] = ["description", "license", "readme", "repository"];

/// Packages that lack a file or a field, or are too large.
pub fn complaints() -> Vec<String> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]))
            .expect("JSON from cargo metadata");
    let mut complaints = Vec::new();
    for (name, folder, needed, at_most) in PACKAGES {
        let list = cargo(&["package", "--package", name, "--list", "--allow-dirty", "--offline"]);
        let list: Vec<&str> = list.lines().collect();
        let mut files: Vec<String> = needed.iter().map(|&file| file.to_owned()).collect();
        for path in list.iter().filter(|path| path.ends_with(".rs")) {
            files.extend(named_by(path, &repository::read(&format!("{folder}{path}"))));
        }
        complaints.extend(missing(&list, &files).map(|file| format!("{name}: {file} is not in the package")));
        let size = |path: &&str| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(path).metadata().ok();
        let bytes: u64 = list.iter().filter_map(size).map(|file| file.len()).sum();
        println!("{name}: {} files, {bytes} bytes, of {at_most}", list.len());
        complaints.extend((bytes > at_most).then(|| format!("{name}: {bytes} bytes, of {at_most}")));
        let packages = metadata["packages"].as_array().expect("a list of packages");
        let package = packages.iter().find(|package| package["name"] == name).expect("a package of this name");
        complaints.extend(unstated(package).map(|field| format!("{name}: Cargo.toml states no {field}")));
    }
    complaints
}

/// Fields of the manifest that are missing.
fn unstated(package: &Value) -> impl Iterator<Item = &'static str> {
    let lists =
        ["categories", "keywords"].into_iter().filter(|list| package[list].as_array().is_none_or(Vec::is_empty));
    FIELDS.into_iter().filter(|field| package[field].is_null()).chain(lists)
}

/// Files that are not on the list. A folder is on it if a file below it is.
fn missing<'f>(list: &[&str], files: &'f [String]) -> impl Iterator<Item = &'f String> {
    let has = |file: &str| {
        list.iter()
            .any(|path| path.strip_prefix(file).is_some_and(|rest| matches!(rest.chars().next(), None | Some('/'))))
    };
    files.iter().filter(move |file| !has(file.trim_end_matches('/')))
}

/// Paths inside the package that the source at `path` reads, while it compiles or in its tests.
fn named_by(path: &str, source: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for line in source.lines().filter(|line| !line.contains("\"…\"")) {
        for (before, is_relative) in READERS {
            for (at, _) in line.match_indices(before) {
                let named = line[at + before.len()..].split('"').next().unwrap_or_default();
                let from = if is_relative { folder } else { "" };
                found.extend(resolved(from, named));
            }
        }
    }
    found
}

/// `src/wire` and `../a` is `src/a`. `None` for what leads out of the package.
fn resolved(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        match part {
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[test]
fn detects_files_that_sources_read_and_no_list_has() {
    let source = "const A: &str = include_str!(\"a.html\");\n#[doc = include_str!(\"../docs/b.md\")]\n// include_bytes!(\"…\")\n\
                  concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/tests/tls/\"); concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../c\")";
    let files = named_by("src/page/x.rs", source);
    assert_eq!(files, ["src/page/a.html", "src/docs/b.md", "tests/tls"]);
    assert_eq!(missing(&["src/page/a.html", "src/docs/b.md", "tests/tls/key"], &files).count(), 0);
    assert_eq!(missing(&["src/page/a.html2", "tests/tls2"], &files).count(), 3);
}

#[test]
fn detects_fields_that_are_missing() {
    let mut package = serde_json::json!({ "description": "", "license": "", "readme": "", "repository": "",
                                          "keywords": ["a"], "categories": ["b"] });
    assert_eq!(unstated(&package).count(), 0);
    package["readme"] = Value::Null;
    package["keywords"] = serde_json::json!([]);
    assert_eq!(unstated(&package).collect::<Vec<_>>(), ["readme", "keywords"]);
}
