//! The public API as text: what `lib.rs` exports, and every signature that a user of those names can reach.
//!
//! A change of it shows up in review as a change of `tests/rules/public-api.txt`; `UPDATE_API=1 cargo test --test rules` rewrites it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

use super::source::{Source, closing, find_outside, identifier, words};

const NAMES: usize = 60;
const SNAPSHOT: &str = "tests/rules/public-api.txt";

/// More than [`NAMES`] names at the crate root; ten are better than a hundred.
pub fn too_many_names(sources: &[Source]) -> Vec<String> {
    let root = public_paths(sources);
    let names: Vec<_> = root.iter().filter(|path| !path.contains("::")).collect();
    println!("{} names at the crate root, of {NAMES}", names.len());
    if names.len() > NAMES { vec![format!("{} names at the crate root, of {NAMES}", names.len())] } else { Vec::new() }
}

/// Panics with a diff when the API is not the one that was agreed to, or rewrites the agreement when `UPDATE_API` is set.
pub fn compare_with_snapshot(sources: &[Source]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SNAPSHOT);
    let now = snapshot(sources);
    if env::var_os("UPDATE_API").is_some() {
        fs::write(path, now).expect("a writable snapshot");
        return;
    }
    let agreed = fs::read_to_string(path).unwrap_or_default();
    let changes = difference(&agreed, &now);
    let advice = "the public API changed; if it should, run `UPDATE_API=1 cargo test --test rules` and commit the file";
    assert!(changes.is_empty(), "{advice}\n{}\n", changes.join("\n"));
}

/// Every public path, and below it what can be done with it: declaration, methods, implementations.
fn snapshot(sources: &[Source]) -> String {
    let paths = public_paths(sources);
    let names: BTreeSet<&str> = paths.iter().filter_map(|path| path.rsplit("::").next()).collect();
    let mut lines: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        for (name, line) in declarations(&source.code).into_iter().chain(implementations(&source.code, &names)) {
            lines.entry(name).or_default().insert(line);
        }
    }
    let mut out = String::new();
    for path in &paths {
        out += &format!("{path}\n");
        for line in lines.get(path.rsplit("::").next().unwrap_or(path)).into_iter().flatten() {
            out += &format!("    {line}\n");
        }
    }
    for source in sources {
        out += &generated(source).concat();
    }
    out
}

fn difference(old: &str, new: &str) -> Vec<String> {
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (old.lines().collect(), new.lines().collect());
    let gone = old.lines().filter(|line| !after.contains(line)).map(|line| format!("-{line}"));
    let come = new.lines().filter(|line| !before.contains(line)).map(|line| format!("+{line}"));
    gone.chain(come).collect()
}

/// What `lib.rs` re-exports or declares, and what its public modules do in turn: `App`, `middleware::Cors`.
fn public_paths(sources: &[Source]) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    if let Some(lib) = sources.iter().find(|source| source.path == "src/lib.rs") {
        collect(sources, "src/", &lib.code, "", &mut paths);
    }
    for source in sources {
        for at in words(&source.code, "macro_rules!").filter(|at| source.code[..*at].ends_with("#[macro_export]\n")) {
            let name = identifier(source.code[at + "macro_rules!".len()..].trim_start());
            paths.extend(name.map(|name| format!("{name}!")));
        }
    }
    paths
}

/// Adds the public names of a module whose children live in `folder`.
fn collect(sources: &[Source], folder: &str, code: &str, prefix: &str, paths: &mut BTreeSet<String>) {
    for Item { text: item, .. } in public_items(code) {
        if let Some(tree) = item.strip_prefix("use ") {
            let names = leaves(tree.split(';').next().unwrap_or(tree));
            paths.extend(names.into_iter().map(|name| format!("{prefix}{name}")));
        } else if let Some(name) = item.strip_prefix("mod ").and_then(identifier) {
            paths.insert(format!("{prefix}{name}"));
            let files = [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")];
            let inline = item.find('{').filter(|at| !item[..*at].contains(';'));
            let body = match inline {
                Some(open) => Some(&item[open + 1..closing(item, open).unwrap_or(item.len())]),
                None => sources.iter().find(|s| files.contains(&s.path)).map(|s| s.code.as_str()),
            };
            collect(sources, &format!("{folder}{name}/"), body.unwrap_or(""), &format!("{prefix}{name}::"), paths);
        } else if let Some(name) = declared(item) {
            paths.insert(format!("{prefix}{name}"));
        }
    }
}

/// What follows a `pub `, and the attributes before it.
struct Item<'a> {
    attributes: &'a str,
    text: &'a str,
}

/// The public items of a module's own level, except what is hidden from the documentation.
fn public_items(code: &str) -> impl Iterator<Item = Item<'_>> {
    let mut depth = 0i32;
    let mut at_level = vec![0; code.len() + 1];
    for (at, byte) in code.bytes().enumerate() {
        at_level[at] = depth;
        depth += i32::from(byte == b'{') - i32::from(byte == b'}');
    }
    let own = words(code, "pub").filter(move |at| at_level[*at] == 0);
    let items = own.filter_map(|at| {
        let attributes = code[..at].rsplit([';', '}']).next().unwrap_or("");
        Some(Item { attributes, text: code[at..].strip_prefix("pub ")? })
    });
    items.filter(|item| !item.attributes.contains("doc(hidden)"))
}

