//! What only certain files may do: catch panics and hand lines to the program's logger (`src/panics.rs`, `src/logging.rs`), and hash
//! without a secret.
//!
//! clippy's `disallowed_macros` and `disallowed_methods` cannot do it: they do not exempt tests.

use super::source::{Source, words};

const GUARDED: &[&str] =
    &["catch_unwind", "log::error!", "log::warn!", "log::info!", "log::debug!", "log::trace!", "log::log!"];

/// Returns the lines of the library outside those two files that use a guarded name.
pub fn bypassed(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| !["panics", "logging", "cli"].contains(&source.layer())) {
        for word in GUARDED {
            let lines = words(&source.code, word).map(|at| source.line_of(at));
            complaints
                .extend(lines.map(|line| {
                    format!("{}:{line}: `{word}` belongs to src/panics.rs or src/logging.rs", source.path)
                }));
        }
    }
    complaints
}

/// Files that hash without a secret: keys that no client chooses, and tags that are the same in every process.
const UNKEYED: &[&str] = &["src/trace/tracer.rs", "src/response/etag.rs"];

/// Returns the lines of the library that hash without a secret: a client could choose keys that collide.
pub fn unkeyed_hashers(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| !UNKEYED.contains(&&*source.path)) {
        for word in ["BuildHasherDefault", "DefaultHasher", "impl Hasher"] {
            let lines = words(&source.code, word).map(|at| source.line_of(at));
            complaints.extend(lines.map(|line| format!("{}:{line}: `{word}` has no secret", source.path)));
        }
    }
    complaints
}

#[test]
fn detects_a_hasher_without_a_secret() {
    let with = |path, text| unkeyed_hashers(&Source::all([(path, text)])).len();
    assert_eq!(with("src/a.rs", "type M = HashMap<K, V, BuildHasherDefault<H>>; impl Hasher for H {}"), 2);
    assert_eq!(with("src/a.rs", "type M = HashMap<K, V>; static S: RandomState;"), 0);
    assert_eq!(with("src/trace/tracer.rs", "impl Hasher for H {}"), 0);
}

#[test]
fn detects_a_bypass() {
    let with = |path, text| bypassed(&Source::all([(path, text)])).len();
    assert_eq!(with("src/net/a.rs", "fn f() { log::warn!(\"a\"); std::panic::catch_unwind(g); }"), 2);
    assert_eq!(with("src/net/a.rs", "fn f() { warn!(\"a\"); catch(g); }"), 0);
    assert_eq!(with("src/panics.rs", "fn f() { catch_unwind(g); }"), 0);
}
