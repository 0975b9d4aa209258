//! Parses and writes HTTP-dates in their three forms (RFC 9110 §5.6.7), and computes days of the
//! week.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LENGTHS: [i64; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// The last second that a date can express: 9999-12-31T23:59:59Z.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Returns the nearest time that a date can express, from 1970 to 9999. A wall clock may have any
/// value, since it is set from outside.
pub(crate) fn clamp(time: SystemTime) -> SystemTime {
    time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST)
}

/// Writes a time as an IMF-fixdate.
pub(crate) fn format(time: SystemTime) -> String {
    httpdate::fmt_http_date(clamp(time))
}

/// Parses a date in any of the three forms.
///
/// The day of the week need not match the date, and the year may precede 1970: nginx and Go accept
/// both. Ignoring such a date would ignore its `If-Unmodified-Since`, and make the change that the
/// field was to prevent. (The httpdate crate, which writes the dates, refuses both.)
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let seconds = match text.split_once(", ") {
        None => asctime(text)?,
        Some((name, rest)) if DAYS.contains(&name) => rfc850(rest.strip_suffix(" GMT")?)?,
        Some((name, rest)) if full_day(name).is_some() => fixdate(rest.strip_suffix(" GMT")?)?,
        Some(_) => return None,
    };
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
}

/// Returns the time without its fraction of a second, which an HTTP-date cannot express.
pub(crate) fn whole_seconds(time: SystemTime) -> SystemTime {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => UNIX_EPOCH + Duration::from_secs(since.as_secs()),
        // Before 1970, the earlier second is the one farther from 1970.
        Err(before) => {
            let distance = before.duration();
            let seconds = distance.as_secs() + u64::from(distance.subsec_nanos() > 0);
            UNIX_EPOCH.checked_sub(Duration::from_secs(seconds)).unwrap_or(time)
        }
    }
}

/// Parses `06 Nov 1994 08:49:37`, the common form.
fn fixdate(text: &str) -> Option<i64> {
    let mut parts = text.splitn(4, ' ');
    let (day, month, year) = (number(parts.next()?, 2)?, parts.next()?, number(parts.next()?, 4)?);
    Some(day_start(year, month, day)? + second_of_day(parts.next()?)?)
}

/// Parses `06-Nov-94 08:49:37`. A two-digit year never means more than 50 years ahead: 69 is 2069,
/// 70 is 1970, as in other implementations.
fn rfc850(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let mut parts = date.splitn(3, '-');
    let (day, month, year) = (number(parts.next()?, 2)?, parts.next()?, number(parts.next()?, 2)?);
    let century = if year < 70 { 2000 } else { 1900 };
    Some(day_start(century + year, month, day)? + second_of_day(time)?)
}

/// Parses `Sun Nov  6 08:49:37 1994`, the form of C's asctime.
fn asctime(text: &str) -> Option<i64> {
    let (name, rest) = text.split_once(' ')?;
    let (month, rest) = rest.split_once(' ')?;
    let (day, rest) = rest.split_at_checked(2)?;
    let (time, year) = rest.strip_prefix(' ')?.split_once(' ')?;
    let day = day.strip_prefix(' ').map_or_else(|| number(day, 2), |digit| number(digit, 1))?;
    let start = day_start(number(year, 4)?, month, day).filter(|_| full_day(name).is_some())?;
    Some(start + second_of_day(time)?)
}

/// Returns the day of the week of a date.
pub(crate) fn weekday(year: i64, month: &str, day: i64) -> Option<&'static str> {
    let days = day_start(year, month, day)? / 86_400;
    DAYS.get((days + 3).rem_euclid(7) as usize).copied() // 1970 began on a Thursday
}

/// Returns the day of the week that begins with these three letters.
pub(crate) fn full_day(name: &str) -> Option<&'static str> {
    DAYS.into_iter().find(|day| day.get(..3) == Some(name))
}

