//! Content negotiation (RFC 9110 §12.5): chooses among the media types, codings or languages that a
//! program offers.
//!
//! Preferences are parsed leniently: an invalid entry counts as the nearest valid one, or is
//! skipped, since a 406 for a typing error of a client library helps no one.

use crate::http1::field_value::{self, is_token, split_at_byte, split_unquoted, without_quotes};
use crate::request::Request;

/// A weight in half thousandths (RFC 9110 §12.4.2): the odd values leave room below `q=0.001` and
/// between two weights.
type Weight = u16;

const NOT_LISTED: Weight = 1;
const MIN: Weight = 2;
const MAX: Weight = 2_000;

/// Returns how closely an entry matches an offer, if it does.
type Matcher = fn(&[u8], &[u8]) -> Option<Closeness>;

/// The closest entry counts; of equally close ones the heaviest, so that their order does not
/// matter.
type Closeness = usize;

/// The type matches, its parameters do not: `text/html;level=1` for `text/html`.
const OTHER_PARAMETERS: Closeness = 0;
/// `*` or `*/*`.
const ANY: Closeness = 1;
/// The entry means a part of the offer: `de-CH` for `de`.
const NARROWER: Closeness = 2;
/// `text/*` for `text/html`.
const SAME_TYPE: Closeness = 3;
/// The offer itself, or all of its kind. Longer entries are closer by their length.
const MEANT: Closeness = 4;

/// A negotiation field: its name, how to recognise a range, and how to match it with an offer.
struct Negotiation {
    name: &'static str,
    is_range: fn(&[u8]) -> bool,
    matcher: Matcher,
}

const ACCEPT: Negotiation = Negotiation { name: "accept", is_range: is_media_range, matcher: match_media_range };
const ACCEPT_ENCODING: Negotiation = Negotiation { name: "accept-encoding", is_range: is_token, matcher: match_coding };
const ACCEPT_LANGUAGE: Negotiation =
    Negotiation { name: "accept-language", is_range: is_language_range, matcher: match_language };

impl Request<'_> {
    /// Returns the offered media type that `Accept` prefers (RFC 9110 §12.5.1); the earlier one of
    /// equals; the first if the field is missing. `None` if the client accepts none of them:
    /// respond with 406.
    ///
    /// A `charset` that the offer lacks is ignored: JSON has none, and text is UTF-8. A range with
    /// other parameters that the offer lacks counts a little less, and only if no other entry
    /// matches. `*` means `*/*`, and a weight such as `.2` or `1.5` means the nearest valid one.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/", |req| req.accepts(&["application/json", "text/html"]));
    /// let client = app.test();
    /// assert_eq!(client.get("/").send().text(), "application/json");
    /// assert_eq!(client.get("/").header("Accept", "text/*, */*;q=0.1").send().text(), "text/html");
    /// ```
    pub fn accepts<'o>(&self, offers: &[&'o str]) -> Option<&'o str> {
        self.preferred(&ACCEPT, offers)
    }

    /// Returns the offered content coding that `Accept-Encoding` prefers (RFC 9110 §12.5.3). Offer
    /// `identity` last, for no coding: it is chosen if the field is missing, and acceptable unless
    /// refused. `None` if no offer is acceptable.
    pub fn accepts_encoding<'o>(&self, offers: &[&'o str]) -> Option<&'o str> {
        let unmentioned = |offer: &str| if offer.eq_ignore_ascii_case("identity") { NOT_LISTED } else { 0 };
        let weights =
            |offer: &'o str| (self.parse_weight(&ACCEPT_ENCODING, offer).unwrap_or(unmentioned(offer)), offer);
        best(offers.iter().map(|offer| weights(offer)))
    }

    /// Returns the offered language that `Accept-Language` prefers (RFC 9110 §12.5.4): `de` matches
    /// `de-CH` and vice versa (RFC 4647 §3.3.1, §3.4). The first if the field is missing.
    pub fn accepts_language<'o>(&self, offers: &[&'o str]) -> Option<&'o str> {
        self.preferred(&ACCEPT_LANGUAGE, offers)
    }

    /// Returns the offer of the greatest weight; the first if the field has no valid entry.
    fn preferred<'o>(&self, field: &Negotiation, offers: &[&'o str]) -> Option<&'o str> {
        let says = self.entries(field).next().is_some();
        let weight = |offer| if says { self.parse_weight(field, offer).unwrap_or(0) } else { MAX };
        best(offers.iter().map(|offer| (weight(offer), *offer)))
    }

    /// Returns the weight of the most specific entry that matches the offer.
    fn parse_weight(&self, field: &Negotiation, offer: &str) -> Option<Weight> {
        weight_of(offer, field.matcher, self.entries(field))
    }

    /// Returns the entries of all lines with their weights.
    fn entries<'r>(&'r self, field: &Negotiation) -> impl Iterator<Item = (&'r [u8], Weight)> {
        let is_range = field.is_range;
        let lines = self.field_values(field.name);
        lines
            .flat_map(|line| split_unquoted(line, b','))
            .filter_map(parse_entry)
            .filter(move |(range, _)| is_range(range))
    }
}

