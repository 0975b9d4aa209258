//! Parses rate limits in Flask-Limiter's syntax: "100 per hour; 10 per minute".

use std::fmt;
use std::time::Duration;

/// A number of requests in a window of some length: one part of `"100 per hour; 10 per minute"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    amount: u32,
    multiple: u32,
    unit: Unit,
}

/// Months of 30 days and years of 12 such months, as Flask-Limiter counts them: a window is a
/// length, not a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Unit {
    Second = 1,
    Minute = 60,
    Hour = 3_600,
    Day = 86_400,
    Month = 2_592_000,
    Year = 31_104_000,
}

const UNITS: [(&str, Unit); 6] = [
    ("second", Unit::Second),
    ("minute", Unit::Minute),
    ("hour", Unit::Hour),
    ("day", Unit::Day),
    ("month", Unit::Month),
    ("year", Unit::Year),
];

impl Rate {
    /// Returns the number of requests that pass in one window. 0 lets none pass.
    pub fn amount(self) -> u32 {
        self.amount
    }

    /// Returns the length of the window, which opens with its first request.
    pub fn period(self) -> Duration {
        Duration::from_secs(self.unit as u64 * u64::from(self.multiple))
    }
}

/// Writes `10 per 1 minute`, the text of Flask-Limiter's responses.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, unit)| *unit == self.unit).map_or("", |(name, _)| name);
        write!(f, "{} per {} {unit}", self.amount, self.multiple)
    }
}

