//! Parses what several subcommands expect as the value of an option.

use std::ffi::OsString;
use std::time::Duration;

use super::failure::Failure;

/// Returns the failure for an unknown option, or for one without its value.
pub(super) fn bad_option(error: lexopt::Error) -> Failure {
    Failure::usage(format!("{error}; --help lists the options"))
}

/// Returns the value of the option or variable `name` as text.
pub(super) fn text(name: &str, value: OsString) -> Result<String, Failure> {
    value.into_string().map_err(|value| Failure::usage(format!("{name} is not valid UTF-8: {value:?}")))
}

/// Parses `5ms` or `10s`, up to an hour.
pub(super) fn duration(name: &str, text: &str) -> Result<Duration, Failure> {
    let parsed = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.parse().ok().map(Duration::from_millis),
        (None, Some(number)) => number.parse().ok().map(Duration::from_secs),
        _ => None,
    };
    let bounded = parsed.filter(|time| *time <= Duration::from_secs(3_600));
    bounded
        .ok_or_else(|| Failure::usage(format!("{name} must be a time up to an hour, as in 5ms or 10s, not {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_units() {
        assert_eq!(duration("", "5ms").ok(), Some(Duration::from_millis(5)));
        assert_eq!(duration("", "10s").ok(), Some(Duration::from_secs(10)));
        for text in ["", "5", "ms", "-1s", "1h", "99999999s"] {
            assert!(duration("", text).is_err(), "{text}");
        }
    }
}
