//! Wraps text at words to the width of a terminal, with a hanging indent. The caller supplies the
//! width.

/// Minimum columns to the right of the indent. With fewer, continuation lines begin at [`NARROW`]
/// instead.
const ROOM: usize = 24;
const NARROW: usize = 2;

/// Wraps `text`, which begins at column `indent`, to `columns`. Continuation lines begin with
/// `indent` spaces.
///
/// Breaks at spaces and after `␠`, and inside a word only if the word is wider than a line. Keeps
/// line feeds. Without `columns`, breaks no line. Color escape sequences have no width.
#[doc(hidden)]
pub fn wrap(text: &str, indent: usize, columns: Option<usize>) -> String {
    let columns = columns.unwrap_or(usize::MAX);
    let hang = if columns < indent.saturating_add(ROOM) { NARROW.min(indent) } else { indent };
    let mut page = Wrapper { out: String::with_capacity(text.len()), at: indent, spaces: 0, hang, columns };
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            page.line_feed();
        }
        for piece in line.split_inclusive([' ', '␠']) {
            let word = piece.trim_end_matches(' ');
            page.push(word);
            page.spaces += piece.len() - word.len();
        }
    }
    page.out
}

/// Returns the terminal columns of `text`: two for a wide character, none for a combining one or a
/// color escape sequence.
#[doc(hidden)]
pub fn display_width(text: &str) -> usize {
    units(text).map(unit_width).sum()
}

struct Wrapper {
    out: String,
    /// The column after the last character.
    at: usize,
    /// Pending spaces before the next word of this line.
    spaces: usize,
    hang: usize,
    columns: usize,
}

impl Wrapper {
    fn line_feed(&mut self) {
        self.out.push('\n');
        (self.at, self.spaces) = (0, self.hang);
    }

    fn push(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        let width = display_width(word);
        let begins_line = self.at == 0;
        if !begins_line
            && self.at + self.spaces + width > self.columns
            && width <= self.columns - self.hang.min(self.columns)
        {
            self.line_feed();
        }
        for unit in units(word) {
            let width = unit_width(unit);
            if self.at + self.spaces + width > self.columns && self.at > 0 {
                self.line_feed();
            }
            self.out.extend(std::iter::repeat_n(' ', self.spaces));
            self.out.push_str(unit);
            self.at += std::mem::take(&mut self.spaces) + width;
        }
    }
}

/// Iterates over the characters of `text`; an escape sequence (ECMA-48 CSI) counts as one.
fn units(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = match first {
            '\x1b' => rest.find(|c: char| c.is_ascii_alphabetic()).map_or(rest.len(), |end| end + 1),
            c => c.len_utf8(),
        };
        let (unit, after) = rest.split_at(length);
        rest = after;
        Some(unit)
    })
}

/// Follows East Asian Width (UAX #11) by blocks. A narrow character of such a block counts as two,
/// so a line may end earlier.
fn unit_width(unit: &str) -> usize {
    match unit.chars().next() {
        None | Some('\x1b' | '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}') => 0,
        Some(
            '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}'
            | '\u{1f300}'..='\u{1faff}'
            | '\u{20000}'..='\u{3ffff}',
        ) => 2,
        Some(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_break_at_words_and_hang_under_the_text() {
        let cases: &[(&str, usize, Option<usize>, &str)] = &[
            ("one two three four", 0, Some(9), "one two\nthree\nfour"),
            ("one two three four five", 4, Some(29), "one two three four five"),
            ("one two three four five six seven", 4, Some(29), "one two three four five\n    six seven"),
            ("one two three", 4, None, "one two three"),
            ("", 4, Some(29), ""),
            ("a  b\n  c\n\nd", 2, Some(40), "a  b\n    c\n\n  d"),
            // A word wider than a line is broken at the line end.
            ("abcdefgh ij", 0, Some(4), "abcd\nefgh\nij"),
            ("GET␠/hello␠HTTP/1.1␍␊", 0, Some(12), "GET␠/hello␠\nHTTP/1.1␍␊"),
            // No columns to the right of the indent: continuation lines begin at the left margin.
            ("accept4() = fd 9, from 127.0.0.1", 20, Some(40), "accept4() = fd 9,\n  from 127.0.0.1"),
            ("unbreakable-word-of-some-length x", 20, Some(40), "\n  unbreakable-word-of-some-length x"),
            ("\x1b[31mone\x1b[0m two", 0, Some(7), "\x1b[31mone\x1b[0m two"),
            ("日本語 日本", 0, Some(10), "日本語\n日本"),
            ("ab", 0, Some(0), "a\nb"),
        ];
        for (text, indent, columns, expected) in cases {
            assert_eq!(wrap(text, *indent, *columns), *expected, "{text:?}");
        }
    }

    #[test]
    fn a_wide_character_takes_two_columns() {
        for (text, width) in
            [("GET␠/", 5), ("Zoë", 3), ("e\u{301}", 1), ("日本", 4), ("🦀", 2), ("\x1b[1;31mx\x1b[0m", 1)]
        {
            assert_eq!(display_width(text), width, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_wider_and_no_word_is_lost(text in "[a-z␠ \n]{0,200}", indent in 0_usize..40, room in 4_usize..60) {
            let columns = indent + room;
            let wrapped = wrap(&text, indent, Some(columns));
            for (number, line) in wrapped.split('\n').enumerate() {
                let at = if number == 0 { indent } else { 0 };
                prop_assert!(at + display_width(line) <= columns, "{line:?} of {wrapped:?}");
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&text), letters(&wrapped));
        }
    }
}
