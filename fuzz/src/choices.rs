//! Choices for the structured targets: the fuzzer's bytes choose among the sentences of a grammar, so every input is one.

/// The bytes that are left. After the last one each choice is the first, and each list is over.
pub(crate) struct Choices<'d>(pub(crate) &'d [u8]);

impl Choices<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    /// Returns a number below `bound`, which is at most 256.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(crate) fn one_of<T: Clone>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())].clone()
    }

    /// Returns nothing, or what `make` returns.
    pub(crate) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }

    /// Returns up to `most` items, at most 255.
    pub(crate) fn list<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = self.below(most + 1);
        (0..length).map(|_| make(self)).collect()
    }

    /// Returns up to `most` of these pieces, one after the other.
    pub(crate) fn text(&mut self, pieces: &[&str], most: usize) -> String {
        self.list(most, |choices| choices.one_of(pieces)).concat()
    }

    /// Returns a number that is small, or near a bound of the machine's numbers.
    pub(crate) fn number(&mut self) -> u64 {
        let small = u64::from(self.byte());
        let near = self.one_of(&[0, 0, 0, u64::from(u16::MAX), u64::from(u32::MAX), i64::MAX as u64, u64::MAX]);
        if self.flag() { near.saturating_add(small) } else { near.abs_diff(small) }
    }

    /// Returns the text with some of its letters in the other case.
    pub(crate) fn in_any_case(&mut self, text: &str) -> String {
        let mask = self.byte();
        let turned = |(at, c): (usize, char)| if mask >> (at % 8) & 1 == 1 { c.to_ascii_uppercase() } else { c };
        text.chars().enumerate().map(turned).collect()
    }

    /// Returns what may stand around a delimiter (OWS, RFC 9110 §5.6.3).
    pub(crate) fn blanks(&mut self) -> &'static str {
        self.one_of(&["", "", " ", "\t", " \t  "])
    }

    /// Writes a list field as one line or more, with blanks and empty members (RFC 9110 §5.6.1).
    pub(crate) fn lines(&mut self, members: &[String]) -> Vec<String> {
        let mut lines = vec![String::new()];
        for (number, member) in members.iter().enumerate() {
            let another = number > 0 && self.below(4) == 3;
            if another {
                lines.push(String::new());
            }
            let comma = if number == 0 || another { "" } else { "," };
            let piece = [comma, self.one_of(&["", "", "", ", ,"]), self.blanks(), member, self.blanks()].concat();
            let line = lines.pop().unwrap_or_default();
            lines.push(line + &piece);
        }
        lines
    }
}
