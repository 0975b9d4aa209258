//! Checks that a date is valid and that its day of the week matches.

use super::Diagnostic;
use crate::http1::date;
use crate::trace::spans::{LabeledSpan, SpanKind};

/// Fields whose values are always dates (RFC 9110 §5.6.7).
const FIELDS: [&str; 4] = ["date", "if-modified-since", "if-unmodified-since", "last-modified"];
/// Fields that may hold something else: a number of seconds, or any value that means "in the past"
/// (RFC 9111 §5.3).
const OTHERS: [&str; 2] = ["expires", "retry-after"];

/// Returns the diagnostics for the fields that hold dates.
pub(super) fn diagnostics(bytes: &[u8], spans: &[LabeledSpan]) -> Vec<Diagnostic> {
    let text = |span: &LabeledSpan| {
        bytes.get(span.start..span.end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    };
    let is_one_of =
        |span: &LabeledSpan, fields: &[&str]| fields.iter().any(|field| text(span).eq_ignore_ascii_case(field));
    let (mut dated, mut always, mut findings) = (false, false, Vec::new());
    for span in spans {
        match span.kind {
            SpanKind::Name => {
                always = is_one_of(span, &FIELDS);
                dated = always || is_one_of(span, &OTHERS);
            }
            SpanKind::Value if dated => {
                let sentence = wrong(text(span), always);
                let finding =
                    |sentence| Diagnostic { at: span.start, name: "date", rfc: "RFC 9110 §5.6.7", message: sentence };
                findings.extend(sentence.map(finding));
            }
            _ => {}
        }
    }
    findings
}

/// Returns what is wrong with a value, if anything. If `always`, it must be a date.
fn wrong(value: &str, always: bool) -> Option<String> {
    match claim(value) {
        Some((said, true_day, day)) if said != true_day => {
            Some(format!("{day} is a {true_day}, not a {said}: this date was made up, not read from a clock"))
        }
        None if always && date::parse(value).is_none() => Some(
            "this is not a valid date, and a recipient must ignore it: an example is \"Sun, 06 Nov 1994 08:49:37 GMT\""
                .to_owned(),
        ),
        _ => None,
    }
}

/// Returns the day of the week that `Mon, 27 Mar 2026 …` claims, the correct one, and the date as
/// text; `None` if the value has another form.
fn claim(value: &str) -> Option<(&'static str, &'static str, &str)> {
    let (day, rest) = value.split_once(", ")?;
    let mut parts = rest.split(' ');
    let (number, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let claimed = date::full_day(day)?;
    let real = date::weekday(year.parse().ok().filter(|year| (1..=9999).contains(year))?, month, number.parse().ok()?)?;
    let shown = rest.get(..number.len() + month.len() + year.len() + 2)?;
    Some((claimed, real, shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_or_wrong_or_none() {
        for right in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Tue, 29 Feb 2000 00:00:00 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Mon Nov  6 08:49:37 1994", // the day is wrong, but the server accepts it
        ] {
            assert_eq!(wrong(right, true), None, "{right}");
        }
        let sentence = wrong("Mon, 27 Mar 2026 12:00:00 GMT", false).unwrap();
        assert!(sentence.starts_with("27 Mar 2026 is a Friday, not a Monday"), "{sentence}");
        for other in [
            "",
            "tomorrow",
            "120",
            "Mon, 27",
            "Mon, 99 Mar 2026 x",
            "Mon, 221111115191511 Mar 2026 x",
            "Mon, 1 Mar 99999999999999999999",
            "Xyz, 1 Mar 2026 x",
        ] {
            assert_eq!(wrong(other, false), None, "{other}");
            assert!(wrong(other, true).unwrap().starts_with("this is not a valid date"), "{other}");
        }
    }

    #[test]
    fn it_agrees_with_the_formatter_of_dates() {
        for day in 0..40_000u64 {
            let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(day * 86_400));
            let (claimed, real, _) = claim(&date).unwrap();
            assert_eq!(claimed, real, "{date}");
        }
    }
}
