//! Rate limits of routes and routers.
//!
//! The rules are Flask-Limiter's. [`Router::limit`] is the default of a router's routes,
//! [`Route::limit`] replaces it for one route, [`Route::unlimited`] removes it. Requests are
//! counted separately for every route and every client, in windows that open with their first
//! request. A request that passes counts for all rates of its text; one that is refused counts only
//! up to the rate that refuses it.
//!
//! Declared order is execution order: a default is a before hook (put it first, and nothing else
//! runs for a refused request), a route's own is a guard. `.limit("5 per minute").require(key)`
//! slows the guessing of keys; `.require(key).limit("5 per minute")` counts only requests with a
//! valid key. 404 and 405 are not limited, nor are the responses to OPTIONS without a route.
//!
//! ```
//! use wirelight::App;
//!
//! let mut app = App::new();
//! app.limit("100 per hour; 10 per minute");
//! app.get("/hello", |_| "Hello!");
//! app.get("/expensive", |_| "at last").limit("1 per minute");
//! app.get("/health", |_| "ok").unlimited();
//!
//! let client = app.test();
//! assert_eq!(client.get("/expensive").send().status().as_u16(), 200);
//! let refused = client.get("/expensive").send();
//! assert_eq!(refused.status().as_u16(), 429);
//! assert_eq!(refused.text(), r#"{"error":"Too Many Requests","message":"1 per 1 minute"}"#);
//! assert_eq!(refused.header("Retry-After"), Some("60"));
//! ```

mod rate;
#[cfg(feature = "redis")]
mod redis;
mod table;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub use rate::Rate;
#[cfg(fuzzing)]
pub(crate) use rate::parse as try_parse_rates;
#[cfg(feature = "redis")]
pub use redis::RedisStore;
use table::MemoryStore;

use crate::app::App;
use crate::app::hook::Hook;
use crate::app::route::Route;
use crate::app::router::Router;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::error::{Error, RateLimitExceeded, Result};
use crate::routing::callsite::Callsite;
use crate::routing::route_meta::RateLimitPolicy;

/// Storage of the counters. One table in the memory of this process by default; a store that
/// several machines share can replace it ([`App::limit_store`]), or one that fails, for a test.
///
/// The store decides what happens to requests when it is unreachable: `Err` responds with that
/// error (a 500 like any other failure, or 503 with Retry-After), as Flask-Limiter does by default;
/// a [`WindowState`] of 0 used lets every request pass.
pub trait LimitStore: Send + Sync {
    /// Counts one request in the open window of `key`, or opens one.
    ///
    /// `now` is the [clock](App::limit_clock) of this process, which started at an arbitrary time
    /// and may go back. A shared store uses its own.
    ///
    /// # Errors
    /// When it could not be counted: the response to the request.
    fn hit(&self, key: &LimitKey<'_>, now: Duration) -> Result<WindowState>;
}

/// The key of a counter: the requests of one client to one route, for one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LimitKey<'a> {
    /// The method of the route. HEAD counts as GET where that route answers it.
    pub method: Method,
    /// The pattern of the route: `/users/{id:int}`. After its host, if the route has one:
    /// `example.org/users/{id:int}`.
    pub route: &'a str,
    /// The client that sent the requests.
    pub client: Client<'a>,
    /// The rate that is counted.
    pub rate: Rate,
}

/// The client that a limit applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client<'a> {
    /// [`Request::client_addr`]; IPv6 is cut to /64, since a client controls the rest. 127.0.0.1
    /// when there is none.
    Address(IpAddr),
    /// The return value of [`App::limit_key`]'s function.
    Key(&'a str),
}

/// Result of counting one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowState {
    /// The requests of this window, this one included. A request above the rate's amount is
    /// refused.
    pub used: u64,
    /// The time until the window ends.
    pub reset: Duration,
}

