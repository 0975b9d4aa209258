//! Finds the values of five sensitive fields in a stream, however it is split. `json.rs` and
//! `terminal.rs` hide them.
//!
//! It examines lines, not messages, so it also finds them in refused requests and in bodies. Hiding
//! too much is preferred to hiding too little.

use std::ops::Range;

use crate::http1::grammar::is_tchar;

/// Lower-case names of the fields that carry credentials or sessions.
const SENSITIVE_FIELDS: [&[u8]; 5] = [b"authorization", b"cookie", b"proxy-authorization", b"set-cookie", b"x-api-key"];
const LONGEST: usize = 19;

/// Parser state within a line, for one direction of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactor {
    place: LinePart,
    /// The part of the field name received so far.
    name: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LinePart {
    #[default]
    Name,
    /// In a line without a secret.
    Plain,
    /// After the colon of a sensitive field.
    Colon,
    Secret,
    /// After the LF of a secret: a space or tab would continue it (RFC 9112 §5.2).
    Folded,
}

impl Redactor {
    /// Adds the byte ranges of secrets in the next bytes of the stream.
    pub(crate) fn find(&mut self, data: &[u8], found: &mut Vec<Range<usize>>) {
        let mut at = 0;
        while let Some(&byte) = data.get(at) {
            if let Some(length) = self.skip_plain(data.get(at..).unwrap_or_default()) {
                at += length;
                continue;
            }
            if self.step(byte) {
                match found.last_mut() {
                    Some(last) if last.end == at => last.end = at + 1,
                    _ => found.push(at..at + 1),
                }
            }
            at += 1;
        }
    }

    /// Advances over bytes without collecting secrets. Only the last unfolded line that begins in
    /// `data` determines the state after it.
    pub(crate) fn skip(&mut self, data: &[u8]) {
        let (mut rest, mut end) = (data, data.len());
        while let Some(lf) = memchr::memrchr(b'\n', data.get(..end).unwrap_or_default()) {
            if let Some(line @ [first, ..]) = data.get(lf + 1..)
                && !is_blank(*first)
                && *first != b'\r'
            // a space may follow it, which makes the line a fold
            {
                self.begin_line();
                rest = line;
                break;
            }
            end = lf;
        }
        self.find(rest, &mut Vec::new());
    }

    /// Returns how many of the next bytes, at least one, need no individual step: the rest of a
    /// plain line, or a whole one.
    fn skip_plain(&mut self, data: &[u8]) -> Option<usize> {
        match self.place {
            LinePart::Plain => {}
            LinePart::Name if self.name.is_empty() && !data.first().copied().is_some_and(is_blank) => {
                let end = memchr::memchr3(b':', b'\r', b'\n', data);
                let name = data.get(..end.unwrap_or(data.len())).unwrap_or_default();
                let at_colon = end.is_some_and(|end| data.get(end) == Some(&b':'));
                if end.is_none() || (at_colon && is_secret(name)) {
                    // Takes the name at once: searching again for each byte of an unfinished name
                    // would be quadratic.
                    for byte in name {
                        self.step(*byte); // no byte before the colon is secret
                    }
                    return (!name.is_empty()).then_some(name.len());
                }
            }
            _ => return None,
        }
        let Some(end) = memchr::memchr2(b'\n', b'\r', data) else {
            self.place = LinePart::Plain;
            return Some(data.len());
        };
        self.begin_line();
        Some(end + 1)
    }

    fn begin_line(&mut self) {
        self.place = LinePart::Name;
        self.name.clear();
    }

    /// Processes one byte. Returns whether it is secret.
    fn step(&mut self, byte: u8) -> bool {
        match (self.place, byte) {
            (LinePart::Colon | LinePart::Secret | LinePart::Folded, b'\r') => {}
            (LinePart::Colon | LinePart::Secret, b'\n') => self.place = LinePart::Folded,
            (LinePart::Colon | LinePart::Folded, b' ' | b'\t') => self.place = LinePart::Colon,
            // Spaces and controls are not secret and affect how the parser reads the line: a replay
            // needs them.
            (LinePart::Colon | LinePart::Secret, _) => {
                self.place = LinePart::Secret;
                return byte > b' ' && byte != 0x7f;
            }
            (LinePart::Folded, _) => {
                self.begin_line();
                return self.step(byte);
            }
            (LinePart::Name, b'\r' | b'\n') => self.begin_line(),
            (LinePart::Name, b':') if is_secret(&self.name) => self.place = LinePart::Colon,
            (LinePart::Name, b':') => self.place = LinePart::Plain,
            (LinePart::Name, _) if !is_tchar(byte) => {} // not allowed in a name: refused, and shown
            (LinePart::Name, _) if self.name.len() == LONGEST => self.place = LinePart::Plain,
            (LinePart::Name, _) => self.name.push(byte.to_ascii_lowercase()),
            (LinePart::Plain, _) => {}
        }
        false
    }
}

