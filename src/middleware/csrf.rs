//! Refuses requests that pages of other sites make a browser send (cross-site request forgery).

use std::sync::Arc;

use super::config_error;
use super::cors::is_origin;
use crate::app::router::Router;
use crate::http1::method::Method;
use crate::request::Request;
use crate::request::url::without_default_port;
use crate::response::error::{Error, Result};

/// Refuses requests that change something if a page of another origin caused them, with 403. A
/// browser adds cookies and Basic credentials to such requests, so they would have the rights of
/// its user.
///
/// Browsers say where a request comes from, in fields that pages cannot set: `Sec-Fetch-Site` (Fetch
/// Metadata; sent to HTTPS and localhost) or else `Origin`. That needs no token in forms, and is
/// what Go's `http.CrossOriginProtection` does. The `Origin` must have the request's
/// [host](Request::client_host); its scheme is not compared, because a proxy may hide it. GET, HEAD
/// and OPTIONS pass, as long as they do not ask for an upgrade: a handler must not change anything
/// for them. A request with neither field comes from a program, which has no user's cookies to
/// abuse; all browsers since 2020 send one of them. For others,
/// `Session::csrf_token` (feature `sessions`) is a second line.
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::Csrf;
///
/// let mut app = App::new();
/// Csrf::new().trust(["https://admin.example"]).add_to(&mut app);
/// app.post("/transfer", |_| "done");
///
/// let client = app.test();
/// let from = |site: &str| client.post("/transfer").header("Sec-Fetch-Site", site).send().status();
/// assert_eq!((from("same-origin"), from("cross-site")), (200.try_into().unwrap(), 403.try_into().unwrap()));
/// assert_eq!(client.post("/transfer").header("Origin", "https://evil.example").send().status(), 403);
/// assert_eq!(client.post("/transfer").header("Origin", "https://admin.example").send().status(), 200);
/// ```
#[derive(Clone, Default)]
pub struct Csrf {
    trusted: Arc<[String]>,
}

impl Csrf {
    /// Returns a middleware that trusts the application's own origin.
    pub fn new() -> Csrf {
        Csrf::default()
    }

    /// Accepts requests from pages of these origins too: `https://app.example`, as for
    /// [`Cors::new`](crate::middleware::Cors::new). Those that CORS allows to send them belong here.
    ///
    /// # Panics
    /// When one is not an origin, or is `null`, which any page can have.
    #[must_use]
    #[track_caller]
    pub fn trust<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Csrf {
        self.trusted = origins.into_iter().map(Into::into).collect();
        if let Some(wrong) = self.trusted.iter().find(|origin| !is_origin(origin) || *origin == "null") {
            config_error(format_args!("{wrong:?} is not an origin to trust: write scheme://host in lower case"));
        }
        self
    }

    /// Returns a guard for one route: `app.post("/transfer", handler).require(csrf.guard())`.
    pub fn guard(&self) -> impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static {
        let csrf = self.clone();
        move |request| match is_safe(request) || csrf.comes_from_here(request) {
            true => Ok(()),
            false => Err(Error::forbidden("The request comes from a page of another site.")),
        }
    }

    /// Guards every route of a router; of an app, also requests without a route.
    #[track_caller]
    pub fn add_to(&self, router: &mut Router) {
        router.before(self.guard());
    }

    fn comes_from_here(&self, request: &Request<'_>) -> bool {
        // A repeated or malformed field is not one that a browser sent.
        let value = |name| request.field_values(name).next().map(|_| request.single_header(name).unwrap_or_default());
        let origin = value("origin");
        let is_trusted = || origin.is_some_and(|origin| self.trusted.iter().any(|trusted| trusted == origin));
        match (value("sec-fetch-site"), origin) {
            // "none": the user entered the address, or used a bookmark.
            (Some(site), _) => site == "same-origin" || site == "none" || is_trusted(),
            (None, Some(origin)) => has_host_of(origin, request) || is_trusted(),
            (None, None) => true,
        }
    }
}

/// Returns whether the request must not change anything (RFC 9110 §9.2.1). A handshake of a
/// WebSocket is a GET, and no same-origin policy holds for it.
fn is_safe(request: &Request<'_>) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(&request.method())
        && request.field_values("upgrade").next().is_none()
}

