//! Sessions: what a program remembers of a client from request to request, in a sealed cookie.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::config_error;
use super::keyring::{Keyring, random_bytes};
use crate::app::router::Router;
use crate::bytes::base64;
use crate::http1::field_value::is_token;
use crate::request::Request;
use crate::request::cookie::{Cookie, SameSite};
use crate::response::Response;
use crate::response::error::{Error, Result};
use crate::sync::lock;

/// The value that a session keeps the secret of its CSRF tokens under.
const CSRF: &str = "csrf_token";

/// Adds a [`Session`] to every request. The session is a cookie, as in Flask, but encrypted: no
/// table is kept here, and several machines share nothing but the secrets.
///
/// The cookie is `HttpOnly`, `SameSite=Lax` and for all paths. If the client connected over TLS, to
/// this server or to a [trusted proxy](crate::App::trusted_proxies), it is `Secure` and its name
/// begins with `__Host-`, so that no other host can set it (RFC 6265bis §4.1.3.2). A cookie that
/// was changed, cut, sealed by an unknown secret or is expired is an empty session.
///
/// A cookie cannot be taken back: a copy is valid until it expires, even after the user has logged
/// out. Keep the [lifetime](Sessions::lifetime) short. If you must end sessions at once,
/// store a random id in the session and look it up in a table.
///
/// ```
/// use wirelight::middleware::{Csrf, Keyring, Sessions};
/// use wirelight::{App, Redirect, Request, Result};
///
/// fn login(req: &Request) -> Result<Redirect> {
///     // Check the password here.
///     req.session().clear(); // nothing from before the login stays, in particular no CSRF token
///     req.session().set("user", req.form("user"))?;
///     Ok(Redirect::see_other("/"))
/// }
///
/// let mut app = App::new();
/// Csrf::new().add_to(&mut app);
/// Sessions::new(Keyring::random()?).add_to(&mut app);
/// app.post("/login", login);
/// app.get("/", |req| req.session().get::<String>("user").map(|user| format!("Hello, {user}!")));
///
/// let client = app.test();
/// let reply = client.post("/login").form(&[("user", "Zoë")]).send();
/// let cookie = reply.header("Set-Cookie").and_then(|cookie| cookie.split(';').next()).unwrap();
/// assert_eq!(client.get("/").header("Cookie", cookie).send().text(), "Hello, Zoë!");
/// assert_eq!(client.get("/").header("Cookie", "session=forged").send().status(), 404);
/// # Ok::<(), wirelight::Error>(())
/// ```
pub struct Sessions {
    keyring: Keyring,
    name: Cow<'static, str>,
    host_name: Cow<'static, str>,
    lifetime: Duration,
    same_site: SameSite,
}

impl Sessions {
    /// Returns a middleware that keeps sessions for 24 hours after their last change.
    pub fn new(keyring: Keyring) -> Sessions {
        Sessions {
            keyring,
            name: "session".into(),
            host_name: "__Host-session".into(),
            lifetime: Duration::from_secs(24 * 60 * 60),
            same_site: SameSite::Lax,
        }
    }

    /// Sets another name of the cookie than `session`; over TLS `__Host-` stands before it.
    ///
    /// # Panics
    /// When it is not a token (RFC 6265 §4.1.1), or has a prefix that gives a cookie a meaning.
    #[must_use]
    #[track_caller]
    pub fn name(mut self, name: &'static str) -> Sessions {
        if !is_token(name.as_bytes()) || name.starts_with("__") {
            config_error(format_args!("{name:?} cannot be the name of a session cookie"));
        }
        (self.name, self.host_name) = (name.into(), format!("__Host-{name}").into());
        self
    }

