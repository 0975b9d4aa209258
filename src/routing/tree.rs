//! The route tree: finds the route of a path.
//!
//! The tree has one level for each segment of a path and one node for each shape of a prefix:
//! `/users/{id:int}` and `/users/{key:int}` share theirs. A search tries the children of a node
//! from the narrowest to the widest (the literal, then int, uuid, float, string, path) and
//! backtracks when one leads to no route. Backtracking cannot explode: a node has one parent, so a
//! search enters it at most once, and the worst path costs as much as trying every route in turn
//! (twice, to check the path with the other trailing slash). A typical path enters as many nodes as
//! it has segments.

pub(crate) mod explain;
mod literals;
mod search;

use crate::http1::method::Method;
use crate::http1::span::Span;
use crate::routing::pattern::{MAX_PARAMS, ParamType, Pattern, Segment, is_digits};
use literals::{Literals, PathTable};
use search::Search;

const ROOT: u32 = 0;

/// Routes by path and method.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// The patterns without parameters, with the nodes where they end: the shortcut for paths that
    /// do not need a walk.
    paths: PathTable,
    /// The patterns whose last segment is their only parameter, without it, with the nodes that it
    /// follows: `/users` of `/users/{id:int}`. The shortcut for the second most common kind of
    /// path. Empty if a fixed path is missing in `paths`.
    prefixes: PathTable,
    /// Whether `paths` contains every fixed path. `prefixes` may be used only then.
    paths_complete: bool,
    /// Every method any route has, in the order of registration: bit n of a set of methods means
    /// entry n.
    methods: Vec<Method>,
    /// Whether any pattern but `/` ends with a slash: most tables have none, and their 404 costs
    /// one walk instead of two.
    ends_with_slash: bool,
}

/// The children of one prefix, and the routes that end with it.
#[derive(Debug, Default)]
struct Node {
    literals: Literals,
    /// At most one child of each kind, in the order of trying.
    params: Vec<(ParamType, u32)>,
    /// The route for `GET`, the most frequent method.
    get: Option<u32>,
    /// The routes for the other methods.
    others: Vec<(Method, u32)>,
    /// The methods of all these routes as a set.
    allowed: u32,
}

/// Result of looking up a path and a method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Match {
    /// This route.
    Route(u32),
    /// The path is known, but not with this method; [`Tree::methods`] converts the set to methods.
    Methods(u32),
    /// Only the path with one slash more (`add`) or one less at its end has a route for the method.
    Slash {
        add: bool,
    },
    None,
}

/// Positions of the route's parameters in the raw path, left to right. Still percent-encoded.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Params {
    spans: [Span; MAX_PARAMS],
    len: u8,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree {
            nodes: vec![Node::default()],
            paths: PathTable::default(),
            prefixes: PathTable::default(),
            paths_complete: true,
            methods: Vec::new(),
            ends_with_slash: false,
        }
    }
}

impl Tree {
    /// Adds a route. The error is the route that has the same method and the same shape, whatever
    /// its parameters' names.
    pub(crate) fn insert(&mut self, pattern: &Pattern, method: Method, route: u32) -> Result<(), u32> {
        let mut node = ROOT;
        for (at, segment) in pattern.segments().iter().enumerate() {
            let is_stem = matches!(segment, Segment::Param { .. }) && at + 1 == pattern.segments().len();
            if is_stem && pattern.params().count() == 1 {
                let stem = pattern.text().rsplit_once('/').map_or("", |(stem, _)| stem);
                self.prefixes.insert(stem.as_bytes(), node);
            }
            node = self.child(node, segment);
        }
        if pattern.params().next().is_none() {
            self.paths_complete &= self.paths.insert(pattern.text().as_bytes(), node);
        }
        if !self.paths_complete {
            self.prefixes = PathTable::default();
        }
        self.ends_with_slash |= pattern.text().len() > 1 && pattern.text().ends_with('/');
        let bit = self.bit(method);
        let node = &mut self.nodes[node as usize];
        if let Some(earlier) = node.own_route(&method) {
            return Err(earlier);
        }
        match method {
            Method::GET => node.get = Some(route),
            _ => node.others.push((method, route)),
        }
        node.allowed |= bit;
        Ok(())
    }

