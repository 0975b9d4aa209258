//! Recognises requests for a page, which a single-page application makes in the browser.

use std::path::Path;

use crate::http1::method::Method;
use crate::request::Request;

/// Returns whether the path may be one of a page, and not of a file that is missing.
pub(super) fn may_stand_for(request: &Request<'_>) -> bool {
    let last = request.path().rsplit('/').next().unwrap_or_default();
    matches!(request.method(), Method::GET | Method::HEAD)
        && mime_guess::from_path(Path::new(last)).first_raw().is_none()
}

/// Returns whether a browser asks for a page, and not for a script, an image or data.
pub(super) fn is_accepted(request: &Request<'_>) -> bool {
    request.header_all("accept").flat_map(|line| line.split(',')).any(is_html)
}

/// Returns whether a member of Accept is `text/html` by name, with a weight above zero (RFC 9110
/// §12.5.1).
fn is_html(member: &str) -> bool {
    let mut parts = member.split(';').map(str::trim);
    let named = parts.next().is_some_and(|range| range.eq_ignore_ascii_case("text/html"));
    let refused = |parameter: &str| {
        let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
        weight.is_some_and(|weight| weight.trim_matches(['0', '.']).is_empty())
    };
    named && !parts.any(refused)
}
