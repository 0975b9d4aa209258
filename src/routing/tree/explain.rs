//! Compares a path with every route, for the trace.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::{ROOT, Tree};
use crate::routing::pattern::ParamType;

/// One route that a path was compared with, for the trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    pub(crate) route: u32,
    pub(crate) matched: bool,
    /// The segment of the path that decided against the route, from 1.
    pub(crate) segment: Option<usize>,
    /// Whether the mismatch is a single one (a segment more or less, or the type of a parameter),
    /// or only the method can differ.
    pub(crate) near: bool,
    /// What of the path does not match.
    pub(crate) kind: Option<MismatchKind>,
    /// The reason of the mismatch, apart from the method.
    pub(crate) reason: String,
}

/// What of a path does not match a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MismatchKind {
    /// It has more or fewer segments, or differs in the trailing slash.
    Path,
    /// A segment is another word.
    Segment,
    /// A segment is not of the type of the parameter.
    Type,
}

/// The mismatch of every route below a node.
#[derive(Clone, Copy)]
struct Mismatch<'v> {
    kind: MismatchKind,
    reason: &'v str,
    segment: usize,
    near: bool,
}

impl Tree {
    /// Compares a raw path with every route, in the order of the tree, and returns the reason for
    /// each. For readers of a trace: [`Tree::find`] does not visit most of them.
    pub(crate) fn explain(&self, path: &[u8]) -> Vec<Candidate> {
        let (path, verdict) = match path.strip_prefix(b"/") {
            Some(left) => (left, None),
            None if path.is_empty() => (path, None),
            None => (path, Some(Mismatch { kind: MismatchKind::Path, reason: NO_SLASH, segment: 1, near: false })),
        };
        let segments: Vec<_> = path.split(|b| *b == b'/').map(|raw| percent_decode(raw).into()).collect();
        let mut tries = Vec::new();
        self.explain_node(ROOT, &segments, 0, verdict, &mut tries);
        tries
    }

    /// Explains the routes below `node`. `verdict` is the mismatch found so far, with its segment.
    fn explain_node(
        &self,
        node: u32,
        path: &[Cow<'_, [u8]>],
        depth: usize,
        verdict: Option<Mismatch<'_>>,
        tries: &mut Vec<Candidate>,
    ) {
        let node = &self.nodes[node as usize];
        let left = path.get(depth..).unwrap_or_default();
        for route in node.get.iter().chain(node.others.iter().map(|(_, route)| route)) {
            let (reason, segment) = match (verdict, left) {
                (Some(Mismatch { reason, segment, .. }), _) => (reason.to_owned(), Some(segment)),
                (None, []) => (String::new(), None),
                (None, [last]) if last.is_empty() => {
                    ("the path has an extra trailing slash".to_owned(), Some(depth + 1))
                }
                (None, [_]) => ("the path has 1 more segment".to_owned(), Some(depth + 1)),
                (None, more) => (format!("the path has {} more segments", more.len()), Some(depth + 1)),
            };
            let near = verdict.map_or(left.len() < 2, |verdict| verdict.near && left.is_empty());
            let kind = segment.map(|_| verdict.map_or(MismatchKind::Path, |verdict| verdict.kind));
            tries.push(Candidate { route: *route, matched: segment.is_none(), segment, near, kind, reason });
        }
        let mut descend = |child: u32, below: usize, against: Option<(MismatchKind, String)>, near: bool| {
            let own = against.as_ref().map(|(kind, reason)| Mismatch { kind: *kind, reason, segment: depth + 1, near });
            let first = verdict.map(|first| Mismatch { near: first.near && own.is_none(), ..first });
            self.explain_node(child, path, below, first.or(own), tries);
        };
        for (literal, child) in node.literals.iter() {
            descend(child, depth + 1, mismatch_literal(literal, left), left.is_empty());
        }
        for (kind, child) in &node.params {
            let rest = (*kind == ParamType::Path && !left.is_empty()).then(|| left.join(&b'/'));
            let value = rest.as_deref().or(left.first().map(|segment| &**segment));
            let depth = if *kind == ParamType::Path { path.len() } else { depth + 1 };
            descend(*child, depth, mismatch_param(*kind, value), true);
        }
    }
}

const NO_SLASH: &str = "the path does not begin with '/'";

fn mismatch_literal(literal: &[u8], left: &[Cow<'_, [u8]>]) -> Option<(MismatchKind, String)> {
    let literal_text = String::from_utf8_lossy(literal);
    Some(match left.first() {
        Some(segment) if **segment == *literal => return None,
        None if literal.is_empty() => (MismatchKind::Path, "the path has no trailing slash".into()),
        None => (MismatchKind::Path, format!("the path ends before '{literal_text}'")),
        Some(_) if literal.is_empty() => (MismatchKind::Path, "the path continues after the slash".into()),
        Some(segment) => {
            (MismatchKind::Segment, format!("'{}' is not '{literal_text}'", String::from_utf8_lossy(segment)))
        }
    })
}

fn mismatch_param(kind: ParamType, value: Option<&[u8]>) -> Option<(MismatchKind, String)> {
    let article = if kind == ParamType::Int { "an" } else { "a" };
    Some(match value {
        Some(value) if kind.accepts(value) => return None,
        None => (MismatchKind::Path, format!("the path ends before {article} {}", kind.name())),
        Some(value) => {
            (MismatchKind::Type, format!("'{}' is not {article} {}", String::from_utf8_lossy(value), kind.name()))
        }
    })
}