    /// Finds the route for a raw path, as it occurs in the request line without its query.
    /// `escaped` is true if the path contains a `%`.
    ///
    /// Splits the path at its slashes first and percent-decodes afterwards, so `%2F` never
    /// separates segments. A `HEAD` without a route of its own uses `GET`'s (RFC 9110 §9.3.2). As
    /// in Flask, if the first match of a path lacks the method, the search continues with the next.
    #[inline]
    pub(crate) fn find(&self, method: Method, path: &[u8], escaped: bool, params: &mut Params) -> Match {
        // Literals come first at every level, so a pattern of literals only precedes all others.
        if method == Method::GET
            && let Some(node) = self.paths.find_short(path)
            && let Some(Node { get: Some(route), .. }) = self.node(node)
        {
            params.len = 0;
            return Match::Route(*route);
        }
        self.find_other(method, path, escaped, params)
    }

    /// Separate from [`Tree::find`], so that the `GET` of a fixed path does not pay for it.
    #[inline(never)]
    fn find_other(&self, method: Method, path: &[u8], escaped: bool, params: &mut Params) -> Match {
        self.find_by_prefix(method, path, escaped, params)
            .unwrap_or_else(|| self.search(&method, path, escaped, params))
    }

    /// Matches a `GET` of a short path that is a prefix and one parameter. The path is not a fixed
    /// one, and patterns whose literals come first are tried first, so a match here is what the
    /// whole search would find.
    #[inline(always)]
    fn find_by_prefix(&self, method: Method, path: &[u8], escaped: bool, params: &mut Params) -> Option<Match> {
        if method != Method::GET || escaped || path.len() > PathTable::SHORT {
            return None;
        }
        let slash = path.iter().rposition(|&byte| byte == b'/')?;
        let node = self.node(self.prefixes.find_short(path.get(..slash)?)?)?;
        let value = path.get(slash + 1..)?;
        let &(kind, child) = node.params.first()?;
        if !(if kind == ParamType::Int { is_digits(value) } else { kind.accepts(value) }) {
            return None;
        }
        let route = self.node(child)?.get?;
        *params.spans.first_mut()? = Span::new(slash + 1, path.len());
        params.len = 1;
        Some(Match::Route(route))
    }

    #[inline(never)]
    fn search(&self, method: &Method, path: &[u8], escaped: bool, params: &mut Params) -> Match {
        params.len = 0;
        let tried = *method == Method::GET && path.len() <= PathTable::SHORT;
        if !tried
            && let Some(node) = self.paths.find(path).and_then(|node| self.node(node))
            && let Some(route) = node.route(method)
        {
            return Match::Route(route);
        }
        Search::new(self, method, if path.is_empty() { b"/" } else { path }, escaped, params).run()
    }

    #[inline]
    fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(number as usize)
    }

    /// Returns the methods of a set, in the order of their first registration anywhere.
    pub(crate) fn methods(&self, set: u32) -> impl Iterator<Item = Method> + '_ {
        self.methods.iter().enumerate().filter(move |(at, _)| set & bit(*at) != 0).map(|(_, method)| *method)
    }

    /// Returns whether any route has this method.
    pub(crate) fn has_method(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    fn child(&mut self, parent: u32, segment: &Segment) -> u32 {
        let fresh = self.nodes.len() as u32;
        let node = &mut self.nodes[parent as usize];
        let child = match segment {
            Segment::Literal(text) => node.literals.insert(text.as_bytes(), fresh),
            Segment::Param { kind, .. } => match node.params.binary_search_by_key(kind, |(known, _)| *known) {
                Ok(at) => node.params[at].1,
                Err(at) => {
                    node.params.insert(at, (*kind, fresh));
                    fresh
                }
            },
        };
        if child == fresh {
            self.nodes.push(Node::default());
        }
        child
    }

    fn bit(&mut self, method: Method) -> u32 {
        let at = self.methods.iter().position(|known| *known == method).unwrap_or_else(|| {
            self.methods.push(method);
            self.methods.len() - 1
        });
        bit(at)
    }
}

impl Params {
    /// Returns the position of the parameter with this index.
    pub(crate) fn span(&self, index: usize) -> Option<Span> {
        self.spans.get(..self.len())?.get(index).copied()
    }

