//! A table of keys and their users, searched in constant time.

use std::sync::Arc;

use subtle::{ConditionallySelectable, ConstantTimeEq};

/// Longest key of a table, in bytes. Keys are compared padded to it, so that timing does not reveal
/// their length.
pub(super) const MAX_LEN: usize = 128;

/// Numbers, because `subtle` compares one number as slowly as one byte: 180 instructions a key
/// instead of 1,600.
type Padded = [u64; MAX_LEN / 8];

/// The user that a request is authenticated as: `req.get::<ApiUser>()`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApiUser(Arc<str>);

impl ApiUser {
    /// Creates a user of this name, for the look-up function of a guard.
    pub fn new(name: impl Into<Arc<str>>) -> ApiUser {
        ApiUser(name.into())
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

#[derive(Default)]
pub(super) struct KeyTable(Vec<(Padded, ApiUser)>);

impl KeyTable {
    /// Adds a key. `None` if it is empty, longer than [`MAX_LEN`] or has a NUL.
    pub(super) fn insert(&mut self, key: &[u8], user: ApiUser) -> Option<()> {
        self.0.push((padded(key)?, user));
        Some(())
    }

    /// Finds the user of a key. Compares with every key, in constant time.
    pub(super) fn find(&self, key: &[u8]) -> Option<ApiUser> {
        let key = padded(key)?;
        let mut place = u64::MAX;
        for (number, (known, _)) in (0..).zip(&self.0) {
            place.conditional_assign(&number, known.ct_eq(&key));
        }
        self.0.get(usize::try_from(place).ok()?).map(|(_, user)| user.clone())
    }
}

/// Returns a key as numbers, padded with zeros. Keys have no NUL, so different keys differ.
fn padded(key: &[u8]) -> Option<Padded> {
    let mut bytes = [0; MAX_LEN];
    bytes.get_mut(..key.len())?.copy_from_slice(key);
    let mut words = [0; MAX_LEN / 8];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*chunk);
    }
    (!key.is_empty() && !key.contains(&0)).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_keys_that_padding_could_confuse() {
        let mut table = KeyTable::default();
        for key in [&b""[..], b"\0", b"a\0", &[b'x'; MAX_LEN + 1]] {
            assert_eq!(table.insert(key, ApiUser::new("never")), None);
            assert_eq!(table.find(key), None);
        }
        table.insert(b"a", ApiUser::new("a"));
        assert_eq!(table.find(b"a\0"), None);
    }

    proptest! {
        #[test]
        fn only_the_keys_of_the_table_fit(keys in proptest::collection::btree_set("[!-~]{1,128}", 1..8), guess in "[!-~]{0,140}") {
            let mut table = KeyTable::default();
            keys.iter().for_each(|key| table.insert(key.as_bytes(), ApiUser::new(key.as_str())).unwrap());
            for key in keys.iter().chain([&guess]) {
                let expected = keys.contains(key).then_some(key.as_str());
                let found = table.find(key.as_bytes());
                prop_assert_eq!(found.as_ref().map(ApiUser::name), expected);
            }
        }
    }
}
