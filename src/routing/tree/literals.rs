//! Tables of literal paths and segments.
//!
//! Both tables compare eight bytes at once as one number, because a call of `memcmp` costs more
//! than the rest of a look-up.

/// Whole texts, each in a slot of its own, so that a look-up needs one comparison.
///
/// The table grows until no two texts share a slot, up to [`MAX_SLOTS_PER_PATH`] slots a text. A
/// text that has no slot even then is left out, so a miss means that the caller must search
/// elsewhere.
#[derive(Debug, Default)]
pub(super) struct PathTable {
    /// Empty, or a power of two of slots.
    slots: Vec<Option<PathEntry>>,
}

/// Maximum number of slots for each text. With eight, one text of thirty-two would collide; a slot
/// has forty bytes.
const MAX_SLOTS_PER_PATH: usize = 16;

#[derive(Clone, PartialEq, Eq, Debug)]
struct PathEntry {
    first: u64,
    last: u64,
    text: Box<[u8]>,
    number: u32,
}

/// Segments that can be matched at the start of a path, without finding the segment's end first.
///
/// They are stored with the following slash, so none is a prefix of another: of those that are not
/// greater than the path, only the greatest can match. The end of a path counts as a slash.
#[derive(Debug, Default)]
pub(super) struct Literals(Vec<Literal>);

#[derive(Debug)]
struct Literal {
    head: u64,
    /// The bytes of `head` that are text and slash.
    mask: u64,
    number: u32,
    /// Includes the slash.
    text: Box<[u8]>,
}

impl PathTable {
    /// Maximum length for [`PathTable::find_short`]: two numbers of eight bytes.
    pub(super) const SHORT: usize = 16;

    /// Adds a text, unless its slot stays taken. Returns whether the table contains all texts.
    pub(super) fn insert(&mut self, text: &[u8], number: u32) -> bool {
        let (first, last) = ends(text);
        let new = PathEntry { first, last, text: text.into(), number };
        if self.put(&new) {
            return true;
        }
        let words: Vec<PathEntry> = self.slots.iter().flatten().cloned().chain([new]).collect();
        let mut all_fit = false;
        while !all_fit && self.slots.len() < MAX_SLOTS_PER_PATH * words.len() {
            self.slots = vec![None; (2 * self.slots.len()).max(MAX_SLOTS_PER_PATH)];
            all_fit = words.iter().filter(|word| self.put(word)).count() == words.len();
        }
        all_fit
    }

    /// Returns the number of a text of up to [`PathTable::SHORT`] bytes, if present, without a call
    /// or a loop.
    #[inline]
    pub(super) fn find_short(&self, text: &[u8]) -> Option<u32> {
        let (first, last) = ends(text);
        let word = self.slots.get(self.slot(first, last))?.as_ref()?;
        let same = word.first == first && word.last == last && word.text.len() == text.len();
        if same && text.len() <= PathTable::SHORT { Some(word.number) } else { None }
    }

    /// Returns the number of a text of any length, if present.
    #[inline(never)]
    pub(super) fn find(&self, text: &[u8]) -> Option<u32> {
        let (first, last) = ends(text);
        let word = self.slots.get(self.slot(first, last))?.as_ref()?;
        if *word.text == *text { Some(word.number) } else { None }
    }

    /// Puts the entry in its slot if that is free. Returns whether the slot contains it.
    fn put(&mut self, word: &PathEntry) -> bool {
        let at = self.slot(word.first, word.last);
        self.slots.get_mut(at).is_some_and(|slot| slot.get_or_insert_with(|| word.clone()) == word)
    }

    /// Computes the slot. The upper bits of the product depend on all bytes of both words; sixteen
    /// of them are enough for 65,536 slots. The factor is 2^64 divided by the golden ratio, made
    /// odd.
    #[inline]
    fn slot(&self, first: u64, last: u64) -> usize {
        let product = (first.rotate_left(32) ^ last).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (product >> 48) as usize & self.slots.len().wrapping_sub(1)
    }
}

impl Literals {
    /// Returns the number of `segment`: `fresh` if it is new.
    pub(super) fn insert(&mut self, segment: &[u8], fresh: u32) -> u32 {
        let text = [segment, b"/"].concat();
        match self.0.binary_search_by(|word| (*word.text).cmp(&text)) {
            Ok(at) => self.0[at].number,
            Err(at) => {
                let mask = u64::MAX << (8 * 8_usize.saturating_sub(text.len()));
                self.0.insert(at, Literal { head: head(&text) & mask, mask, number: fresh, text: text.into() });
                fresh
            }
        }
    }

    /// Returns the number and the length of the segment that `path` begins with.
    #[inline]
    pub(super) fn begin(&self, path: &[u8]) -> Option<(u32, usize)> {
        let word = self.candidate(path)?;
        if word.text.len() <= 8 { Some((word.number, word.text.len() - 1)) } else { self.begin_long(path) }
    }

    /// Returns the number of a whole segment. It may contain slashes, which were escaped.
    #[inline(never)]
    pub(super) fn find(&self, segment: &[u8]) -> Option<u32> {
        if segment.len() < 8 {
            return self.candidate(segment).filter(|word| word.text.len() == segment.len() + 1).map(|word| word.number);
        }
        let place = |word: &Literal| word.text.iter().cmp(segment.iter().chain(b"/"));
        self.0.get(self.0.binary_search_by(place).ok()?).map(|word| word.number)
    }

