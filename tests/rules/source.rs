//! A Rust file as the rules see it: its text, and its code with comments, literals and test items blanked out, line for line.

use std::fs;
use std::ops::Range;
use std::path::Path;

/// A source file.
pub struct Source {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// The file as it is written.
    pub text: String,
    /// The same bytes with comments, the contents of literals and `#[cfg(test)]` items replaced by spaces; line ends stay.
    pub code: String,
    /// Lines outside `#[cfg(test)]` items, comments and blank lines included.
    pub lines: usize,
}

/// A function with a body.
pub struct Function<'a> {
    pub name: &'a str,
    /// Line of the `fn`, from 1.
    pub line: usize,
    /// From `fn` to the closing brace.
    pub text: &'a str,
    /// The text between its braces.
    pub body: &'a str,
}

impl Source {
    /// Every file of the library and of the command that is compiled outside tests, sorted by path.
    pub fn tree() -> Vec<Source> {
        Source::below(&["src", "cli/src"])
    }

    /// What pages may quote: the examples too.
    pub fn quotable() -> Vec<Source> {
        Source::below(&["src", "cli/src", "examples"])
    }

    fn below(folders: &[&str]) -> Vec<Source> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = Vec::new();
        folders.iter().for_each(|folder| walk(&root.join(folder), &mut paths));
        paths.sort();
        let texts = paths.into_iter().map(|path| {
            let text = fs::read_to_string(root.join(&path)).unwrap_or_else(|e| panic!("{path}: {e}"));
            (path, text)
        });
        Source::all(texts)
    }

    /// The files of the library alone.
    pub fn library() -> Vec<Source> {
        Source::tree().into_iter().filter(|source| source.path.starts_with("src/")).collect()
    }

    /// A tree made of `(path, text)` pairs, without the files that only `#[cfg(test)] mod …;` declares.
    pub fn all<P: Into<String>, T: Into<String>>(files: impl IntoIterator<Item = (P, T)>) -> Vec<Source> {
        let mut tests = Vec::new();
        let mut sources = Vec::new();
        for (path, text) in files {
            let (path, text) = (path.into(), text.into());
            let mut code = blank(&text);
            let items = test_items(&code);
            tests.extend(items.iter().filter_map(|item| declared_module(&code[item.clone()])).map(|m| child(&path, m)));
            let hidden: usize = items.iter().map(|item| text[item.clone()].lines().count()).sum();
            let lines = text.lines().count() - hidden;
            for item in items {
                let spaces = erased(&code[item.clone()]);
                code.replace_range(item, &spaces);
            }
            sources.push(Source { path, text, code, lines });
        }
        sources.retain(|s| !tests.iter().any(|t| s.path == format!("{t}.rs") || s.path.starts_with(&format!("{t}/"))));
        sources
    }

    /// The folder or, at the top, the file's stem: `http1`, `net`, …, `lib`, `server`.
    pub fn layer(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
    }

    /// The path of its module below the crate root: `["http1", "head"]`.
    pub fn module(&self) -> Vec<&str> {
        let inside = self.path.trim_start_matches("cli/").trim_start_matches("src/").trim_end_matches(".rs");
        inside.split('/').filter(|part| !["mod", "lib", "main"].contains(part)).collect()
    }

    /// The functions that have a body, nested ones too.
    pub fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        words(&self.code, "fn").filter_map(|start| {
            let code = &self.code[start..];
            let name = identifier(code[2..].trim_start()).filter(|name| !name.is_empty())?;
            let open = find_outside(code, &['{', ';']).filter(|&at| code.as_bytes()[at] == b'{')?;
            let close = closing(code, open)?;
            let line = self.line_of(start);
            Some(Function { name, line, text: &self.text[start..=start + close], body: &code[open + 1..close] })
        })
    }

    /// The line, from 1, of a byte offset.
    pub fn line_of(&self, offset: usize) -> usize {
        self.code[..offset].matches('\n').count() + 1
    }
}

/// Offsets of `word` as a whole word (if its own ends are word characters).
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].chars().next_back().is_some_and(part) && word.starts_with(part);
        let after = code[at + word.len()..].chars().next().is_some_and(part) && word.ends_with(part);
        !before && !after
    })
}

/// The identifier that `code` starts with.
pub fn identifier(code: &str) -> Option<&str> {
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    code.get(..end)
}

/// The offset of the bracket that closes the one at `open`.
pub fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.checked_sub(1)?,
            _ => continue,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The first of `stops` outside parentheses and brackets.
pub fn find_outside(code: &str, stops: &[char]) -> Option<usize> {
    let mut depth = 0i32;
    code.char_indices().find_map(|(at, c)| {
        if depth == 0 && stops.contains(&c) {
            return Some(at);
        }
        depth += i32::from("([".contains(c)) - i32::from(")]".contains(c));
        None
    })
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            if !path.ends_with("target") {
                walk(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            let inside = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("a path below the root");
            found.push(inside.to_string_lossy().replace('\\', "/"));
        }
    }
}