    /// Adds the rest of the path after a prefix.
    pub(crate) fn bind_rest(&mut self, start: usize, end: usize) {
        if let Some(slot) = self.spans.get_mut(usize::from(self.len)) {
            *slot = Span { start: start.min(end) as u32, end: end as u32 };
            self.len += 1;
        }
    }

    /// Returns the number of parameters.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }
}

impl Node {
    /// Returns the route for this method at this node.
    #[inline]
    fn route(&self, method: &Method) -> Option<u32> {
        if *method == Method::GET { self.get } else { self.other_route(method) }
    }

    #[inline(never)]
    fn other_route(&self, method: &Method) -> Option<u32> {
        self.own_route(method).or_else(|| if *method == Method::HEAD { self.get } else { None })
    }

    fn own_route(&self, method: &Method) -> Option<u32> {
        match *method {
            Method::GET => self.get,
            _ => self.others.iter().find(|(known, _)| known == method).map(|(_, route)| *route),
        }
    }
}

/// Returns the bit of the method with this index. All from the 32nd on share one: `Allow` may then
/// list too many, in a table with more methods than HTTP has.
fn bit(index: usize) -> u32 {
    1 << index.min(31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode;
    use proptest::prelude::*;

    /// Builds a tree. Routes are numbered by their position in the table.
    fn tree(table: &[(Method, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (route, (method, pattern)) in table.iter().enumerate() {
            tree.insert(&Pattern::parse(pattern).unwrap(), *method, route as u32).unwrap();
        }
        tree
    }

    fn find(tree: &Tree, method: Method, path: &str) -> (Match, Vec<String>) {
        let mut params = Params::default();
        let found = tree.find(method, path.as_bytes(), path.contains('%'), &mut params);
        let spans = (0..params.len()).filter_map(|at| params.span(at));
        (found, spans.map(|span| path[span.range()].to_owned()).collect())
    }

    fn facts() -> Tree {
        tree(&[
            (Method::GET, "/users/{id:int}"),
            (Method::GET, "/items/{id:uuid}"),
            (Method::GET, "/prices/{price:float}"),
            (Method::GET, "/posts/{slug}"),
            (Method::GET, "/files/{path:path}"),
            (Method::GET, "/a/{x}/b/{y}"),
            (Method::GET, "/café/menu"),
            (Method::GET, "/"),
        ])
    }

    fn check(cases: &[(&str, Match, &[&str])]) {
        for (path, found, params) in cases {
            let params = params.iter().map(|param| (*param).to_owned()).collect();
            assert_eq!(find(&facts(), Method::GET, path), (*found, params), "{path}");
        }
    }

    #[test]
    fn numbers_are_told_apart_as_flask_does() {
        let uuid = "/items/01234567-89ab-CDEF-0123-456789abcdef";
        let huge = format!("/users/{}", "9".repeat(8000));
        let slash = Match::Slash { add: false };
        check(&[
            ("/users/42", Match::Route(0), &["42"]),
            ("/users/01", Match::Route(0), &["01"]),
            ("/users/%31", Match::Route(0), &["%31"]),
            ("/%75sers/1", Match::Route(0), &["1"]),
            (&huge, Match::Route(0), &[&huge[7..]]),
            ("/users/abc", Match::None, &[]),
            ("/users/-1", Match::None, &[]),
            ("/users/+1", Match::None, &[]),
            ("/users/1.5", Match::None, &[]),
            ("/users/1/", slash, &[]),
            ("/users/1/2", Match::None, &[]),
            ("/users/1%2F2", Match::None, &[]),
            ("/users%2F1", Match::None, &[]),
            ("/users/\u{662}", Match::None, &[]),
            ("/users/", Match::None, &[]),
            ("/users", Match::None, &[]),
            ("/Users/1", Match::None, &[]),
            (uuid, Match::Route(1), &[&uuid[7..]]),
            ("/items/0123456789abCDEF0123456789abcdef", Match::None, &[]),
            ("/prices/1.50", Match::Route(2), &["1.50"]),
            ("/prices/1", Match::None, &[]),
            ("/prices/1.", Match::None, &[]),
            ("/prices/.5", Match::None, &[]),
            ("/prices/1.5.0", Match::None, &[]),
        ]);
    }

    #[test]
    fn segments_are_cut_before_they_are_decoded() {
        let slash = Match::Slash { add: false };
        check(&[
            ("/posts/a%20b", Match::Route(3), &["a%20b"]),
            ("/posts/a%2Fb", Match::Route(3), &["a%2Fb"]),
            ("/posts/...", Match::Route(3), &["..."]),
            ("/posts/", Match::None, &[]),
            ("/posts//", Match::None, &[]),
            ("/posts/.", Match::None, &[]),
            ("/posts/..", Match::None, &[]),
            ("/posts/%2e%2E", Match::None, &[]),
            ("/posts/..%2Fb", Match::None, &[]),
            ("/posts/%FF", Match::None, &[]),
            ("/posts/%C3%A9", Match::Route(3), &["%C3%A9"]),
            ("/files/a", Match::Route(4), &["a"]),
            ("/files/a/b.txt", Match::Route(4), &["a/b.txt"]),
            ("/files/a/", Match::Route(4), &["a/"]),
            ("/files//a", Match::Route(4), &["/a"]),
            ("/files/a/../b", Match::None, &[]),
            ("/files/a/%2e%2e%2fb", Match::None, &[]),
            ("/files/a/%FF", Match::None, &[]),
            ("/files/", Match::None, &[]),
            ("/a/1/b/2", Match::Route(5), &["1", "2"]),
            ("/a//b/2", Match::None, &[]),
            ("//a/1/b/2", Match::None, &[]),
            ("/caf%C3%A9/menu", Match::Route(6), &[]),
            ("/caf%c3%a9/menu/", slash, &[]),
            ("/café/menu", Match::Route(6), &[]),
            ("/", Match::Route(7), &[]),
            ("", Match::Route(7), &[]),
            ("//", slash, &[]),
            ("*", Match::None, &[]),
            ("users/1", Match::None, &[]),
        ]);
    }

    #[test]
    fn the_narrowest_way_first_and_back_when_it_ends_nowhere() {
        let tree = tree(&[
            (Method::GET, "/{path:path}"),
            (Method::GET, "/{slug}"),
            (Method::GET, "/{price:float}"),
            (Method::GET, "/{x:uuid}"),
            (Method::GET, "/{id:int}"),
            (Method::GET, "/7"),
            (Method::GET, "/7/a"),
            (Method::GET, "/{id:int}/b"),
            (Method::GET, "/{slug}/{b}/c"),
        ]);
        for (path, route, params) in [
            ("/7", 5, &[][..]),
            ("/%37", 5, &[]),
            ("/8", 4, &["8"]),
            ("/01234567-89ab-cdef-0123-456789abcdef", 3, &["01234567-89ab-cdef-0123-456789abcdef"]),
            ("/8.5", 2, &["8.5"]),
            ("/x", 1, &["x"]),
            ("/7/a", 6, &[]),
            ("/7/b", 7, &["7"]),
            ("/7/b/c", 8, &["7", "b"]),
            ("/7/b/d", 0, &["7/b/d"]),
            ("/7/", 0, &["7/"]),
            ("//", 0, &["/"]),
        ] {
            let params = params.iter().map(|param| (*param).to_owned()).collect();
            assert_eq!(find(&tree, Method::GET, path), (Match::Route(route), params), "{path}");
        }
    }

    type Expected<'a> = Result<u32, &'a [Method]>;

    #[test]
    fn methods_of_a_known_path() {
        let purge = Method::from_bytes(b"PURGE").unwrap();
        let tree = tree(&[
            (Method::POST, "/users"),
            (Method::GET, "/users"),
            (Method::GET, "/users/{id}"),
            (Method::HEAD, "/users/{id}"),
            (purge, "/users/all"),
            (Method::PUT, "/users/{id}"),
        ]);
        let cases: &[(Method, &str, Expected<'_>)] = &[
            (Method::GET, "/users", Ok(1)),
            (Method::HEAD, "/users", Ok(1)),
            (Method::HEAD, "/users/1", Ok(3)),
            (purge, "/users/all", Ok(4)),
            (Method::GET, "/users/all", Ok(2)),
            (Method::DELETE, "/users", Err(&[Method::POST, Method::GET])),
            (Method::DELETE, "/users/all", Err(&[Method::GET, Method::HEAD, purge, Method::PUT])),
            (purge, "/users/1", Err(&[Method::GET, Method::HEAD, Method::PUT])),
        ];
        for (method, path, expected) in cases {
            match (find(&tree, *method, path).0, expected) {
                (Match::Route(route), Ok(expected)) => assert_eq!(route, *expected, "{method} {path}"),
                (Match::Methods(set), Err(expected)) => {
                    assert_eq!(tree.methods(set).collect::<Vec<_>>(), *expected, "{method} {path}");
                }
                (found, _) => panic!("{method} {path}: {found:?}"),
            }
        }
    }

    #[test]
    fn more_methods_than_bits() {
        let names: Vec<_> = (0..40).map(|n| Method::from_bytes(format!("M{n}").as_bytes()).unwrap()).collect();
        let table: Vec<_> = names.iter().map(|name| (*name, "/a")).collect();
        let tree = tree(&table);
        assert_eq!(find(&tree, names[39], "/a").0, Match::Route(39));
        let Match::Methods(set) = find(&tree, Method::GET, "/a").0 else { panic!("the path is known") };
        assert_eq!(tree.methods(set).count(), 40);
    }

    #[test]
    fn the_other_slash() {
        let tree = tree(&[
            (Method::GET, "/users/"),
            (Method::GET, "/users/{id:int}"),
            (Method::POST, "/both"),
            (Method::GET, "/both/"),
        ]);
        for (method, path, found) in [
            (Method::GET, "/users", Match::Slash { add: true }),
            (Method::HEAD, "/users", Match::Slash { add: true }),
            (Method::GET, "/users/7/", Match::Slash { add: false }),
            (Method::GET, "/users/%37/", Match::Slash { add: false }),
            (Method::GET, "/users//", Match::Slash { add: false }),
            (Method::POST, "/users", Match::None),
            (Method::GET, "/users/7//", Match::None),
            (Method::GET, "", Match::None),
            (Method::POST, "/both/", Match::Methods(1)),
            (Method::POST, "/both", Match::Route(2)),
        ] {
            assert_eq!(find(&tree, method, path), (found, vec![]), "{method} {path}");
        }
    }

    #[test]
    fn a_shape_has_one_route_a_method() {
        let mut tree = tree(&[(Method::GET, "/users/{id:int}"), (Method::GET, "/"), (Method::GET, "/f/{p:path}")]);
        for (method, pattern, expected) in [
            (Method::GET, "/users/{key:int}", Err(0)),
            (Method::POST, "/users/{key:int}", Ok(())),
            (Method::POST, "/users/{other:int}", Err(9)),
            (Method::GET, "/users/{id}", Ok(())),
            (Method::GET, "/users/{id:string}", Err(9)),
            (Method::GET, "/users/{id:int}/", Ok(())),
            (Method::GET, "/", Err(1)),
            (Method::GET, "/f/{rest:path}", Err(2)),
            (Method::HEAD, "/", Ok(())),
        ] {
            assert_eq!(tree.insert(&Pattern::parse(pattern).unwrap(), method, 9), expected, "{method} {pattern}");
        }
    }

    #[test]
    fn explains_every_route() {
        let tree = tree(&[
            (Method::GET, "/users"),
            (Method::GET, "/users/"),
            (Method::GET, "/users/{id:int}"),
            (Method::DELETE, "/users/{id:int}"),
            (Method::GET, "/users/{id:int}/posts"),
            (Method::GET, "/{path:path}"),
            (Method::GET, "/users/{name}"),
        ]);
        let told = |path: &str| -> Vec<String> {
            let tries = tree.explain(path.as_bytes()).into_iter();
            tries.map(|t| format!("{} {}", t.route, if t.matched { "fits" } else { &t.reason })).collect()
        };
        let guilty = |path: &str| tree.explain(path.as_bytes()).iter().map(|t| t.segment).collect::<Vec<_>>();
        assert_eq!(guilty("/users/abc"), [Some(2), Some(2), Some(2), Some(2), Some(2), None, None]);
        assert_eq!(guilty("/posts/1/a")[0..5], [Some(1); 5]);
        let near = |path: &str| -> Vec<u32> {
            tree.explain(path.as_bytes()).iter().filter(|t| t.near).map(|t| t.route).collect()
        };
        // The order of the tree: /users/{name} comes before /{path:path}.
        assert_eq!(near("/users"), [0, 1, 2, 3, 6, 5]);
        assert_eq!(near("/users/abc"), [0, 2, 3, 6, 5]);
        assert_eq!(near("/users/1/a"), [2, 3, 6, 5]);
        assert_eq!(near("/users/abc/posts"), [4, 6, 5]);
        assert_eq!(near("/posts/1/a"), [5]);
        assert_eq!(guilty("/users/1/a")[0..5], [Some(2), Some(2), Some(3), Some(3), Some(3)]);
        assert_eq!(
            told("/users/abc"),
            [
                "0 the path has 1 more segment",
                "1 the path continues after the slash",
                "2 'abc' is not an int",
                "3 'abc' is not an int",
                "4 'abc' is not an int",
                "6 fits",
                "5 fits",
            ]
        );
        assert_eq!(
            told("/users"),
            [
                "0 fits",
                "1 the path has no trailing slash",
                "2 the path ends before an int",
                "3 the path ends before an int",
                "4 the path ends before an int",
                "6 the path ends before a string",
                "5 fits",
            ]
        );
        assert_eq!(told("/users/%31/")[2], "2 the path has an extra trailing slash");
        assert_eq!(told("/users/1/a/b")[2], "2 the path has 2 more segments");
        assert_eq!(told("/us%65rs/1/b")[4], "4 'b' is not 'posts'");
        assert_eq!(told("/../b")[6], "5 '../b' is not a path");
        assert_eq!(told("*")[6], "5 the path does not begin with '/'");
    }

    /// All sixteen branches of `/{int or text}/…` match `/1/1/1/1/…`, and none has a route at its
    /// end.
    #[test]
    fn the_worst_path_costs_no_more_than_the_table() {
        let mut table = Vec::new();
        for ways in 0..256 {
            let kinds =
                (0..8).map(|at| if ways >> at & 1 == 0 { format!("/{{p{at}:int}}") } else { format!("/{{p{at}}}") });
            table.push(kinds.collect::<String>() + "/end");
        }
        let table: Vec<_> = table.iter().map(|pattern| (Method::GET, &**pattern)).collect();
        let tree = tree(&table);
        assert_eq!(tree.nodes.len(), 1 + 510 + 256, "a node for each prefix");
        let path = "/1/1/1/1/1/1/1/1/no";
        assert_eq!(find(&tree, Method::GET, path), (Match::None, vec![]));
        assert_eq!(find(&tree, Method::GET, &"/1".repeat(4096)), (Match::None, vec![]));
    }

    type Table = Vec<(Method, Pattern)>;

    /// Returns the order in which the pattern is tried if it matches: by the kind of the first
    /// segment, then the second, …
    fn fits(pattern: &Pattern, path: &str) -> Option<Vec<Option<ParamType>>> {
        let raw: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let mut ways = Vec::new();
        for (at, segment) in pattern.segments().iter().enumerate() {
            let rest = matches!(segment, Segment::Param { kind: ParamType::Path, .. });
            let value = if rest { raw.get(at..)?.join("/") } else { (*raw.get(at)?).to_owned() };
            let value: Vec<u8> = percent_decode(value.as_bytes()).collect();
            let (way, fits) = match segment {
                Segment::Literal(text) => (None, text.as_bytes() == value),
                Segment::Param { kind, .. } => (Some(*kind), !(rest && raw.len() <= at) && kind.accepts(&value)),
            };
            if !fits {
                return None;
            }
            ways.push(way);
            if rest {
                return Some(ways);
            }
        }
        (raw.len() == ways.len()).then_some(ways)
    }

    /// Returns the result expected from `find`, by trying every route.
    fn naive(table: &Table, method: Method, path: &str) -> Result<usize, Match> {
        let best = |path: &str| {
            let fitting = table.iter().enumerate().filter_map(|(route, (m, pattern))| {
                let stands_in = *m == Method::GET && method == Method::HEAD;
                if *m == method || stands_in { Some((fits(pattern, path)?, stands_in, route)) } else { None }
            });
            fitting.min().map(|(_, _, route)| route)
        };
        if let Some(route) = best(path) {
            return Ok(route);
        }
        if table.iter().any(|(_, pattern)| fits(pattern, path).is_some()) {
            return Err(Match::Methods(0));
        }
        let (other, add) = match path.strip_suffix('/') {
            Some(shorter) if !shorter.is_empty() => (shorter.to_owned(), false),
            Some(_) => return Err(Match::None),
            None => (format!("{path}/"), true),
        };
        Err(if best(&other).is_some() { Match::Slash { add } } else { Match::None })
    }

    fn method() -> impl Strategy<Value = Method> {
        prop_oneof![3 => Just(Method::GET), 1 => Just(Method::HEAD), 2 => Just(Method::POST)]
    }

    fn pattern() -> impl Strategy<Value = String> {
        let segment = prop::sample::select(vec!["a", "b", "1", "{:int}", "{:float}", "{:string}"]);
        let end = prop::sample::select(vec!["", "", "/", "/{:path}"]);
        (prop::collection::vec(segment, 0..4), end).prop_map(|(segments, end)| {
            let path: String = segments
                .into_iter()
                .enumerate()
                .map(|(at, s)| format!("/{}", s.replace(':', &format!("p{at}:"))))
                .collect();
            let path = path + &end.replace(':', "p:");
            if path.is_empty() { "/".to_owned() } else { path }
        })
    }

    fn path() -> impl Strategy<Value = String> {
        let segment =
            prop::sample::select(vec!["a", "b", "1", "1.5", "%31", "%61", "x", "..", "%2f", "%ff", "", "a%2F.."]);
        prop::collection::vec(segment, 1..5).prop_map(|segments| format!("/{}", segments.join("/")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn agrees_with_trying_every_route(
            routes in prop::collection::vec((method(), pattern()), 0..12),
            requests in prop::collection::vec((method(), path()), 1..20),
        ) {
            let (mut tree, mut table) = (Tree::default(), Table::new());
            for (method, pattern) in routes {
                let pattern = Pattern::parse(&pattern).unwrap();
                if tree.insert(&pattern, method, table.len() as u32).is_ok() {
                    table.push((method, pattern));
                }
            }
            for (method, path) in requests {
                let mut params = Params::default();
                let found = tree.find(method, path.as_bytes(), path.contains('%'), &mut params);
                match naive(&table, method, &path) {
                    Ok(route) => {
                        prop_assert_eq!(found, Match::Route(route as u32), "{} {}", method, path);
                        let pattern = &table[route].1;
                        prop_assert_eq!(params.len(), pattern.params().count());
                        let values: Vec<String> = (0..params.len())
                            .map(|at| percent_decode(params.span(at).unwrap().of(path.as_bytes())).decode_utf8().unwrap().into())
                            .collect();
                        let values: Vec<_> = pattern.params().zip(values.iter().map(|value| &**value)).collect();
                        let again = pattern.to_path(&values).unwrap();
                        prop_assert!(fits(pattern, &again).is_some(), "{again}");
                    }
                    Err(Match::Methods(_)) => {
                        let Match::Methods(set) = found else { return Err(TestCaseError::fail(format!("{method} {path}: {found:?}"))) };
                        for known in tree.methods(u32::MAX) {
                            let allowed = table.iter().any(|(m, pattern)| *m == known && fits(pattern, &path).is_some());
                            prop_assert_eq!(tree.methods(set).any(|m| m == known), allowed, "{} {}", known, path);
                        }
                    }
                    Err(expected) => prop_assert_eq!(found, expected, "{} {}", method, path),
                }
                for told in tree.explain(path.as_bytes()) {
                    prop_assert_eq!(told.matched, fits(&table[told.route as usize].1, &path).is_some(), "{:?} {}", told, path);
                }
                prop_assert_eq!(tree.explain(path.as_bytes()).len(), table.len());
            }
        }

        #[test]
        fn any_bytes_have_an_answer(path in prop::collection::vec(any::<u8>(), 0..64), escaped in any::<bool>()) {
            let tree = tree(&[(Method::GET, "/{a}/{b:int}"), (Method::GET, "/{path:path}")]);
            let mut params = Params::default();
            let found = tree.find(Method::GET, &path, escaped, &mut params);
            prop_assert_eq!(params.len() > 0, matches!(found, Match::Route(_)));
            tree.explain(&path);
        }
    }
}