    /// Sets how long a session is valid after its last change, in whole seconds. Reading does not
    /// extend it; [`Session::touch`] does.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Sessions {
        self.lifetime = lifetime;
        self
    }

    /// Sends no cookie with any request that another site causes, not even when the user follows a
    /// link: such a visitor seems to be logged out.
    #[must_use]
    pub fn strict(mut self) -> Sessions {
        self.same_site = SameSite::Strict;
        self
    }

    /// Adds it to a router or an app.
    #[track_caller]
    pub fn add_to(self, router: &mut Router) {
        let sessions = Arc::new(self);
        let after = sessions.clone();
        router.before(move |request| {
            let name = sessions.cookie_name(request).clone();
            let token = request.cookie(&name).map(str::to_owned);
            request.set(Session { sessions: sessions.clone(), name, token, content: Mutex::default() });
            Ok(())
        });
        router.after(move |request, response| after.save(request, response));
    }

    /// Returns the name of the cookie. It is also the purpose of the seal: what was sealed for plain
    /// HTTP, where an attacker can read and replace it, is not valid over TLS.
    fn cookie_name(&self, request: &Request<'_>) -> &Cow<'static, str> {
        if request.scheme() == "https" { &self.host_name } else { &self.name }
    }

    /// Writes the cookie if the session has changed. After a 5xx it stays as it was: the handler may
    /// have changed one half of it.
    fn save(&self, request: &Request<'_>, response: &mut Response) {
        let Some(session) = request.get::<Session>() else { return };
        let content = lock(&session.content);
        let Some(values) = &content.values else { return };
        response.add_vary("Cookie");
        if !content.changed || response.status().is_server_error() {
            return;
        }
        if response.header_value("cache-control").is_none() {
            response.set_header("Cache-Control", "private");
        }
        let name = &session.name;
        let (value, age) = match values.is_empty() {
            true => (Ok(String::new()), Duration::ZERO),
            false => (self.seal(name, values), self.lifetime),
        };
        match value {
            Err(error) => response.fail(error),
            Ok(value) => {
                let cookie = Cookie::new(name.clone(), value).max_age(age).http_only().same_site(self.same_site);
                response.set_cookie(if *name == self.host_name { cookie.secure() } else { cookie });
            }
        }
    }

    fn seal(&self, name: &str, values: &Map<String, Value>) -> Result<String> {
        self.keyring.seal(name, &serde_json::to_string(values)?, self.lifetime)
    }
}

/// What is remembered of a client: values by name. From [`Request::session`].
///
/// The values are JSON in one cookie: together at most 2.9 KiB, else the response is a 500. Keep
/// ids in it, and the rest in a database. Of two requests at the same time, the last response wins.
pub struct Session {
    sessions: Arc<Sessions>,
    /// Name of the cookie, and purpose of its seal.
    name: Cow<'static, str>,
    token: Option<String>,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    /// `None`: not opened yet.
    values: Option<Map<String, Value>>,
    changed: bool,
}

impl Session {
    /// Returns a value; `None` if there is none, or it is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let value = self.with_values(|values, _| values.get(name).cloned())?;
        serde_json::from_value(value).ok()
    }

    /// Sets a value.
    ///
    /// # Errors
    /// If it cannot be serialised.
    pub fn set(&self, name: &str, value: impl Serialize) -> Result<()> {
        let value = serde_json::to_value(value)?;
        self.with_values(|values, changed| {
            values.insert(name.to_owned(), value);
            *changed = true;
        });
        Ok(())
    }

    /// Removes a value.
    pub fn remove(&self, name: &str) {
        self.with_values(|values, changed| *changed |= values.remove(name).is_some());
    }

    /// Removes all values, and with them all CSRF tokens: at a logout, and at a login before the
    /// user is set. A session without values has no cookie.
    pub fn clear(&self) {
        let came = self.token.is_some();
        self.with_values(|values, changed| {
            *changed |= came || !values.is_empty();
            values.clear();
        });
    }

    /// Sends the cookie again, with a new lifetime.
    pub fn touch(&self) {
        self.with_values(|values, changed| *changed |= !values.is_empty());
    }

    /// Returns a token for a form of this session, for a hidden field `csrf_token` or a field
    /// `X-CSRF-Token`; [`Request::check_csrf_token`] checks it. It is a synchroniser token, sealed:
    /// each is different, so that compression reveals nothing, and expires with the session.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn csrf_token(&self) -> Result<String> {
        let fresh = base64::encode_url(&random_bytes::<16>()?);
        let secret = self.with_values(|values, changed| match values.get(CSRF).and_then(Value::as_str) {
            Some(secret) => secret.to_owned(),
            None => {
                *changed = true;
                values.insert(CSRF.into(), fresh.clone().into());
                fresh
            }
        });
        self.sessions.keyring.seal(CSRF, &secret, self.sessions.lifetime)
    }

    fn accepts_csrf_token(&self, token: &str) -> bool {
        let sent = self.sessions.keyring.open(CSRF, token);
        let secret = self.get::<String>(CSRF);
        sent.zip(secret).is_some_and(|(sent, secret)| sent.as_bytes().ct_eq(secret.as_bytes()).into())
    }

    /// Runs `work` on the values, opened at first use, and a flag to set when it changed them.
    fn with_values<R>(&self, work: impl FnOnce(&mut Map<String, Value>, &mut bool) -> R) -> R {
        let mut content = lock(&self.content);
        let Content { values, changed } = &mut *content;
        work(values.get_or_insert_with(|| self.open().unwrap_or_default()), changed)
    }

    fn open(&self) -> Option<Map<String, Value>> {
        let text = self.sessions.keyring.open(&self.name, self.token.as_deref()?)?;
        serde_json::from_str(&text).ok()
    }
}

