//! Authenticates requests by a bearer token (RFC 6750).

use std::sync::Arc;

use super::key_table::{ApiUser, KeyTable, MAX_LEN};
use super::{config_error, quoted_realm};
use crate::app::router::Router;
use crate::http1::field_value::split_at_byte;
use crate::request::Request;
use crate::response::error::{Error, Result};

/// Requires a bearer token. Responds with 401 and a challenge without a valid one, and with 400 if
/// the field is malformed or repeated (RFC 6750 §3.1). Tokens in forms and queries are not read:
/// logs and caches keep them (§2.3).
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::{ApiUser, BearerAuth};
///
/// let tokens = BearerAuth::new([("mF_9.B5f-4.1JqM", "user_1")]);
/// let mut app = App::new();
/// app.get("/me", |req| req.get::<ApiUser>().map(|user| user.name().to_owned())).require(tokens.guard());
///
/// let client = app.test();
/// assert_eq!(client.get("/me").send().header("WWW-Authenticate"), Some("Bearer realm=\"api\""));
/// let wrong = client.get("/me").header("Authorization", "Bearer guess").send();
/// assert_eq!(wrong.header("WWW-Authenticate"), Some("Bearer realm=\"api\", error=\"invalid_token\""));
/// assert_eq!(client.get("/me").header("Authorization", "Bearer mF_9.B5f-4.1JqM").send().text(), "user_1");
/// ```
#[derive(Clone)]
pub struct BearerAuth {
    challenge: String,
    lookup: Arc<TokenLookup>,
}

/// Sets the user on the request and returns true, if the token is valid.
type TokenLookup = dyn Fn(&mut Request<'_>, &str) -> bool + Send + Sync;

/// What the Authorization field contains.
enum Credentials<'r> {
    /// No field, or one of another scheme.
    Missing,
    /// A malformed token, or several fields.
    Malformed,
    Token(&'r str),
}

impl BearerAuth {
    /// Creates a table from token to user, and sets the [`ApiUser`]. It is searched in a time that
    /// does not depend on the token, and suits some dozens of tokens.
    ///
    /// # Panics
    /// When a token is longer than 128 bytes or not a `b64token` (RFC 6750 §2.1): letters, digits
    /// and `-._~+/`, then `=`. The message does not contain it.
    #[track_caller]
    pub fn new<K: AsRef<str>, U: Into<Arc<str>>>(tokens: impl IntoIterator<Item = (K, U)>) -> BearerAuth {
        let mut table = KeyTable::default();
        for (number, (token, user)) in tokens.into_iter().enumerate() {
            let token = token.as_ref().as_bytes();
            if !is_b64token(token) || table.insert(token, ApiUser::new(user)).is_none() {
                config_error(format_args!("token number {number}: a b64token of 1 to {MAX_LEN} bytes is needed"));
            }
        }
        BearerAuth::lookup(move |token| table.find(token.as_bytes()))
    }

    /// Uses a look-up function: it returns what the handler finds with
    /// [`get`](crate::Request::get), if the token is valid. Search for a hash of a token, not the
    /// token itself, as for [`ApiKey::lookup`](crate::middleware::ApiKey::lookup). The example
    /// `jwt` verifies signed tokens.
    pub fn lookup<T: Clone + Send + Sync + 'static>(
        lookup: impl Fn(&str) -> Option<T> + Send + Sync + 'static,
    ) -> BearerAuth {
        let lookup =
            move |request: &mut Request<'_>, token: &str| lookup(token).map(|user| request.set_shared(user)).is_some();
        BearerAuth { challenge: "Bearer realm=\"api\"".into(), lookup: Arc::new(lookup) }
    }

    /// Sets another realm than `api` in the challenge (RFC 9110 §11.5).
    ///
    /// # Panics
    /// When it has other bytes than printable ASCII.
    #[must_use]
    #[track_caller]
    pub fn realm(mut self, realm: &str) -> BearerAuth {
        self.challenge = format!("Bearer realm={}", quoted_realm(realm));
        self
    }

    /// Returns a guard for one route: `app.get("/me", handler).require(tokens.guard())`.
    pub fn guard(&self) -> impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static {
        let tokens = self.clone();
        move |request| {
            let token = match credentials(request) {
                // No error code for a request without credentials (RFC 6750 §3.1).
                Credentials::Missing => return Err(Error::unauthorized(&tokens.challenge, NEEDED)),
                Credentials::Malformed => {
                    let error = Error::bad_request("The Authorization field is malformed.");
                    return Err(error.with_header("WWW-Authenticate", tokens.challenge_with("invalid_request")));
                }
                Credentials::Token(token) => token.to_owned(),
            };
            match (tokens.lookup)(request, &token) {
                true => Ok(()),
                false => Err(Error::unauthorized(tokens.challenge_with("invalid_token"), NEEDED)),
            }
        }
    }

    /// Guards every route of a router; of an app, also requests without a route.
    #[track_caller]
    pub fn add_to(&self, router: &mut Router) {
        router.before(self.guard());
    }

    fn challenge_with(&self, error: &str) -> String {
        format!("{}, error=\"{error}\"", self.challenge)
    }
}

