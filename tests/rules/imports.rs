//! Finds import circles: files that name each other, directly or through others.
//!
//! An import is a path, in a `use` or in code, that leads to an item of another file. Re-exports are followed to the file that
//! defines the item, so a `mod.rs` that only hands names on is in no circle. A `mod name;` and a method call import nothing.
//! Neither does a file that names its parent module's items: `net/conn/read.rs` may extend the `Conn` of `net/conn.rs`.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, closing, identifier, words};

/// A path from a root, `["", "app", "request", "Request"]`; the first segment tells packages apart (`""` or `cli`).
type Path = Vec<String>;

/// The files of each circle, sorted, the circles in the order of their first files.
pub fn circles(sources: &[Source]) -> Vec<Vec<&str>> {
    let tree = Tree::new(sources);
    let imports: Vec<BTreeSet<usize>> = (0..sources.len()).map(|file| tree.imports(file)).collect();
    let reachable: Vec<BTreeSet<usize>> = (0..sources.len()).map(|file| reach(&imports, file)).collect();
    let mut circles = BTreeSet::new();
    for file in (0..sources.len()).filter(|file| reachable[*file].contains(file)) {
        let round = reachable[file].iter().filter(|other| reachable[**other].contains(&file));
        circles.insert(round.map(|other| sources[*other].path.as_str()).collect::<Vec<_>>());
    }
    circles.into_iter().collect()
}

/// The files that can be reached from `start` by one import or more.
fn reach(imports: &[BTreeSet<usize>], start: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        open.extend(imports[file].iter().filter(|next| found.insert(**next)));
    }
    found
}

/// The modules of all files, and the names that each file imports.
struct Tree<'a> {
    sources: &'a [Source],
    modules: BTreeMap<Path, usize>,
    /// For each file: what a name stands for.
    bindings: Vec<BTreeMap<String, Path>>,
    globs: Vec<Vec<Path>>,
}

