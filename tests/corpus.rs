//! The referee's public corpus, replayed through the real parser and the real connection code without a socket, cut into pieces in every way.
#![expect(clippy::expect_used, reason = "a test that cannot go on says so by failing")]

#[path = "corpus/case.rs"]
mod case;
#[path = "corpus/judge.rs"]
mod judge;
#[path = "corpus/reader.rs"]
mod reader;

use std::collections::HashSet;

use case::{Answer, Awaited, Case, Corpus, Header, Step, Then};

/// The features that a case may need: those of the referee's table of routes.
const FEATURES: [&str; 17] = [
    "auth",
    "bodylimit",
    "core",
    "echo",
    "empty",
    "etag",
    "gzip",
    "headers",
    "lastmod",
    "panic",
    "range",
    "redirect",
    "slow",
    "static",
    "stream",
    "strong-etag",
    "users",
];

#[test]
fn the_corpus_is_understood_to_the_last_wish() {
    let corpus = corpus();
    assert_eq!((corpus.set.as_str(), corpus.cases.len()), ("public", 524));
    let ids: HashSet<_> = corpus.cases.iter().map(|case| &case.id).collect();
    assert_eq!(ids.len(), corpus.cases.len(), "an id stands for one case");
    corpus.cases.iter().for_each(understood);
}

fn corpus() -> Corpus {
    Corpus::load(include_str!("corpus/public.json")).expect("the corpus")
}

/// Panics where a byte string, a pattern or a combination of wishes of the case has no meaning.
fn understood(case: &Case) {
    assert!(["MUST", "SHOULD", "SAFETY"].contains(&case.level.as_str()), "{}", case.id);
    assert!([&case.class, &case.title, &case.section].iter().all(|text| !text.is_empty()), "{}", case.id);
    assert!(case.needs.iter().all(|feature| FEATURES.contains(&feature.as_str())), "{}", case.id);
    assert!(case.split.as_deref().is_none_or(|split| split == "every" && case.steps.len() == 1), "{}", case.id);
    assert!(case.steps.iter().all(step_is_known), "{}", case.id);
    case.never.iter().for_each(|pattern| drop(judge::pattern_of(pattern, false)));
    for outcome in &case.expect {
        assert!(outcome.then != Then::Wait || outcome.answers().is_empty(), "{}", case.id);
        outcome.answers().into_iter().for_each(patterns_compile);
    }
}

fn step_is_known(step: &Step) -> bool {
    match step {
        Step::Send { send, bytewise } => !send.expand().is_empty() && bytewise.is_none_or(|ms| ms > 0),
        Step::Other { other } => !other.send.expand().is_empty() && !other.answer.status.is_empty(),
        Step::Await { what: Awaited::Interim(what), must, timeout } => what == "interim" && *must && *timeout > 0,
        Step::Await { what: Awaited::Finals(count), .. } => *count > 0,
        Step::Pause { pause } => *pause > 0,
        Step::HalfClose { .. } | Step::Sleep { .. } | Step::Drip { .. } => true,
    }
}

fn patterns_compile(answer: &Answer) {
    for header in answer.headers.values().chain(answer.one_of_headers.iter().flat_map(|group| group.values())) {
        if let Header::Rules(rules) = header {
            rules.re.iter().chain(&rules.not_re).for_each(|pattern| drop(judge::pattern_of(pattern, true)));
        }
    }
}
