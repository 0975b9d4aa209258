//! Compares the code of two steps, line by line.

/// Unchanged lines around a change.
const CONTEXT: usize = 2;

/// A line of both versions, of the old one, or of the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// Returns the changes with some lines around them, and a line that names the function before each
/// group. The first element is the number of lines that are new and gone.
pub(in crate::ladder) fn diff(old: &[&str], new: &[&str]) -> ((usize, usize), String) {
    let lines = compare(old, new);
    let added = lines.iter().filter(|line| matches!(line, Line::New(_))).count();
    let removed = lines.iter().filter(|line| matches!(line, Line::Old(_))).count();
    let is_shown = |index: usize| {
        let near = lines.get(index.saturating_sub(CONTEXT)..lines.len().min(index + CONTEXT + 1));
        near.unwrap_or_default().iter().any(|line| !matches!(line, Line::Same(_)))
    };
    let (mut text, mut item, mut in_gap) = (String::new(), "", true);
    for (index, line) in lines.iter().enumerate() {
        let (sign, code) = match line {
            Line::Same(code) => (' ', *code),
            Line::Old(code) => ('-', *code),
            Line::New(code) => ('+', *code),
        };
        let shown = is_shown(index);
        if shown {
            if in_gap && !item.is_empty() && !starts_item(code) {
                text += &format!("⋮ {item}\n");
            } else if in_gap {
                text += "⋮\n";
            }
            text += format!("{sign} {code}").trim_end();
            text += "\n";
        }
        in_gap = !shown;
        if starts_item(code) && *line != Line::Old(code) {
            item = code.trim_end_matches(" {");
        } else if code == "}" {
            item = "";
        }
    }
    ((added, removed), text)
}

/// Returns whether the line begins a function or a type.
fn starts_item(code: &str) -> bool {
    let word = code.strip_prefix("pub ").unwrap_or(code).split(' ').next().unwrap_or_default();
    matches!(word, "fn" | "struct" | "enum" | "impl")
}

/// Marks each line by a longest common subsequence.
fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    // lengths[i][j]: the longest common subsequence of old[i..] and new[j..].
    let mut lengths = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    let at = |lengths: &[Vec<usize>], i: usize, j: usize| {
        lengths.get(i).and_then(|row| row.get(j)).copied().unwrap_or_default()
    };
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let length = if a == b {
                at(&lengths, i + 1, j + 1) + 1
            } else {
                at(&lengths, i + 1, j).max(at(&lengths, i, j + 1))
            };
            lengths.get_mut(i).and_then(|row| row.get_mut(j)).into_iter().for_each(|cell| *cell = length);
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b => {
                lines.push(Line::Same(a));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b) if b.is_none() || at(&lengths, i + 1, j) >= at(&lengths, i, j + 1) => {
                lines.push(Line::Old(a));
                i += 1;
            }
            (_, Some(b)) => {
                lines.push(Line::New(b));
                j += 1;
            }
            (_, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_shown_with_their_function() {
        let old = ["fn main() {", "    a", "    b", "    c", "    d", "    e", "    f", "}", "", "fn g() {", "}"];
        let new =
            ["fn main() {", "    a", "    b", "    c", "    d", "    E", "    f", "}", "", "fn g() {", "    x", "}"];
        let (counts, text) = diff(&old, &new);
        assert_eq!(counts, (2, 1));
        let expected = "⋮ fn main()\n      c\n      d\n-     e\n+     E\n      f\n  }\n\n  fn g() {\n+     x\n  }\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn equal_files_have_no_changes() {
        assert_eq!(diff(&["a", "b"], &["a", "b"]), ((0, 0), String::new()));
        assert_eq!(diff(&[], &["a"]), ((1, 0), "⋮\n+ a\n".to_owned()));
    }
}
