//! Routers for requests to one host (RFC 9110 §7.2): virtual hosts.

use super::App;
use super::fallbacks::Fallbacks;
use super::router::Router;
use crate::request::Request;
use crate::routing::tree::Tree;

/// The routes of one host. Their numbers count in the routes of the application.
pub(super) struct Host {
    /// In lower case; `*.` at its beginning is any subdomain.
    name: String,
    pub(super) tree: Tree,
    pub(super) fallbacks: Fallbacks,
}

impl App {
    /// Adds a router for the requests to this host, whatever their port; `*.example.org` is every
    /// subdomain of `example.org`, and an exact name precedes it. Such requests see no other routes.
    /// Hooks and error handlers of the application apply to them too.
    ///
    /// The host is [`Request::client_host`]. It comes from the client: it selects a route, and is not a
    /// proof of anything.
    ///
    /// ```
    /// use wirelight::{App, Router};
    ///
    /// let mut api = Router::new();
    /// api.get("/", |_| "the API");
    /// let mut app = App::new();
    /// app.host("api.example.org", api);
    /// app.get("/", |_| "the site");
    /// assert_eq!(app.test().get("/").header("Host", "API.example.org:8000").send().text(), "the API");
    /// assert_eq!(app.test().get("/").header("Host", "www.example.org").send().text(), "the site");
    /// ```
    ///
    /// # Panics
    /// At start-up, if the name is empty, has a port or a path, or was added before.
    #[track_caller]
    pub fn host(&mut self, name: &str, router: Router) {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(); // as in `without_port`
        let plain = name.strip_prefix("*.").unwrap_or(&name);
        let has_port = !plain.ends_with(']') && plain.contains(':');
        let is_valid = !plain.is_empty() && !has_port && !plain.contains(['/', '*', ' ']);
        assert!(
            is_valid,
            "host({name:?}): expected a name such as \"example.org\" or \"*.example.org\", without a port"
        );
        assert!(self.hosts.iter().all(|host| host.name != name), "host({name:?}) was added before");
        let (tree, fallbacks) = self.router.adopt(&name, router);
        self.hosts.push(Host { name, tree, fallbacks });
        self.hosts.sort_by_key(|host| (host.name.starts_with("*."), std::cmp::Reverse(host.name.len())));
    }

    /// Returns the routes for the host of this request. Not inlined: most applications have no
    /// hosts.
    #[cold]
    #[inline(never)]
    pub(super) fn tree(&self, request: &Request<'_>) -> &Tree {
        self.host_of(request).map_or(&self.router.tree, |host| &host.tree)
    }

    /// Returns the fallbacks for the host of this request.
    pub(super) fn fallbacks(&self, request: &Request<'_>) -> &Fallbacks {
        self.host_of(request).map_or(&self.router.fallbacks, |host| &host.fallbacks)
    }

    fn host_of(&self, request: &Request<'_>) -> Option<&Host> {
        if self.hosts.is_empty() {
            return None;
        }
        let host = request.client_host()?.to_ascii_lowercase();
        let name = without_port(&host);
        self.hosts.iter().find(|host| match host.name.strip_prefix('*') {
            Some(suffix) => name.len() > suffix.len() && name.ends_with(suffix),
            None => host.name == name,
        })
    }
}

/// Returns the host without its port, and without the dot of a complete name.
fn without_port(host: &str) -> &str {
    let name = match host.rfind(':') {
        Some(colon) if !host.get(colon..).is_some_and(|port| port.contains(']')) => host.get(..colon).unwrap_or(host),
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}