/// The fields that report the remaining requests to clients. With several rates they describe the
/// one that refused, else the one of the smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitFields {
    /// `RateLimit-Limit`, `-Remaining` and `-Reset` in seconds from now
    /// (draft-ietf-httpapi-ratelimit-headers-06).
    RateLimit,
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset` in seconds since 1970, as Flask-Limiter sends
    /// them.
    XRateLimit,
}

type Key = Box<dyn Fn(&Request<'_>) -> String + Send + Sync>;
type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

/// One for each application, created by the first request that has a limit.
struct Limiter {
    store: Box<dyn LimitStore>,
    clock: Clock,
    key: Option<Key>,
    fields: Option<LimitFields>,
}

impl Default for Limiter {
    fn default() -> Limiter {
        let began = Instant::now();
        Limiter {
            store: Box::<MemoryStore>::default(),
            clock: Box::new(move || began.elapsed()),
            key: None,
            fields: None,
        }
    }
}

/// Set by a limit for the after hook that writes [`LimitFields`].
struct LimitStatus {
    rate: Rate,
    window: WindowState,
}

impl Router {
    /// Limits each route of this router, and of those nested in it, that has no limit of its own:
    /// `"100 per hour; 10 per minute"`. A second call replaces the first; a nested router's own
    /// default replaces this one for its routes.
    ///
    /// # Panics
    /// When the text is not a list of rates: at start-up, naming the column.
    #[track_caller]
    pub fn limit(&mut self, rates: &str) {
        let (text, rates) = (Arc::<str>::from(rates), parse_rates(rates));
        let own = Arc::clone(&text);
        let hook = move |request: &mut Request<'_>| match request.matched_route().map(|route| &route.rate_limit) {
            Some(RateLimitPolicy::Default) => check(&rates, request),
            Some(RateLimitPolicy::Own(other)) if Arc::ptr_eq(other, &own) => check(&rates, request),
            _ => Ok(()),
        };
        self.set_default_limit(text, Hook { callsite: Callsite::of(&hook), run: Box::new(hook) });
    }
}

impl Route {
    /// Limits this route, instead of the default of its routers: `"5 per minute"`. Further calls
    /// add further limits.
    ///
    /// # Panics
    /// When the text is not a list of rates: at start-up, naming the column.
    #[track_caller]
    pub fn limit(&mut self, rates: &str) -> &mut Route {
        let text = Arc::from(rates);
        let rates = parse_rates(rates);
        self.meta.rate_limit = RateLimitPolicy::Own(text);
        self.doc.add_limit();
        self.require(move |request| check(&rates, request))
    }

    /// Removes the default limits of its routers from this route.
    pub fn unlimited(&mut self) -> &mut Route {
        self.meta.rate_limit = RateLimitPolicy::Never;
        self
    }
}

impl App {
    /// Sets the key that a request counts for, instead of the client's address: a user, an API key.
    /// An empty key means that the request is not limited, as with Flask-Limiter.
    ///
    /// ```
    /// # let mut app = wirelight::App::new();
    /// app.limit("1 per day");
    /// app.limit_key(|req| req.header("X-API-Key").unwrap_or("anonymous").to_owned());
    /// app.get("/", |_| "");
    /// let ask = |key| app.test().get("/").header("X-API-Key", key).send().status().as_u16();
    /// assert_eq!([ask("a"), ask("b"), ask("a")], [200, 200, 429]);
    /// ```
    pub fn limit_key(&mut self, key: impl Fn(&Request<'_>) -> String + Send + Sync + 'static) {
        self.limiter(|limiter| limiter.key = Some(Box::new(key)));
    }

    /// Writes these fields on every response to which a limit applied. Every 429 has `Retry-After`
    /// anyway.
    #[track_caller]
    pub fn limit_fields(&mut self, fields: LimitFields) {
        self.limiter(|limiter| limiter.fields = Some(fields));
        self.after(move |request, response| {
            if let Some(standing) = request.get::<LimitStatus>() {
                standing.write(fields, response);
            }
        });
    }

    /// Counts in another store.
    pub fn limit_store(&mut self, store: impl LimitStore + 'static) {
        self.limiter(|limiter| limiter.store = Box::new(store));
    }

    /// Reads the time from `clock`, counted from any start, so that a test need not wait for a
    /// window to end. By default the monotonic clock of the system.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use std::time::Duration;
    ///
    /// let now = Arc::new(AtomicU64::new(0));
    /// let clock = Arc::clone(&now);
    /// let mut app = wirelight::App::new();
    /// app.limit_clock(move || Duration::from_secs(clock.load(Ordering::Relaxed)));
    /// app.get("/", |_| "").limit("1/minute");
    /// let ask = || app.test().get("/").send().status().as_u16();
    /// assert_eq!([ask(), ask()], [200, 429]);
    /// now.store(60, Ordering::Relaxed);
    /// assert_eq!(ask(), 200);
    /// ```
    pub fn limit_clock(&mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) {
        self.limiter(|limiter| limiter.clock = Box::new(clock));
    }

    fn limiter(&mut self, set: impl FnOnce(&mut Limiter)) {
        if let Some(limiter) = self.app_state_mut().rate_limiter_mut() {
            set(limiter);
        }
    }
}

