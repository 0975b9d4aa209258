//! Puts one router into another: its routes, fallbacks, hooks, guards and state.

use std::sync::Arc;

use super::fallbacks::Fallbacks;
use super::route::Route;
use super::router::{Router, index, parse};
use crate::routing::pattern::Pattern;
use crate::routing::route_meta::RateLimitPolicy;
use crate::routing::tree::Tree;

impl Router {
    /// Adds all routes of `inner` under `prefix`, with their hooks and error handlers. The pattern
    /// `"/"` of `inner` means the prefix itself. The prefix `"/"` adds them as they are, for instance
    /// to give some routes of the application a hook of their own.
    ///
    /// # Panics
    /// If a route of `inner` collides with an existing one.
    #[track_caller]
    pub fn nest(&mut self, prefix: &str, inner: Router) {
        for route in self.take_in(prefix, inner) {
            self.add(route);
        }
    }

    /// Adds the routes of `inner` for one host, and returns how to find them.
    #[track_caller]
    pub(super) fn adopt(&mut self, host: &str, inner: Router) -> (Tree, Fallbacks) {
        let (mut tree, mut fallbacks) = (Tree::default(), Fallbacks::default());
        for mut route in self.take_in("", inner) {
            route.meta.set_host(host);
            // Without a conflict, since they were in one router.
            _ = index(&route, self.routes.len() as u32, &mut tree, &mut fallbacks);
            self.routes.push(route);
        }
        (tree, fallbacks)
    }

    /// Adds the scopes of `inner`, and returns its routes as they are below `prefix`.
    #[track_caller]
    fn take_in(&mut self, prefix: &str, inner: Router) -> Vec<Route> {
        let base = self.scopes.len();
        self.has_hooks |= inner.has_hooks;
        let default_limit =
            inner.scopes.first().and_then(|scope| scope.limit.as_ref()).map(|(text, _)| Arc::clone(text));
        for mut scope in inner.scopes {
            scope.parent = Some(scope.parent.map_or(0, |parent| parent + base));
            self.scopes.push(scope);
        }
        let mut routes = inner.routes;
        for route in &mut routes {
            let end = if route.directory && !prefix.ends_with('/') { "/" } else { "" };
            route.meta.pattern = parse(&Pattern::joined(&format!("{prefix}{end}"), route.meta.pattern.text()));
            route.scope += base;
            route.meta.state.extend_from_slice(&self.state);
            route.guards.splice(0..0, self.guards.iter().cloned());
            if let (RateLimitPolicy::Default, Some(text)) = (&route.meta.rate_limit, &default_limit) {
                route.meta.rate_limit = RateLimitPolicy::Own(Arc::clone(text));
            }
        }
        routes
    }
}