/// Returns whether a field of this name is sensitive. Ignores bytes that are not allowed in names.
fn is_secret(name: &[u8]) -> bool {
    let letters = || name.iter().filter(|byte| is_tchar(**byte)).map(u8::to_ascii_lowercase);
    SENSITIVE_FIELDS.iter().any(|secret| letters().eq(secret.iter().copied()))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(pieces: &[&str]) -> String {
        let mut secrets = Redactor::default();
        let mut shown = String::new();
        for piece in pieces {
            let mut found = Vec::new();
            secrets.find(piece.as_bytes(), &mut found);
            shown.extend(
                piece.char_indices().map(|(at, c)| if found.iter().any(|range| range.contains(&at)) { '*' } else { c }),
            );
        }
        shown
    }

    /// Four megabytes of a name take as long as four of a value: quadratic time would take hours.
    #[test]
    fn a_name_without_an_end_is_read_once() {
        let name = vec![0; 4 << 20];
        for end in [&b""[..], b"cookie: x", b"cookie\r\n"] {
            let mut found = Vec::new();
            Redactor::default().find(&[&name, end].concat(), &mut found);
            let at = name.len() + 8;
            let value = end.ends_with(b"x").then_some(at..at + 1);
            assert_eq!(found, Vec::from_iter(value), "{}", end.escape_ascii());
        }
    }

    proptest! {
        /// Generates lines similar to secrets, in parts: splits do not change the result, and
        /// skipped bytes count like examined ones.
        #[test]
        fn neither_cuts_nor_silence_reveal_anything(
            parts in proptest::collection::vec(
                prop_oneof![Just("cookie"), Just("Set-"), Just(":"), Just(" "), Just("\r"), Just("\n"), Just("x"), Just("\0")], 0..24),
            cut in any::<prop::sample::Index>(),
        ) {
            let text = parts.concat();
            let (first, second) = text.split_at(cut.index(text.len() + 1));
            let whole = masked(&[&text]);
            prop_assert_eq!(masked(&[first, second]), whole.clone());
            let bytes: Vec<_> = text.split("").collect();
            prop_assert_eq!(masked(&bytes), whole);
            let (mut looked, mut passed) = (Redactor::default(), Redactor::default());
            looked.find(first.as_bytes(), &mut Vec::new());
            passed.skip(first.as_bytes());
            let mut found = [Vec::new(), Vec::new()];
            looked.find(second.as_bytes(), &mut found[0]);
            passed.find(second.as_bytes(), &mut found[1]);
            prop_assert_eq!(&found[0], &found[1], "{:?} passed, then {:?}", first, second);
        }
    }

    #[test]
    fn secrets_are_found_whatever_the_cuts() {
        let cases = [
            ("GET / HTTP/1.1\r\nAuthorization: Bearer x\r\nA: b\r\n\r\n", "Authorization: ****** *\r\nA: b\r\n\r\n"),
            ("\r\ncookie:a=b\r\nx-API-key:\t k \r\n", "\r\ncookie:***\r\nx-API-key:\t * \r\n"),
            ("\r\nSet-Cookie : s\r\n more\r\n\tof it\r\nHost: a\r\n", ": *\r\n ****\r\n\t** **\r\nHost: a\r\n"),
            ("\nX\0: a\nCoo\x01k\u{7f}ie\x0b: b\x02c \t\r\n\r\n", "X\0: a\nCoo\x01k\u{7f}ie\x0b: *\x02* \t\r\n\r\n"),
            ("\nProxy-Authorization: a\rb\nX-Api-Keys: k\n", ": *\r*\nX-Api-Keys: k\n"),
            ("\r\nNot-Authorization: a\r\nCookies: b\r\nA: Cookie: c\r\n", "Cookies: b\r\nA: Cookie: c\r\n"),
        ];
        for (text, ends) in cases {
            let whole = masked(&[text]);
            assert!(whole.ends_with(ends), "{whole:?}");
            for cut in 0..text.len() {
                let (first, second) = text.split_at(cut);
                assert_eq!(masked(&[first, second]), whole, "cut at {cut}");
                let behind = |take: fn(&mut Redactor, &[u8])| {
                    let (mut secrets, mut found) = (Redactor::default(), Vec::new());
                    take(&mut secrets, first.as_bytes());
                    secrets.find(second.as_bytes(), &mut found);
                    found
                };
                let looked = behind(|secrets, data| secrets.find(data, &mut Vec::new()));
                assert_eq!(behind(Redactor::skip), looked, "passed up to {cut}");
            }
        }
    }
}
