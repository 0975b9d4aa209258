//! Layers: which folder may name which, by `crate::…` or by `super::…`.

use super::source::{Source, closing, identifier, words};

/// A folder, and the folders that its files may name. What is not listed belongs to no layer, and that is a complaint too.
const DOWN: &[(&str, &[&str])] = &[
    ("panics", &["panics"]),
    ("logging", &["logging", "panics"]),
    ("bytes", &["bytes"]),
    ("sync", &["sync"]),
    ("http1", &["http1", "bytes"]),
    ("terminal", &["terminal"]),
    ("trace", &["trace", "terminal", "http1", "bytes", "sync"]),
    ("explain", &["explain", "trace", "terminal", "http1", "bytes"]),
    ("routing", &["routing", "http1", "bytes", "logging", "panics"]),
    ("response", &["response", "routing", "http1", "bytes", "sync", "logging", "panics"]),
    ("request", &["request", "response", "routing", "http1", "bytes", "sync", "logging", "panics"]),
    ("content", &["content", "request", "response", "routing", "http1", "bytes", "sync", "logging", "panics"]),
    ("app", &["app", "content", "request", "response", "routing", "http1", "bytes", "sync", "logging", "panics"]),
    (
        "middleware",
        &[
            "middleware",
            "app",
            "content",
            "request",
            "response",
            "routing",
            "http1",
            "bytes",
            "sync",
            "logging",
            "panics",
        ],
    ),
    (
        "net",
        &[
            "net", "app", "content", "request", "response", "routing", "http1", "bytes", "sync", "trace", "logging",
            "panics",
        ],
    ),
    ("openapi", &["openapi", "middleware", "app", "content", "request", "response", "routing", "http1"]),
    ("wire", &["wire", "app", "content", "request", "response", "routing", "http1", "bytes", "sync", "trace"]),
];

/// Files at the top that put the layers together, and the command: a package of its own sees the public API alone.
const TOP: &[&str] = &["lib", "server", "testing", "fuzzing", "cli"];

/// Paths that lead up. Tests are free: they may build what they look at from above.
pub fn complaints(sources: &[Source]) -> Vec<String> {
    sources.iter().filter(|source| !TOP.contains(&source.layer())).flat_map(upward).collect()
}

fn upward(source: &Source) -> Vec<String> {
    let Some((_, allowed)) = DOWN.iter().find(|(layer, _)| *layer == source.layer()) else {
        return vec![format!("{}: belongs to no layer; tests/rules/layers.rs lists them", source.path)];
    };
    let from_root = words(&source.code, "crate::")
        .filter(|at| !source.code[..*at].ends_with('$')) // `$crate` names the user's view of us
        .map(|at| (at, first_segments(&source.code[at + "crate::".len()..])));
    let from_here = words(&source.code, "super::")
        .filter(|at| !source.code[..*at].ends_with("super::"))
        .map(|at| (at, through_super(source, at)));
    from_root
        .chain(from_here)
        .flat_map(|(at, names)| names.into_iter().map(move |name| (at, name)))
        .filter(|(_, name)| !allowed.contains(name))
        .map(|(at, name)| {
            let (path, line, layer) = (&source.path, source.line_of(at), source.layer());
            format!("{path}:{line}: {layer} may name {}, but not `{name}`", allowed.join(", "))
        })
        .collect()
}

/// The names at the crate root that the path starting with `super::` at `at` begins with.
fn through_super(source: &Source, at: usize) -> Vec<&str> {
    let mut rest = &source.code[at..];
    let mut module = source.module();
    while let Some(shorter) = rest.strip_prefix("super::") {
        rest = shorter;
        module.pop();
    }
    module.first().map_or_else(|| first_segments(rest), |top| vec![*top])
}

/// `a` of `a::b`; `a` and `c` of `{a::b, c}`.
fn first_segments(path: &str) -> Vec<&str> {
    let Some(inside) = path.strip_prefix('{') else {
        return identifier(path).into_iter().collect();
    };
    let mut depth = 0;
    let group = &inside[..closing(path, 0).map_or(inside.len(), |end| end - 1)];
    let parts = group.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    parts.filter_map(|part| identifier(part.trim_start())).filter(|name| !name.is_empty()).collect()
}

#[test]
fn detects_arrows_that_point_up() {
    let cases: &[(&str, &str, usize)] = &[
        ("src/http1/head.rs", "use crate::http1::fault::ProtocolError;", 0),
        ("src/http1/head.rs", "use super::fault::ProtocolError;", 0),
        ("src/http1/head.rs", "/// [`App`](crate::App)\nfn f() {}", 0),
        ("src/http1/head.rs", "#[cfg(test)]\nmod tests { use crate::app::App; }", 0),
        ("src/http1/head.rs", "fn f(_: crate::app::App) {}", 1),
        ("src/http1/head.rs", "use crate::Fault;", 1),
        ("src/http1/head.rs", "use super::super::net::conn;", 1),
        ("src/http1/mod.rs", "use super::net::conn;", 1),
        ("src/request/form.rs", "use crate::{request::{pairs, cookie}, http1::head, net::conn};", 1),
        ("src/request/json.rs", "macro_rules! json { () => { $crate::Json } }", 0),
        ("src/trace/trace.rs", "use crate::app::App;", 1),
        ("src/middleware/cors.rs", "use crate::{app::App, http1::field};", 0),
        ("src/middleware/cors.rs", "use crate::net::conn;", 1),
        ("src/net/conn.rs", "use crate::{app::App, http1, trace::probe};", 0),
        ("src/net/conn.rs", "use crate::server::Server;", 1),
        ("cli/src/serve.rs", "use wirelight::App; use crate::settings;", 0),
        ("src/server.rs", "use crate::{app::App, net::worker};", 0),
        ("src/util/bits.rs", "", 1),
    ];
    for (path, text, expected) in cases {
        let found = complaints(&Source::all([(*path, *text)]));
        assert_eq!(found.len(), *expected, "{path}: {text}: {found:?}");
    }
}