/// The names that a `use` tree brings in: `{a::B, c::{D, E as F}}` → B, D, F.
fn leaves(tree: &str) -> Vec<&str> {
    let parts = tree.split(['{', '}', ',']).map(str::trim).filter(|part| !part.is_empty() && !part.ends_with("::"));
    parts.filter_map(|part| part.rsplit([':', ' ']).next()).collect()
}

/// The name that an item declares.
fn declared(item: &str) -> Option<&str> {
    let item = item.strip_prefix("const ").filter(|rest| rest.starts_with("fn ")).unwrap_or(item);
    let (kind, rest) = item.split_once(' ')?;
    let kinds = ["struct", "enum", "union", "trait", "fn", "type", "const", "static"];
    identifier(rest).filter(|name| kinds.contains(&kind) && !name.is_empty())
}

/// `(name, line)` for each public struct, enum, trait, function, type and constant of a file, with its public insides.
fn declarations(code: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    for Item { attributes, text } in public_items(code) {
        let Some(name) = declared(text) else { continue };
        found.push((name, format!("pub {}", signature(text))));
        let derived = attributes.split("#[derive(").skip(1).filter_map(|rest| rest.split(')').next()).flat_map(parts);
        found.extend(derived.map(|derived| (name, format!("{name} derives {derived}"))));
        let insides = block(text).unwrap_or("");
        let members = match text.split(' ').next() {
            Some("struct") => parts(insides).filter(|field| field.contains("pub ")).collect(),
            Some("enum") => parts(insides).collect(),
            Some("trait") => words(insides, "fn").map(|at| signature(&insides[at..])).collect(),
            _ => Vec::new(),
        };
        found.extend(members.into_iter().map(|member| (name, format!("{name}: {member}"))));
    }
    found
}

/// `(name, line)` for each `impl` block of a public name: its public functions and constants, or the trait it implements.
fn implementations<'a>(code: &'a str, names: &BTreeSet<&'a str>) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    for start in words(code, "impl").filter(|at| *at == 0 || code[..*at].ends_with('\n')) {
        let item = &code[start..];
        let (Some(insides), header) = (block(item), signature(item)) else { continue };
        let (implemented, kind) = parties(item);
        match (implemented, names.get(kind)) {
            (None, Some(kind)) => {
                found.extend(public_items(insides).map(|item| (*kind, format!("{kind}::{}", signature(item.text)))));
            }
            (Some(_), Some(kind)) => found.push((kind, header)),
            (Some(implemented), None) => found.extend(names.get(implemented).map(|name| (*name, header))),
            (None, None) => {}
        }
    }
    found
}

/// The trait, if any, and the type of an `impl`, by their last names.
fn parties(item: &str) -> (Option<&str>, &str) {
    let header = &item["impl".len()..find_outside(item, &['{']).unwrap_or(item.len())];
    let header = header.split(" where").next().unwrap_or(header);
    let behind_generics = if header.starts_with('<') { &header[angle(header)..] } else { header };
    match behind_generics.split_once(" for ") {
        // A trait with a path is of another crate: `std::error::Error` is not our `Error`.
        Some((implemented, kind)) if implemented.contains("::") => (Some(""), last_name(kind)),
        Some((implemented, kind)) => (Some(last_name(implemented)), last_name(kind)),
        None => (None, last_name(behind_generics)),
    }
}

/// The offset after the `>` that closes the `<` at the start; the `>` of `->` closes nothing.
fn angle(header: &str) -> usize {
    let mut depth = 0i32;
    let mut before = ' ';
    let close = header.char_indices().find(|&(_, c)| {
        depth += i32::from(c == '<') - i32::from(c == '>' && before != '-');
        before = c;
        depth == 0
    });
    close.map_or(0, |(at, _)| at + 1)
}

/// `Text` of `&'a crate::body::Text<'a>`.
fn last_name(path: &str) -> &str {
    let path = path.trim().trim_start_matches('&').split('<').next().unwrap_or(path);
    path.trim().rsplit([':', ' ']).next().unwrap_or(path)
}

/// The text between the braces of an item, if it has them.
fn block(item: &str) -> Option<&str> {
    let open = find_outside(item, &['{', ';']).filter(|&at| item.as_bytes()[at] == b'{')?;
    Some(&item[open + 1..closing(item, open)?])
}

/// An item up to its body or value, on one line.
fn signature(item: &str) -> String {
    let value = item.starts_with("const ") && !item.starts_with("const fn ") || item.starts_with("static ");
    let stops: &[char] = if value { &['=', ';'] } else { &['{', ';'] };
    let signature = one_line(&item[..find_outside(item, stops).unwrap_or(item.len())]);
    let opaque = item.starts_with("struct ") && !signature.contains("pub ");
    match signature.split_once('(') {
        Some((name, _)) if opaque => name.to_owned(),
        _ => signature,
    }
}

