//! Measures the time of a request since the first middleware, or since its first byte if it arrived
//! in parts.

use std::time::{Duration, Instant};

use crate::request::Request;
use crate::response::error::Result;

/// Starts the clock, unless it runs already. A before hook; never fails.
pub(super) fn start(request: &mut Request<'_>) -> Result<()> {
    request.start_clock(Instant::now());
    Ok(())
}

/// Returns the time since; zero if no hook saw the request, because it was refused on the wire or
/// by an earlier hook.
pub(super) fn elapsed(request: &Request<'_>) -> Duration {
    request.started_at().map_or(Duration::ZERO, |began| began.elapsed())
}

/// Appends milliseconds with one decimal: `1.3ms`.
pub(super) fn write_milliseconds(text: &mut Vec<u8>, time: Duration) {
    let tenths = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).saturating_add(50) / 100;
    text.extend(itoa::Buffer::new().format(tenths / 10).as_bytes());
    text.extend([b'.', b'0' + (tenths % 10) as u8, b'm', b's']);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(time: Duration) -> String {
        let mut text = Vec::new();
        write_milliseconds(&mut text, time);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn milliseconds_are_rounded_to_one_decimal() {
        for (micros, text) in
            [(0, "0.0ms"), (49, "0.0ms"), (50, "0.1ms"), (1_349, "1.3ms"), (1_350, "1.4ms"), (61_000_000, "61000.0ms")]
        {
            assert_eq!(spelled(Duration::from_micros(micros)), text);
        }
        assert!(spelled(Duration::MAX).ends_with("ms"));
    }
}
