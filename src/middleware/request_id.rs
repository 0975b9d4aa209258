//! Assigns an id to every request, and sends it with the response.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock;
use crate::app::router::Router;
use crate::http1::field_value::is_token;
use crate::request::Request;

const NAME: &str = "X-Request-ID";
/// Longest accepted id, in bytes. A UUID has 36, an AWS trace id 71; Heroku accepts 200, Envoy any.
const MAX_LEN: usize = 128;

/// Assigns an id to every request, [`Request::id`], and adds it as `X-Request-ID` to every
/// response, including errors and refusals.
///
/// Ids are 128 bits in the form of a UUID (RFC 9562 §5.4), from a counter that is mixed with a key
/// from the system's random source, one for each process. They do not repeat within a process or
/// between two. They are names, not secrets: a client that has one can compute the next, so do not
/// use them as sessions or passwords.
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
/// assert_ne!(id, "mine"); // the test client is not a trusted peer
/// assert!(reply.text().contains(id));
/// ```
#[derive(Default)]
pub struct RequestId {
    trusted: Option<Box<Trusted>>,
}

type Trusted = dyn Fn(&Request<'_>) -> bool + Send + Sync;

/// The id of a request.
#[derive(Clone)]
enum Id {
    Ours(Uuid),
    Theirs(String),
}

/// The text of a generated id, without an allocation of its own.
type Uuid = [u8; 36];

/// Generator of ids.
struct IdGenerator {
    keys: [u64; 2],
    count: AtomicU64,
}

impl RequestId {
    /// Returns a middleware that generates every id and ignores those of clients.
    pub fn new() -> RequestId {
        RequestId::default()
    }

    /// Uses the id that a request came with when `trusted` returns true, typically for a proxy's
    /// address. It must be a token (RFC 9110 §5.6.2) of at most 128 bytes and the only one: others
    /// would let a client inject text wherever the id is shown.
    #[must_use]
    pub fn trust(mut self, trusted: impl Fn(&Request<'_>) -> bool + Send + Sync + 'static) -> RequestId {
        self.trusted = Some(Box::new(trusted));
        self
    }

    /// Adds it to a router or an app.
    #[track_caller]
    pub fn add_to(self, router: &mut Router) {
        let source = Arc::new(IdGenerator::new());
        let refusals = source.clone();
        router.before(move |request| {
            let trusted = self.trusted.as_ref().is_some_and(|trusted| trusted(request));
            let theirs = if trusted { client_id(request) } else { None };
            request.set_shared(theirs.map_or_else(|| Id::Ours(source.next()), Id::Theirs));
            clock::start(request)
        });
        router.after(move |request, response| match request.get::<Id>() {
            Some(id) => response.set_header(NAME, id.bytes()),
            None => response.set_header(NAME, refusals.next()),
        });
    }
}

impl Request<'_> {
    /// Returns the request's id, if [`RequestId`] has set one.
    pub fn id(&self) -> Option<&str> {
        self.get::<Id>().map(|id| std::str::from_utf8(id.bytes()).unwrap_or_default())
    }
}

impl Id {
    fn bytes(&self) -> &[u8] {
        match self {
            Id::Ours(uuid) => uuid,
            Id::Theirs(text) => text.as_bytes(),
        }
    }
}

impl IdGenerator {
    /// Creates a generator. The keys of the standard library's hash maps are from the system's
    /// random source: the only access to it that needs no crate.
    fn new() -> IdGenerator {
        let system = RandomState::new();
        IdGenerator { keys: [0, 1].map(|number| system.hash_one(number)), count: AtomicU64::new(0) }
    }

    /// Returns the next id. Both halves run through all 2^64 numbers before one repeats, and each
    /// process starts elsewhere in each.
    fn next(&self) -> Uuid {
        let step = self.count.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [high, low] = self.keys.map(|key| u128::from(splitmix64(key.wrapping_add(step))));
        uuid(high << 64 | low)
    }
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so different numbers
/// have different results.
fn splitmix64(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Returns the id in a request, if it may be used.
fn client_id(request: &Request<'_>) -> Option<String> {
    let id = request.single_header(NAME)?;
    (id.len() <= MAX_LEN && is_token(id.as_bytes())).then(|| id.to_owned())
}

/// Formats `xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx` (RFC 9562 §5.4).
fn uuid(random: u128) -> Uuid {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    /// Positions of the digits of each byte.
    const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let bits = random & !(0xf << 76 | 0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let mut text = [b'-'; 36];
    for (place, byte) in PLACES.into_iter().zip(bits.to_be_bytes()) {
        text[place] = DIGITS[usize::from(byte >> 4)];
        text[place + 1] = DIGITS[usize::from(byte & 0xf)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
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
        assert_eq!(&uuid(0), b"00000000-0000-4000-8000-000000000000");
        assert_eq!(&uuid(u128::MAX), b"ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(&uuid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef), b"01234567-89ab-4def-8123-456789abcdef");
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
