//! Authenticates requests by a user name and a password (RFC 7617).

use std::sync::Arc;

use super::key_table::{ApiUser, KeyTable, MAX_LEN};
use super::{config_error, quoted_realm};
use crate::app::router::Router;
use crate::bytes::base64;
use crate::request::Request;
use crate::response::error::{Error, Result};

/// Requires a user name and a password, which a browser asks its user for. Responds with 401 and a
/// challenge (RFC 9110 §11.6.1) without valid ones.
///
/// The password travels in each request, readable: use it over TLS only. A browser also adds it to
/// requests that other sites cause, so protect routes that change something by
/// [`Csrf`](crate::middleware::Csrf).
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::{ApiUser, BasicAuth};
///
/// let users = BasicAuth::new([("Aladdin", "open sesame")]).realm("cave");
/// let mut app = App::new();
/// app.get("/treasure", |req| req.get::<ApiUser>().map(|user| format!("Hello, {}!", user.name()))).require(users.guard());
///
/// let client = app.test();
/// let refused = client.get("/treasure").send();
/// assert_eq!(refused.status(), 401);
/// assert_eq!(refused.header("WWW-Authenticate"), Some("Basic realm=\"cave\", charset=\"UTF-8\""));
/// let credentials = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="; // base64 of Aladdin:open sesame
/// assert_eq!(client.get("/treasure").header("Authorization", credentials).send().text(), "Hello, Aladdin!");
/// ```
#[derive(Clone)]
pub struct BasicAuth {
    challenge: String,
    lookup: Arc<PasswordLookup>,
}

/// Sets the user on the request and returns true, if name and password are right.
type PasswordLookup = dyn Fn(&mut Request<'_>, &str, &str) -> bool + Send + Sync;

impl BasicAuth {
    /// Creates a table from user to password, and sets the name as [`ApiUser`]. It is searched in a
    /// time that depends neither on the name nor on the password, and suits some dozens of users.
    ///
    /// # Panics
    /// When a name has a colon, or a name or password has a control character, or both together are
    /// longer than 127 bytes. The message does not contain them.
    #[track_caller]
    pub fn new<U: AsRef<str>, P: AsRef<str>>(users: impl IntoIterator<Item = (U, P)>) -> BasicAuth {
        let mut table = KeyTable::default();
        for (number, (user, password)) in users.into_iter().enumerate() {
            let pair = format!("{}:{}", user.as_ref(), password.as_ref());
            let is_valid = split(&pair) == Some((user.as_ref(), password.as_ref()));
            if !is_valid || table.insert(pair.as_bytes(), ApiUser::new(user.as_ref())).is_none() {
                config_error(format_args!(
                    "user number {number}: a name without a colon and a password, without control characters, \
                     together of at most {} bytes",
                    MAX_LEN - 1
                ));
            }
        }
        BasicAuth::lookup(move |user, password| table.find(format!("{user}:{password}").as_bytes()))
    }

    /// Uses a look-up function: it returns what the handler finds with
    /// [`get`](crate::Request::get), if name and password are right. It may take the time that a
    /// password hash needs if the route is [`blocking`](crate::Route::blocking). Compute a hash for
    /// an unknown name too: otherwise the time reveals which names exist.
    pub fn lookup<T: Clone + Send + Sync + 'static>(
        lookup: impl Fn(&str, &str) -> Option<T> + Send + Sync + 'static,
    ) -> BasicAuth {
        let lookup = move |request: &mut Request<'_>, user: &str, password: &str| {
            lookup(user, password).map(|user| request.set_shared(user)).is_some()
        };
        BasicAuth { challenge: challenge("\"api\""), lookup: Arc::new(lookup) }
    }

    /// Sets another realm than `api` in the challenge; browsers show it (RFC 9110 §11.5).
    ///
    /// # Panics
    /// When it has other bytes than printable ASCII.
    #[must_use]
    #[track_caller]
    pub fn realm(mut self, realm: &str) -> BasicAuth {
        self.challenge = challenge(&quoted_realm(realm));
        self
    }

    /// Returns a guard for one route: `app.get("/treasure", handler).require(users.guard())`.
    pub fn guard(&self) -> impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static {
        let users = self.clone();
        move |request| {
            let pair = credentials(request);
            let is_known =
                pair.as_deref().and_then(split).is_some_and(|(user, password)| (users.lookup)(request, user, password));
            // The same response to none, malformed and wrong ones, so that guessing reveals nothing.
            let refused = || Error::unauthorized(&users.challenge, "A valid user name and password are needed.");
            if is_known { Ok(()) } else { Err(refused()) }
        }
    }

    /// Guards every route of a router; of an app, also requests without a route.
    #[track_caller]
    pub fn add_to(&self, router: &mut Router) {
        router.before(self.guard());
    }
}

