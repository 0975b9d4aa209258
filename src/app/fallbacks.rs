//! Finds the fallback of a path that no route matches: that of the deepest router it is below.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::http1::method::Method;
use crate::routing::pattern::{ParamType, Pattern};
use crate::routing::tree::{Match, Params, Tree};

/// What follows the prefix in the pattern of a fallback.
pub(super) const REST: &str = "/{path:path}";

/// The fallbacks of routers by their prefix, which may have parameters, as numbers of routes.
#[derive(Default)]
pub(crate) struct Fallbacks {
    prefixes: Tree,
    /// Segments of the longest prefix; `None` without a fallback.
    depth: Option<usize>,
}

impl Fallbacks {
    pub(super) fn is_empty(&self) -> bool {
        self.depth.is_none()
    }

    /// Adds a fallback for the paths below a prefix. Fails if the prefix has one, with its number.
    pub(super) fn insert(&mut self, prefix: &Pattern, route: u32) -> Result<(), u32> {
        self.prefixes.insert(prefix, Method::GET, route)?;
        self.depth = self.depth.max(Some(prefix.segments().len()));
        Ok(())
    }

    /// Finds the fallback for a raw path; `params` gets the prefix's and the rest.
    pub(super) fn find(&self, path: &[u8], escaped: bool, params: &mut Params) -> Option<u32> {
        // The slash at 0 begins the path; one at 1 ends no prefix (`//a`), but belongs to the rest.
        let slashes = path.iter().enumerate().skip(2).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let mut ends: Vec<usize> = slashes.chain([path.len()]).take(self.depth.unwrap_or_default()).collect();
        while let Some(end) = ends.pop() {
            if let Match::Route(number) = self.prefixes.find(Method::GET, path.get(..end)?, escaped, params) {
                bind_rest(path, end + 1, escaped, params);
                return Some(number);
            }
        }
        let Match::Route(number) = self.prefixes.find(Method::GET, b"/", false, params) else { return None };
        bind_rest(path, 1, escaped, params);
        Some(number)
    }
}

/// Adds the rest of the path, if `{path:path}` of a route could match it: a handler that opens a
/// file of this name relies on that.
fn bind_rest(path: &[u8], start: usize, escaped: bool, params: &mut Params) {
    let rest = path.get(start..).unwrap_or_default();
    let decoded: Cow<'_, [u8]> = if escaped { percent_decode(rest).into() } else { rest.into() };
    if rest.is_empty() || ParamType::Path.accepts(&decoded) {
        params.bind_rest(start, path.len());
    }
}
