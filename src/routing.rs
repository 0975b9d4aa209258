//! Finds the route of a path: patterns, the tree of routes, and what a route is without its
//! handler.

pub(crate) mod callsite;
pub(crate) mod pattern;
pub(crate) mod route_meta;
pub(crate) mod tree;
