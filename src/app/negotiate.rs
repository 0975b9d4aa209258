//! Content negotiation (RFC 9110 §12.5): which of the program's offers a client likes best; knows no content.

use super::request::Request;

/// A weight in half thousandths (RFC 9110 §12.4.2), so that there is room for what nobody mentioned below the least `q=0.001`.
type Weight = u16;

const UNMENTIONED: Weight = 1;
const FULL: Weight = 2_000;

impl Request<'_> {
    /// The offered media type that `Accept` likes best (RFC 9110 §12.5.1), the earlier one when it likes two alike; the first
    /// when the client does not say. `None`: it wants none of them, and 406 is in order.
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
        self.best("accept", offers, FULL, media_range)
    }

    /// The offered content coding that `Accept-Encoding` likes best (RFC 9110 §12.5.3); offer `identity` too, last, for no coding.
    /// It is taken when the client says nothing, and always acceptable unless refused. `None`: only what is not offered will do.
    pub fn accepts_encoding<'o>(&self, offers: &[&'o str]) -> Option<&'o str> {
        let unmentioned = |offer: &str| if offer.eq_ignore_ascii_case("identity") { UNMENTIONED } else { 0 };
        let weights =
            |offer: &'o str| (self.weight("accept-encoding", offer, coding).unwrap_or(unmentioned(offer)), offer);
        heaviest(offers.iter().map(|offer| weights(offer)))
    }

    /// The offered language that `Accept-Language` likes best (RFC 9110 §12.5.4): `de` is found by `de-CH` and the other way
    /// round (RFC 4647 §3.3.1, §3.4). The first when the client does not say.
    pub fn accepts_language<'o>(&self, offers: &[&'o str]) -> Option<&'o str> {
        self.best("accept-language", offers, FULL, language)
    }

    /// The offer of the greatest weight; `silent` is the weight of all when the field is not there or says nothing.
    fn best<'o>(&self, field: &str, offers: &[&'o str], silent: Weight, fit: Fit) -> Option<&'o str> {
        let says = self.members(field).next().is_some();
        let weight = |offer| if says { self.weight(field, offer, fit).unwrap_or(0) } else { silent };
        heaviest(offers.iter().map(|offer| (weight(offer), *offer)))
    }

    /// The weight that the most specific member gives to the offer, if one fits it.
    fn weight(&self, field: &str, offer: &str, fit: Fit) -> Option<Weight> {
        let fitting = self.members(field).filter_map(|(range, weight)| Some((fit(range, offer)?, weight)));
        fitting.max_by_key(|(closeness, _)| *closeness).map(|(_, weight)| weight)
    }

    /// The members of the list with their weights, over all lines; a member whose weight is none is passed over.
    fn members<'r>(&'r self, field: &'r str) -> impl Iterator<Item = (&'r str, Weight)> {
        self.header_all(field).flat_map(|line| unquoted(line, ',')).filter_map(member)
    }
}

/// How closely a member of the list fits an offer, if it does.
type Fit = fn(&str, &str) -> Option<usize>;

/// `text/html;level=1`, `text/html`, `text/*`, `*/*`, from close to far. Parameters of the range must be the offer's too.
fn media_range(range: &str, offer: &str) -> Option<usize> {
    let (range_type, parameters) = range.split_once(';').unwrap_or((range, ""));
    let (kind, subtype) = range_type.trim().split_once('/')?;
    let (offer_type, offered) = offer.split_once(';').unwrap_or((offer, ""));
    let (offer_kind, offer_subtype) = offer_type.trim().split_once('/')?;
    if kind == "*" && subtype == "*" {
        return Some(0);
    }
    if !kind.eq_ignore_ascii_case(offer_kind) {
        return None;
    }
    if subtype == "*" {
        return Some(1);
    }
    let has = |parameter: &str| unquoted(offered, ';').any(|own| own.trim().eq_ignore_ascii_case(parameter.trim()));
    let mut wanted = unquoted(parameters, ';').filter(|parameter| !parameter.trim().is_empty());
    let fits = subtype.eq_ignore_ascii_case(offer_subtype) && wanted.all(has);
    fits.then(|| 2 + parameters.len())
}