/// Returns the weight of the closest of these entries. One with other parameters counts half a
/// thousandth less. The refusal of a part of the offer is not one of the offer.
fn weight_of<'m>(offer: &str, fit: Matcher, members: impl Iterator<Item = (&'m [u8], Weight)>) -> Option<Weight> {
    let fitting = members.filter_map(|(range, weight)| Some((fit(range, offer.as_bytes())?, weight)));
    let is_of_a_part = |closeness| [OTHER_PARAMETERS, NARROWER].contains(&closeness);
    let (closeness, weight) = fitting.filter(|(closeness, weight)| *weight > 0 || !is_of_a_part(*closeness)).max()?;
    Some(if closeness == OTHER_PARAMETERS { weight - 1 } else { weight })
}

/// Matches `text/html;level=1`, `text/html`, `text/*`, `*/*`, from close to far.
fn match_media_range(range: &[u8], offer: &[u8]) -> Option<Closeness> {
    let (range_type, parameters) = split_at_byte(range, b';');
    let (offer_type, offered) = split_at_byte(offer, b';');
    let (kind, subtype) = split_at_byte(range_type.trim_ascii(), b'/');
    let (offer_kind, offer_subtype) = split_at_byte(offer_type.trim_ascii(), b'/');
    if kind == b"*" {
        return Some(ANY);
    }
    if !kind.eq_ignore_ascii_case(offer_kind) {
        return None;
    }
    if subtype == b"*" {
        return Some(SAME_TYPE);
    }
    if !subtype.eq_ignore_ascii_case(offer_subtype) {
        return None;
    }
    let has = |name: &[u8], value: Option<&[u8]>| {
        field_value::parameters(offered).any(|(own, its)| {
            own.eq_ignore_ascii_case(name) && value.is_none_or(|value| its.eq_ignore_ascii_case(value))
        })
    };
    let fits = |(name, value): (&[u8], &[u8])| {
        has(name, Some(value)) || (name.eq_ignore_ascii_case(b"charset") && !has(name, None))
    };
    Some(if field_value::parameters(parameters).all(fits) { MEANT + parameters.len() } else { OTHER_PARAMETERS })
}

/// Returns whether it is `type/subtype`, or `*`, which Java sends although RFC 9110 §12.5.1 lacks
/// it.
fn is_media_range(range: &[u8]) -> bool {
    let (range_type, _) = split_at_byte(range, b';');
    let (kind, subtype) = split_at_byte(range_type.trim_ascii(), b'/');
    kind == b"*" && [&b""[..], b"*"].contains(&subtype) || kind != b"*" && is_token(kind) && is_token(subtype)
}

/// Returns whether it is a language range (RFC 4647 §2.1), or has the `_` of locale names.
fn is_language_range(range: &[u8]) -> bool {
    range == b"*"
        || (!range.is_empty() && range.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)))
}

/// Matches a coding. `x-gzip` is `gzip` (RFC 9110 §8.4.1.3).
fn match_coding(range: &[u8], offer: &[u8]) -> Option<Closeness> {
    let same = range.eq_ignore_ascii_case(offer)
        || (range.eq_ignore_ascii_case(b"x-gzip") && offer.eq_ignore_ascii_case(b"gzip"));
    if same { Some(MEANT) } else { (range == b"*").then_some(ANY) }
}