/// Public items that a macro of the file writes: its templates, and the lines of each call that fill them in.
fn generated(source: &Source) -> Vec<String> {
    let code = source.code.as_str();
    let mut lines = Vec::new();
    for at in words(code, "macro_rules!") {
        let definition = code[at + "macro_rules!".len()..].trim_start();
        let (Some(name), Some(body)) = (identifier(definition), block(definition)) else { continue };
        let templates: Vec<_> = words(body, "pub").filter_map(|at| body[at..].strip_prefix("pub ")).collect();
        if templates.is_empty() {
            continue;
        }
        lines.push(format!("{name}!\n"));
        lines.extend(templates.into_iter().map(|item| format!("    pub {}\n", signature(item))));
        for start in words(code, name).filter(|at| code[at + name.len()..].starts_with("! {")) {
            let open = start + name.len() + "! ".len();
            let call = open + 1..closing(code, open).unwrap_or(code.len());
            // The lines as written, since literals in them may be API too; but no comments.
            let pairs = code[call.clone()].lines().zip(source.text[call].lines());
            let filled = pairs.filter(|(code, _)| code.contains(char::is_alphanumeric));
            lines.extend(filled.map(|(_, text)| format!("    {}\n", one_line(text))));
        }
    }
    lines
}

/// What the commas outside all brackets separate; the `>` of `->` closes nothing.
fn parts(list: &str) -> impl Iterator<Item = String> {
    let (mut depth, mut before) = (0i32, ' ');
    let parts = list.split(move |c| {
        depth += i32::from("({[<".contains(c)) - i32::from(")}]".contains(c) || c == '>' && before != '-');
        before = c;
        c == ',' && depth == 0
    });
    parts.map(one_line).filter(|part| !part.is_empty())
}

/// Without line breaks and what rustfmt adds with them.
fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("( ", "(").replace(", )", ")").replace(" )", ")").trim_end_matches([',', ' ']).to_owned()
}

#[cfg(test)]
const LIB: &str = "
pub mod middleware;
mod app;
pub use app::{App, body::{Json, Text as Words}};
pub(crate) use app::Secret;
#[doc(hidden)]
pub mod fuzzing;
pub fn abort(status: u16) -> Error {}
";

#[cfg(test)]
const APP: &str = r#"
#[derive(Clone, Debug)]
pub struct App { pub names: Map<String, u8>, secret: fn(u8) -> Option<u8>, pub size: u8 }
pub(crate) struct Secret;
pub struct Words(u8);
impl App {
    pub fn new() -> App { pub_like() }
    pub(crate) fn inner(&self) {}
    pub fn get<F>(
        &mut self,
        f: impl Fn(&Request<'_>) -> Option<u8>,
    ) -> &mut Self
    where
        F: Send,
    { }
    pub const SIZE: usize = 3;
}
impl Secret { pub fn tell(&self) {} }
impl<F: Fn(&u8) -> u8> From<F> for App { fn from(f: F) -> Self {} }
impl Clone for Secret { }
pub enum Json { Null, Text(String, u8) }
macro_rules! verbs {
    ($($name:ident;)*) => {$( pub fn $name(&self) -> u8 { self.call() } )*};
}
impl App {
    verbs! {
        // why
        get;
        post "POST";
    }
}
"#;

#[test]
fn the_snapshot_lists_what_a_user_can_reach() {
    let files = [
        ("src/lib.rs", LIB),
        ("src/app/mod.rs", APP),
        ("src/middleware/mod.rs", "pub use cors::Cors;\npub(crate) fn f() {}"),
    ];
    let expected = r#"App
    App derives Clone
    App derives Debug
    App: pub names: Map<String, u8>
    App: pub size: u8
    App::const SIZE: usize
    App::fn get<F>(&mut self, f: impl Fn(&Request<'_>) -> Option<u8>) -> &mut Self where F: Send
    App::fn new() -> App
    impl<F: Fn(&u8) -> u8> From<F> for App
    pub struct App
Json
    Json: Null
    Json: Text(String, u8)
    pub enum Json
Words
    pub struct Words
abort
    pub fn abort(status: u16) -> Error
middleware
middleware::Cors
verbs!
    pub fn $name(&self) -> u8
    get;
    post "POST";
"#;
    assert_eq!(snapshot(&Source::all(files)), expected);
}

#[test]
fn detects_a_change_and_at_the_61st_name() {
    assert_eq!(difference("a\nb\n", "a\nc\n"), ["-b", "+c"]);
    let lib = |n: usize| (0..n).fold(String::new(), |text, i| text + &format!("pub use app::Name{i};\n"));
    assert_eq!(too_many_names(&Source::all([("src/lib.rs", lib(60))])), [""; 0]);
    assert_eq!(too_many_names(&Source::all([("src/lib.rs", lib(61))])).len(), 1);
}
