//! Authenticates requests by a key in a header field.

use std::sync::Arc;

use super::key_table::{ApiUser, KeyTable, MAX_LEN};
use super::{config_error, quoted_realm};
use crate::app::router::Router;
use crate::request::Request;
use crate::response::error::{Error, Result};

/// Requires a key and responds with 401 and `WWW-Authenticate` (RFC 9110 §11.6.1) without a valid
/// one. Sets the user of the key on the request as [`ApiUser`].
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::{ApiKey, ApiUser};
///
/// let keys = ApiKey::new([("key_abc123", "user_1"), ("key_xyz789", "user_2")]);
/// let mut app = App::new();
/// let hello = |req: &wirelight::Request| req.get::<ApiUser>().map(|user| format!("Hello, {}!", user.name()));
/// app.get("/protected", hello).require(keys.guard());
///
/// let client = app.test();
/// let refused = client.get("/protected").send();
/// assert_eq!(refused.status().as_u16(), 401);
/// assert_eq!(refused.header("WWW-Authenticate"), Some("ApiKey realm=\"api\""));
/// assert_eq!(client.get("/protected").header("X-API-Key", "key_xyz789").send().text(), "Hello, user_2!");
/// ```
#[derive(Clone)]
pub struct ApiKey {
    header: &'static str,
    challenge: String,
    lookup: Arc<Lookup>,
}

type Lookup = dyn Fn(&str) -> Option<ApiUser> + Send + Sync;

impl ApiKey {
    /// Creates a table from key to user. Every look-up compares with every key, in a time that
    /// depends on neither; that suits some dozens of keys, and [`lookup`](ApiKey::lookup) more.
    ///
    /// # Panics
    /// When a key is empty, longer than 128 bytes, or has other bytes than visible ASCII. The
    /// message does not contain the key.
    #[track_caller]
    pub fn new<K: AsRef<str>, U: Into<Arc<str>>>(keys: impl IntoIterator<Item = (K, U)>) -> ApiKey {
        let mut table = KeyTable::default();
        for (number, (key, user)) in keys.into_iter().enumerate() {
            let key = key.as_ref().as_bytes();
            if !key.iter().all(u8::is_ascii_graphic) || table.insert(key, ApiUser::new(user)).is_none() {
                config_error(format_args!("API key number {number}: 1 to {MAX_LEN} bytes of visible ASCII make a key"));
            }
        }
        ApiKey::lookup(move |key| table.find(key.as_bytes()))
    }

    /// Uses a look-up function: it returns the user of a key, if the key is valid. Search for a
    /// hash of the key, not the key itself: a map or a database compares byte by byte, and its time
    /// reveals how much of a guess was right.
    pub fn lookup(lookup: impl Fn(&str) -> Option<ApiUser> + Send + Sync + 'static) -> ApiKey {
        ApiKey { header: "X-API-Key", challenge: "ApiKey realm=\"api\"".into(), lookup: Arc::new(lookup) }
    }

    /// Reads another header field than `X-API-Key`.
    #[must_use]
    pub fn header(mut self, name: &'static str) -> ApiKey {
        self.header = name;
        self
    }

    /// Sets another realm than `api` in the challenge: what the key is for (RFC 9110 §11.5).
    ///
    /// # Panics
    /// When it has other bytes than printable ASCII.
    #[must_use]
    #[track_caller]
    pub fn realm(mut self, realm: &str) -> ApiKey {
        self.challenge = format!("ApiKey realm={}", quoted_realm(realm));
        self
    }

