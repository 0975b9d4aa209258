//! Entity tags (RFC 9110 §8.8.3): parses and compares them, and marks those of compressed forms.
//!
//! Different bytes have different strong tags (§8.8.3.3), yet a client that edits what it read with
//! gzip means the state, not the coding. So the tag of a compressed representation is the plain tag
//! with the coding appended: `"v7"` with gzip is `"v7-gzip"`. [`with_coding`] makes it, and
//! conditions accept both for the same state. (Apache does the same. Weakening the tag, as nginx
//! does, would make `If-Match` fail for clients that accept gzip.)

use std::hash::{DefaultHasher, Hasher};

/// The names of codings, and the suffixes of their tags.
const CODINGS: [(&str, &[u8]); 2] = [("br", b"-br"), ("gzip", b"-gzip")];

/// An entity tag, without its quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EntityTag<'a> {
    pub(crate) weak: bool,
    pub(crate) opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Returns the coding of the tagged representation: `identity` if it has none.
    pub(crate) fn coding(self) -> &'static str {
        self.split().1
    }

    /// Compares strongly (RFC 9110 §8.8.3.2).
    pub(crate) fn strong_eq(self, other: EntityTag<'_>) -> bool {
        !self.weak && self == other
    }

    /// Returns whether both tags name the same state of a resource, in any coding. Ignores
    /// weakness.
    pub(crate) fn same_state(self, other: EntityTag<'_>) -> bool {
        self.split().0 == other.split().0
    }

    /// Splits the tag into state and coding.
    fn split(self) -> (&'a [u8], &'static str) {
        let coded = |(name, suffix): &(&'static str, &[u8])| Some((self.opaque.strip_suffix(*suffix)?, *name));
        // A weak tag is the same for all codings, so it has no suffix unless a proxy weakened it.
        CODINGS.iter().find_map(coded).unwrap_or((self.opaque, "identity"))
    }

    pub(crate) fn field_value(self) -> Vec<u8> {
        [if self.weak { b"W/\"".as_slice() } else { b"\"" }, self.opaque, b"\""].concat()
    }
}

/// Returns a tag of this content: 64 bits of a hash, and its length. Not for content that an
/// attacker chooses, who could find two with the same tag.
pub(crate) fn of(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    format!("{:016x}-{:x}", hasher.finish(), content.len())
}

/// Parses the tags of one field line, up to what is not a tag. Tags may contain commas.
pub(crate) fn parse_tags(mut rest: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !b" \t,".contains(byte))?;
        rest = rest.get(start..)?;
        let stripped = rest.strip_prefix(b"W/");
        let quoted = stripped.unwrap_or(rest).strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', quoted)?;
        rest = quoted.get(end + 1..)?;
        Some(EntityTag { weak: stripped.is_some(), opaque: quoted.get(..end)? })
    })
}

/// Returns the value of `ETag` for the representation in this coding; `None` if `value` is not one
/// tag. A weak tag is the same for all codings.
pub(crate) fn with_coding(value: &[u8], coding: &str) -> Option<Vec<u8>> {
    let opaque = value.strip_prefix(b"W/").unwrap_or(value).strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let suffix = CODINGS.iter().find(|(name, _)| *name == coding).map_or(b"".as_slice(), |(_, suffix)| suffix);
    match value.starts_with(b"W/") {
        _ if opaque.contains(&b'"') => None,
        true => Some(value.to_vec()),
        false => Some([b"\"", opaque, suffix, b"\""].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coded_tag() {
        for (value, coding, expected) in [
            ("\"v\"", "gzip", Some("\"v-gzip\"")),
            ("\"v\"", "br", Some("\"v-br\"")),
            ("\"v\"", "identity", Some("\"v\"")),
            ("\"\"", "gzip", Some("\"-gzip\"")),
            ("W/\"v\"", "gzip", Some("W/\"v\"")),
            ("v", "gzip", None),
            ("\"", "gzip", None),
            ("W/v", "gzip", None),
            ("\"a\", \"b\"", "gzip", None),
        ] {
            let coded = with_coding(value.as_bytes(), coding);
            assert_eq!(coded.as_deref(), expected.map(str::as_bytes), "{value} {coding}");
        }
    }

    #[test]
    fn one_state_in_several_codings() {
        let tag = |opaque: &'static str| EntityTag { weak: false, opaque: opaque.as_bytes() };
        for (a, b, same) in [
            ("v", "v", true),
            ("v", "v-gzip", true),
            ("v-br", "v-gzip", true),
            ("v", "w", false),
            ("v", "w-gzip", false),
            ("v", "vgzip", false),
            ("v", "v-GZIP", false),
            ("v", "v-deflate", false),
            ("", "-gzip", true),
            ("v-gzip", "v-gzip-gzip", false),
        ] {
            assert_eq!(tag(a).same_state(tag(b)), same, "{a} {b}");
            assert_eq!(tag(b).same_state(tag(a)), same, "{b} {a}");
        }
        assert_eq!(["v", "v-gzip", "v-br"].map(|opaque| tag(opaque).coding()), ["identity", "gzip", "br"]);
    }

    #[test]
    fn tags_of_a_line() {
        for (line, expected) in [
            ("\"a\", W/\"b,c\" ,,\"\"", vec!["\"a\"", "W/\"b,c\"", "\"\""]),
            ("\"a\" b \"c\"", vec!["\"a\""]),
            ("w/\"a\"", vec![]),
            ("\"a", vec![]),
            ("", vec![]),
        ] {
            let read: Vec<_> =
                parse_tags(line.as_bytes()).map(|tag| String::from_utf8(tag.field_value()).unwrap()).collect();
            assert_eq!(read, expected, "{line}");
        }
    }
}
