//! Formats times as ISO 8601, in UTC.

use std::time::{Duration, UNIX_EPOCH};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The last second of the year 9999, after 1970: later years have more than four digits.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Formats a time after 1970, as in `1994-11-06T08:49:37Z`.
pub(super) fn seconds(time: Duration) -> String {
    format!("{}Z", without_zone(time))
}

/// Formats a time after 1970, as in `1994-11-06T08:49:37.012Z`.
pub(super) fn milliseconds(time: Duration) -> String {
    format!("{}.{:03}Z", without_zone(time), time.subsec_millis())
}

/// Rearranges an IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn without_zone(time: Duration) -> String {
    let http = httpdate::fmt_http_date(UNIX_EPOCH + time.min(LAST));
    let parts: Vec<_> = http.split(' ').collect();
    let [_, day, month, year, clock, _] = parts[..] else { return http };
    let month = MONTHS.iter().position(|name| *name == month).unwrap_or(0) + 1;
    format!("{year}-{month:02}-{day}T{clock}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_iso_8601() {
        assert_eq!(seconds(Duration::ZERO), "1970-01-01T00:00:00Z");
        assert_eq!(milliseconds(Duration::from_nanos(784_111_777_012_345_678)), "1994-11-06T08:49:37.012Z");
        assert_eq!(seconds(Duration::MAX), "9999-12-31T23:59:59Z");
    }
}