/// `x-gzip` is `gzip` (RFC 9110 §8.4.1.3).
fn coding(range: &str, offer: &str) -> Option<usize> {
    let same = range.eq_ignore_ascii_case(offer)
        || (range.eq_ignore_ascii_case("x-gzip") && offer.eq_ignore_ascii_case("gzip"));
    if same { Some(1) } else { (range == "*").then_some(0) }
}

fn language(range: &str, offer: &str) -> Option<usize> {
    let begins = |long: &str, short: &str| {
        let start = long.get(..short.len()).is_some_and(|start| start.eq_ignore_ascii_case(short));
        start && matches!(long.as_bytes().get(short.len()), None | Some(b'-'))
    };
    match () {
        () if range == "*" => Some(0),
        () if begins(offer, range) => Some(1 + 2 * range.len()),
        () if begins(range, offer) => Some(2 * offer.len()),
        () => None,
    }
}

/// The first of the heaviest, unless it weighs nothing.
fn heaviest<'o>(offers: impl Iterator<Item = (Weight, &'o str)>) -> Option<&'o str> {
    let better = |best: (Weight, _), next: (Weight, _)| if next.0 > best.0 { next } else { best };
    offers.reduce(better).filter(|(weight, _)| *weight > 0).map(|(_, offer)| offer)
}

/// `text/html;level=1;q=0.5` → `text/html;level=1` and its weight. What follows the weight is nothing since RFC 9110.
fn member(text: &str) -> Option<(&str, Weight)> {
    let text = text.trim_matches([' ', '\t']);
    let mut end = 0;
    for parameter in unquoted(text, ';') {
        if end > 0
            && let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("q")
        {
            let range = text.get(..end - 1)?.trim_end();
            return Some((range, weight(value.trim())?));
        }
        end += parameter.len() + 1;
    }
    if text.is_empty() { None } else { Some((text, FULL)) }
}

/// qvalue (RFC 9110 §12.4.2): 0 to 1 with at most three decimals.
fn weight(text: &str) -> Option<Weight> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let thousandths = decimals
        .bytes()
        .chain([b'0'; 3])
        .take(3)
        .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + Weight::from(byte - b'0')))?;
    match (whole, thousandths) {
        _ if decimals.len() > 3 => None,
        ("0", _) => Some(2 * thousandths),
        ("1", 0) => Some(FULL),
        _ => None,
    }
}

/// Splits where the separator stands outside of quotes (RFC 9110 §5.6.4).
fn unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let plain = !escaped;
        escaped = quoted && plain && character == '\\';
        quoted ^= plain && character == '"';
        !quoted && character == separator
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::App;

    /// What is chosen of the offers for these field lines; `-` for nothing.
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
        let member = |offer: &str| {
            let fitting = unquoted(line, ',').filter_map(member).filter_map(|(r, w)| Some((media_range(r, offer)?, w)));
            fitting.max_by_key(|(closeness, _)| *closeness).map(|(_, weight)| weight)
        };
        for (offer, expected) in [
            ("text/plain;format=flowed", FULL),
            ("text/plain", 1_400),
            ("text/html", 600),
            ("image/jpeg", 1_000),
            ("text/plain;format=fixed", 800),
            ("text/html;level=3", 600),
        ] {
            assert_eq!(member(offer), Some(expected), "{offer}");
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
            (&["application/json;q=1.1, text/html;q=0.001"], "text/html"),
            (&["garbage, ;;;, q=1, /, text/html"], "text/html"),
            (&["application/json;q=x"], "application/json"),
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
            (&["gzip;q=2, br;q=-1"], "identity"),
            (&["gzip;q=0.1234"], "identity"),
            (&["gzip;q="], "identity"),
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
        ] {
            assert_eq!(chosen("/language", "Accept-Language", lines, offers), expected, "{lines:?}");
        }
    }

    #[test]
    fn weights() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(2_000)),
            ("0.", Some(0)),
            ("0.5", Some(1_000)),
            ("0.001", Some(2)),
            ("1.000", Some(2_000)),
            ("1.001", None),
            ("0.0001", None),
            ("0.é", None),
            (".5", None),
            ("-1", None),
            ("2", None),
            ("", None),
            ("1e0", None),
        ] {
            assert_eq!(weight(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(line in ".{0,40}", offer in ".{0,10}") {
            for (range, weight) in unquoted(&line, ',').filter_map(member) {
                prop_assert!(weight <= FULL);
                for fit in [media_range as Fit, coding, language] {
                    fit(range, &offer);
                }
            }
        }
    }
}