/// Parses all rates of a text. Returns those of the smallest unit first, the order in which they
/// are checked.
///
/// # Errors
/// A sentence with the column.
pub(crate) fn parse(text: &str) -> Result<Vec<Rate>, String> {
    let mut reader = Reader { text, rest: text };
    let mut rates = vec![reader.rate()?];
    while let Some(rest) = reader.rest.strip_prefix([';', ',', '|']) {
        reader.rest = rest;
        rates.push(reader.rate()?);
    }
    if !reader.rest.is_empty() {
        return Err(reader.expected("\";\", \",\", \"|\" or the end"));
    }
    rates.sort_by_key(|rate| rate.unit);
    Ok(rates)
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// Parses `amount ("/" | "per") [multiple] unit`, with spaces anywhere between.
    fn rate(&mut self) -> Result<Rate, String> {
        let amount = self.number()?.ok_or_else(|| self.expected("a number of requests"))?;
        if !self.per() {
            return Err(self.expected("\"per\" or \"/\""));
        }
        let before = self.rest;
        let multiple = self.number()?.unwrap_or(1);
        let (at_unit, word) = (self.rest, self.take(|c| c.is_ascii_alphabetic()));
        let singular = word.strip_suffix(['s', 'S']).unwrap_or(word);
        let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(singular));
        let Some(&(_, unit)) = known else {
            self.rest = at_unit;
            return Err(self.expected("second, minute, hour, day, month or year"));
        };
        // 136 years: the maximum of 32 bits of seconds.
        if multiple == 0 || u32::checked_mul(unit as u32, multiple).is_none() {
            self.rest = before;
            return Err(self.expected("a window between a second and a century"));
        }
        Ok(Rate { amount, multiple, unit })
    }

    fn number(&mut self) -> Result<Option<u32>, String> {
        let before = self.rest.trim_ascii_start();
        let digits = self.take(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Ok(None);
        }
        digits.parse().map(Some).map_err(|_| {
            self.rest = before;
            self.expected("a number below 4294967296")
        })
    }

    fn per(&mut self) -> bool {
        let length = match self.rest.as_bytes() {
            [b'/', ..] => 1,
            [b'p' | b'P', b'e' | b'E', b'r' | b'R', ..] => 3,
            _ => return false,
        };
        self.rest = self.rest.get(length..).unwrap_or_default().trim_ascii_start();
        true
    }

    /// Takes the characters that fit, and the spaces around them.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest.trim_ascii_start();
        let (taken, rest) = rest.split_at(rest.find(|c| !fits(c)).unwrap_or(rest.len()));
        self.rest = rest.trim_ascii_start();
        taken
    }

    /// Builds the error sentence. The input up to here is ASCII: a byte is a column.
    fn expected(&self, what: &str) -> String {
        let rest = self.rest.trim_ascii_start();
        let column = self.text.len() - rest.len() + 1;
        let found = if rest.is_empty() { "the end".to_owned() } else { format!("{rest:?}") };
        format!("rate limit {:?}: expected {what} in column {column}, found {found}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        let rates = parse(text).unwrap_or_else(|error| panic!("{error}"));
        rates.iter().map(|rate| format!("{rate} = {} s", rate.period().as_secs())).collect::<Vec<_>>().join("; ")
    }

    /// What `limits` 5.8 parses from the same texts.
    #[test]
    fn texts_that_flask_limiter_reads() {
        let cases = [
            ("10 per minute", "10 per 1 minute = 60 s"),
            ("10 per 1 minute", "10 per 1 minute = 60 s"),
            ("5/minute", "5 per 1 minute = 60 s"),
            ("5 / minute", "5 per 1 minute = 60 s"),
            ("1 per 2 hours", "1 per 2 hour = 7200 s"),
            ("10PERminute", "10 per 1 minute = 60 s"),
            ("10per2days", "10 per 2 day = 172800 s"),
            ("5 per 60second", "5 per 60 second = 60 s"),
            ("  3 \t/ 2 MONTHS  ", "3 per 2 month = 5184000 s"),
            ("10/2year", "10 per 2 year = 62208000 s"),
            ("0/minute", "0 per 1 minute = 60 s"),
            ("100 per hour; 10 per minute", "10 per 1 minute = 60 s; 100 per 1 hour = 3600 s"),
            ("2 per day|1 per 2 hours", "1 per 2 hour = 7200 s; 2 per 1 day = 86400 s"),
            (
                "1/second,2/minutes,3/hours,4/days,5/months,6/years",
                "1 per 1 second = 1 s; 2 per 1 minute = 60 s; 3 per 1 hour = 3600 s; 4 per 1 day = 86400 s; 5 per 1 month = 2592000 s; 6 per 1 year = 31104000 s",
            ),
            ("4294967295/second", "4294967295 per 1 second = 1 s"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_wrong_text_is_blamed_on_its_column() {
        let cases = [
            ("", 1, "a number of requests"),
            ("   ", 4, "a number of requests"),
            ("per minute", 1, "a number of requests"),
            ("-1/hour", 1, "a number of requests"),
            ("10 minute", 4, "\"per\" or \"/\""),
            ("10", 3, "\"per\" or \"/\""),
            ("10 pe", 4, "\"per\" or \"/\""),
            ("10 per", 7, "second, minute"),
            ("10 per fortnight", 8, "second, minute"),
            ("5/s", 3, "second, minute"),
            ("5/minutess", 3, "second, minute"),
            ("5/minute;", 10, "a number of requests"),
            ("5/minute;;5/hour", 10, "a number of requests"),
            ("5/minute:5/hour", 9, "\";\", \",\", \"|\" or the end"),
            ("5/minute 5/hour", 10, "\";\", \",\", \"|\" or the end"),
            ("5 per 0 minutes", 7, "a window"),
            ("5 per 200 years", 7, "a window"),
            ("4294967296/second", 1, "a number below"),
            ("1 per 99999999999999999999 days", 7, "a number below"),
            ("5/minüte", 3, "second, minute"),
            ("ü", 1, "a number of requests"),
        ];
        for (text, column, what) in cases {
            let error = parse(text).expect_err(text);
            assert!(error.contains(&format!("in column {column}, ")), "{error}");
            assert!(error.contains(&format!("expected {what}")), "{error}");
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9 per/smhinutedayo;,|]{0,30}|\\PC{0,12}") {
            if let Ok(rates) = parse(&text) {
                let again: Vec<_> = rates.iter().map(Rate::to_string).collect();
                prop_assert_eq!(parse(&again.join("; ")), Ok(rates));
            }
        }
    }
}