/// Replaces comments and the contents of literals by spaces. A lexer of Rust's trivia, nothing more.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (from, to, next) = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => until(bytes, at, at, |rest| rest[0] == b'\n', 0),
            b'/' if bytes[at..].starts_with(b"/*") => block_comment(bytes, at),
            b'"' => string(bytes, at),
            b'\'' => character(text, at),
            b'r' if !at.checked_sub(1).is_some_and(|b| is_name(bytes[b]) && !b"bc".contains(&bytes[b])) => {
                raw_string(bytes, at)
            }
            _ => (at, at, at + 1),
        };
        for byte in &mut out[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = next;
    }
    String::from_utf8(out).expect("whole characters are blanked")
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Blanks from `from` to where `end` holds (looked for from `start`), and continues `skip` bytes after it.
fn until(bytes: &[u8], from: usize, start: usize, end: impl Fn(&[u8]) -> bool, skip: usize) -> (usize, usize, usize) {
    let to = (start..bytes.len()).find(|&at| end(&bytes[at..])).unwrap_or(bytes.len());
    (from, to, (to + skip).min(bytes.len()))
}

fn block_comment(bytes: &[u8], start: usize) -> (usize, usize, usize) {
    let (mut at, mut depth) = (start, 0usize);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    (start, at, at)
}

fn string(bytes: &[u8], start: usize) -> (usize, usize, usize) {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    let end = at.min(bytes.len());
    (start + 1, end, (end + 1).min(bytes.len()))
}

/// `r"…"`, `r#"…"#`; `r#type` and plain names are left alone.
fn raw_string(bytes: &[u8], start: usize) -> (usize, usize, usize) {
    let hashes = bytes[start + 1..].iter().take_while(|b| **b == b'#').count();
    let open = start + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return (start, start, start + 1);
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    until(bytes, open + 1, open + 1, |rest| rest.starts_with(&end), end.len())
}

/// `'x'` and `'\n'`, but not the lifetime `'x`.
fn character(text: &str, start: usize) -> (usize, usize, usize) {
    let mut inside = text[start + 1..].chars();
    match (inside.next(), inside.next()) {
        (Some('\\'), _) => until(text.as_bytes(), start + 1, start + 3, |rest| rest[0] == b'\'', 1),
        (Some(c), Some('\'')) => (start + 1, start + 1 + c.len_utf8(), start + 2 + c.len_utf8()),
        _ => (start, start, start + 1),
    }
}

/// The ranges of the items under `#[cfg(test)]` or `#[cfg(all(test, …))]`, attribute included.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices("#[cfg(") {
        let condition = &code[start + "#[cfg(".len()..];
        let nested = items.last().is_some_and(|last| start < last.end);
        if nested || !(condition.starts_with("test)") || condition.starts_with("all(test,")) {
            continue;
        }
        let item = &code[start..];
        let end = match find_outside(item, &['{', ';']) {
            Some(at) if item.as_bytes()[at] == b'{' => closing(item, at).map_or(item.len(), |end| end + 1),
            Some(at) => at + 1,
            None => item.len(),
        };
        items.push(start..start + end);
    }
    items
}

/// `name` of an item that is `mod name;`.
fn declared_module(item: &str) -> Option<&str> {
    let rest = item.strip_suffix(';')?;
    let at = words(rest, "mod").next()?;
    identifier(rest[at + 3..].trim_start())
}

/// Where `mod name;` in the file `path` is looked for, without its ending.
fn child(path: &str, name: &str) -> String {
    let stem = path.trim_end_matches(".rs");
    let folder = ["/mod", "/lib", "/main"].iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(stem);
    format!("{folder}/{name}")
}

fn erased(text: &str) -> String {
    text.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect()
}

#[test]
fn comments_literals_and_tests_are_no_code() {
    let cases = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"f("a\"b", 'c', '\'', b'"')"#, r#"f("    ", ' ', '  ', b' ')"#),
        (r###"r#"un"safe"# r#type"###, r###"r#"       "# r#type"###),
        ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
        (
            "a;\n#[cfg(test)]\nmod tests { fn f() { {} } }\nb;",
            &format!("a;\n{}\n{}\nb;", " ".repeat(12), " ".repeat(27)),
        ),
        ("#[cfg(test)] use a::b; c", "                       c"),
    ];
    for (text, code) in cases {
        assert_eq!(Source::all([("src/lib.rs", text)])[0].code, code, "{text}");
    }
}

#[test]
fn a_file_that_only_tests_declare_is_left_out() {
    let tree =
        Source::all([("src/a/mod.rs", "mod b;\n#[cfg(test)]\nmod c;\n"), ("src/a/b.rs", ""), ("src/a/c.rs", "")]);
    let paths: Vec<_> = tree.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(paths, ["src/a/mod.rs", "src/a/b.rs"]);
    assert_eq!(tree[0].lines, 1);
}
