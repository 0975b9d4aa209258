//! The public conformance corpus and one of our own, run through the real parser and connection code without a socket, split in every
//! way.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so by failing")]

#[path = "corpus/case.rs"]
mod case;
#[path = "corpus/check.rs"]
mod check;
#[path = "corpus/page.rs"]
mod page;
#[path = "corpus/reader.rs"]
mod reader;
#[path = "corpus/routes.rs"]
mod routes;
#[path = "corpus/run.rs"]
mod run;
#[path = "corpus/split.rs"]
mod split;
mod support;
#[path = "corpus/theirs.rs"]
mod theirs;
#[path = "corpus/trace.rs"]
mod traced;
#[path = "corpus/validators.rs"]
mod validators;

use std::collections::{BTreeMap, HashSet};
use support::trace;

use case::{Answer, Awaited, Case, Corpus, Header, Step, Then};
use run::run;
use split::{Delivery, random_deliveries};

/// The features that a case may need: those of the conformance suite's routes. The application of `corpus/routes.rs` offers them all.
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

/// The corpora with their names and sizes. Ours goes through the sections once more: what the other does not ask, and what it found. The
/// others have the cases of Http11Probe and http11test under their identifiers, with these routes.
const CORPORA: [(&str, &str, usize); 4] = [
    ("public", include_str!("corpus/public.json"), 524),
    ("own", include_str!("corpus/own.json"), OWN),
    ("http11probe", include_str!("corpus/http11probe.json"), 194),
    ("http11test", include_str!("corpus/http11test.json"), 256),
];

/// The number of cases that run. Skipped ones are counted, so that no test passes by skipping.
const REPLAYED: usize = 522 + OWN + 194 + 256;

const OWN: usize = 600;

/// Where another suite does not want what this server does, the case says why, and the page lists it. (That the server does it, the tests
/// above show.)
#[test]
fn every_difference_from_other_suites_is_explained() {
    let cases = cases();
    for case in &cases {
        let differs = !matches!(theirs::verdict(case), None | Some(theirs::Verdict::Pass));
        assert_eq!(case.why.is_some(), differs, "{}: a reason stands where, and only where, they differ", case.id);
    }
    let page = include_str!("../docs/other-suites.md");
    let now = theirs::updated(page, &cases);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write("docs/other-suites.md", &now).expect("a writable page");
    } else {
        assert!(page == now, "docs/other-suites.md is out of date: UPDATE_DOCS=1 cargo test --test corpus");
    }
}