/// Matches a language: `de` is closer to `de-CH` than `de-CH-1996`, since it means all German (RFC
/// 4647 §3.3.1). `de_CH`, the form of locale names, means `de-CH`.
fn match_language(range: &[u8], offer: &[u8]) -> Option<Closeness> {
    let same = |a: &u8, b: &u8| a.eq_ignore_ascii_case(b) || [*a, *b].iter().all(|byte| b"-_".contains(byte));
    let begins = |long: &[u8], short: &[u8]| {
        let start = long.len() >= short.len() && long.iter().zip(short).all(|(a, b)| same(a, b));
        start && matches!(long.get(short.len()), None | Some(b'-' | b'_'))
    };
    if range == b"*" {
        Some(ANY)
    } else if begins(offer, range) {
        Some(MEANT + range.len())
    } else {
        begins(range, offer).then_some(NARROWER)
    }
}

/// Returns the first offer of the greatest weight, unless that is zero.
fn best<'o>(offers: impl Iterator<Item = (Weight, &'o str)>) -> Option<&'o str> {
    let better = |best: (Weight, _), next: (Weight, _)| if next.0 > best.0 { next } else { best };
    offers.reduce(better).filter(|(weight, _)| *weight > 0).map(|(_, offer)| offer)
}

/// Parses `text/html;level=1;q=0.5` into `text/html;level=1` and its weight. Ignores what follows
/// the weight, as RFC 9110 does.
fn parse_entry(text: &[u8]) -> Option<(&[u8], Weight)> {
    let text = text.trim_ascii();
    let mut end = 0;
    for parameter in split_unquoted(text, b';') {
        let (name, value) = split_at_byte(parameter, b'=');
        if end > 0 && name.trim_ascii().eq_ignore_ascii_case(b"q") {
            return Some((text.get(..end - 1)?.trim_ascii_end(), weight(without_quotes(value.trim_ascii()))));
        }
        end += parameter.len() + 1;
    }
    if text.is_empty() { None } else { Some((text, MAX)) }
}