/// Counts a request. Returns `Err` when one of the rates is used up.
fn check(rates: &[Rate], request: &mut Request<'_>) -> Result<()> {
    let (Some(limiter), Some(route)) = (request.app_state().rate_limiter::<Limiter>(), request.matched_route()) else {
        return Ok(());
    };
    let name = limiter.key.as_ref().map(|key| key(request));
    let client = match name.as_deref() {
        Some("") => return Ok(()),
        Some(name) => Client::Key(name),
        None => Client::Address(request.client_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), network)),
    };
    let now = (limiter.clock)();
    for (at, &rate) in rates.iter().enumerate() {
        let key = LimitKey { method: route.method, route: route.host_and_pattern(), client, rate };
        let verdict = limiter.store.hit(&key, now)?;
        let refused = verdict.used > u64::from(rate.amount());
        if limiter.fields.is_some() && (refused || at == 0) {
            request.set(LimitStatus { rate, window: verdict });
        }
        if refused {
            return Err(too_many(rate, verdict));
        }
    }
    Ok(())
}

/// Builds the 429 (RFC 6585 §4).
#[cold]
fn too_many(rate: Rate, verdict: WindowState) -> Error {
    let retry_after = seconds(verdict.reset).max(1);
    Error::new(StatusCode::TOO_MANY_REQUESTS, rate.to_string())
        .with_header("Retry-After", retry_after.to_string())
        .with_rate_limit(RateLimitExceeded { amount: rate.amount().into(), retry_after })
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// Rounds up to whole seconds, so that a client that waits for them does not return too early.
fn seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

impl LimitStatus {
    fn write(&self, fields: LimitFields, response: &mut Response) {
        let limit = self.rate.amount();
        let remaining = u64::from(limit).saturating_sub(self.window.used);
        let (prefix, from) = match fields {
            LimitFields::RateLimit => ("", Duration::ZERO),
            LimitFields::XRateLimit => ("X-", SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()),
        };
        response.set_header(&format!("{prefix}RateLimit-Limit"), limit.to_string());
        response.set_header(&format!("{prefix}RateLimit-Remaining"), remaining.to_string());
        response.set_header(
            &format!("{prefix}RateLimit-Reset"),
            seconds(from.saturating_add(self.window.reset)).to_string(),
        );
    }
}

/// For logs, and for stores whose keys are text.
impl fmt::Display for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Client::Address(address) => address.fmt(f),
            Client::Key(name) => f.write_str(name),
        }
    }
}