/// Returns the seconds from 1970 to the start of a day of the Gregorian calendar.
fn day_start(year: i64, month: &str, day: i64) -> Option<i64> {
    let index = MONTHS.iter().position(|name| *name == month)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let exists = (1..=*LENGTHS.get(index)?).contains(&day) && (index != 1 || day < 29 || leap);
    if !exists {
        return None; // such a day can be any number, and overflow below
    }
    // Years that begin in March have their leap day last, and every five months have 153 days.
    let (year, month) = if index < 2 { (year - 1, index as i64 + 10) } else { (year, index as i64 - 2) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 719_469;
    Some(86_400 * days)
}

/// Parses `08:49:37`. A leap second counts as the first second of the next minute.
fn second_of_day(time: &str) -> Option<i64> {
    let mut parts = time.splitn(3, ':');
    let mut part = |most| number(parts.next()?, 2).filter(|value| *value <= most);
    let (hour, minute, second) = (part(23)?, part(59)?, part(60)?);
    Some(3_600 * hour + 60 * minute + second)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let is_one = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_one { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_cut_to_the_earlier_second() {
        let second = |time: SystemTime| match time.duration_since(UNIX_EPOCH) {
            Ok(since) => (since.as_secs() as i64, since.subsec_nanos()),
            Err(before) => (-(before.duration().as_secs() as i64), before.duration().subsec_nanos()),
        };
        let at = |nanos: i64| match nanos {
            0.. => UNIX_EPOCH + Duration::from_nanos(nanos as u64),
            _ => UNIX_EPOCH - Duration::from_nanos(nanos.unsigned_abs()),
        };
        for (nanos, expected) in
            [(0, 0), (1, 0), (999_999_999, 0), (1_000_000_000, 1), (-1, -1), (-1_000_000_000, -1), (-1_000_000_001, -2)]
        {
            assert_eq!(second(whole_seconds(at(nanos))), (expected, 0), "{nanos}");
        }
    }

    #[test]
    fn a_time_that_no_date_can_say_becomes_the_nearest_that_one_can() {
        let second = Duration::from_secs(1);
        let end = Duration::from_secs(i64::MAX as u64);
        let (first, last) = ("Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT");
        for (time, text) in [
            (UNIX_EPOCH.checked_sub(end), first),
            (UNIX_EPOCH.checked_sub(second), first),
            (UNIX_EPOCH.checked_sub(Duration::from_nanos(1)), first),
            (Some(UNIX_EPOCH), first),
            (UNIX_EPOCH.checked_add(second), "Thu, 01 Jan 1970 00:00:01 GMT"),
            (UNIX_EPOCH.checked_add(LAST - second), "Fri, 31 Dec 9999 23:59:58 GMT"),
            (UNIX_EPOCH.checked_add(LAST), last),
            (UNIX_EPOCH.checked_add(LAST + Duration::from_nanos(999_999_999)), last),
            (UNIX_EPOCH.checked_add(LAST + second), last),
            (UNIX_EPOCH.checked_add(end), last),
        ] {
            let time = time.unwrap();
            assert_eq!(format(time), text, "{time:?}");
            assert_eq!(parse(&format(time)), Some(whole_seconds(clamp(time))), "{time:?}");
        }
    }

    #[test]
    fn the_three_forms_mean_the_same_second() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Wed Nov 16 08:49:37 1994", Some(784_975_777)),
            // a day of the week that does not match, and dates before 1970
            ("Mon, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Monday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Mon Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1)),
            ("Mon, 01 Jan 1900 00:00:00 GMT", Some(-2_208_988_800)),
            // two-digit years
            ("Friday, 01-Jan-99 00:00:00 GMT", Some(915_148_800)),
            ("Tuesday, 01-Jan-69 00:00:00 GMT", Some(3_124_224_000)),
            ("Thursday, 01-Jan-70 00:00:00 GMT", Some(0)),
            // leap days and a leap second
            ("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400)),
            ("Thu, 29 Feb 1900 00:00:00 GMT", None),
            ("Sat, 31 Dec 2016 23:59:60 GMT", Some(1_483_228_800)),
            ("Sat, 31 Dec 2016 23:59:61 GMT", None),
        ] {
            let seconds = parse(text).map(|time| match time.duration_since(UNIX_EPOCH) {
                Ok(after) => after.as_secs() as i64,
                Err(before) => -(before.duration().as_secs() as i64),
            });
            assert_eq!(seconds, expected, "{text}");
        }
    }

    #[test]
    fn what_keeps_no_form_is_no_date() {
        for text in [
            "",
            "now",
            "784111777",
            "1994-11-06T08:49:37Z",
            "06 Nov 1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun,06 Nov 1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 006 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Wed, 31 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "S, 06 Nov 1994 08:49:37 GMT",
            ", 06 Nov 1994 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov 06 08:49:37 94",
            "Sunday Nov 06 08:49:37 1994",
            "Sun Nov é6 08:49:37 1994",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for day in 0..100_000 {
            let time = UNIX_EPOCH + Duration::from_secs(86_400 * day + day % 86_400);
            assert_eq!(parse(&httpdate::fmt_http_date(time)), Some(time));
        }
    }
}