impl Request<'_> {
    /// Returns the session of the client (feature `sessions`).
    ///
    /// # Panics
    /// If no [`Sessions`] was added before. It is a mistake in the program: the client gets a 500,
    /// and the log names the caller's line.
    #[track_caller]
    pub fn session(&self) -> &Session {
        match self.get::<Session>() {
            Some(session) => session,
            #[expect(clippy::panic, reason = "the programmer's mistake, not the peer's; caught and answered with 500")]
            None => panic!("no session: add one with Sessions::new(…).add_to(&mut app)"),
        }
    }

    /// Checks the CSRF token of a form, `csrf_token`, or of a field `X-CSRF-Token` against the
    /// session's (feature `sessions`): a second defence after [`Csrf`](crate::middleware::Csrf), for
    /// browsers that do not say where a request comes from.
    ///
    /// ```
    /// use wirelight::middleware::{Keyring, Sessions};
    /// use wirelight::{App, Html, Request, Result};
    ///
    /// fn form(req: &Request) -> Result<Html<String>> {
    ///     let token = req.session().csrf_token()?; // base64url: nothing to escape
    ///     Ok(Html(format!("<form method=post><input type=hidden name=csrf_token value={token}><button>Go</button></form>")))
    /// }
    ///
    /// let mut app = App::new();
    /// Sessions::new(Keyring::random()?).add_to(&mut app);
    /// app.get("/", form);
    /// app.post("/", |req| req.check_csrf_token().map(|()| "done"));
    /// assert_eq!(app.test().post("/").form(&[("csrf_token", "guess")]).send().status(), 403);
    /// # Ok::<(), wirelight::Error>(())
    /// ```
    ///
    /// # Errors
    /// 403 if the token is missing, not of this session, changed or expired.
    ///
    /// # Panics
    /// As [`session`](Request::session).
    #[track_caller]
    pub fn check_csrf_token(&self) -> Result<()> {
        let session = self.session();
        let token = self.header("x-csrf-token").map(Cow::from).or_else(|| self.form("csrf_token"));
        match token.is_some_and(|token| session.accepts_csrf_token(&token)) {
            true => Ok(()),
            false => Err(Error::forbidden("The form is no longer valid. Load its page again.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::testing::TestResponse;

    const SECRET: &str = "a secret of at least 32 bytes...";

    fn app_with(sessions: Sessions) -> App {
        let mut app = App::new();
        sessions.add_to(&mut app);
        app.get("/user", |req| req.session().get::<String>("user").unwrap_or("nobody".into()));
        app.get("/plain", |_| "no session");
        app.post("/login/{user}", |req| -> Result<()> {
            req.session().clear();
            req.session().set("user", req.param::<String>("user")?)
        });
        app.post("/touch", |req| req.session().touch());
        app.post("/logout", |req| req.session().clear());
        app.post("/remove", |req| req.session().remove("user"));
        app.post("/fail", |req| -> Result<()> {
            req.session().set("user", "half")?;
            Err(std::io::Error::other("on purpose").into())
        });
        app.post("/refuse", |req| -> Result<()> {
            req.session().set("failed logins", 1)?;
            Err(Error::forbidden(""))
        });
        app.get("/token", |req| req.session().csrf_token());
        app.post("/form", |req| req.check_csrf_token().map(|()| "done"));
        app
    }

    fn app() -> App {
        app_with(Sessions::new(Keyring::new([SECRET])))
    }

    /// Returns the cookie that the response sets, without its attributes.
    fn cookie(reply: &TestResponse) -> Option<String> {
        let field = reply.header("Set-Cookie")?;
        field.split(';').next().map(str::to_owned)
    }

    fn ask(app: &App, method: &str, target: &str, cookie: &str) -> TestResponse {
        app.test().request(method, target).header("Cookie", cookie).send()
    }

    fn user(app: &App, cookie: &str) -> String {
        ask(app, "GET", "/user", cookie).text().to_owned()
    }

    fn login(app: &App) -> String {
        cookie(&app.test().post("/login/a").send()).unwrap()
    }

    #[test]
    fn a_session_lasts_from_login_to_logout() {
        let app = app();
        let reply = app.test().post("/login/Zo%C3%AB").send();
        let (sent, attributes) = reply.header("Set-Cookie").unwrap().split_once(';').unwrap();
        assert_eq!(attributes, " Path=/; Max-Age=86400; HttpOnly; SameSite=Lax");
        let sealed = base64::decode_url(sent.strip_prefix("session=").unwrap().as_bytes()).unwrap();
        assert!(sealed.windows(5).all(|bytes| bytes != "Zoë".as_bytes() && bytes != b"user\""), "encrypted: {sent}");
        assert_eq!(user(&app, sent), "Zoë");
        let touched = cookie(&ask(&app, "POST", "/touch", sent)).unwrap();
        assert_eq!((touched == sent, user(&app, &touched).as_str()), (false, "Zoë"));
        for target in ["/logout", "/remove"] {
            let reply = ask(&app, "POST", target, sent);
            assert_eq!(reply.header("Set-Cookie"), Some("session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
        }
        for target in ["/logout", "/remove", "/touch"] {
            assert_eq!(ask(&app, "POST", target, "").header("Set-Cookie"), None, "{target} of nothing");
        }
    }

    #[test]
    fn caches_keep_no_session() {
        let app = app();
        let reply = app.test().post("/login/a").send();
        assert_eq!((reply.header("Vary"), reply.header("Cache-Control")), (Some("Cookie"), Some("private")));
        let read = ask(&app, "GET", "/user", &login(&app));
        assert_eq!((read.header("Vary"), read.header("Set-Cookie")), (Some("Cookie"), None));
        let plain = ask(&app, "GET", "/plain", &login(&app));
        assert_eq!((plain.header("Vary"), plain.header("Set-Cookie")), (None, None));
    }

    #[test]
    fn over_tls_the_cookie_belongs_to_this_host() {
        let mut app = app();
        app.trusted_proxies(["unix"]);
        let over_tls = |method, target, cookie: &str| {
            app.test().request(method, target).header("X-Forwarded-Proto", "https").header("Cookie", cookie).send()
        };
        let reply = over_tls("POST", "/login/a", "");
        let (host, attributes) = reply.header("Set-Cookie").unwrap().split_once(';').unwrap();
        assert_eq!(attributes, " Path=/; Max-Age=86400; Secure; HttpOnly; SameSite=Lax");
        assert!(host.starts_with("__Host-session="));
        assert_eq!(over_tls("GET", "/user", host).text(), "a");
        assert_eq!(user(&app, host), "nobody", "not over plain HTTP");
        assert_eq!(user(&app, host.strip_prefix("__Host-").unwrap()), "nobody", "nor under the other name");
        let plain = login(&app);
        for planted in [plain.clone(), format!("__Host-{plain}")] {
            assert_eq!(over_tls("GET", "/user", &planted).text(), "nobody", "{planted}");
        }
    }

    #[test]
    fn cookies_that_lie_are_an_empty_session() {
        let app = app();
        let right = login(&app);
        let other_secret = login(&app_with(Sessions::new(Keyring::random().unwrap())));
        let other_name = login(&app_with(Sessions::new(Keyring::new([SECRET])).name("id")));
        let csrf_token = format!("session={}", app.test().get("/token").send().text());
        for lie in [
            "",
            "session",
            "session=",
            "session=a.b.c",
            "session=eyJ1c2VyIjoiYSJ9",
            "session=\u{e9}",
            &right[..right.len() - 1],
            &format!("{right}A"),
            &format!("{right}="),
            &right.to_lowercase(),
            &right.replace("session=", "Session="),
            &other_secret,
            &other_name,
            &other_name.replace("id=", "session="),
            &csrf_token,
            &format!("session={}", "A".repeat(12_000)),
        ] {
            let reply = ask(&app, "GET", "/user", lie);
            assert_eq!((reply.status().as_u16(), reply.text()), (200, "nobody"), "{lie}");
            assert_eq!(reply.header("Set-Cookie"), None);
        }
        let raw = b"GET /user HTTP/1.1\r\nHost: a\r\nCookie: session=\xff\xfe\r\n\r\n";
        assert!(app.test().raw(raw).ends_with(b"\r\n\r\nnobody"));
        assert_eq!(user(&app, &right), "a");
    }

    #[test]
    fn an_expired_cookie_is_an_empty_session() {
        let app = app_with(Sessions::new(Keyring::new([SECRET])).lifetime(Duration::ZERO).strict());
        let reply = app.test().post("/login/a").send();
        assert!(reply.header("Set-Cookie").unwrap().ends_with("; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"));
        assert_eq!(user(&app, &cookie(&reply).unwrap()), "nobody");
    }

    /// As documented: the server keeps no list of sessions. A copy says what the session was.
    #[test]
    fn a_copied_cookie_is_valid_until_it_expires() {
        let app = app();
        let copy = login(&app);
        assert_eq!(cookie(&ask(&app, "POST", "/logout", &copy)).as_deref(), Some("session="));
        assert_eq!(user(&app, &copy), "a");
        let later = cookie(&ask(&app, "POST", "/login/b", &copy)).unwrap();
        assert_eq!((user(&app, &copy).as_str(), user(&app, &later).as_str()), ("a", "b"));
    }

    #[test]
    fn secrets_rotate_without_a_logout() {
        let old = login(&app());
        let rotated = app_with(Sessions::new(Keyring::new(["another secret of 32 bytes and more", SECRET])));
        assert_eq!(user(&rotated, &old), "a");
        let touched = cookie(&ask(&rotated, "POST", "/touch", &old)).unwrap();
        assert_eq!((user(&rotated, &touched).as_str(), user(&app(), &touched).as_str()), ("a", "nobody"));
    }

    #[test]
    fn a_failed_request_changes_nothing() {
        let app = app();
        let reply = app.test().post("/fail").send();
        assert_eq!((reply.status().as_u16(), reply.header("Set-Cookie")), (500, None));
        let reply = app.test().post("/refuse").send();
        assert_eq!((reply.status().as_u16(), cookie(&reply).is_some()), (403, true));
        // The after hooks of a request without a session: its head was refused.
        assert!(app.test().raw(b"GET / HTTP/1.1\r\n\r\n").starts_with(b"HTTP/1.1 400"));
    }

    #[test]
    fn a_session_larger_than_a_cookie_is_a_500() {
        let mut app = app();
        app.post("/large/{size:int}", |req| req.session().set("x", "x".repeat(req.param("size")?)));
        let (fits, large) = (app.test().post("/large/2900").send(), app.test().post("/large/3100").send());
        assert_eq!((fits.status().as_u16(), cookie(&fits).is_some()), (204, true));
        assert_eq!((large.status().as_u16(), cookie(&large)), (500, None));
    }

    #[test]
    fn a_form_needs_a_token_of_its_session() {
        let app = app();
        let fetch = |sent: &str| {
            let reply = ask(&app, "GET", "/token", sent);
            (reply.text().to_owned(), cookie(&reply).unwrap_or(sent.to_owned()))
        };
        let post = |cookie: &str, token: &str| {
            app.test().post("/form").header("Cookie", cookie).form(&[("csrf_token", token)]).send().status().as_u16()
        };
        let (first, session) = fetch("");
        let (second, unchanged) = fetch(&session);
        assert!(first != second && session == unchanged);
        assert_eq!((post(&session, &first), post(&session, &second)), (200, 200));
        let by_field = app.test().post("/form").header("Cookie", &session).header("X-CSRF-Token", &first).send();
        assert_eq!(by_field.status(), 200);
        let (foreign, _) = fetch("");
        for (cookie, token) in [
            (&*session, ""),
            ("", &*first),
            ("session=forged", &first),
            (&session, &foreign),
            (&session, &first[1..]),
            (&session, session.strip_prefix("session=").unwrap()),
            (&session, &"A".repeat(100_000)),
        ] {
            assert_eq!(post(cookie, token), 403, "{cookie} {token}");
        }
        assert_eq!(ask(&app, "POST", "/form", &session).status(), 403, "no token at all");
        let login = ask(&app, "POST", "/login/a", &session);
        assert_eq!(post(&cookie(&login).unwrap(), &first), 403, "a login ends the tokens from before it");
    }

    #[test]
    fn the_pool_has_the_session_too() {
        let mut app = app();
        app.get("/pool", |req| req.session().set("user", "pool")).blocking();
        let reply = app.test().get("/pool").send();
        assert_eq!(user(&app, &cookie(&reply).unwrap()), "pool");
    }

    #[test]
    fn mistakes_of_the_program() {
        let mut app = App::new();
        app.get("/", |req| req.session().get::<u32>("id").map(|id| id.to_string()));
        assert_eq!(app.test().get("/").send().status(), 500);
        for name in ["", "a b", "__Host-a", "__Secure-a"] {
            assert!(std::panic::catch_unwind(|| Sessions::new(Keyring::new([SECRET])).name(name)).is_err(), "{name}");
        }
    }
}