/// The wire view runs a part of the corpus from its page.
#[test]
fn the_cases_of_the_wire_view_are_those_of_the_corpus() {
    const FILE: &str = "src/wire/conformance.json";
    let now = page::cases(&cases(), include_str!("../docs/conformance.md"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(FILE, &now).expect("a writable file");
    }
    let file = std::fs::read_to_string(FILE).expect("the cases of the page");
    assert!(file == now, "{FILE} is out of date: UPDATE_DOCS=1 cargo test --test corpus");
}

#[test]
fn every_case_as_it_is_given() {
    replay(|case| match (case.split.is_some(), &case.steps[0]) {
        (true, Step::Send { send, .. }) => (1..send.expand().len()).map(Delivery::CutAt).collect(),
        _ => vec![Delivery::Whole],
    });
}

#[test]
fn every_case_byte_by_byte() {
    replay(|_| vec![Delivery::ByteByByte]);
}

#[test]
fn every_case_in_pieces_of_random_sizes() {
    replay(|_| random_deliveries());
}

#[test]
fn the_corpora_are_understood_to_the_last_wish() {
    let cases = cases();
    let ids: HashSet<_> = cases.iter().map(|case| &case.id).collect();
    assert_eq!(ids.len(), cases.len(), "an id stands for one case");
    cases.iter().for_each(understood);
}

/// The cases of all corpora.
fn cases() -> Vec<Case> {
    let app = routes::routes(std::time::Duration::ZERO);
    let load = |(name, text, size): (&str, &str, usize)| {
        let Corpus { set, cases } = Corpus::load(&validators::filled(text, &app)).expect("a corpus");
        assert_eq!((set.as_str(), cases.len()), (name, size));
        cases
    };
    CORPORA.into_iter().flat_map(load).collect()
}

/// Bytes that say the same get the same bytes back, except that 100 (Continue) comes only where the server had to wait for a body.
#[test]
fn no_answer_depends_on_the_cut() {
    let app = routes::routes(std::time::Duration::ZERO);
    let client = app.test();
    let answer = |bytes: &[u8], how: Delivery| {
        let mut wire = client.connect();
        split::pieces(bytes, how).into_iter().for_each(|piece| wire.send(piece));
        (reader::text(wire.received()).replace("HTTP/1.1 100 Continue\r\n\r\n", ""), wire.is_closed())
    };
    let mut failures = Vec::new();
    for Case { id, steps, .. } in cases() {
        let [Step::Send { send, .. }] = &steps[..] else { continue };
        let bytes = send.expand();
        let whole = answer(&bytes, Delivery::Whole);
        // Long messages are cut at some 64 places: what makes them long is repetition.
        let cuts = (1..bytes.len()).step_by(1 + bytes.len() / 1024 * 16).map(Delivery::CutAt);
        let deliveries = cuts.chain(random_deliveries()).chain([Delivery::ByteByByte]);
        if let Some((how, other)) = deliveries.map(|how| (how, answer(&bytes, how))).find(|(_, other)| *other != whole)
        {
            let shown = |answer: &(String, bool)| format!("{:.200} (closed: {})", answer.0, answer.1);
            failures.push(format!("{id}: {how:?} gave {}, whole {}", shown(&other), shown(&whole)));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

/// T3, T4, T8, T9 over the corpus: spans tile what was sent, refused or not; the meaning is the same however the bytes came; and no
/// step, no section is made up.
#[test]
fn what_a_trace_tells_is_whole_and_does_not_depend_on_the_cut() {
    let app = routes::routes(std::time::Duration::ZERO);
    let headings = include_str!("data/rfc-sections.txt");
    let sections = headings.lines().filter_map(|line| line.split('\t').next()).collect();
    let mut failures = Vec::new();
    for Case { id, steps, .. } in cases() {
        let [Step::Send { send, .. }] = &steps[..] else { continue };
        let bytes = send.expand();
        if bytes.len() > 1_024 {
            continue; // what makes them long is repetition
        }
        let whole = traced::events(&app, &[&bytes]);
        failures.extend(traced::gap(&whole).map(|gap| format!("{id}: {gap}")));
        failures.extend(traced::made_up(&whole, &sections).into_iter().map(|what| format!("{id}: {what}")));
        let meaning = trace::message_events(&whole);
        for how in random_deliveries().into_iter().chain([Delivery::ByteByByte]) {
            let cut = trace::message_events(&traced::events(&app, &split::pieces(&bytes, how)));
            if let Some(index) = (0..cut.len().max(meaning.len())).find(|index| cut.get(*index) != meaning.get(*index))
            {
                failures.push(format!("{id}: {how:?} tells {:?}, whole {:?}", cut.get(index), meaning.get(index)));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

/// Runs every case in each of its deliveries, and fails with all problems.
fn replay(deliveries: impl Fn(&Case) -> Vec<Delivery>) {
    let app = routes::routes(std::time::Duration::ZERO);
    let client = app.test();
    let (mut played, mut skipped, mut failures) = (0, BTreeMap::new(), Vec::new());
    for case in cases() {
        if let Some(reason) = why_not(&case) {
            *skipped.entry(reason).or_insert(0) += 1;
            continue;
        }
        played += 1;
        let first = deliveries(&case).into_iter().find_map(|how| run(&case, &client, how).err().map(|why| (how, why)));
        if let Some((how, why)) = first {
            let Case { id, title, level, section, .. } = &case;
            failures.push(format!("{id} [{level}, {section}] {title}\n  {how:?}: {why}"));
        }
    }
    println!("{played} cases played, skipped: {skipped:?}");
    assert!(failures.is_empty(), "{} of {played} failed:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(played, REPLAYED);
}

/// The reason why a case cannot run here, if any.
fn why_not(case: &Case) -> Option<String> {
    let slow = case.steps.iter().any(|step| matches!(step, Step::Sleep { .. } | Step::Drip { .. }));
    slow.then(|| "reads slowly".to_owned())
}

/// Panics where a byte string, a pattern or a combination of wishes of the case has no meaning.
fn understood(case: &Case) {
    assert!(["MUST", "SHOULD", "SAFETY"].contains(&case.level.as_str()), "{}", case.id);
    assert!([&case.class, &case.title, &case.section].iter().all(|text| !text.is_empty()), "{}", case.id);
    assert!(case.needs.iter().all(|feature| FEATURES.contains(&feature.as_str())), "{}", case.id);
    assert!(case.split.as_deref().is_none_or(|split| split == "every" && case.steps.len() == 1), "{}", case.id);
    assert!(case.steps.iter().all(step_is_known), "{}", case.id);
    case.never.iter().for_each(|pattern| drop(check::pattern_of(pattern, false)));
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
            rules.re.iter().chain(&rules.not_re).for_each(|pattern| drop(check::pattern_of(pattern, true)));
        }
    }
}