const NEEDED: &str = "A valid bearer token is needed.";

fn credentials<'r>(request: &'r Request<'_>) -> Credentials<'r> {
    let mut values = request.field_values("authorization");
    let Some(value) = values.next() else { return Credentials::Missing };
    if values.next().is_some() {
        return Credentials::Malformed;
    }
    let (scheme, token) = split_at_byte(value, b' ');
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Credentials::Missing;
    }
    let token = token.trim_ascii_start();
    match std::str::from_utf8(token) {
        Ok(text) if is_b64token(token) => Credentials::Token(text),
        _ => Credentials::Malformed,
    }
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 §2.1).
fn is_b64token(token: &[u8]) -> bool {
    let end = token.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last + 1);
    let digits = token.get(..end).unwrap_or_default();
    !digits.is_empty() && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;

    fn app(tokens: &BearerAuth) -> App {
        let mut app = App::new();
        app.get("/", |req| req.get::<ApiUser>().map(|user| user.name().to_owned())).require(tokens.guard());
        app
    }

    fn two() -> BearerAuth {
        BearerAuth::new([("mF_9.B5f-4.1JqM", "user_1"), ("YWJj==", "user_2")])
    }

    #[test]
    fn a_valid_token_names_its_user() {
        let app = app(&two());
        for (field, user) in
            [("Bearer mF_9.B5f-4.1JqM", "user_1"), ("bearer  mF_9.B5f-4.1JqM", "user_1"), ("BEARER YWJj==", "user_2")]
        {
            let reply = app.test().get("/").header("Authorization", field).send();
            assert_eq!((reply.status().as_u16(), reply.text()), (200, user), "{field}");
        }
    }

    #[test]
    fn the_challenge_says_what_is_wrong_and_no_more() {
        let app = app(&two().realm("a \"b\""));
        let (none, token, request) = ("", ", error=\"invalid_token\"", ", error=\"invalid_request\"");
        let huge = format!("Bearer {}", "a".repeat(12_000));
        for (value, status, error) in [
            ("", 401, none),
            ("Basic mF_9.B5f-4.1JqM", 401, none),
            ("mF_9.B5f-4.1JqM", 401, none),
            ("Bearermf", 401, none),
            ("Bearer mF_9.B5f-4.1Jq", 401, token),
            ("Bearer mF_9.B5f-4.1JqMM", 401, token),
            ("Bearer mf_9.b5f-4.1jqm", 401, token),
            ("Bearer YWJj=", 401, token),
            (&huge, 401, token),
            ("Bearer", 400, request),
            ("Bearer =", 400, request),
            ("Bearer YWJj==a", 400, request),
            ("Bearer mF_9.B5f-4.1JqM mF_9.B5f-4.1JqM", 400, request),
            ("Bearer mF_9.B5f-4.1JqM, Bearer a", 400, request),
            ("Bearer \"mF_9\"", 400, request),
            ("Bearer t\u{f6}ken", 400, request),
        ] {
            let reply = app.test().get("/").header("Authorization", value).send();
            assert_eq!(reply.status(), status, "{value}");
            let challenge = format!("Bearer realm=\"a \\\"b\\\"\"{error}");
            assert_eq!(reply.header("WWW-Authenticate"), Some(&*challenge), "{value}");
        }
    }

    #[test]
    fn two_fields_and_bytes_that_are_no_text_are_refused() {
        let app = app(&two());
        for lines in [
            &b"Authorization: Bearer YWJj==\r\nauthorization: Bearer YWJj==\r\n"[..],
            b"Authorization: Basic a\r\nAuthorization: Bearer YWJj==\r\n",
            b"Authorization: Bearer \xff\xfe\r\n",
        ] {
            let raw = [b"GET / HTTP/1.1\r\nHost: a\r\n", lines, b"\r\n"].concat();
            assert!(app.test().raw(&raw).starts_with(b"HTTP/1.1 400"), "{}", lines.escape_ascii());
        }
    }

    #[test]
    fn tokens_that_cannot_be_sent_stop_the_program() {
        for token in ["", "=", "a b", "a=b", "é", &"x".repeat(129)] {
            let refusal = std::panic::catch_unwind(|| BearerAuth::new([("fine", "a"), (token, "b")])).err().unwrap();
            assert!(refusal.downcast_ref::<String>().unwrap().starts_with("token number 1: "));
        }
    }
}
