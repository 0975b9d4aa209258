//! Finds the fallback of a path that no route matches: that of the deepest router it is below.

use super::route::Route;
use crate::http1::method::Method;
use crate::routing::pattern::Pattern;
use crate::routing::tree::{Match, Params, Tree};

/// What follows the prefix in the pattern of a fallback.
pub(super) const REST: &str = "/{path:path}";

/// The fallbacks of routers by their prefix, which may have parameters.
#[derive(Default)]
pub(crate) struct Fallbacks {
    pub(super) routes: Vec<Route>,
    prefixes: Tree,
    /// Segments of the longest prefix.
    depth: usize,
}

impl Fallbacks {
    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Adds a fallback for the paths below a prefix. Fails if the prefix has one.
    pub(super) fn insert(&mut self, prefix: &Pattern, route: Route) -> Result<&mut Route, String> {
        self.depth = self.depth.max(prefix.segments().len());
        let number = self.routes.len();
        if let Err(other) = self.prefixes.insert(prefix, Method::GET, number as u32) {
            let other = self.routes.get(other as usize).map(|route| route.meta.describe());
            return Err(format!("two fallbacks: {}, and {}", route.meta.describe(), other.unwrap_or_default()));
        }
        self.routes.push(route);
        Ok(&mut self.routes[number])
    }

    /// Finds the fallback for a raw path; `params` gets the prefix's and the rest.
    pub(super) fn find(&self, path: &[u8], escaped: bool, params: &mut Params) -> Option<&Route> {
        let slashes = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let mut ends: Vec<usize> = slashes.chain([path.len()]).take(self.depth).collect();
        while let Some(end) = ends.pop() {
            if let Match::Route(number) = self.prefixes.find(Method::GET, path.get(..end)?, escaped, params) {
                params.bind_rest(end + 1, path.len());
                return self.routes.get(number as usize);
            }
        }
        let Match::Route(number) = self.prefixes.find(Method::GET, b"/", false, params) else { return None };
        params.bind_rest(1, path.len());
        self.routes.get(number as usize)
    }
}