    /// Returns whether there are no segments.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns every segment with its number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.0.iter().map(|word| (word.text.strip_suffix(b"/").unwrap_or_default(), word.number))
    }

    /// Returns the only candidate for `path`, if all of its `head` matches.
    #[inline]
    fn candidate(&self, path: &[u8]) -> Option<&Literal> {
        if self.0.is_empty() {
            return None;
        }
        let head = head(path);
        let behind = self.0.partition_point(|word| word.head <= head);
        self.0.get(behind.checked_sub(1)?).filter(|word| head & word.mask == word.head)
    }

    /// Finds the segment among those of more than seven bytes that have the same `head`.
    #[inline(never)]
    fn begin_long(&self, path: &[u8]) -> Option<(u32, usize)> {
        let segment = path.split(|byte| *byte == b'/').next()?;
        Some((self.find(segment)?, segment.len()))
    }
}

/// Returns the first eight bytes as a number that sorts like the text. A shorter text is followed
/// by a slash and zeros.
#[inline]
fn head(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => short(text) | u64::from(b'/') << (56 - 8 * text.len()),
    }
}

/// Returns the first and the last eight bytes as numbers, of a shorter text the first and the last
/// four.
#[inline]
fn ends(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from_ne_bytes(*first), u64::from_ne_bytes(*last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u32::from_ne_bytes(*first).into(), u32::from_ne_bytes(*last).into());
    }
    (text.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), 0)
}

/// Reads fewer than eight bytes in two pieces that may overlap, instead of one by one.
#[inline]
fn short(text: &[u8]) -> u64 {
    let behind = 64 - 8 * text.len();
    match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_be_bytes(*first)) << 32 | u64::from(u32::from_be_bytes(*last)) << behind
        }
        _ => text.iter().rev().fold(0, |number, byte| number >> 8 | u64::from(*byte) << 56),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wholes(texts: &[String]) -> PathTable {
        let mut words = PathTable::default();
        for (number, text) in (0..).zip(texts) {
            words.insert(text.as_bytes(), number);
        }
        words
    }

    fn segments(texts: &[&str]) -> Literals {
        let mut words = Literals::default();
        for (number, text) in (0..).zip(texts) {
            assert_eq!(words.insert(text.as_bytes(), number), number);
        }
        words
    }

    #[test]
    fn a_table_of_a_usual_size_holds_every_text() {
        let texts: Vec<String> = ["/", "/a", "/users", "/posts", "/health", "/v1/users", "/a/page/with/a/long/name"]
            .map(str::to_owned)
            .into();
        let words = wholes(&texts);
        for (number, text) in (0..).zip(&texts) {
            let short = (text.len() <= PathTable::SHORT).then_some(number);
            assert_eq!(
                (words.find(text.as_bytes()), words.find_short(text.as_bytes())),
                (Some(number), short),
                "{text}"
            );
        }
        for text in ["", "/b", "/user", "/users/", "/v1/userz", "/a/page/with/b/long/name"] {
            assert_eq!((words.find(text.as_bytes()), words.find_short(text.as_bytes())), (None, None), "{text}");
        }
    }

    /// These differ only in the middle, so all but one are left out, and the table does not grow
    /// for them without limit.
    #[test]
    fn texts_alike_at_both_ends_do_not_crowd_out_memory() {
        let texts: Vec<String> = (1000..2000).map(|n| format!("/tenants/{n}/settings")).collect();
        let words = wholes(&texts);
        assert!(words.slots.len() <= MAX_SLOTS_PER_PATH * 2, "{}", words.slots.len());
        assert_eq!(words.find(texts[0].as_bytes()), Some(0));
        assert_eq!(words.find(texts[1].as_bytes()), None);
    }

    #[test]
    fn a_path_begins_with_one_segment() {
        let words = segments(&["a", "a-", "ab", "", "1234567", "12345678", "123456789", "12345678a", "caf\u{e9}"]);
        for (path, found) in [
            ("a", Some((0, 1))),
            ("a/b", Some((0, 1))),
            ("a-/b", Some((1, 2))),
            ("a-b", None),
            ("ab", Some((2, 2))),
            ("abc", None),
            ("", Some((3, 0))),
            ("/a", Some((3, 0))),
            ("1234567", Some((4, 7))),
            ("1234567/x", Some((4, 7))),
            ("12345678", Some((5, 8))),
            ("12345678/", Some((5, 8))),
            ("123456789/", Some((6, 9))),
            ("12345678a", Some((7, 9))),
            ("12345678b", None),
            ("123456", None),
            ("b", None),
            ("caf\u{e9}/x", Some((8, 5))),
            ("a\0", None),
        ] {
            assert_eq!(words.begin(path.as_bytes()), found, "{path:?}");
        }
        for (segment, found) in [("a", Some(0)), ("a/", None), ("a/b", None), ("", Some(3)), ("12345678a", Some(7))] {
            assert_eq!(words.find(segment.as_bytes()), found, "{segment:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_list(
            texts in prop::collection::btree_set("[ab]{0,2}[a-c-]{0,10}", 0..40),
            paths in prop::collection::vec("[ab]{0,2}[a-c-]{0,10}(/[a/]{0,9})?", 1..40),
        ) {
            let texts: Vec<String> = texts.into_iter().collect();
            let names: Vec<&str> = texts.iter().map(String::as_str).collect();
            let (begins, wholes) = (segments(&names), wholes(&texts));
            for path in texts.iter().chain(&paths) {
                let first = path.split('/').next().unwrap();
                let place = |text: &str| names.iter().position(|name| *name == text).map(|at| at as u32);
                prop_assert_eq!(begins.begin(path.as_bytes()), place(first).map(|number| (number, first.len())), "{}", path);
                prop_assert_eq!(begins.find(path.as_bytes()), place(path), "{}", path);
                for found in [wholes.find(path.as_bytes()), wholes.find_short(path.as_bytes())].into_iter().flatten() {
                    prop_assert_eq!(Some(found), place(path), "{}", path);
                }
            }
        }
    }
}