#[track_caller]
fn parse_rates(rates: &str) -> Vec<Rate> {
    match rate::parse(rates) {
        Ok(rates) => rates,
        Err(error) => super::config_error(format_args!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::testing::TestResponse;

    fn ask(app: &App, target: &str) -> u16 {
        app.test().get(target).send().status().as_u16()
    }

    fn ask_from(app: &App, client: &str) -> u16 {
        app.test().get("/").header("X-Forwarded-For", client).send().status().as_u16()
    }

    fn field<'r>(reply: &'r TestResponse, name: &str) -> &'r str {
        reply.header(name).unwrap_or("-")
    }

    /// Returns an application and its clock, in milliseconds.
    fn timed() -> (App, Arc<AtomicU64>) {
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let mut app = App::new();
        app.limit_clock(move || Duration::from_millis(clock.load(Ordering::Relaxed)));
        (app, now)
    }

    #[test]
    fn the_default_counts_for_each_route() {
        let mut app = App::new();
        app.limit("100 per hour; 2 per minute");
        app.get("/a", |_| "a");
        app.post("/a", |_| "a");
        app.get("/b/{x}", |_| "b");
        let client = app.test();
        assert_eq!([ask(&app, "/a"), ask(&app, "/a"), ask(&app, "/a")], [200, 200, 429]);
        assert_eq!(client.request("HEAD", "/a").send().status().as_u16(), 429);
        assert_eq!(client.post("/a").send().status().as_u16(), 200);
        // The limit counts by the pattern, not by the path.
        assert_eq!([ask(&app, "/b/1"), ask(&app, "/b/2"), ask(&app, "/b/3")], [200, 200, 429]);
        for _ in 0..5 {
            assert_eq!(ask(&app, "/nothing"), 404);
            assert_eq!(client.put("/a").send().status().as_u16(), 405);
            assert_eq!(client.request("OPTIONS", "/a").send().status().as_u16(), 200);
        }
    }

    #[test]
    fn the_limit_of_a_route_replaces_the_default() {
        let mut app = App::new();
        app.get("/own", |_| "").limit("3/hour");
        app.get("/two", |_| "").limit("3/hour").limit("1/day");
        app.get("/never", |_| "").unlimited();
        app.limit("9/minute");
        app.limit("1/minute"); // replaces the line above
        app.get("/default", |_| "");
        let four = |target| [(); 4].map(|()| ask(&app, target));
        assert_eq!(four("/own"), [200, 200, 200, 429]);
        assert_eq!(four("/two"), [200, 429, 429, 429]);
        assert_eq!(four("/never"), [200; 4]);
        assert_eq!(four("/default"), [200, 429, 429, 429]);
    }

    #[test]
    fn the_nearest_router_with_a_default_decides() {
        let mut leaf = Router::new();
        leaf.get("/leaf", |_| "");
        let mut strict = Router::new();
        strict.get("/strict", |_| "");
        strict.get("/own", |_| "").limit("3/minute");
        strict.nest("/", leaf);
        strict.limit("1/minute");
        let mut middle = Router::new();
        middle.get("/middle", |_| "");
        middle.nest("/", strict);
        let mut app = App::new();
        app.nest("/", middle);
        app.limit("2/minute");
        let four = |target| [(); 4].map(|()| ask(&app, target));
        assert_eq!(four("/middle"), [200, 200, 429, 429]);
        assert_eq!(four("/strict"), [200, 429, 429, 429]);
        assert_eq!(four("/leaf"), [200, 429, 429, 429]);
        assert_eq!(four("/own"), [200, 200, 200, 429]);
    }

    #[test]
    fn declared_order_is_execution_order() {
        let mut app = App::new();
        let deny = |_: &mut Request<'_>| Err(Error::forbidden("no"));
        app.get("/key-first", |_| "").require(deny).limit("1/minute");
        app.get("/limit-first", |_| "").limit("1/minute").require(deny);
        assert_eq!([ask(&app, "/key-first"), ask(&app, "/key-first")], [403, 403]);
        assert_eq!([ask(&app, "/limit-first"), ask(&app, "/limit-first")], [403, 429]);

        let calls = Arc::new(AtomicU64::new(0));
        let (before, after) = (Arc::clone(&calls), Arc::clone(&calls));
        let mut app = App::new();
        app.limit("1/minute");
        app.before(move |_| {
            before.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        app.after(move |_, _| {
            after.fetch_add(100, Ordering::Relaxed);
        });
        app.get("/", |_| "");
        assert_eq!([ask(&app, "/"), ask(&app, "/")], [200, 429]);
        assert_eq!(calls.load(Ordering::Relaxed), 201); // after hooks see the refusal, the before hook did not
    }

    #[test]
    fn a_refusal_names_the_rate_and_the_time() {
        let (mut app, now) = timed();
        app.limit("3 per 2 hours, 2 per minute");
        app.get("/", |_| "");
        // Milliseconds, status, message, Retry-After: a request refused by the rate per minute does
        // not count for the rate in hours.
        let steps = [
            (0, 200, "", "-"),
            (59_000, 200, "", "-"),
            (59_000, 429, "2 per 1 minute", "1"),
            (59_999, 429, "2 per 1 minute", "1"),
            (60_000, 200, "", "-"),
            (60_001, 429, "3 per 2 hour", "7140"),
            (7_199_999, 429, "3 per 2 hour", "1"),
            (7_200_000, 200, "", "-"),
            (7_260_000, 200, "", "-"),
            (0, 200, "", "-"), // the clock goes back: counts are kept, the wait is at most one window
            (0, 429, "2 per 1 minute", "60"),
        ];
        for (at, status, message, retry_after) in steps {
            now.store(at, Ordering::Relaxed);
            let reply = app.test().get("/").send();
            assert_eq!((reply.status().as_u16(), field(&reply, "Retry-After")), (status, retry_after), "at {at}");
            if status == 429 {
                assert_eq!(reply.header("Content-Type"), Some("application/json"));
                assert_eq!(reply.text(), format!("{{\"error\":\"Too Many Requests\",\"message\":\"{message}\"}}"));
            }
        }
    }

    #[test]
    fn a_rate_of_nothing_lets_nothing_pass() {
        let mut app = App::new();
        app.get("/", |_| "").limit("0/second");
        assert_eq!(ask(&app, "/"), 429);
    }

    #[test]
    fn clients_are_told_apart_by_what_cannot_be_forged() {
        let mut app = App::new();
        app.get("/", |_| "").limit("1/minute");
        // No proxy is trusted: one client, whatever its fields contain.
        assert_eq!([ask_from(&app, "203.0.113.1"), ask_from(&app, "203.0.113.2")], [200, 429]);

        let mut app = App::new();
        app.trusted_proxies(["unix"]);
        app.get("/", |_| "").limit("1/minute");
        let cases = [
            ("203.0.113.1", 200),
            ("203.0.113.2", 200),
            ("6.6.6.6, 203.0.113.1", 429),
            ("::ffff:203.0.113.1", 429),
            ("2001:db8:0:1::1", 200),
            ("2001:db8:0:1:ffff::2", 429),
            ("2001:db8:0:2::1", 200),
        ];
        for (client, status) in cases {
            assert_eq!(ask_from(&app, client), status, "{client}");
        }
        for entries in [2, 10, 100, 1000] {
            assert_eq!(ask_from(&app, &format!("{}203.0.113.1", "6.6.6.6,".repeat(entries))), 429);
        }
    }

    #[test]
    fn an_empty_key_does_not_identify_a_client() {
        let mut app = App::new();
        app.limit_key(|request| request.query("user").unwrap_or_default().into_owned());
        app.get("/", |_| "").limit("1/minute");
        assert_eq!([ask(&app, "/?user=a"), ask(&app, "/?user=a"), ask(&app, "/?user=b")], [200, 429, 200]);
        assert_eq!([ask(&app, "/"), ask(&app, "/")], [200, 200]);
    }

    #[test]
    fn fields_are_written_on_request() {
        let (mut app, _now) = timed();
        app.limit("3/hour; 2/minute");
        app.limit_fields(LimitFields::RateLimit);
        app.get("/", |_| "");
        let said = |reply: &TestResponse| {
            ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"].map(|name| field(reply, name).to_owned())
        };
        for expected in [["2", "1", "60"], ["2", "0", "60"], ["2", "0", "60"]] {
            assert_eq!(said(&app.test().get("/").send()), expected);
        }
        assert_eq!(said(&app.test().get("/nothing").send()), ["-", "-", "-"]);

        let (mut app, _now) = timed();
        app.limit_fields(LimitFields::XRateLimit);
        app.get("/", |_| "").limit("5/day");
        let reply = app.test().get("/").send();
        assert_eq!((field(&reply, "X-RateLimit-Limit"), field(&reply, "X-RateLimit-Remaining")), ("5", "4"));
        let reset: u64 = field(&reply, "X-RateLimit-Reset").parse().unwrap();
        assert!(reset > 1_700_000_000);
    }

    /// A shared store that is unreachable, and lets requests pass or not.
    struct Unreachable {
        open: bool,
    }

    impl LimitStore for Unreachable {
        fn hit(&self, key: &LimitKey<'_>, _now: Duration) -> Result<WindowState> {
            assert_eq!(
                format!("{}:{}:{}:{}", key.method, key.route, key.client, key.rate),
                "GET:/{x}:127.0.0.1:1 per 1 minute"
            );
            match self.open {
                true => Ok(WindowState { used: 0, reset: Duration::ZERO }),
                false => Err(Error::new(StatusCode::SERVICE_UNAVAILABLE, "").with_header("Retry-After", "1")),
            }
        }
    }

    /// A store that returns a fixed time to the end of the window.
    struct Lasting(Duration);

    impl LimitStore for Lasting {
        fn hit(&self, _: &LimitKey<'_>, _now: Duration) -> Result<WindowState> {
            Ok(WindowState { used: 2, reset: self.0 })
        }
    }

    #[test]
    fn windows_without_end_and_without_length_are_said_as_they_are() {
        let end = u64::MAX.to_string();
        for (reset, retry_after, left) in [
            (Duration::ZERO, "1", "0"),
            (Duration::from_nanos(1), "1", "1"),
            (Duration::from_millis(1_001), "2", "2"),
            (Duration::MAX, &*end, &*end),
        ] {
            for (fields, name) in
                [(LimitFields::RateLimit, "RateLimit-Reset"), (LimitFields::XRateLimit, "X-RateLimit-Reset")]
            {
                let mut app = App::new();
                app.limit_store(Lasting(reset));
                app.limit_fields(fields);
                app.get("/", |_| "").limit("1/minute");
                let reply = app.test().get("/").send();
                assert_eq!((reply.status().as_u16(), field(&reply, "Retry-After")), (429, retry_after), "{reset:?}");
                match fields {
                    LimitFields::RateLimit => assert_eq!(field(&reply, name), left, "{reset:?}"),
                    LimitFields::XRateLimit => {
                        assert!(field(&reply, name).parse::<u64>().is_ok_and(|at| at > 1_700_000_000))
                    }
                }
            }
        }
    }

    #[test]
    fn a_clock_at_either_end_of_time_counts_on() {
        for rate in ["1/second", "1 per 138 year"] {
            let (mut app, now) = (App::new(), Arc::new(Mutex::new(Duration::ZERO)));
            let clock = Arc::clone(&now);
            app.limit_clock(move || *clock.lock().unwrap());
            app.get("/", |_| "").limit(rate);
            for (time, status) in
                [(Duration::ZERO, 200), (Duration::from_nanos(1), 429), (Duration::MAX, 200), (Duration::ZERO, 429)]
            {
                *now.lock().unwrap() = time;
                assert_eq!([ask(&app, "/"), ask(&app, "/")], [status, 429], "{rate} at {time:?}");
            }
        }
    }

    #[test]
    fn a_store_that_fails_decides_what_that_means() {
        for (open, status) in [(true, 200), (false, 503)] {
            let mut app = App::new();
            app.limit_store(Unreachable { open });
            app.get("/{x}", |_| "").limit("1/minute");
            assert_eq!([ask(&app, "/a"), ask(&app, "/a")], [status, status]);
        }
    }

    /// Counts by what a key says, as a store of several machines does.
    #[derive(Default)]
    struct ByName(Mutex<std::collections::HashMap<String, u64>>);

    impl LimitStore for ByName {
        fn hit(&self, key: &LimitKey<'_>, _: Duration) -> Result<WindowState> {
            let mut counts = self.0.lock().unwrap();
            let used = counts.entry(format!("{} {} {}", key.method, key.route, key.client)).or_default();
            *used += 1;
            Ok(WindowState { used: *used, reset: Duration::from_secs(60) })
        }
    }

    #[test]
    fn the_same_pattern_of_two_hosts_is_counted_for_each() {
        for by_name in [false, true] {
            let mut app = App::new();
            if by_name {
                app.limit_store(ByName::default());
            }
            for host in ["a.example", "*.b.example"] {
                let (mut router, mut inner) = (Router::new(), Router::new());
                inner.get("/{id:int}", |_| "").limit("1/minute");
                router.nest("/in", inner);
                app.host(host, router);
            }
            app.get("/in/{id:int}", |_| "").limit("1/minute");
            for (host, expected) in [
                ("a.example", 200),
                ("x.b.example", 200),
                ("other", 200),
                ("a.example", 429),
                ("y.b.example", 429),
                ("other", 429),
            ] {
                let reply = app.test().get("/in/7").header("Host", host).send();
                assert_eq!(reply.status(), expected, "{host}, by name: {by_name}");
            }
        }
    }

    #[test]
    fn threads_let_exactly_the_amount_pass() {
        let mut app = App::new();
        app.get("/", |_| "").limit("100/day");
        let passed: usize = std::thread::scope(|scope| {
            let hammer = || (0..200).filter(|_| ask(&app, "/") == 200).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(hammer)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 100);
    }

    #[test]
    #[should_panic(
        expected = "rate limit \"5 per fortnight\": expected second, minute, hour, day, month or year in column 7"
    )]
    fn a_wrong_text_is_found_at_start_up() {
        App::new().limit("5 per fortnight");
    }
}
