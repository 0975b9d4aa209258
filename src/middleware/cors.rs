//! Cross-origin resource sharing (Fetch standard §3.2).

use std::sync::Arc;
use std::time::Duration;

use super::config_error;
use crate::app::router::Router;
use crate::http1::field_value::is_token;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::caching::delta_seconds;
use crate::response::error::{Error, Result};

/// Cross-origin resource sharing: answers preflights with 204 and adds the CORS fields to every
/// response, including errors.
///
/// By default a page may send what a plain form could (GET, HEAD, POST without special fields) and
/// read the response. Preflights are answered for every route, of an app also for a path without
/// one; a page that is not allowed gets the same 204 without the fields.
///
/// ```
/// use wirelight::middleware::Cors;
/// use wirelight::{App, Method};
///
/// let mut app = App::new();
/// Cors::new(["https://app.example"]).methods([Method::GET, Method::PUT]).headers(["Content-Type", "X-API-Key"]).add_to(&mut app);
/// app.put("/users/{id:int}", |_| "replaced");
///
/// let client = app.test();
/// let preflight = client.request("OPTIONS", "/users/7").header("Origin", "https://app.example");
/// let reply = preflight.header("Access-Control-Request-Method", "PUT").send();
/// assert_eq!(reply.status().as_u16(), 204);
/// assert_eq!(reply.header("Access-Control-Allow-Methods"), Some("GET, PUT"));
/// assert_eq!(client.put("/users/7").send().header("Vary"), Some("Origin"));
/// ```
pub struct Cors {
    origins: Origins,
    methods: String,
    headers: String,
    expose: String,
    credentials: bool,
    max_age: Option<String>,
}

enum Origins {
    Any,
    These(Vec<String>),
    If(Box<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Cors {
    /// Allows pages of these origins: `https://app.example`, as browsers serialise them, scheme and
    /// host in lower case, with a port unless it is the scheme's default.
    ///
    /// # Panics
    /// When one is not an origin (has a path or a trailing slash, for example): it would never
    /// match.
    #[track_caller]
    pub fn new<O: Into<String>>(origins: impl IntoIterator<Item = O>) -> Cors {
        let origins: Vec<String> = origins.into_iter().map(Into::into).collect();
        if let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) {
            config_error(format_args!(
                "{wrong:?} is not an origin: write scheme://host or scheme://host:port in lower case"
            ));
        }
        Cors::of(Origins::These(origins))
    }

    /// Allows pages of any origin: for public resources.
    pub fn any() -> Cors {
        Cors::of(Origins::Any)
    }

    /// Allows pages whose origin passes a test. Compare whole origins: `ends_with("example.org")`
    /// allows `https://evil-example.org`.
    pub fn when(allowed: impl Fn(&str) -> bool + Send + Sync + 'static) -> Cors {
        Cors::of(Origins::If(Box::new(allowed)))
    }

    /// Allows these methods in addition to GET, HEAD and POST, which need no permission.
    ///
    /// # Panics
    /// When one is `*`, together with [`credentials`](Cors::credentials).
    #[must_use]
    #[track_caller]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Cors {
        self.methods = methods.into_iter().map(|method| method.to_string()).collect::<Vec<_>>().join(", ");
        self.check_wildcards();
        self
    }

    /// Allows these request fields. JSON needs `Content-Type`. `*` allows all but `Authorization`.
    ///
    /// # Panics
    /// When one is not a field name, or is `*` together with [`credentials`](Cors::credentials).
    #[must_use]
    #[track_caller]
    pub fn headers<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Cors {
        self.headers = field_names(names);
        self.check_wildcards();
        self
    }

    /// Lets pages read these response fields in addition to the safelisted ones: `X-Request-ID`.
    ///
    /// # Panics
    /// When one is not a field name, or is `*` together with [`credentials`](Cors::credentials).
    #[must_use]
    #[track_caller]
    pub fn expose<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Cors {
        self.expose = field_names(names);
        self.check_wildcards();
        self
    }

