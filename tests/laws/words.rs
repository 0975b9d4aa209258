//! Words that shipped code does not say: ways to panic on purpose, ways to keep dead code, `unsafe`.

use super::source::{Source, words};

const FORBIDDEN: &[&str] =
    &[".unwrap()", ".expect(", "panic!", "unreachable!", "todo!", "unimplemented!", "dead_code", "#[ignore", "unsafe"];

/// One exception: `word` may stand `times` times in `file`, and the reason is written down.
pub struct Allowed {
    pub file: &'static str,
    pub word: &'static str,
    pub times: usize,
    pub why: &'static str,
}

/// The exceptions are mistakes of the program and of its tests. Nothing that a network can influence stands here.
pub const ALLOWED: &[Allowed] = &[
    Allowed { file: "src/app/client.rs", word: "panic!", times: 1, why: "a proxy that is no address; start-up" },
    Allowed {
        file: "src/app/request.rs",
        word: "panic!",
        times: 2,
        why: "a missing state, a body before its time; caught, 500",
    },
    Allowed { file: "src/app/router.rs", word: "panic!", times: 3, why: "a wrong route stops the program at start-up" },
    Allowed { file: "src/app/files.rs", word: "panic!", times: 1, why: "a missing directory stops it at start-up too" },
    Allowed {
        file: "src/fuzzing/answers.rs",
        word: "unreachable!",
        times: 4,
        why: "what no client can read is what the fuzzer looks for",
    },
    Allowed {
        file: "src/fuzzing/application.rs",
        word: "unreachable!",
        times: 2,
        why: "a part that is none: as above",
    },
    Allowed { file: "src/fuzzing/glass.rs", word: "unreachable!", times: 1, why: "a line that is no JSON: as above" },
    Allowed {
        file: "src/middleware/mod.rs",
        word: "panic!",
        times: 1,
        why: "what cannot work stops the program at start-up",
    },
    Allowed {
        file: "src/testing/watch.rs",
        word: ".expect(",
        times: 1,
        why: "a test that cannot be watched must fail",
    },
    Allowed { file: "src/testing.rs", word: ".expect(", times: 3, why: "a test client's panic is a test's failure" },
];

/// Forbidden words outside tests, beyond what `allowed` names; and exceptions that nothing needs any more.
pub fn complaints(sources: &[Source], allowed: &[Allowed]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for word in FORBIDDEN {
            let lines: Vec<_> = words(&source.code, word).map(|at| source.line_of(at)).collect();
            let times = allowance(allowed, &source.path, word);
            if lines.len() > times {
                complaints.push(format!("{}: `{word}` in lines {lines:?}, {times} allowed", source.path));
            }
        }
    }
    complaints.extend(allowed.iter().filter(|a| !needed(sources, a)).map(|a| {
        format!("{}: `{}` no longer stands there {} times; mend the exception ({})", a.file, a.word, a.times, a.why)
    }));
    complaints
}

/// Whether `lib.rs` makes the compiler refuse unsafe code, also where no one looks.
pub fn forbids_unsafe(sources: &[Source]) -> Vec<String> {
    let forbids = |source: &Source| source.path == "src/lib.rs" && source.code.contains("#![forbid(unsafe_code)]");
    let complaint = "src/lib.rs: `#![forbid(unsafe_code)]` is missing";
    if sources.iter().any(forbids) { Vec::new() } else { vec![complaint.into()] }
}

/// What only `src/guard` does: catching panics, and handing lines to the program's logger. The command logs as any program does.
pub fn past_the_guard(sources: &[Source]) -> Vec<String> {
    const GUARDED: &[&str] =
        &["catch_unwind", "log::error!", "log::warn!", "log::info!", "log::debug!", "log::trace!", "log::log!"];
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|source| !["guard", "cli"].contains(&source.layer())) {
        for word in GUARDED {
            let lines = words(&source.code, word).map(|at| source.line_of(at));
            complaints.extend(lines.map(|line| format!("{}:{line}: `{word}` belongs to src/guard", source.path)));
        }
    }
    complaints
}

fn allowance(allowed: &[Allowed], file: &str, word: &str) -> usize {
    allowed.iter().filter(|a| a.file == file && a.word == word).map(|a| a.times).sum()
}

fn needed(sources: &[Source], a: &Allowed) -> bool {
    sources.iter().any(|s| s.path == a.file && words(&s.code, a.word).count() == a.times)
}

#[test]
fn barks_at_forbidden_words() {
    let with = |text: &str| complaints(&Source::all([("src/a.rs", text)]), &[]).len();
    for text in [
        "x.unwrap();",
        "x.expect(1);",
        "panic!();",
        "unreachable!()",
        "todo!()",
        "#[allow(dead_code)]",
        "#[ignore = 1]",
        "unsafe {}",
    ] {
        assert_eq!(with(text), 1, "{text}");
        assert_eq!(with(&format!("// {text}\n#[cfg(test)]\nmod tests {{ {text} }}")), 0, "{text}");
    }
    for text in ["x.unwrap_or(1);", "catch_panic();", "#![forbid(unsafe_code)]", "f(\"panic!\");"] {
        assert_eq!(with(text), 0, "{text}");
    }
}

#[test]
fn barks_at_exceptions_that_do_not_fit() {
    let with = |text: &str, times| {
        let allowed = [Allowed { file: "src/a.rs", word: "panic!", times, why: "start-up" }];
        complaints(&Source::all([("src/a.rs", text)]), &allowed).len()
    };
    assert_eq!(with("panic!()", 1), 0);
    assert_eq!(with("panic!(); panic!()", 1), 2);
    assert_eq!(with("", 1), 1);
}

#[test]
fn barks_at_a_way_around_the_guard() {
    let with = |path, text| past_the_guard(&Source::all([(path, text)])).len();
    assert_eq!(with("src/net/a.rs", "fn f() { log::warn!(\"a\"); std::panic::catch_unwind(g); }"), 2);
    assert_eq!(with("src/net/a.rs", "fn f() { warn!(\"a\"); catch(g); }"), 0);
    assert_eq!(with("src/guard/a.rs", "fn f() { catch_unwind(g); }"), 0);
}

#[test]
fn barks_when_unsafe_is_not_forbidden() {
    assert_eq!(forbids_unsafe(&Source::all([("src/lib.rs", "//! a\n#![forbid(unsafe_code)]\n")])), [""; 0]);
    assert_eq!(forbids_unsafe(&Source::all([("src/lib.rs", "// #![forbid(unsafe_code)]\n")])).len(), 1);
}