    /// Returns a guard for one route: `app.get("/protected", handler).require(keys.guard())`.
    pub fn guard(&self) -> impl Fn(&mut Request<'_>) -> Result<()> + Send + Sync + 'static {
        let keys = self.clone();
        move |request| {
            let key = request.single_header(keys.header).filter(|key| !key.is_empty());
            let user = key.and_then(|key| (keys.lookup)(key));
            // The same sentence for a missing key and a wrong one, so that guessing reveals
            // nothing.
            let refused = || Error::unauthorized(&keys.challenge, format!("A valid key in {} is needed.", keys.header));
            request.set_shared(user.ok_or_else(refused)?);
            Ok(())
        }
    }

    /// Guards every route of a router; of an app, also requests without a route.
    #[track_caller]
    pub fn add_to(&self, router: &mut Router) {
        router.before(self.guard());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;

    fn app(keys: &ApiKey) -> App {
        let mut app = App::new();
        app.get("/", |req| req.get::<ApiUser>().map(|user| user.name().to_owned())).require(keys.guard());
        app
    }

    fn two() -> ApiKey {
        ApiKey::new([("key_abc123", "user_1"), ("key_xyz789", "user_2")])
    }

    #[test]
    fn a_right_key_names_its_user() {
        let app = app(&two());
        for (key, user) in [("key_abc123", "user_1"), ("key_xyz789", "user_2")] {
            let reply = app.test().get("/").header("x-api-key", key).send();
            assert_eq!((reply.status().as_u16(), reply.text()), (200, user));
        }
    }

    #[test]
    fn wrong_keys_of_every_length_are_refused_alike() {
        let app = app(&two());
        let missing = app.test().get("/").send();
        assert_eq!(missing.status().as_u16(), 401);
        assert_eq!(missing.header("WWW-Authenticate"), Some("ApiKey realm=\"api\""));
        let right = "key_abc123";
        let prefixes = (0..right.len()).map(|length| right[..length].to_owned());
        let longer = (1..300).map(|length| right.to_owned() + &"x".repeat(length));
        let others = (0..300).map(|length| "x".repeat(length));
        let odd = ["KEY_ABC123", "key_abc123key_abc123", "key_abc12\u{e9}", "key abc123", "key_abc123,key_abc123"];
        for key in prefixes.chain(longer).chain(others).chain(odd.map(str::to_owned)) {
            let reply = app.test().get("/").header("X-API-Key", &key).send();
            assert_eq!((reply.status(), reply.text()), (missing.status(), missing.text()), "{key:?}");
        }
    }

    #[test]
    fn two_keys_and_bytes_that_are_no_text_are_refused() {
        let app = app(&two());
        let twice = app.test().get("/").header("X-API-Key", "key_abc123").header("x-api-key", "key_abc123").send();
        assert_eq!(twice.status().as_u16(), 401);
        for key in [&b"\xff\xfe"[..], b"key_abc123\xff", b"\tkey_abc123\t\xa0"] {
            let raw = [b"GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: ", key, b"\r\n\r\n"].concat();
            assert!(app.test().raw(&raw).starts_with(b"HTTP/1.1 401"), "{key:?}");
        }
    }

    #[test]
    fn guards_a_whole_router_and_its_wrong_methods() {
        let mut inner = Router::new();
        two().header("Authorization-Key").realm("a \"b\" \\ c").add_to(&mut inner);
        inner.get("/", |_| "in");
        let mut app = App::new();
        app.nest("/in", inner);
        app.get("/out", |_| "out");
        let client = app.test();
        assert_eq!(client.get("/out").send().status().as_u16(), 200);
        for method in ["GET", "HEAD", "POST", "OPTIONS"] {
            let refused = client.request(method, "/in").send();
            assert_eq!(refused.status().as_u16(), 401, "{method}");
            assert_eq!(refused.header("WWW-Authenticate"), Some("ApiKey realm=\"a \\\"b\\\" \\\\ c\""));
        }
        assert_eq!(client.get("/in").header("Authorization-Key", "key_abc123").send().text(), "in");
    }

    #[test]
    fn a_page_of_the_applications_keeps_the_challenge() {
        let mut app = app(&two());
        app.on_any_error(|_, e| crate::json!({ "error": e.name() }));
        let reply = app.test().get("/").send();
        assert_eq!(reply.text(), "{\"error\":\"Unauthorized\"}");
        assert!(reply.header("WWW-Authenticate").is_some());
    }

    #[test]
    fn keys_that_cannot_be_sent_stop_the_program() {
        for key in ["", "a b", "a\n", "Zoë", &"x".repeat(129)] {
            let refusal = std::panic::catch_unwind(|| ApiKey::new([("fine", "a"), (key, "b")])).err().unwrap();
            assert!(refusal.downcast_ref::<String>().unwrap().starts_with("API key number 1: "));
        }
        assert!(std::panic::catch_unwind(|| two().realm("a\r\nSet-Cookie: b")).is_err());
    }
}
