//! Sets the header fields of a response; refuses invalid ones and those that the server sets.

use super::Response;
use crate::http1::field_value::{is_token, list};
use crate::response::caching::is_validator;
use crate::response::error::Error;

/// Fields that a response has at most once: their values are not lists, so two lines mean nothing
/// (RFC 9110 §5.3).
const SINGLETONS: [&str; 17] = [
    "access-control-allow-credentials",
    "access-control-allow-origin",
    "access-control-max-age",
    "age",
    "content-disposition",
    "content-location",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "location",
    "retry-after",
    "sec-websocket-accept",
    "sec-websocket-protocol",
    "server",
    "strict-transport-security",
];

impl Response {
    /// Sets a header field; replaces earlier ones of the same name, in any case.
    ///
    /// A name that is not a token, or a value with CR, LF, NUL or another control character, would
    /// allow response splitting (RFC 9110 §5.5): the response becomes a 500, and the log has
    /// the reason.
    pub fn set_header(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.remove_header(name);
        self.add_header(name, value.as_ref(), false);
    }

    /// Adds a header field to earlier ones of the same name, as `Set-Cookie` needs it. A field that
    /// a response has at most once (`Location`, `ETag`, `Retry-After` …, RFC 9110 §5.3) replaces
    /// the earlier one. Refuses what [`set_header`](Self::set_header) refuses.
    pub fn append_header(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.add_header(name, value.as_ref(), is_singleton(name));
    }

    /// Adds a field. If `replaces`, earlier ones of the name are removed.
    fn add_header(&mut self, name: &str, value: &[u8], replaces: bool) {
        let value = trimmed(value);
        if !is_token(name.as_bytes()) || has_control(value) {
            self.fail(Error::internal(format!(
                "a response header was refused: {name:?}: {:?}",
                value.escape_ascii().to_string()
            )));
            return;
        }
        match owned_by_server(name) {
            Some("connection") => self.close |= list(value).any(|option| option.eq_ignore_ascii_case(b"close")),
            Some("content-length") => _ = content_length(value).map(|bytes| self.declare_length(bytes)),
            Some(name) => debug!("the server sets {name} itself: ignored"),
            None => {
                if replaces {
                    self.remove_header(name);
                }
                self.append_line(name, value);
            }
        }
    }

    /// Removes every header field of this name.
    pub fn remove_header(&mut self, name: &str) {
        if name.eq_ignore_ascii_case("content-type") {
            self.media_type = "";
        }
        match name.len() {
            7 if name.eq_ignore_ascii_case("upgrade") => self.remove_lines("connection"), // set only for Upgrade
            10 if name.eq_ignore_ascii_case("connection") => return,
            _ => {}
        }
        self.remove_lines(name);
    }

    fn remove_lines(&mut self, name: &str) {
        let same = |line: &[u8]| {
            line.get(name.len()) == Some(&b':')
                && line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        };
        if !self.fields.split_inclusive(|&byte| byte == b'\n').any(same) {
            return;
        }
        let mut kept = Vec::with_capacity(self.fields.len());
        for line in self.fields.split_inclusive(|&byte| byte == b'\n') {
            if !same(line) {
                kept.extend_from_slice(line);
            }
        }
        self.fields = kept;
    }

    /// Sets the `ETag` of the representation that is sent, without effect on conditions, which
    /// concern another representation of the same state.
    pub(crate) fn replace_etag(&mut self, tag: &[u8]) {
        let conditional = self.conditional;
        self.set_header("ETag", tag);
        self.conditional = conditional;
    }

    /// Returns an empty response with these complete field lines, which [`set_header`](Self::set_header) of
    /// another response has written.
    pub(crate) fn with_field_lines(lines: Vec<u8>) -> Response {
        Response { fields: lines, ..Response::default() }
    }

    /// Returns the first value of a header field, if it is UTF-8.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// Returns all header fields that the application set, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let lines = [self.media_type.as_bytes(), &self.fields];
        let lines = lines.into_iter().flat_map(|block| block.split_inclusive(|&byte| byte == b'\n'));
        lines.map(|line| {
            let (name, value) = split_line(line);
            (std::str::from_utf8(name).unwrap_or_default(), value)
        })
    }

    fn append_line(&mut self, name: &str, value: &[u8]) {
        if name.eq_ignore_ascii_case("content-type") {
            self.media_type = "";
        }
        self.conditional |= is_validator(name);
        self.fields.reserve(name.len() + value.len() + 4);
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            self.fields.extend_from_slice(part);
        }
        if name.eq_ignore_ascii_case("upgrade") {
            // RFC 9110 §7.8: Upgrade applies to this connection only.
            self.fields.extend_from_slice(b"Connection: Upgrade\r\n");
        }
    }
}

/// Returns whether a response has this field at most once.
fn is_singleton(name: &str) -> bool {
    SINGLETONS.iter().any(|field| name.eq_ignore_ascii_case(field))
}

/// Returns the value without the spaces and tabs around it (RFC 9110 §5.5). A CR or LF stays, and
/// is refused.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Returns the value of a Content-Length (RFC 9110 §8.6).
fn content_length(value: &[u8]) -> Option<u64> {
    // `parse` accepts a sign.
    std::str::from_utf8(value).ok().filter(|text| !text.starts_with('+')).and_then(|digits| digits.parse().ok())
}

/// Returns whether a value has a byte below space other than tab, or DEL (RFC 9110 §5.5). The loop
/// has no branch, so it is vectorised.
fn has_control(value: &[u8]) -> bool {
    value.iter().fold(false, |found, &byte| found | ((byte < b' ') & (byte != b'\t')) | (byte == 0x7f))
}

/// Returns the name of a field that only the server sets: it frames the message or is its date.
fn owned_by_server(name: &str) -> Option<&'static str> {
    let owned = match name.len() {
        4 => "date",
        10 => "connection",
        14 => "content-length",
        17 => "transfer-encoding",
        _ => return None,
    };
    name.eq_ignore_ascii_case(owned).then_some(owned)
}

/// Splits a field line into name and value.
fn split_line(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii_end();
    let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
    (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default().trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use crate::Response;

    #[test]
    fn a_singleton_replaces_and_a_list_grows() {
        let mut response = Response::default();
        for (name, value) in [
            ("Retry-After", "1"),
            ("WWW-Authenticate", "Basic"),
            ("retry-after", "2"),
            ("WWW-Authenticate", "Bearer"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("Content-Type", "text/csv"),
            ("content-type", "text/html"),
        ] {
            response.append_header(name, value);
        }
        let lines: Vec<_> =
            response.headers().map(|(name, value)| (name, std::str::from_utf8(value).unwrap())).collect();
        let expected = [
            ("WWW-Authenticate", "Basic"),
            ("retry-after", "2"),
            ("WWW-Authenticate", "Bearer"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("content-type", "text/html"),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_length_is_digits() {
        for (value, expected) in
            [("5", Some(5)), ("007", Some(7)), ("+5", None), ("-5", None), ("5, 5", None), ("", None)]
        {
            assert_eq!(super::content_length(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn an_upgrade_field_is_named_by_connection() {
        let mut response = Response::default();
        response.set_header("Upgrade", "a");
        response.set_header("upgrade", "b");
        response.append_header("Upgrade", "c");
        let names: Vec<_> = response.headers().map(|(name, _)| name).collect();
        assert_eq!(names, ["upgrade", "Connection", "Upgrade", "Connection"]);
        response.remove_header("UPGRADE");
        assert_eq!(response.headers().count(), 0);
    }
}
