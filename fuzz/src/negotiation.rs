//! Content negotiation: the offer that is chosen is the one that the tables of RFC 9110 §12.5 choose, in any spelling and order.

use wirelight::{App, Method, Request, TestClient};

use crate::choices::Choices;
use crate::pieces;

const TYPES: &[&str] = &["text/html", "text/plain", "text/plain;format=flowed", "application/json", "image/png"];
const MEDIA_RANGES: &[&str] = &[
    "*/*",
    "text/*",
    "application/*",
    "text/html",
    "text/plain",
    "text/plain;format=flowed",
    "text/plain;format=fixed",
    "application/json",
    "video/mp4",
];
const CODINGS: &[&str] = &["gzip", "br", "zstd", "identity"];
const CODING_RANGES: &[&str] = &["*", "gzip", "br", "identity", "deflate"];
const LANGUAGES: &[&str] = &["en", "de-CH", "de", "fr-CA", "zh-Hant-TW"];
const LANGUAGE_RANGES: &[&str] =
    &["*", "en", "en-GB", "de", "de-AT", "de-CH", "de-CH-1996", "fr", "fr-CA", "zh", "zh-Hant", "zh-Hans-CN"];

/// Weights in thousandths, with their spellings.
const WEIGHTS: &[(u32, &[&str])] = &[
    (1_000, &["", ";q=1", ";q=1.000", " ; q=1.0", ";Q=1."]),
    (0, &[";q=0", ";q=0.0", ";q=0.000"]),
    (1, &[";q=0.001"]),
    (500, &[";q=0.5", ";q=0.500", "; q=0.50"]),
    (300, &[";q=0.3", "\t;\tq=0.300"]),
    (999, &[";q=0.999"]),
];

/// A range of a negotiation field with its weight.
type Entry = (&'static str, u32);

/// Checks each of the three fields.
pub fn negotiation(data: &[u8]) {
    let mut choices = Choices(data);
    check(&mut choices, "Accept", TYPES, MEDIA_RANGES, media_weight);
    check(&mut choices, "Accept-Encoding", CODINGS, CODING_RANGES, coding_weight);
    check(&mut choices, "Accept-Language", LANGUAGES, LANGUAGE_RANGES, language_weight);
}

/// Checks one field: a list of different ranges, written twice in different orders and spellings.
fn check(
    choices: &mut Choices<'_>,
    field: &str,
    all: &'static [&'static str],
    ranges: &[&'static str],
    weight: fn(&str, &[Entry]) -> u32,
) {
    let mut offers = choices.list(4, |choices| choices.one_of(all));
    offers.dedup();
    let mut entries: Vec<Entry> = Vec::new();
    for range in choices.list(9, |choices| choices.one_of(ranges)) {
        if !entries.iter().any(|(other, _)| *other == range) {
            entries.push((range, choices.one_of(WEIGHTS).0));
        }
    }
    let weights: Vec<_> = offers.iter().map(|offer| weight(offer, &entries)).collect();
    let greatest = weights.iter().copied().max().filter(|weight| *weight > 0);
    let expected =
        greatest.and_then(|greatest| weights.iter().position(|weight| *weight == greatest)).map(|at| offers[at]);

    let mut app = App::new();
    let chosen = offers.clone();
    app.get("/", move |req| choose(req, &chosen));
    let client = app.test();
    for _ in 0..2 {
        let lines = spell(choices, &entries);
        let found = ask(&client, choices.byte(), field, &lines);
        assert_eq!(found.as_deref(), expected, "{field}: {lines:?} for {offers:?}, weights {weights:?}");
        let turn = choices.below(entries.len().max(1));
        entries.rotate_left(turn);
        if choices.flag() {
            entries.reverse();
        }
    }
}

fn choose(req: &Request<'_>, offers: &[&'static str]) -> Option<&'static str> {
    if req.header("accept-encoding").is_some() {
        req.accepts_encoding(offers)
    } else if req.header("accept-language").is_some() {
        req.accepts_language(offers)
    } else {
        req.accepts(offers)
    }
}

/// Returns the choice; `None` for 404, the response to no choice.
fn ask(client: &TestClient<'_>, step: u8, field: &str, lines: &[String]) -> Option<String> {
    let fields: Vec<_> = lines.iter().map(|line| (field, &line[..])).collect();
    let reply = pieces::send(client, step, (Method::GET, "/"), &fields, None);
    (reply.status() == 200).then(|| reply.text().to_owned())
}

fn spell(choices: &mut Choices<'_>, entries: &[Entry]) -> Vec<String> {
    let mut members = Vec::new();
    for (range, weight) in entries {
        let spellings = WEIGHTS.iter().find(|(known, _)| known == weight).map_or(&[""][..], |(_, spellings)| spellings);
        members.push(choices.in_any_case(range) + choices.one_of(spellings));
    }
    choices.lines(&members)
}

/// Returns the weight of a media type (RFC 9110 §12.5.1), in half thousandths. A range with another parameter than the offer's
/// counts half a thousandth less, if no other range matches.
fn media_weight(offer: &str, entries: &[Entry]) -> u32 {
    if entries.is_empty() {
        return 2_000;
    }
    let find = |range: &str| entries.iter().find(|(known, _)| *known == range).map(|(_, weight)| 2 * weight);
    let essence = offer.split(';').next().unwrap_or(offer);
    let kind = essence.split('/').next().unwrap_or(essence);
    let exact = find(offer).or_else(|| find(essence)).or_else(|| find(&format!("{kind}/*"))).or_else(|| find("*/*"));
    let others = entries.iter().filter(|(range, _)| range.split_once(';').is_some_and(|(range, _)| range == essence));
    exact.unwrap_or_else(|| others.map(|(_, weight)| (2 * weight).saturating_sub(1)).max().unwrap_or(0))
}

/// Returns the weight of a coding (RFC 9110 §12.5.3). `identity` is acceptable, but last, unless it is refused.
fn coding_weight(offer: &str, entries: &[Entry]) -> u32 {
    let find = |range: &str| entries.iter().find(|(known, _)| *known == range).map(|(_, weight)| 2 * weight);
    find(offer).or_else(|| find("*")).unwrap_or(u32::from(offer == "identity"))
}

/// Returns the weight of a language: that of the longest range that is the offer or begins it (RFC 4647 §3.3.1), else the greatest of
/// those that the offer begins (§3.4) unless it is zero, else that of `*`.
fn language_weight(offer: &str, entries: &[Entry]) -> u32 {
    if entries.is_empty() {
        return 2_000;
    }
    let begins =
        |long: &str, short: &str| long == short || long.strip_prefix(short).is_some_and(|rest| rest.starts_with('-'));
    let wider = entries.iter().filter(|(range, _)| begins(offer, range)).max_by_key(|(range, _)| range.len());
    let narrower = entries.iter().filter(|(range, weight)| begins(range, offer) && *weight > 0);
    let any = entries.iter().find(|(range, _)| *range == "*");
    wider.or(narrower.max_by_key(|(_, weight)| *weight)).or(any).map_or(0, |(_, weight)| 2 * weight)
}