    /// Lets pages send cookies and read the response.
    ///
    /// # Panics
    /// Together with [`any`](Cors::any): browsers reject it (Fetch §3.2.5), and answering with the
    /// page's own origin instead would open every user's session to every page. Together with `*`
    /// as a method or field: with credentials browsers take it for a name, not for all.
    #[must_use]
    #[track_caller]
    pub fn credentials(mut self) -> Cors {
        if matches!(self.origins, Origins::Any) {
            config_error(format_args!("CORS with credentials needs to know which origins: use Cors::new([…])"));
        }
        self.credentials = true;
        self.check_wildcards();
        self
    }

    /// Sets how long a browser may cache the response to a preflight. The default is 5 s; Chrome
    /// caches 2 h at most, Firefox 24 h.
    #[must_use]
    pub fn max_age(mut self, time: Duration) -> Cors {
        self.max_age = Some(delta_seconds(time).to_string());
        self
    }

    /// Adds it to a router or an app. Add it before guards, since preflights do not carry
    /// credentials.
    #[track_caller]
    pub fn add_to(self, router: &mut Router) {
        let rules = Arc::new(self);
        let before = rules.clone();
        router.before(move |request| before.preflight(request));
        router.after(move |request, response| rules.mark(request, response));
    }

    fn of(origins: Origins) -> Cors {
        let none = String::new;
        Cors { origins, methods: none(), headers: none(), expose: none(), credentials: false, max_age: None }
    }

    /// Fails for a `*` that no browser takes for all (Fetch §3.2.5).
    #[track_caller]
    fn check_wildcards(&self) {
        let mut names = [&self.methods, &self.headers, &self.expose].into_iter().flat_map(|list| list.split(", "));
        if self.credentials && names.any(|name| name == "*") {
            config_error(format_args!("with credentials, browsers take \"*\" for a name: list the methods and fields"));
        }
    }

    /// Answers preflights; the after hook adds the fields that allow the page.
    fn preflight(&self, request: &Request<'_>) -> Result<()> {
        if !is_preflight(request) {
            return Ok(());
        }
        let mut response = Response::new(StatusCode::NO_CONTENT);
        if self.allowed(request).is_some() {
            set(&mut response, "Access-Control-Allow-Methods", &self.methods);
            set(&mut response, "Access-Control-Allow-Headers", &self.headers);
            set(&mut response, "Access-Control-Max-Age", self.max_age.as_deref().unwrap_or_default());
        }
        Err(Error::response(response))
    }

    fn mark(&self, request: &Request<'_>, response: &mut Response) {
        if !matches!(self.origins, Origins::Any) {
            // Also on responses without an allowed origin: a cache must not reuse them for an
            // allowed one (Fetch §3.2.5).
            response.append_header("Vary", "Origin");
        }
        let Some(origin) = self.allowed(request) else { return };
        response.set_header("Access-Control-Allow-Origin", origin);
        set(response, "Access-Control-Allow-Credentials", if self.credentials { "true" } else { "" });
        set(response, "Access-Control-Expose-Headers", if is_preflight(request) { "" } else { &self.expose });
    }

    /// Returns the value of Access-Control-Allow-Origin, if the page may read the response.
    fn allowed<'r>(&self, request: &'r Request<'_>) -> Option<&'r str> {
        let origin = request.header("origin");
        match &self.origins {
            Origins::Any => Some("*"),
            Origins::These(list) => origin.filter(|origin| list.iter().any(|known| known == origin)),
            Origins::If(allowed) => origin.filter(|origin| allowed(origin)),
        }
    }
}

fn is_preflight(request: &Request<'_>) -> bool {
    let has = |name| request.header(name).is_some();
    request.method() == Method::OPTIONS && has("origin") && has("access-control-request-method")
}

fn set(response: &mut Response, name: &str, value: &str) {
    if !value.is_empty() {
        response.set_header(name, value);
    }
}

/// Returns whether the text is `scheme://host[:port]` as a browser serialises it (RFC 6454 §6.2),
/// or the `null` of a page without an origin.
pub(super) fn is_origin(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && !b"/\\?#@*,\"".contains(&byte);
    let parts = text.split_once("://");
    text == "null"
        || parts.is_some_and(|(scheme, host)| {
            !host.is_empty() && !scheme.is_empty() && (scheme.bytes().chain(host.bytes())).all(plain)
        })
}

