//! Formats one line of an access log, and escapes what clients sent.

use std::io::Write;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Format;
use crate::http1::date;
use crate::middleware::key_table::ApiUser;
use crate::middleware::{clock, has_no_head};
use crate::request::Request;
use crate::response::Response;
use crate::response::sent::Sent;

/// Initial capacity: a typical line with its figures.
const LINE_CAPACITY: usize = 256;
const FIGURES_CAPACITY: usize = 96;
const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";

/// Source of a line.
pub(super) struct Entry<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) response: &'a Response,
    pub(super) now: SystemTime,
}

/// A line without the figures that are known only once the response is sent.
pub(super) struct Draft {
    format: Format,
    text: Vec<u8>,
    /// Offset in the text where the figures are inserted.
    figures: usize,
}

/// Cached text of one second in a format's spelling: formatted once for all of its requests.
#[derive(Default)]
pub(super) struct Timestamp {
    second: u64,
    text: String,
}

impl Draft {
    /// Returns the line, without its end.
    pub(super) fn completed(&self, sent: &Sent) -> Vec<u8> {
        let (before, after) = self.text.split_at_checked(self.figures).unwrap_or_default();
        let mut line = Vec::with_capacity(self.text.len() + FIGURES_CAPACITY);
        line.extend(before);
        match self.format {
            Format::Dev => {
                number(&mut line, sent.status().as_u16());
                line.push(b' ');
                number(&mut line, sent.bytes());
                line.extend(b" B (");
                clock::write_milliseconds(&mut line, sent.duration());
                line.push(b')');
            }
            Format::Common | Format::Combined => {
                number(&mut line, sent.status().as_u16());
                line.push(b' ');
                number(&mut line, sent.bytes());
            }
            Format::Json => {
                line.extend(b",\"status\":");
                number(&mut line, sent.status().as_u16());
                line.extend(b",\"bytes\":");
                number(&mut line, sent.bytes());
                line.extend(b",\"duration_ms\":");
                let micros = u64::try_from(sent.duration().as_micros()).unwrap_or(u64::MAX);
                number(&mut line, micros / 1000);
                decimals(&mut line, (micros % 1000) as u32);
                line.extend(b",\"complete\":");
                line.extend(if sent.is_complete() { b"true".as_slice() } else { b"false" });
            }
        }
        line.extend(after);
        line
    }
}

impl Entry<'_> {
    pub(super) fn draft(&self, format: Format, stamp: &mut Timestamp) -> Draft {
        let (mut before, mut after) = (Vec::with_capacity(LINE_CAPACITY), Vec::new());
        match format {
            Format::Dev => self.dev(&mut before),
            Format::Common => self.common(&mut before, stamp),
            Format::Combined => {
                self.common(&mut before, stamp);
                for name in ["referer", "user-agent"] {
                    after.extend(b" \"");
                    escape(&mut after, self.field(name).unwrap_or(b"-"));
                    after.push(b'"');
                }
            }
            Format::Json => {
                self.json(&mut before, stamp);
                self.json_rest(&mut after);
            }
        }
        let figures = before.len();
        before.append(&mut after);
        Draft { format, text: before, figures }
    }

    fn dev(&self, line: &mut Vec<u8>) {
        if let Some(id) = self.id() {
            line.push(b'[');
            escape(line, id.as_bytes());
            line.extend(b"] ");
        }
        self.request_line(line, "");
        line.push(b' ');
    }

    /// Appends the line in the common format. Spaces separate the fields, so a user's become
    /// `\x20`.
    fn common(&self, line: &mut Vec<u8>, stamp: &mut Timestamp) {
        match self.request.client_addr() {
            Some(address) => ip(line, address),
            None => line.push(b'-'),
        }
        line.extend(b" - ");
        for (number, word) in self.request.get::<ApiUser>().map_or("-", ApiUser::name).split(' ').enumerate() {
            if number > 0 {
                line.extend(b"\\x20");
            }
            escape(line, word.as_bytes());
        }
        line.extend(b" [");
        line.extend(stamp.at(self.now, ncsa).as_bytes());
        line.extend(b" +0000] \"");
        self.request_line(line, self.request.version().as_str());
        line.extend(b"\" ");
    }

    fn json(&self, line: &mut Vec<u8>, stamp: &mut Timestamp) {
        let request = self.request;
        let read = (!has_no_head(request)).then_some(request);
        line.extend(b"{\"time\":\"");
        line.extend(stamp.at(self.now, rfc3339).as_bytes());
        let millis = self.now.duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_millis());
        decimals(line, millis);
        line.extend(b"Z\",\"client\":");
        match request.client_addr() {
            Some(address) => {
                line.push(b'"');
                ip(line, address);
                line.push(b'"');
            }
            None => line.extend(b"null"),
        }
        text(line, "user", request.get::<ApiUser>().map(|user| user.name().as_bytes()));
        let method = read.map(Request::method);
        text(line, "method", method.as_ref().map(|method| method.as_str().as_bytes()));
        text(line, "target", read.map(|request| request.target().as_bytes()));
        text(line, "route", request.route().map(str::as_bytes));
        text(line, "version", read.map(|request| request.version().as_str().as_bytes()));
    }

    fn json_rest(&self, line: &mut Vec<u8>) {
        text(line, "request_id", self.id().map(str::as_bytes));
        text(line, "referer", self.field("referer"));
        text(line, "user_agent", self.field("user-agent"));
        line.push(b'}');
    }

    /// Returns the request id as the client receives it: a refused request gets its id with the
    /// response.
    fn id(&self) -> Option<&str> {
        self.request.id().or_else(|| self.response.header_value("x-request-id"))
    }

    /// Appends method and target, and the version if given. The parser rejects quotes, controls and
    /// spaces in them; they are escaped anyway, since a log is evidence.
    fn request_line(&self, line: &mut Vec<u8>, version: &str) {
        if has_no_head(self.request) {
            return line.push(b'-');
        }
        line.extend(self.request.method().as_str().as_bytes());
        line.push(b' ');
        escape(line, self.request.target().as_bytes());
        if !version.is_empty() {
            line.push(b' ');
            line.extend(version.as_bytes());
        }
    }

    /// Returns the first value of a field, UTF-8 or not.
    fn field(&self, name: &str) -> Option<&[u8]> {
        self.request.field_values(name).next()
    }
}

