//! What only `src/panics.rs` and `src/logging.rs` may do: catch panics, and hand lines to the program's logger.
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

#[test]
fn detects_a_bypass() {
    let with = |path, text| bypassed(&Source::all([(path, text)])).len();
    assert_eq!(with("src/net/a.rs", "fn f() { log::warn!(\"a\"); std::panic::catch_unwind(g); }"), 2);
    assert_eq!(with("src/net/a.rs", "fn f() { warn!(\"a\"); catch(g); }"), 0);
    assert_eq!(with("src/panics.rs", "fn f() { catch_unwind(g); }"), 0);
}