/// Returns the decoded credentials, if the request has them once and in UTF-8.
fn credentials(request: &Request<'_>) -> Option<String> {
    let (scheme, token) = request.authorization()?;
    let bytes = base64::decode(token.as_bytes()).filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    String::from_utf8(bytes).ok()
}

/// Splits at the first colon: a name has none, a password may (RFC 7617 §2). Control characters are
/// not allowed.
fn split(pair: &str) -> Option<(&str, &str)> {
    if pair.chars().any(char::is_control) { None } else { pair.split_once(':') }
}

/// `charset` asks for UTF-8 (RFC 7617 §2.1).
fn challenge(realm: &str) -> String {
    format!("Basic realm={realm}, charset=\"UTF-8\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;

    /// base64 of `Aladdin:open sesame`, RFC 7617 §2.
    const RIGHT: &str = "QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

    fn app(users: &BasicAuth) -> App {
        let mut app = App::new();
        app.get("/", |req| req.get::<ApiUser>().map(|user| user.name().to_owned())).require(users.guard());
        app
    }

    fn two() -> BasicAuth {
        BasicAuth::new([("Aladdin", "open sesame"), ("test", "123£:")])
    }

    #[test]
    fn right_credentials_name_their_user() {
        let app = app(&two());
        for (field, user) in [
            (format!("Basic {RIGHT}"), "Aladdin"),
            (format!("bAsIc   {RIGHT}"), "Aladdin"),
            ("Basic dGVzdDoxMjPCozo=".into(), "test"), // the example of RFC 7617 §2.1, and a colon
        ] {
            let reply = app.test().get("/").header("Authorization", &field).send();
            assert_eq!((reply.status().as_u16(), reply.text()), (200, user), "{field}");
        }
    }

    #[test]
    fn everything_else_is_refused_alike() {
        let app = app(&two());
        let missing = app.test().get("/").send();
        assert_eq!(missing.status(), 401);
        assert_eq!(missing.header("WWW-Authenticate"), Some("Basic realm=\"api\", charset=\"UTF-8\""));
        let huge = "QUFB".repeat(3_000);
        for value in [
            "",
            "Basic",
            "Basic ",
            RIGHT,
            "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",      // no padding
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==",    // unused bits
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== a",  // two values
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, a", // a list
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQo=",    // Aladdin:open sesame\n
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQA=",    // … and NUL
            "Basic QWxhZGRpbm9wZW4gc2VzYW1l",        // no colon
            "Basic Og==",                            // :
            "Basic QWxhZGRpbjo=",                    // Aladdin:
            "Basic OmEgcGFzc3dvcmQ=",                // :a password
            "Basic dGVzdDoxMjOjOg==",                // test:123\xa3:, Latin-1
            "Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ==",    // aladdin:open sesame
            &format!("Basic {huge}"),
        ] {
            let reply = app.test().get("/").header("Authorization", value).send();
            assert_eq!((reply.status(), reply.text()), (missing.status(), missing.text()), "{value}");
            assert_eq!(reply.header("WWW-Authenticate"), missing.header("WWW-Authenticate"));
        }
    }

    #[test]
    fn two_fields_and_bytes_that_are_no_text_are_refused() {
        let app = app(&two());
        let right = format!("Authorization: Basic {RIGHT}\r\n");
        for lines in [right.repeat(2).into_bytes(), b"Authorization: Basic \xff\xfe\r\n".into()] {
            let raw = [b"GET / HTTP/1.1\r\nHost: a\r\n", &lines[..], b"\r\n"].concat();
            assert!(app.test().raw(&raw).starts_with(b"HTTP/1.1 401"), "{}", lines.escape_ascii());
        }
    }

    #[test]
    fn a_look_up_function_sets_its_own_type() {
        let mut app = App::new();
        BasicAuth::lookup(|user, password| (user.is_empty() && password == "a:b").then_some(7_u32)).add_to(&mut app);
        app.get("/", |req| req.get::<u32>().map(u32::to_string));
        let reply = app.test().get("/").header("Authorization", "Basic OmE6Yg==").send(); // :a:b
        assert_eq!(reply.text(), "7");
        assert_eq!(app.test().get("/nothing").send().status(), 401, "an app guards paths without a route too");
    }

    #[test]
    fn users_that_cannot_be_sent_stop_the_program() {
        for (user, password) in [("a:b", "c"), ("a", "b\n"), ("\u{7f}", ""), ("a", &"x".repeat(127))] {
            let refusal = std::panic::catch_unwind(|| BasicAuth::new([("fine", "fine"), (user, password)]));
            assert!(refusal.err().unwrap().downcast_ref::<String>().unwrap().starts_with("user number 1: "));
        }
        assert!(std::panic::catch_unwind(|| two().realm("é")).is_err());
    }
}