impl Timestamp {
    fn at(&mut self, now: SystemTime, spelled: fn(SystemTime) -> String) -> &str {
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.text.is_empty() || self.second != second {
            *self = Timestamp { second, text: spelled(now) };
        }
        &self.text
    }
}

/// Formats a time as NCSA does: `06/Nov/1994:08:49:37`.
fn ncsa(time: SystemTime) -> String {
    let [day, month, year, clock] = date_words(time);
    format!("{day}/{month}/{year}:{clock}")
}

/// Formats a time as RFC 3339, without what follows the second: `1994-11-06T08:49:37`.
fn rfc3339(time: SystemTime) -> String {
    let [day, month, year, clock] = date_words(time);
    let month = MONTHS.find(&month).unwrap_or_default() / 3 + 1;
    format!("{year}-{month:02}-{day}T{clock}")
}

/// Returns day, month, year and time of day: `06`, `Nov`, `1994`, `08:49:37`.
fn date_words(time: SystemTime) -> [String; 4] {
    let text = date::format(time);
    let mut words = text.split(' ').skip(1).map(str::to_owned);
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

/// Appends a member of an object, after another one.
fn text(line: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    line.extend(b",\"");
    line.extend(name.as_bytes());
    line.extend(b"\":");
    string(line, value);
}

fn number(line: &mut Vec<u8>, number: impl itoa::Integer) {
    line.extend(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends thousandths with a decimal point: `.012`.
fn decimals(line: &mut Vec<u8>, thousandths: u32) {
    line.push(b'.');
    line.extend([100, 10, 1].map(|place| b'0' + (thousandths / place % 10) as u8));
}

fn ip(line: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => {
            for (place, octet) in v4.octets().into_iter().enumerate() {
                if place > 0 {
                    line.push(b'.');
                }
                number(line, octet);
            }
        }
        // Writing into memory cannot fail.
        IpAddr::V6(v6) => _ = write!(line, "{v6}"),
    }
}

/// Escapes bytes as Rust and Apache do: `\"`, `\n`, `\x1b`; the output is printable ASCII. Most
/// bytes need no escape.
fn escape(line: &mut Vec<u8>, bytes: &[u8]) {
    let (plain, rest) = split(bytes, |byte| is_plain(byte) & (byte != b'\''));
    line.extend(plain);
    line.extend(rest.escape_ascii());
}

/// Writes a JSON string in ASCII: U+009B begins a terminal sequence too, and some readers end a
/// line at U+2028.
fn string(line: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else { return line.extend(b"null") };
    let (plain, rest) = split(bytes, is_plain);
    line.push(b'"');
    line.extend(plain);
    for unit in String::from_utf8_lossy(rest).encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if is_plain(byte) => line.push(byte),
            Ok(byte @ (b'"' | b'\\')) => line.extend([b'\\', byte]),
            _ => _ = write!(line, "\\u{unit:04x}"),
        }
    }
    line.push(b'"');
}

