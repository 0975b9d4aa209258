//! What the manifest promises: how many crates a user builds, in which order they are listed, and the oldest Rust that compiles them.

use std::process::Command;

use serde_json::Value;

const CRATES: usize = 20;

/// The crates that a user of the library without default features builds beside ours, one line each, as `cargo tree` prints them.
pub fn tree() -> String {
    cargo(&["tree", "--package", "wirelight", "--edges", "normal", "--no-default-features", "--prefix", "none"])
}

/// `(package, oldest Rust it states)` for every package of the lock file that this platform uses.
pub fn required_versions() -> Vec<(String, String)> {
    let verbose = Command::new("rustc").arg("-vV").output().expect("rustc runs").stdout;
    let verbose = String::from_utf8_lossy(&verbose);
    let host = verbose.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc knows its host");
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--filter-platform", host]))
            .expect("JSON from cargo metadata");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let stated = |p: &Value| Some((p["name"].as_str()?.to_owned(), p["rust_version"].as_str()?.to_owned()));
    packages.iter().filter_map(stated).collect()
}

/// More than [`CRATES`] crates beside ours in the output of `cargo tree`.
pub fn too_many_crates(tree: &str) -> Vec<String> {
    let mut crates: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    crates.retain(|name| !name.is_empty() && *name != "wirelight");
    crates.sort_unstable();
    crates.dedup();
    println!("{} crates beside ours, of {CRATES}: {}", crates.len(), crates.join(" "));
    if crates.len() > CRATES {
        return vec![format!("{} crates, of {CRATES}: {}", crates.len(), crates.join(" "))];
    }
    Vec::new()
}

/// Entries of a table of dependencies that are not in alphabetical order.
pub fn unsorted(manifest: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for table in manifest.split("\n[").filter(|table| table.contains("dependencies]")) {
        let names: Vec<_> = table.lines().skip(1).filter_map(|line| line.split_once(" = ")).map(|(n, _)| n).collect();
        complaints.extend(names.windows(2).filter(|w| w[0] > w[1]).map(|w| format!("{} stands before {}", w[0], w[1])));
    }
    complaints
}

/// Files that disagree with the manifest about the oldest Rust, and dependencies that need a newer one.
pub fn oldest_rust(cargo: &str, clippy: &str, readme: &str, packages: &[(String, String)]) -> Vec<String> {
    let Some(ours) = quoted(cargo, "rust-version = ") else {
        return vec!["Cargo.toml: states no rust-version".into()];
    };
    let mut complaints = Vec::new();
    if quoted(clippy, "msrv = ") != Some(ours) {
        complaints.push(format!("clippy.toml: msrv is not {ours}"));
    }
    if !readme.contains(&format!("Rust {ours}")) {
        complaints.push(format!("README.md: does not say Rust {ours}"));
    }
    let newer = packages.iter().filter(|(_, needs)| release(needs) > release(ours));
    complaints.extend(newer.map(|(name, needs)| format!("{name} needs Rust {needs}, ours is {ours}")));
    complaints
}

/// The standard output of cargo, in the repository.
pub fn cargo(arguments: &[&str]) -> String {
    let out = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8 from cargo")
}

/// The text between quotes after `key` at the start of a line.
fn quoted<'a>(toml: &'a str, key: &str) -> Option<&'a str> {
    toml.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().trim_matches('"'))
}

/// `1.88` and `1.88.0` are the same release.
fn release(version: &str) -> (u32, u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[test]
fn detects_the_21st_crate() {
    let tree = |n: usize| (0..n).fold("wirelight v0.1.0\n".to_owned(), |t, i| t + &format!("crate{i} v1.0.0\n"));
    assert_eq!(too_many_crates(&(tree(20) + "crate1 v1.0.0 (*)\n")), [""; 0]);
    assert_eq!(too_many_crates(&tree(21)).len(), 1);
}

#[test]
fn detects_unsorted_dependencies() {
    assert_eq!(unsorted("[features]\nb = 1\na = 1\n[dependencies]\na = 1\n# why\nb = 1\n"), [""; 0]);
    assert_eq!(unsorted("x\n[dev-dependencies]\nb = 1\na = 1\n"), ["b stands before a"]);
}

#[test]
fn detects_versions_that_disagree() {
    let with = |cargo: &str, clippy: &str, readme: &str, needs: &str| {
        oldest_rust(cargo, clippy, readme, &[("dep".into(), needs.into())]).len()
    };
    let (cargo, clippy) = ("rust-version = \"1.88\"", "msrv = \"1.88\"");
    assert_eq!(with(cargo, clippy, "Rust 1.88 or newer", "1.88.0"), 0);
    assert_eq!(with(cargo, "msrv = \"1.85\"", "Rust 1.88", "1.60"), 1);
    assert_eq!(with(cargo, clippy, "Rust 1.85", "1.60"), 1);
    assert_eq!(with(cargo, clippy, "Rust 1.88", "1.100"), 1);
    assert_eq!(with("", clippy, "Rust 1.88", "1.60"), 1);
}