/// Parses a qvalue (RFC 9110 §12.4.2): 0 to 1 with at most three decimals. Other numbers mean the
/// nearest valid one; what is not a number means the least, since the client did name the range.
fn weight(text: &[u8]) -> Weight {
    let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
    let (whole, decimals) = split_at_byte(digits, b'.');
    let number = whole.iter().chain(decimals).all(u8::is_ascii_digit) && whole.len() + decimals.len() > 0;
    let is_zero = |digits: &[u8]| digits.iter().all(|digit| *digit == b'0');
    if !number {
        MIN
    } else if negative {
        0
    } else if !is_zero(whole) {
        MAX
    } else if is_zero(decimals) {
        0
    } else {
        let thousandths = decimals.iter().chain(b"000").take(3);
        MIN.max(2 * thousandths.fold(0, |sum, digit| sum * 10 + Weight::from(digit - b'0')))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::App;

    /// Returns the offer chosen for these field lines; `-` for none.
    fn chosen(path: &str, field: &str, lines: &[&str], offers: &'static [&'static str]) -> String {
        let mut app = App::new();
        app.get("/type", move |req| req.accepts(offers).unwrap_or("-"));
        app.get("/coding", move |req| req.accepts_encoding(offers).unwrap_or("-"));
        app.get("/language", move |req| req.accepts_language(offers).unwrap_or("-"));
        let client = app.test();
        let request = lines.iter().fold(client.get(path), |request, line| request.header(field, line));
        request.send().text().to_owned()
    }

    #[test]
    fn media_types() {
        // RFC 9110 §12.5.1, the last example, by weight
        let line = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5";
        let by_line = |offer: &str| {
            weight_of(offer, match_media_range, split_unquoted(line.as_bytes(), b',').filter_map(parse_entry))
        };
        for (offer, expected) in [
            ("text/plain;format=flowed", MAX),
            ("text/plain", 1_400),
            ("text/html", 600),
            ("image/jpeg", 1_000),
            ("text/plain;format=fixed", 800),
            ("text/html;level=3", 600),
        ] {
            assert_eq!(by_line(offer), Some(expected), "{offer}");
        }
        let offers = &["application/json", "text/html", "text/html;level=1"];
        for (lines, expected) in [
            (&[][..], "application/json"),
            (&[""], "application/json"),
            (&["*/*"], "application/json"),
            (&["text/html"], "text/html"),
            (&["TEXT/HTML"], "text/html"),
            (&["text/html;level=1"], "text/html;level=1"),
            (&["text/html ; level=1 ; q=0.1, text/html;q=0.2"], "text/html"),
            (&["image/*"], "-"),
            (&["image/*", "text/*;q=0.1"], "text/html"),
            (&["*/*;q=0"], "-"),
            (&["application/json;q=0, */*"], "text/html"),
            (&["application/json;q=0.5, text/html;q=0.500"], "application/json"),
            (&["application/json;q=0.1;ext=1, text/html;q=0.2"], "text/html"),
            (&["text/plain;x=\"a,b;q=0\", text/html;q=0.3"], "text/html"),
            (&["application/json;q=1.1, text/html;q=0.001"], "application/json"),
            (&["garbage, ;;;, q=1, /, text/html"], "text/html"),
            (&["application/json;q=x"], "application/json"),
            (&["application/json;q=x, text/html;q=0.1"], "text/html"),
            (&["text/html;q=0.9;"], "text/html"),
            // The members that Java's URLConnection sends, and others that are slightly malformed.
            (&["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"], "text/html"),
            (&["image/gif, *; q=.2"], "application/json"),
            (&["*"], "application/json"),
            (&["*;q=0"], "-"),
            (&["application/json;q=.2, text/html;q=.7"], "text/html"),
            (&["q=.7"], "application/json"),
            (&["html"], "application/json"),
            (&["text/html q=0.5"], "application/json"),
            (&["*/html, text/html;q=0.1"], "text/html"),
            (&["text/html;q=\"0.5\", application/json;q=\"0.2\""], "text/html"),
            (&["text/plain;x=\"a, text/html"], "text/html"),
            (&["text/html, \u{e9}"], "text/html"),
            // Parameters that no offer has: `charset` is ignored, others lower the rank of a range
            // without excluding it.
            (&["application/json; charset=utf-8"], "application/json"),
            (&["text/html;charset=utf-8, application/json;q=0.9"], "text/html"),
            (&["text/html;level=\"1\""], "text/html;level=1"),
            (&["application/json;odata=verbose"], "application/json"),
            (&["text/html;level=1;q=0.5, application/json;version=2"], "application/json"),
            (&["text/html;level=2;q=0.9, application/json;q=0.1"], "text/html"),
            (&["text/html;level=2, application/json"], "application/json"),
            (&["application/json;v=2, */*;q=0.1, text/html;q=0.2"], "text/html"),
            (&["text/html;level=2;q=0"], "-"),
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"], "text/html"),
        ] {
            assert_eq!(chosen("/type", "Accept", lines, offers), expected, "{lines:?}");
        }
    }

    #[test]
    fn codings() {
        let offers = &["br", "gzip", "identity"];
        for (lines, expected) in [
            (&[][..], "identity"),
            (&[""], "identity"),
            (&["gzip"], "gzip"),
            (&["GZip"], "gzip"),
            (&["x-gzip"], "gzip"),
            (&["gzip, deflate, br, zstd"], "br"),
            (&["gzip;q=1.0, identity;q=0.5"], "gzip"),
            (&["gzip;q=0.5, identity;q=1"], "identity"),
            (&["gzip;q=0.001"], "gzip"),
            (&["gzip;q=0"], "identity"),
            (&["gzip ; q=0.000, deflate;q=0"], "identity"),
            (&["gzip;q=0, br;Q=0, *;q=1"], "identity"),
            (&["*"], "br"),
            (&["*;q=0"], "-"),
            (&["*;q=0, identity;q=0.1"], "identity"),
            (&["identity;q=0"], "-"),
            (&["identity;q=0, gzip"], "gzip"),
            (&["deflate", "gzip"], "gzip"),
            (&["sdch, x-none"], "identity"),
            (&["gzip;q=2, br;q=-1"], "gzip"),
            (&["gzip;q=0.1234, br;q=.1"], "gzip"),
            (&["gzip;q=.5"], "gzip"),
            (&["gzip;q="], "gzip"),
            (&["gzip;q=.0"], "identity"),
            (&["\"\", (gzip), gzip"], "gzip"),
        ] {
            assert_eq!(chosen("/coding", "Accept-Encoding", lines, offers), expected, "{lines:?}");
        }
    }

    #[test]
    fn languages() {
        let offers = &["en", "de-CH", "fr"];
        for (lines, expected) in [
            (&[][..], "en"),
            (&["da, en-gb;q=0.8, en;q=0.7"], "en"),
            (&["de"], "de-CH"),
            (&["DE-ch, en;q=0.9"], "de-CH"),
            (&["fr-CA"], "fr"),
            (&["d"], "-"),
            (&["e, *;q=0.1"], "en"),
            (&["en;q=0, *"], "de-CH"),
            (&["it"], "-"),
            (&["de_CH, en;q=.9"], "de-CH"),
            (&["fr;q=.9, *;q=.1"], "fr"),
            (&["!, ?, it-\u{e9}"], "en"),
            // variants of an offer: the heaviest counts, in any order; none refuses the offer
            (&["fr-CA;q=0.9, fr-BE;q=0.1, en;q=0.5"], "fr"),
            (&["fr-BE;q=0.1, en;q=0.5, fr-CA;q=0.9"], "fr"),
            (&["fr-CA, *;q=0"], "fr"),
            (&["en;q=0, de;q=0, fr-CA;q=0, *;q=0.5"], "fr"),
            (&["de;q=0.5, de-CH-1996;q=0, en;q=0.1"], "de-CH"),
            // what is said of the whole language is said of the offer
            (&["de;q=0, de-CH-1996;q=0.5, en;q=0.1"], "en"),
        ] {
            assert_eq!(chosen("/language", "Accept-Language", lines, offers), expected, "{lines:?}");
        }
    }

    #[test]
    fn weights() {
        for (text, expected) in [
            ("0", 0),
            ("1", MAX),
            ("0.", 0),
            ("0.5", 1_000),
            ("0.001", 2),
            ("1.000", MAX),
            // not by the grammar
            (".5", 1_000),
            ("0.12345", 246),
            ("0.0001", MIN),
            ("00.5", 1_000),
            ("1.001", MAX),
            ("2", MAX),
            ("99999999999999999999", MAX),
            ("-1", 0),
            ("-0.5", 0),
            ("", MIN),
            (".", MIN),
            ("-", MIN),
            ("0.é", MIN),
            ("1e0", MIN),
            ("0.5.5", MIN),
            ("none", MIN),
        ] {
            assert_eq!(weight(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn separators_in_quotes_separate_nothing() {
        let split = |text: &'static str| {
            let parts = split_unquoted(text.as_bytes(), b',').map(|part| std::str::from_utf8(part).unwrap());
            parts.collect::<Vec<_>>()
        };
        assert_eq!(split(""), [""]);
        assert_eq!(split("a,b"), ["a", "b"]);
        assert_eq!(split(",a,"), ["", "a", ""]);
        assert_eq!(split("a=\"b,c\",d"), ["a=\"b,c\"", "d"]);
        assert_eq!(split("a=\"b\\\",c\",d"), ["a=\"b\\\",c\"", "d"]);
        assert_eq!(split("a=\"b\",c=\"d,e"), ["a=\"b\"", "c=\"d", "e"]);
        assert_eq!(split("\"\"\",a"), ["\"\"\"", "a"]);
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(line in ".{0,40}", offer in ".{0,10}") {
            for (range, weight) in split_unquoted(line.as_bytes(), b',').filter_map(parse_entry) {
                prop_assert!(weight <= MAX);
                for fit in [match_media_range as Matcher, match_coding, match_language] {
                    fit(range, offer.as_bytes());
                }
            }
        }

        /// A malformed member does not change the weight of a valid one.
        #[test]
        fn a_member_beside_garbage_counts(garbage in "[a-z=;\"\\\\.*/ ]{0,12}") {
            let line = format!("{garbage}, text/html;q=0.7");
            let weight = weight_of("text/html", match_media_range, split_unquoted(line.as_bytes(), b',').filter_map(parse_entry));
            prop_assert!(weight.is_some_and(|weight| weight > 0) || garbage.contains("q="), "{:?}", weight);
        }
    }
}