/// Returns whether the byte is printable, and not a quote or backslash. Without a branch: the
/// compiler checks 16 at once.
fn is_plain(byte: u8) -> bool {
    (byte.wrapping_sub(b' ') < 95) & (byte != b'"') & (byte != b'\\')
}

/// Splits off the prefix that needs no escape; the rest is mostly empty.
fn split(bytes: &[u8], is_plain: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    match bytes.iter().fold(true, |all, &byte| all & is_plain(byte)) {
        true => (bytes, &[]),
        false => bytes.split_at(bytes.iter().position(|&byte| !is_plain(byte)).unwrap_or(bytes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::time::Duration;

    #[test]
    fn dates_in_two_spellings() {
        let time = UNIX_EPOCH + Duration::from_millis(784_111_777_012);
        assert_eq!(ncsa(time), "06/Nov/1994:08:49:37");
        assert_eq!(rfc3339(time), "1994-11-06T08:49:37");
        assert_eq!(rfc3339(UNIX_EPOCH), "1970-01-01T00:00:00");
    }

    #[test]
    fn a_second_is_spelled_once() {
        let mut stamp = Timestamp::default();
        for (millis, text) in [
            (0, "1970-01-01T00:00:00"),
            (999, "1970-01-01T00:00:00"),
            (1000, "1970-01-01T00:00:01"),
            (0, "1970-01-01T00:00:00"),
        ] {
            assert_eq!(stamp.at(UNIX_EPOCH + Duration::from_millis(millis), rfc3339), text);
        }
        assert_eq!(stamp.at(UNIX_EPOCH, |_| "not asked".into()), "1970-01-01T00:00:00");
    }

    /// The wall clock can be set back.
    #[test]
    fn a_clock_before_1970_or_after_9999_is_spelled_as_the_nearest_time() {
        let end = Duration::from_secs(i64::MAX as u64);
        let mut stamp = Timestamp::default();
        for (time, text) in [
            (UNIX_EPOCH.checked_sub(end), "01/Jan/1970:00:00:00"),
            (UNIX_EPOCH.checked_add(end), "31/Dec/9999:23:59:59"),
            (UNIX_EPOCH.checked_sub(Duration::from_nanos(1)), "01/Jan/1970:00:00:00"),
            (UNIX_EPOCH.checked_add(Duration::from_secs(253_402_300_800)), "31/Dec/9999:23:59:59"),
        ] {
            assert_eq!(stamp.at(time.unwrap(), ncsa), text, "{time:?}");
            assert!(rfc3339(time.unwrap()).ends_with(&text[text.len() - 8..]), "{time:?}");
        }
    }

    #[test]
    fn strings_are_json_and_ascii() {
        for text in ["", "plain", "\"", "a\\b", "\n\r\t\u{8}\u{c}\0\u{7f}", "é\u{2028}\u{1f600}x", "a\u{9b}"] {
            let mut line = Vec::new();
            string(&mut line, Some(text.as_bytes()));
            assert!(line.is_ascii() && !line.iter().any(u8::is_ascii_control), "{}", line.escape_ascii());
            assert_eq!(serde_json::from_slice::<Value>(&line).unwrap(), text);
        }
        let mut line = Vec::new();
        string(&mut line, Some(b"a\xffb"));
        string(&mut line, None);
        assert_eq!(line, b"\"a\\ufffdb\"null");
    }

    #[test]
    fn addresses_and_fractions() {
        for text in ["192.0.2.7", "255.255.255.255", "0.0.0.0", "2001:db8::1"] {
            let mut line = Vec::new();
            ip(&mut line, text.parse().unwrap());
            assert_eq!(line, text.as_bytes());
        }
        for (thousandths, text) in [(0, ".000"), (7, ".007"), (120, ".120"), (999, ".999")] {
            let mut line = Vec::new();
            decimals(&mut line, thousandths);
            assert_eq!(line, text.as_bytes());
        }
    }
}
