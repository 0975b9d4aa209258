//! Walks down the tree with a path.
//!
//! Most nodes have one possible child, and most paths have no escape: a loop walks those without
//! decoding, allocating or backtracking. All others take the general search, which tries and
//! decodes everything. A segment costs about 80 instructions in the loop and about 500 in the
//! general search.

use super::{Match, Node, Params, ROOT, Tree};
use crate::http1::method::Method;
use crate::http1::span::Span;
use crate::routing::pattern::ParamType;
use percent_encoding::percent_decode;
use std::borrow::Cow;

/// State of the search for one path.
pub(super) struct Search<'a> {
    tree: &'a Tree,
    method: &'a Method,
    path: &'a [u8],
    escaped: bool,
    /// Search as if the path had one more slash at its end.
    add_slash: bool,
    /// The methods of all routes that the path matches.
    allowed: u32,
    params: &'a mut Params,
}

impl<'a> Search<'a> {
    /// Creates a search. `path` is as in the request line and not empty; `params` is still empty.
    #[inline]
    pub(super) fn new(
        tree: &'a Tree,
        method: &'a Method,
        path: &'a [u8],
        escaped: bool,
        params: &'a mut Params,
    ) -> Search<'a> {
        Search { tree, method, path, escaped, add_slash: false, allowed: 0, params }
    }

    /// Runs the search.
    #[inline]
    pub(super) fn run(mut self) -> Match {
        let Some(left) = self.path.strip_prefix(b"/") else {
            return Match::None;
        };
        let found = match self.escaped {
            true => self.walk(ROOT, Some(left)),
            false => self.descend(self.tree.node(ROOT), left),
        };
        found.map_or_else(|| self.miss(), Match::Route)
    }

    /// Walks from `node` with `left`, the rest of the path, as long as there is only one possible
    /// child: a loop, since there is nothing to backtrack to. Always inline: the call would cost as
    /// much as a segment.
    #[inline(always)]
    fn descend(&mut self, mut node: Option<&'a Node>, mut left: &'a [u8]) -> Option<u32> {
        while let Some(here) = node {
            let (child, length) = match &*here.params {
                [] => here.literals.begin(left)?,
                [(ParamType::Int, child)] if !has_literal(here, left) => (*child, self.bind(left, int(left)?)),
                [(ParamType::String, child)] if !has_literal(here, left) => (*child, self.bind(left, text(left)?)),
                _ => return self.backtrack(here, left),
            };
            match left.get(length + 1..) {
                Some(rest) => (node, left) = (self.tree.node(child), rest),
                None => return self.finish(child),
            }
        }
        None
    }

    /// Tries every child of `node` in turn, and decodes escapes.
    #[inline(never)]
    fn backtrack(&mut self, node: &'a Node, left: &'a [u8]) -> Option<u32> {
        let raw = first_segment(left);
        let segment = self.decoded(raw);
        let before = self.params.len;
        if let Some(child) = node.literals.find(&segment)
            && let Some(route) = self.walk(child, left.get(raw.len() + 1..))
        {
            return Some(route);
        }
        for (kind, child) in &node.params {
            let (raw, fits) = match kind {
                ParamType::Path => (left, kind.accepts(&self.decoded(left))),
                _ => (raw, kind.accepts(&segment)),
            };
            if fits {
                self.params.len = before; // drops the parameters of a failed branch
                self.bind(left, raw.len());
                if let Some(route) = self.walk(*child, left.get(raw.len() + 1..)) {
                    return Some(route);
                }
            }
        }
        None
    }

    /// Continues below `node` with what follows the next slash, if there is one.
    #[inline(never)]
    fn walk(&mut self, node: u32, rest: Option<&'a [u8]>) -> Option<u32> {
        match rest {
            None => self.finish(node),
            Some(rest) if self.escaped => self.backtrack(self.tree.node(node)?, rest),
            Some(rest) => self.descend(self.tree.node(node), rest),
        }
    }

    /// Records the first `length` bytes of `left` as a parameter. (A head never reaches 4 GiB.)
    #[inline]
    fn bind(&mut self, left: &[u8], length: usize) -> usize {
        let start = self.path.len() - left.len();
        if let Some(slot) = self.params.spans.get_mut(usize::from(self.params.len)) {
            *slot = Span { start: start as u32, end: (start + length) as u32 };
            self.params.len += 1;
        }
        length
    }

    /// Percent-decodes a raw piece of the path. Allocates only if it has an escape.
    fn decoded(&self, raw: &'a [u8]) -> Cow<'a, [u8]> {
        if self.escaped { percent_decode(raw).into() } else { Cow::Borrowed(raw) }
    }

    /// Handles a path that ends at `node`.
    #[inline]
    fn finish(&mut self, node: u32) -> Option<u32> {
        let mut node = self.tree.node(node)?;
        if self.add_slash {
            node = self.tree.node(node.literals.find(b"")?)?;
        }
        let route = node.route(self.method);
        if route.is_none() {
            self.allowed |= node.allowed;
        }
        route
    }

    /// Handles a path without a match: checks the method, then the slash at the end.
    #[cold]
    fn miss(mut self) -> Match {
        self.params.len = 0;
        if self.allowed != 0 {
            return Match::Methods(self.allowed);
        }
        let shorter = self.path.strip_suffix(b"/").filter(|path| !path.is_empty());
        self.add_slash = shorter.is_none();
        if self.add_slash && !self.tree.ends_with_slash {
            return Match::None;
        }
        self.path = shorter.unwrap_or(self.path);
        let found = self.walk(ROOT, self.path.strip_prefix(b"/"));
        self.params.len = 0;
        found.map_or(Match::None, |_| Match::Slash { add: self.add_slash })
    }
}

/// Returns whether a literal matches the first segment of `left` too.
#[inline]
fn has_literal(node: &Node, left: &[u8]) -> bool {
    !node.literals.is_empty() && node.literals.find(first_segment(left)).is_some()
}

/// Returns the length of the `int` that `left` begins with: finds its digits and its end in one
/// pass.
#[inline]
fn int(left: &[u8]) -> Option<usize> {
    let length = left.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(left.len());
    let ends = matches!(left.get(length), None | Some(b'/'));
    (ends && length > 0).then_some(length)
}

/// Returns the length of the `text` that `left` begins with: one pass finds its end and whether its
/// bytes need a full check.
#[inline]
fn text(left: &[u8]) -> Option<usize> {
    let mut seen = 0;
    let ends = |byte: &u8| {
        seen |= byte;
        *byte == b'/'
    };
    let length = left.iter().position(ends).unwrap_or(left.len());
    match left.first() {
        None | Some(b'/') => None,
        Some(first) if *first != b'.' && seen.is_ascii() => Some(length),
        Some(_) => ParamType::String.accepts(left.get(..length)?).then_some(length),
    }
}

fn first_segment(left: &[u8]) -> &[u8] {
    left.split(|byte| *byte == b'/').next().unwrap_or_default()
}
