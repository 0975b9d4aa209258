//! A name for every request, on the request and on its answer; does not know who logs it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{clock, only_header};
use crate::app::request::Request;
use crate::app::router::Router;
use crate::http1::grammar::is_tchar;

const NAME: &str = "X-Request-ID";
/// Longest id taken over. A UUID has 36 bytes, an AWS trace id 71; Heroku takes 200, Envoy anything.
const MAX_LEN: usize = 128;

/// Gives every request an id, [`Request::id`], and every answer an `X-Request-ID`, errors and refusals too.
///
/// Ids are 128 bits in the form of a UUID (RFC 9562 §5.4), from SipHash over a counter with a key that the system's random source
/// gave this process: they do not repeat and do not tell the next one. They are names, not secrets: do not make sessions of them.
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::RequestId;
///
/// let mut app = App::new();
/// RequestId::new().trust(|req| req.remote_addr().is_some_and(|peer| peer.ip().is_loopback())).add_to(&mut app);
/// app.on_any_error(|req, e| wirelight::json!({ "error": e.name(), "request_id": req.id() }));
///
/// let reply = app.test().get("/nothing").header("X-Request-ID", "mine").send();
/// let id = reply.header("X-Request-ID").unwrap();
/// assert_ne!(id, "mine"); // the test client is no trusted peer
/// assert!(reply.text().contains(id));
/// ```
#[derive(Default)]
pub struct RequestId {
    trusted: Option<Box<Trusted>>,
}

type Trusted = dyn Fn(&Request<'_>) -> bool + Send + Sync;

/// What a request carries.
struct Id(String);

/// Where ids come from.
struct Source {
    key: RandomState,
    count: AtomicU64,
}

impl RequestId {
    /// Every id is made here; what clients send is ignored.
    pub fn new() -> RequestId {
        RequestId::default()
    }

    /// Takes over the id that a request came with when `trusted` says so, typically of a proxy's address. It must be a token
    /// (RFC 9110 §5.6.2) of at most 128 bytes and the only one: others would let a client write into whatever shows the id.
    #[must_use]
    pub fn trust(mut self, trusted: impl Fn(&Request<'_>) -> bool + Send + Sync + 'static) -> RequestId {
        self.trusted = Some(Box::new(trusted));
        self
    }

    /// Installs it.
    #[track_caller]
    pub fn add_to(self, router: &mut Router) {
        let source = Arc::new(Source { key: RandomState::new(), count: AtomicU64::new(0) });
        let refusals = source.clone();
        router.before(move |request| {
            let trusted = self.trusted.as_ref().is_some_and(|trusted| trusted(request));
            let theirs = if trusted { sent(request) } else { None };
            request.set(Id(theirs.unwrap_or_else(|| source.next())));
            clock::begin(request)
        });
        router.after(move |request, response| match request.id() {
            Some(id) => response.header(NAME, id),
            None => response.header(NAME, refusals.next()),
        });
    }
}

impl Request<'_> {
    /// The request's id, when [`RequestId`] gave it one before this hook or handler.
    pub fn id(&self) -> Option<&str> {
        self.get::<Id>().map(|id| id.0.as_str())
    }
}

impl Source {
    fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let [high, low] = [(count, false), (count, true)].map(|input| u128::from(self.key.hash_one(input)));
        uuid(high << 64 | low)
    }
}

/// The id in a request, if it is one that may be passed on.
fn sent(request: &Request<'_>) -> Option<String> {
    let id = only_header(request, NAME)?;
    ((1..=MAX_LEN).contains(&id.len()) && id.bytes().all(is_tchar)).then(|| id.to_owned())
}

/// `xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx` (RFC 9562 §5.4).
fn uuid(random: u128) -> String {
    let bits = random & !(0xf << 76 | 0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let mut text = String::with_capacity(36);
    for digit in 0..32 {
        if matches!(digit, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        let nibble = (bits >> (124 - 4 * digit)) as u32 & 0xf;
        text.extend(char::from_digit(nibble, 16));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::app::App;
    use std::collections::HashSet;

    fn app(trust: bool) -> App {
        let mut app = App::new();
        RequestId::new().trust(move |_| trust).add_to(&mut app);
        app.get("/", |req| req.id().unwrap_or_default().to_owned());
        app
    }

    fn is_uuid(text: &str) -> bool {
        let shape: String =
            text.chars().map(|c| if c.is_ascii_digit() || ('a'..='f').contains(&c) { 'x' } else { c }).collect();
        shape == "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
            && text[14..].starts_with('4')
            && text[19..].starts_with(['8', '9', 'a', 'b'])
    }

    #[test]
    fn ids_are_uuids_of_version_4() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), "01234567-89ab-4def-8123-456789abcdef");
    }

    #[test]
    fn ids_do_not_repeat_within_or_between_servers() {
        let (one, other) = (app(false), app(false));
        let mut seen = HashSet::new();
        for app in [&one, &other] {
            for _ in 0..1000 {
                let reply = app.test().get("/").send();
                assert!(is_uuid(reply.text()));
                assert_eq!(reply.header(NAME), Some(reply.text()), "the handler and the client see the same");
                assert!(seen.insert(reply.text().to_owned()));
            }
        }
    }

    #[test]
    fn only_a_trusted_client_names_its_request() {
        assert_eq!(app(true).test().get("/").header("x-request-id", "abc-123").send().header(NAME), Some("abc-123"));
        assert!(is_uuid(app(false).test().get("/").header(NAME, "abc-123").send().text()));
    }

    #[test]
    fn what_is_no_token_is_never_passed_on() {
        let longest = "a".repeat(128);
        assert_eq!(app(true).test().get("/").header(NAME, &longest).send().text(), longest);
        for hostile in ["", " ", "a b", "a\tb", "a,b", "a;b", "\"a\"", "a\\b", "<b>", "Zoë", "{}", &"a".repeat(129)] {
            let reply = app(true).test().get("/").header(NAME, hostile).send();
            assert!(is_uuid(reply.text()), "{hostile:?}: {}", reply.text());
        }
        let twice = app(true).test().get("/").header(NAME, "one").header(NAME, "two").send();
        assert!(is_uuid(twice.text()), "two ids are none");
        let bytes = app(true).test().raw(b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: a\xff\xfe\r\n\r\n");
        assert!(bytes.starts_with(b"HTTP/1.1 200") && !bytes.contains(&0xff));
    }

    #[test]
    fn a_refused_request_is_named_too() {
        let reply = app(true).test().raw(b"GET / HTTP/1.1\r\nX-Request-ID: mine\r\n\r\n");
        let text = String::from_utf8(reply).unwrap();
        let id = text.lines().find_map(|line| line.strip_prefix("X-Request-ID: ")).unwrap();
        assert!(text.starts_with("HTTP/1.1 400") && is_uuid(id), "{text}");
    }
}
