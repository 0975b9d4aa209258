//! Stores decoded name-value pairs in one buffer, with an index by name. Parses the urlencoded
//! form.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::hash::{BuildHasher, RandomState};

/// Maximum size of a text that is parsed again for each call: that costs less than caching the
/// pairs.
pub(crate) const UNCACHED_MAX: usize = 512;

/// Pairs of a name and a value, decoded, in order. Uses 16 bytes a pair in addition to its text,
/// and 16 more once a pair has been looked up.
pub(crate) struct Pairs {
    /// Names and values, concatenated without separators.
    text: String,
    /// End offsets of the name and the value of each pair.
    ends: Vec<(usize, usize)>,
    index: OnceCell<NameIndex>,
}

impl Pairs {
    pub(crate) fn read<N: AsRef<str>, V: AsRef<str>>(pairs: impl Iterator<Item = (N, V)>) -> Pairs {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for (name, value) in pairs {
            text.push_str(name.as_ref());
            let name_end = text.len();
            text.push_str(value.as_ref());
            ends.push((name_end, text.len()));
        }
        Pairs { text, ends, index: OnceCell::new() }
    }

    /// Returns all pairs, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        (0..self.ends.len()).filter_map(|position| self.get(position))
    }

    /// Returns all values of a name, in order.
    pub(crate) fn values<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.index()
            .positions(name)
            .filter_map(|position| self.get(position))
            .filter(move |pair| pair.0 == name)
            .map(|pair| pair.1)
    }

    /// Returns the first value of a name.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        let mut pairs = self.index().positions(name).filter_map(|position| self.get(position));
        pairs.find(|pair| pair.0 == name).map(|pair| pair.1)
    }

    fn index(&self) -> &NameIndex {
        self.index.get_or_init(|| NameIndex::of(self.iter().map(|(name, _)| name)))
    }

    fn get(&self, position: usize) -> Option<(&str, &str)> {
        let start = position.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).map(|(_, end)| *end))?;
        let &(name_end, end) = self.ends.get(position)?;
        Some((self.text.get(start..name_end)?, self.text.get(name_end..end)?))
    }
}

/// Maps names to positions in a list, by hashes that a client cannot predict.
pub(crate) struct NameIndex {
    hasher: RandomState,
    /// Hash and position of each name, sorted: equal names are adjacent, in their order.
    entries: Vec<(u64, usize)>,
}

impl NameIndex {
    pub(crate) fn of<N: AsRef<str>>(names: impl Iterator<Item = N>) -> NameIndex {
        let hasher = RandomState::new();
        let entries = names.enumerate().map(|(position, name)| (hasher.hash_one(name.as_ref()), position));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable();
        NameIndex { hasher, entries }
    }

    /// Returns the positions of this name, in order. Includes those of another name with the same
    /// hash: the caller compares the names.
    pub(crate) fn positions(&self, name: &str) -> impl Iterator<Item = usize> {
        let wanted = self.hasher.hash_one(name);
        let start = self.entries.partition_point(|(hash, _)| *hash < wanted);
        let run = self.entries.iter().skip(start).take_while(move |(hash, _)| *hash == wanted);
        run.map(|(_, position)| *position)
    }
}

/// A query or a body in the urlencoded form (WHATWG URL §5.1), with the cache for its pairs.
#[derive(Clone, Copy)]
pub(crate) struct Urlencoded<'r> {
    text: &'r [u8],
    kept: Option<&'r Pairs>,
}

impl<'r> Urlencoded<'r> {
    /// Wraps `text`. Calls `kept` for the cache of a long text's pairs only when it is needed.
    pub(crate) fn new(text: &'r [u8], kept: impl FnOnce() -> &'r OnceCell<Pairs>) -> Urlencoded<'r> {
        let long = text.len() > UNCACHED_MAX;
        let kept = long.then(|| kept().get_or_init(|| Pairs::read(form_urlencoded::parse(text))));
        Urlencoded { text: if long { b"" } else { text }, kept }
    }

    /// Returns all pairs, in order, decoded.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (Cow<'r, str>, Cow<'r, str>)> {
        let kept = self.kept.into_iter().flat_map(Pairs::iter);
        form_urlencoded::parse(self.text).chain(kept.map(|(name, value)| (name.into(), value.into())))
    }

    /// Returns all values of a name, in order, decoded.
    pub(crate) fn values(self, name: &'r str) -> impl Iterator<Item = Cow<'r, str>> {
        let short = form_urlencoded::parse(self.text).filter(move |(key, _)| key == name).map(|(_, value)| value);
        short.chain(self.kept.into_iter().flat_map(move |kept| kept.values(name)).map(Cow::Borrowed))
    }

    /// Returns the first value of a name, decoded.
    pub(crate) fn first(self, name: &str) -> Option<Cow<'r, str>> {
        match self.kept {
            Some(kept) => kept.first(name).map(Cow::Borrowed),
            None => form_urlencoded::parse(self.text).find(|(key, _)| key == name).map(|(_, value)| value),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(text: &str) -> Vec<(String, String)> {
        form_urlencoded::parse(text.as_bytes()).map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn what_was_read_is_found_by_name() {
        let pairs = Pairs::read(query("a=1&b=2&a=3&=4&c&%C3%A9=%ff").iter().map(|(name, value)| (name, value)));
        let all = |name: &str| pairs.values(name).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(all("a"), ["1", "3"]);
        assert_eq!(all(""), ["4"]);
        assert_eq!(all("c"), [""]);
        assert_eq!(all("é"), ["\u{fffd}"]);
        assert_eq!(all("d"), [""; 0]);
        assert_eq!((pairs.first("a"), pairs.first("d")), (Some("1"), None));
        assert_eq!(pairs.iter().count(), 6);
    }

    #[test]
    fn a_long_text_is_kept_and_a_short_one_is_not() {
        for (length, is_kept) in [(UNCACHED_MAX, false), (UNCACHED_MAX + 1, true)] {
            let text = format!("a={}", "x".repeat(length - 2));
            let kept = OnceCell::new();
            let value = Urlencoded::new(text.as_bytes(), || &kept).first("a");
            assert_eq!(value.map(|value| value.len()), Some(length - 2));
            assert_eq!(kept.get().is_some(), is_kept, "{length}");
        }
    }

    proptest! {
        /// Cached or parsed in place, every call has the same result.
        #[test]
        fn kept_pairs_are_those_that_were_read(
            pairs in prop::collection::vec(("[a-c%+é]{0,2}", "[ -~]{0,9}"), 0..200),
            name in "[a-c%+é]{0,2}",
        ) {
            let mut writer = form_urlencoded::Serializer::new(String::new());
            writer.extend_pairs(&pairs);
            let text = writer.finish();
            let kept = OnceCell::new();
            let form = Urlencoded::new(text.as_bytes(), || &kept);
            let read: Vec<_> = form.pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            prop_assert_eq!(&read, &pairs);
            let values: Vec<_> = form.values(&name).map(Cow::into_owned).collect();
            let expected: Vec<_> = pairs.iter().filter(|(key, _)| *key == name).map(|(_, value)| value.clone()).collect();
            let first = form.first(&name);
            prop_assert_eq!(first.as_deref(), expected.first().map(String::as_str));
            prop_assert_eq!(values, expected);
        }
    }
}