impl<'a> Tree<'a> {
    fn new(sources: &'a [Source]) -> Tree<'a> {
        let modules = sources.iter().enumerate().map(|(file, source)| (module(source), file)).collect();
        let mut tree = Tree { sources, modules, bindings: Vec::new(), globs: Vec::new() };
        for source in sources {
            let (mut bindings, mut globs) = (BTreeMap::new(), Vec::new());
            for (path, name) in words(&source.code, "use").flat_map(|at| uses(&source.code[at + "use".len()..])) {
                let Some(path) = tree.absolute(source, &path) else { continue };
                match name.as_str() {
                    "*" => globs.push(path),
                    _ => drop(bindings.insert(name, path)),
                }
            }
            tree.bindings.push(bindings);
            tree.globs.push(globs);
        }
        tree
    }

    /// The files that a file's paths lead to.
    fn imports(&self, file: usize) -> BTreeSet<usize> {
        let source = &self.sources[file];
        let from_uses = self.bindings[file].values().chain(&self.globs[file]).cloned();
        let from_code = paths(&source.code).into_iter().filter_map(|path| match self.bindings[file].get(&path[0]) {
            Some(bound) => Some([bound, &path[1..]].concat()),
            None => self.absolute(source, &path),
        });
        let found = from_uses.chain(from_code).filter_map(|path| self.resolve(&path, 8));
        found.filter(|found| *found != file && !self.contains(*found, file)).collect()
    }

    /// Whether `outer` is the parent module of `inner`, or a parent of it.
    fn contains(&self, outer: usize, inner: usize) -> bool {
        module(&self.sources[inner]).starts_with(&module(&self.sources[outer]))
    }

    /// A path as written in `source`, from its package's root. `None` for other crates and local names.
    fn absolute(&self, source: &Source, path: &[String]) -> Option<Path> {
        let own = module(source);
        let ups = path.iter().take_while(|segment| *segment == "super").count();
        match path.first()?.as_str() {
            "crate" => Some([&own[..1], &path[1..]].concat()),
            "self" => Some([&own, &path[1..]].concat()),
            "super" => Some([own.get(..own.len() - ups)?, &path[ups..]].concat()),
            child => {
                let below = [own.as_slice(), &[child.to_owned()]].concat();
                self.modules.contains_key(&below).then(|| [&own, path].concat())
            }
        }
    }

    /// The file that defines what `path` leads to. A module alone is not an item; its own paths tell what is used of it.
    fn resolve(&self, path: &[String], hops: usize) -> Option<usize> {
        let length = (1..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let (file, rest) = (self.modules[&path[..length]], &path[length..]);
        let name = rest.first()?;
        if hops > 0 {
            if let Some(bound) = self.bindings[file].get(name) {
                return self.resolve(&[bound, &rest[1..]].concat(), hops - 1);
            }
            let mut globs = self.globs[file].iter().filter_map(|glob| self.resolve(&[glob, rest].concat(), hops - 1));
            if let Some(found) = globs.find(|found| self.defines(*found, name)) {
                return Some(found);
            }
        }
        Some(file)
    }

    fn defines(&self, file: usize, name: &str) -> bool {
        let code = &self.sources[file].code;
        let kinds = ["struct ", "enum ", "trait ", "fn ", "type ", "const ", "static ", "macro_rules! "];
        words(code, name).any(|at| kinds.iter().any(|kind| code[..at].ends_with(kind)))
    }
}

/// The module of a file, its package first.
fn module(source: &Source) -> Path {
    let package = if source.path.starts_with("cli/") { "cli" } else { "" };
    [package].into_iter().chain(source.module()).map(str::to_owned).collect()
}

/// `(path, name that it gets)` of each leaf of the `use` tree at the start of `code`.
fn uses(code: &str) -> Vec<(Path, String)> {
    let tree = code.split(';').next().unwrap_or(code);
    let mut found = Vec::new();
    if code.starts_with(char::is_whitespace) {
        leaves(tree, &[], &mut found);
    }
    found
}

fn leaves(tree: &str, before: &[String], found: &mut Vec<(Path, String)>) {
    let mut path = before.to_vec();
    let mut rest = tree.trim().trim_start_matches("::");
    loop {
        if let Some(group) = rest.strip_prefix('{') {
            let inside = &group[..closing(rest, 0).map_or(group.len(), |end| end - 1)];
            return split(inside).for_each(|part| leaves(part, &path, found));
        }
        let segment = if rest.starts_with('*') { "*" } else { identifier(rest).unwrap_or("") };
        if segment.is_empty() {
            return;
        }
        path.push(segment.to_owned());
        rest = rest[segment.len()..].trim_start();
        match rest.strip_prefix("::") {
            Some(more) => rest = more,
            None => break,
        }
    }
    let alias = rest.strip_prefix("as ").and_then(|name| identifier(name.trim_start()));
    path.retain(|segment| segment != "self" || before.is_empty());
    let Some(last) = path.last().cloned() else { return };
    path.retain(|segment| segment != "*");
    found.push((path, alias.map_or(last, str::to_owned)));
}

/// What the commas outside all braces separate.
fn split(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let parts = group.split(move |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    parts.filter(|part| !part.trim().is_empty())
}

/// The paths of two segments or more in code: `head::parse`, `crate::app::Request`.
fn paths(code: &str) -> Vec<Path> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = code[at..].find(|c: char| c.is_alphabetic() || c == '_').map(|offset| at + offset) {
        let mut path = Path::new();
        at = start;
        while let Some(segment) = identifier(&code[at..]).filter(|segment| !segment.is_empty()) {
            path.push(segment.to_owned());
            at += segment.len();
            match code[at..].strip_prefix("::") {
                Some(more) if more.starts_with(|c: char| c.is_alphabetic() || c == '_') => at += 2,
                _ => break,
            }
        }
        if path.len() > 1 && !code[..start].ends_with(':') {
            found.push(path);
        }
    }
    found
}

#[test]
fn detects_import_circles() {
    let with = |files: &[(&str, &str)]| {
        let sources = Source::all(files.iter().copied());
        circles(&sources).into_iter().map(|circle| circle.join(" ")).collect::<Vec<_>>()
    };
    let uses = |a: &str, b: &str| with(&[("src/lib.rs", "mod a; mod b;"), ("src/a.rs", a), ("src/b.rs", b)]);
    let none: [&str; 0] = [];
    assert_eq!(uses("use crate::b::B;", "use super::a::{self, A as Other};"), ["src/a.rs src/b.rs"]);
    assert_eq!(uses("fn f() { crate::b::g() }", "fn g() { super::a::f() }"), ["src/a.rs src/b.rs"]);
    assert_eq!(uses("use crate::b; fn f() { b::g() }", "use crate::a; fn g() { a::f() }"), ["src/a.rs src/b.rs"]);
    assert_eq!(uses("use crate::b::B;", "/// [`crate::a::A`]\nstruct B;"), none);
    assert_eq!(uses("use crate::b::B;", "#[cfg(test)] mod tests { use crate::a::A; }"), none);
    assert_eq!(uses("use crate::b::B;", "use other::a::A; fn f(a: A) { a.f() }"), none);
    // A parent that only declares and re-exports; a child that names its parent's own type.
    let room = |face: &str, child: &str| with(&[("src/a/mod.rs", face), ("src/a/b.rs", child), ("src/a/c.rs", "")]);
    assert_eq!(room("mod b; mod c; pub use b::B; pub use c::C;", "use super::C;"), none);
    assert_eq!(room("mod b; struct A;", "use super::A;"), none);
    assert_eq!(room("mod b; struct A; fn f() { b::g() }", "use super::A;"), none);
    // Three in a round, and the command apart from the library.
    let three = [("src/a.rs", "use crate::b::B;"), ("src/b.rs", "use crate::c::C;"), ("src/c.rs", "use crate::a::A;")];
    assert_eq!(with(&three), ["src/a.rs src/b.rs src/c.rs"]);
    assert_eq!(with(&[("cli/src/a.rs", "use crate::b::B;"), ("src/b.rs", "use crate::a::A;")]), none);
}