/// Returns whether the authority of an origin is the host that the request was sent to.
fn has_host_of(origin: &str, request: &Request<'_>) -> bool {
    let (Some((scheme, authority)), Some(host)) = (origin.split_once("://"), request.client_host()) else {
        return false;
    };
    without_default_port(authority, scheme).eq_ignore_ascii_case(without_default_port(&host, scheme))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;

    fn app() -> App {
        let mut app = App::new();
        Csrf::new().trust(["https://admin.example", "http://admin.example:8080"]).add_to(&mut app);
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            app.route(method, "/", |_| "done");
        }
        app
    }

    /// Returns the status of a request with these fields.
    fn status(app: &App, method: &str, fields: &[(&str, &str)]) -> u16 {
        let client = app.test();
        let request = client.request(method, "/").header("Host", "shop.example:8000");
        fields.iter().fold(request, |request, (name, value)| request.header(name, value)).send().status().as_u16()
    }

    #[test]
    fn only_pages_of_this_origin_change_something() {
        let app = app();
        let site = |value| [("Sec-Fetch-Site", value)];
        let origin = |value| [("Origin", value)];
        for (fields, expected) in [
            (&[][..], 200),
            (&site("same-origin"), 200),
            (&site("none"), 200),
            (&site("same-site"), 403),
            (&site("cross-site"), 403),
            (&site("Same-Origin"), 403),
            (&site("same-origin, same-origin"), 403),
            (&site("é"), 403),
            (&site(""), 403),
            (&origin("http://shop.example:8000"), 200),
            (&origin("https://SHOP.example:8000"), 200),
            (&origin("http://shop.example"), 403),
            (&origin("http://shop.example:8000.evil.example"), 403),
            (&origin("http://evil.example/shop.example:8000"), 403),
            (&origin("shop.example:8000"), 403),
            (&origin("null"), 403),
            (&origin(""), 403),
            (&origin("https://admin.example"), 200),
            (&origin("http://admin.example"), 403),
            (&origin("https://admin.example.evil.example"), 403),
            (&[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://shop.example:8000")], 403),
            (&[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://admin.example:8080")], 200),
            (&[("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")], 403),
            (&[("Origin", "http://shop.example:8000"), ("Origin", "http://shop.example:8000")], 403),
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                assert_eq!(status(&app, method, fields), expected, "{method} {fields:?}");
            }
            for method in ["GET", "HEAD", "OPTIONS"] {
                assert_eq!(status(&app, method, fields), 200, "{method} {fields:?}");
            }
        }
    }

    #[test]
    fn a_handshake_of_another_site_is_refused() {
        let upgrade = ("Upgrade", "websocket");
        assert_eq!(status(&app(), "GET", &[upgrade, ("Origin", "https://evil.example")]), 403);
        assert_eq!(status(&app(), "GET", &[upgrade, ("Origin", "http://shop.example:8000")]), 200);
        assert_eq!(status(&app(), "GET", &[upgrade]), 200);
    }

    #[test]
    fn a_method_or_path_without_a_route_is_no_way_around() {
        let mut app = App::new();
        app.get("/", |_| "page");
        app.post("/change", |_| "done").require(Csrf::new().guard());
        let from_elsewhere =
            |method, path| app.test().request(method, path).header("Sec-Fetch-Site", "cross-site").send();
        assert_eq!(from_elsewhere("POST", "/change").status(), 403);
        assert_eq!(from_elsewhere("POST", "/").status(), 405);
    }

    #[test]
    fn origins_that_cannot_be_trusted_stop_the_program() {
        for origin in ["null", "admin.example", "https://admin.example/", "https://*.example"] {
            assert!(std::panic::catch_unwind(|| Csrf::new().trust([origin])).is_err(), "{origin}");
        }
    }

    #[test]
    fn the_default_port_is_the_same_host_with_and_without_it() {
        let mut app = App::new();
        Csrf::new().add_to(&mut app);
        app.post("/", |_| "done");
        for (host, origin, expected) in [
            ("shop.example:80", "http://shop.example", 200),
            ("shop.example:443", "https://shop.example", 200),
            ("[::1]:80", "http://[::1]", 200),
            ("shop.example:443", "https://shop.example:443", 200),
            ("shop.example:443", "http://shop.example", 403),
            ("shop.example:80", "https://shop.example", 403),
            ("shop.example:8443", "https://shop.example", 403),
        ] {
            let reply = app.test().post("/").header("Host", host).header("Origin", origin).send();
            assert_eq!(reply.status(), expected, "{host} {origin}");
        }
    }
}