#[track_caller]
fn field_names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if let Some(wrong) = names.iter().find(|name| !is_token(name.as_bytes())) {
        config_error(format_args!("{wrong:?} is not a header field name"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use super::*;
    use crate::app::App;
    use crate::testing::TestResponse;

    const PAGE: &str = "https://app.example";

    fn app(cors: Cors) -> App {
        let mut app = App::new();
        cors.add_to(&mut app);
        app.get("/", |_| "hello");
        app.get("/vary", |_| (StatusCode::OK, [("Vary", "Accept")], "hello"));
        app
    }

    fn full() -> Cors {
        let cors = Cors::new([PAGE, "http://localhost:3000"]).methods([Method::GET, Method::DELETE]);
        cors.headers(["Content-Type", "X-API-Key"])
            .expose(["X-Request-ID"])
            .credentials()
            .max_age(Duration::from_secs(600))
    }

    fn ask(app: &App, method: &str, path: &str, fields: &[(&str, &str)]) -> TestResponse {
        let client = app.test();
        fields.iter().fold(client.request(method, path), |request, (name, value)| request.header(name, value)).send()
    }

    /// Returns the CORS fields of a response, sorted.
    fn marks(reply: &TestResponse) -> Vec<String> {
        let about = |name: &str| name == "Vary" || name.starts_with("Access-Control-");
        let mut marks: Vec<_> =
            reply.headers().iter().filter(|(name, _)| about(name)).map(|(n, v)| format!("{n}: {v}")).collect();
        marks.sort();
        marks
    }

    #[test]
    fn a_preflight_is_answered_at_once() {
        let fields = [
            ("Origin", PAGE),
            ("Access-Control-Request-Method", "DELETE"),
            ("Access-Control-Request-Headers", "x-api-key"),
        ];
        let expected = [
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Allow-Headers: Content-Type, X-API-Key",
            "Access-Control-Allow-Methods: GET, DELETE",
            "Access-Control-Allow-Origin: https://app.example",
            "Access-Control-Max-Age: 600",
            "Vary: Origin",
        ];
        for path in ["/", "/nothing", "*"] {
            let reply = ask(&app(full()), "OPTIONS", path, &fields);
            assert_eq!((reply.status().as_u16(), reply.body()), (204, &b""[..]), "{path}");
            assert_eq!(marks(&reply), expected, "{path}");
        }
    }

    #[test]
    fn any_time_can_be_remembered() {
        let fields = [("Origin", PAGE), ("Access-Control-Request-Method", "GET")];
        for (time, text) in [
            (Duration::ZERO, "0"),
            (Duration::from_nanos(1), "0"),
            (Duration::from_secs(600), "600"),
            (Duration::MAX, "2147483648"),
        ] {
            let reply = ask(&app(Cors::any().max_age(time)), "OPTIONS", "/", &fields);
            assert_eq!(reply.header("Access-Control-Max-Age"), Some(text), "{time:?}");
        }
    }

    #[test]
    fn an_options_that_is_no_preflight_is_answered_as_ever() {
        let app = app(full());
        for fields in [&[("Origin", PAGE)][..], &[("Access-Control-Request-Method", "GET")], &[]] {
            assert_eq!(ask(&app, "OPTIONS", "/", fields).header("Allow"), Some("GET, HEAD, OPTIONS"), "{fields:?}");
        }
        let fields = [("Origin", PAGE), ("Access-Control-Request-Method", "GET")];
        assert_eq!(ask(&app, "GET", "/", &fields).text(), "hello");
    }

    #[test]
    fn a_page_that_may_not_come_in_learns_nothing() {
        let origins = [
            "https://evil.example",
            "https://app.example.evil",
            "https://app.example:443",
            "https://app.example/",
            "HTTPS://APP.EXAMPLE",
            "http://app.example",
            "null",
            "*",
            "",
            "https://app.example, https://app.example",
            "https://app.exampl\u{e9}",
        ];
        for origin in origins {
            let reply = ask(&app(full()), "GET", "/", &[("Origin", origin)]);
            assert_eq!((reply.status().as_u16(), marks(&reply)), (200, vec!["Vary: Origin".to_owned()]), "{origin}");
            let reply =
                ask(&app(full()), "OPTIONS", "/", &[("Origin", origin), ("Access-Control-Request-Method", "GET")]);
            assert_eq!((reply.status().as_u16(), marks(&reply)), (204, vec!["Vary: Origin".to_owned()]), "{origin}");
        }
    }

    #[test]
    fn plain_answers_say_who_may_read_them() {
        let reply = ask(&app(full()), "GET", "/vary", &[("Origin", "http://localhost:3000")]);
        let expected = [
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Allow-Origin: http://localhost:3000",
            "Access-Control-Expose-Headers: X-Request-ID",
            "Vary: Accept",
            "Vary: Origin",
        ];
        assert_eq!(marks(&reply), expected);
        assert_eq!(marks(&ask(&app(full()), "GET", "/", &[])), ["Vary: Origin"], "a cache must know even then");
        assert_eq!(marks(&ask(&app(Cors::any()), "GET", "/", &[])), ["Access-Control-Allow-Origin: *"]);
    }

    #[test]
    fn a_test_of_ones_own_sees_what_came() {
        let app = app(Cors::when(|origin| origin == "null" || origin.ends_with(".example.org") || !origin.is_ascii()));
        for (origin, allowed) in
            [("null", true), ("https://a.example.org", true), ("https://example.org", false), ("é\u{85}\u{9b}", true)]
        {
            let reply = ask(&app, "GET", "/", &[("Origin", origin)]);
            assert_eq!(reply.header("Access-Control-Allow-Origin"), allowed.then_some(origin));
            assert_eq!(reply.status().as_u16(), 200);
        }
    }

    #[test]
    fn a_router_answers_the_preflights_of_its_own_paths() {
        let mut inner = Router::new();
        Cors::new([PAGE]).methods([Method::PUT]).add_to(&mut inner);
        inner.put("/{id:int}", |_| "put");
        let mut app = App::new();
        app.nest("/in", inner);
        app.put("/out", |_| "put");
        let fields = [("Origin", PAGE), ("Access-Control-Request-Method", "PUT")];
        let reply = ask(&app, "OPTIONS", "/in/7", &fields);
        assert_eq!((reply.status().as_u16(), reply.header("Access-Control-Allow-Methods")), (204, Some("PUT")));
        assert_eq!(ask(&app, "DELETE", "/in/7", &fields).header("Access-Control-Allow-Origin"), Some(PAGE), "on a 405");
        assert_eq!(marks(&ask(&app, "OPTIONS", "/out", &fields)), [""; 0]);
    }

    #[test]
    fn rules_that_cannot_work_stop_the_program() {
        let refuses = |make: fn() -> Cors| std::panic::catch_unwind(make).is_err();
        assert!(refuses(|| Cors::any().credentials()));
        assert!(refuses(|| Cors::any().headers(["X Y"])));
        assert!(refuses(|| Cors::any().expose(["X\r\nY"])));
        for (what, wildcard) in [
            ("headers", (|cors| cors.headers(["*"])) as fn(Cors) -> Cors),
            ("among headers", |cors| cors.headers(["Content-Type", "*"])),
            ("expose", |cors| cors.expose(["*"])),
            ("methods", |cors| cors.methods([Method::from_bytes(b"*").unwrap()])),
        ] {
            let refuses = |make: &dyn Fn() -> Cors| std::panic::catch_unwind(AssertUnwindSafe(make)).is_err();
            assert!(refuses(&|| wildcard(Cors::new([PAGE])).credentials()), "{what}, then credentials");
            assert!(refuses(&|| wildcard(Cors::new([PAGE]).credentials())), "credentials, then {what}");
            assert!(!refuses(&|| wildcard(Cors::any())), "{what} alone");
        }
        for origin in [
            "",
            "*",
            "app.example",
            "https://",
            "://app.example",
            "https://app.example/",
            "https://app.example/a",
            "HTTPS://app.example",
            "https://*.app.example",
            "https://a@b",
            "https://a b",
            "https://a\r\nb",
            "https://a,https://b",
        ] {
            assert!(!is_origin(origin), "{origin}");
        }
        for origin in
            ["https://app.example", "http://localhost:3000", "http://[::1]:80", "null", "chrome-extension://abc"]
        {
            assert!(is_origin(origin), "{origin}");
        }
    }
}
