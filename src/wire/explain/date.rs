//! Whether the day of the week in a date is the one that day had; knows the calendar, no clock.

use super::Finding;
use crate::wire::spans::{Kind, Span};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const FULL_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The fields whose values are dates (RFC 9110 §5.6.7).
const FIELDS: [&str; 6] =
    ["date", "expires", "if-modified-since", "if-unmodified-since", "last-modified", "retry-after"];

/// Wrong days of the week in the fields that hold dates.
pub(super) fn findings(bytes: &[u8], spans: &[Span]) -> Vec<Finding> {
    let text = |span: &Span| {
        bytes.get(span.start..span.end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    };
    let wrong = |span: &Span| {
        let (said, true_day, day) = wrong_day(text(span))?;
        Some(Finding {
            at: span.start,
            name: "date",
            rfc: "RFC 9110 §5.6.7",
            sentence: format!("{day} is a {true_day}, not a {said}: this date was made up, not read from a clock"),
        })
    };
    let (mut dated, mut findings) = (false, Vec::new());
    for span in spans {
        match span.kind {
            Kind::Name => dated = FIELDS.iter().any(|field| text(span).eq_ignore_ascii_case(field)),
            Kind::Value if dated => findings.extend(wrong(span)),
            _ => {}
        }
    }
    findings
}

/// The day that `Mon, 27 Mar 2026 …` claims, the day it was, and which one is meant; none where the claim is right, or none.
fn wrong_day(value: &str) -> Option<(&str, &'static str, &str)> {
    let (day, rest) = value.split_once(", ")?;
    let mut parts = rest.split(' ');
    let (date, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let claimed = DAYS.iter().position(|name| *name == day)?;
    let month_number = MONTHS.iter().position(|name| *name == month)?;
    let number: i64 = date.parse().ok().filter(|date| (1..=31).contains(date))?;
    let real = weekday(year.parse().ok().filter(|year| (1..=9999).contains(year))?, month_number as i64 + 1, number);
    let shown = rest.get(..date.len() + month.len() + year.len() + 2)?;
    (claimed != real).then_some((FULL_DAYS.get(claimed)?, FULL_DAYS.get(real)?, shown))
}

/// 0 is Monday. Sakamoto's method: the months' offsets of a year that begins in March, so that the leap day comes last.
fn weekday(year: i64, month: i64, day: i64) -> usize {
    const OFFSETS: [i64; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let year = if month < 3 { year - 1 } else { year };
    let offset = OFFSETS.get((month - 1) as usize).copied().unwrap_or(0);
    let from_sunday = (year + year / 4 - year / 100 + year / 400 + offset + day).rem_euclid(7);
    ((from_sunday + 6) % 7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_agrees_with_the_dates_of_the_rfcs() {
        for right in ["Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Tue, 29 Feb 2000 00:00:00 GMT"]
        {
            assert_eq!(wrong_day(right), None, "{right}");
        }
        assert_eq!(wrong_day("Mon, 27 Mar 2026 12:00:00 GMT"), Some(("Monday", "Friday", "27 Mar 2026")));
        for other in [
            "",
            "tomorrow",
            "120",
            "Mon, 27",
            "Mon, 99 Mar 2026 x",
            "Mon, 1 Mar 99999999999999999999",
            "Xyz, 1 Mar 2026 x",
        ] {
            assert_eq!(wrong_day(other), None, "{other}");
        }
    }

    #[test]
    fn it_agrees_with_the_formatter_of_dates() {
        for day in 0..40_000u64 {
            let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(day * 86_400));
            assert_eq!(wrong_day(&date), None, "{date}");
        }
    }
}
