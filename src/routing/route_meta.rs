//! Describes a route without its handler: method, pattern, name and rate limit.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::callsite::Callsite;
use super::pattern::Pattern;
use crate::http1::method::Method;

/// A route without its handler and guards.
pub(crate) struct RouteMeta {
    pub(crate) method: Method,
    pub(crate) pattern: Pattern,
    /// The only host that has it, in lower case; `*.` at its beginning is any subdomain.
    pub(crate) host: Option<Arc<str>>,
    /// Host and pattern, if it has a host.
    pattern_of_host: Option<Box<str>>,
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) rate_limit: RateLimitPolicy,
    /// The handler's name, and the line that added it: for conflicts, the route table and the
    /// trace.
    pub(crate) callsite: Callsite,
    /// What its routers share with it, the innermost first.
    pub(crate) state: Vec<Arc<dyn Any + Send + Sync>>,
    /// Whether the log has a warning that the handler blocked the event loop.
    warned: AtomicBool,
}

/// The rate limit of a route; the middleware that counts reads it.
#[derive(Clone)]
pub(crate) enum RateLimitPolicy {
    /// The default of the nearest router that has one, which is unknown until all are nested.
    Default,
    /// This limit, compared by identity.
    Own(Arc<str>),
    Never,
}

impl RouteMeta {
    pub(crate) fn new(method: Method, pattern: Pattern, callsite: Callsite) -> RouteMeta {
        let warned = AtomicBool::new(false);
        let (host, name, rate_limit, state) = (None, None, RateLimitPolicy::Default, Vec::new());
        RouteMeta { method, pattern, host, pattern_of_host: None, name, rate_limit, callsite, state, warned }
    }

    pub(crate) fn set_host(&mut self, host: &str) {
        self.host = Some(host.into());
        self.pattern_of_host = Some(format!("{host}{}", self.pattern.text()).into());
    }

    /// Returns the pattern, after the host if the route has one.
    pub(crate) fn host_and_pattern(&self) -> &str {
        self.pattern_of_host.as_deref().unwrap_or(self.pattern.text())
    }

    /// Returns the value of type `T` that the innermost router shares.
    pub(crate) fn state<T: 'static>(&self) -> Option<&T> {
        self.state.iter().find_map(|value| value.downcast_ref())
    }

    /// Returns whether this is the first call, for a warning that is logged once a route.
    pub(crate) fn warn_once(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }

    /// Returns the pattern and the location of the route, for messages about configuration
    /// mistakes.
    pub(crate) fn describe(&self) -> String {
        format!("{} at {}", self.pattern.text(), self.callsite.location)
    }
}
