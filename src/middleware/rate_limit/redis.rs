//! Counts requests in a Redis that several machines share.

use std::io;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ::redis::{Client as Server, Cmd, Connection, IntoConnectionInfo, RedisError, RedisResult};

use super::{Client, LimitKey, LimitStore, WindowState};
use crate::http1::status::StatusCode;
use crate::response::error::{Error, Result};
use crate::sync::lock;

/// Default timeout. Flask-Limiter's client has none.
const TIMEOUT: Duration = Duration::from_millis(50);
/// While Redis is unreachable, one request in this time checks whether it is back; the others do
/// not wait.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// A hundred years: Redis rejects keys that live longer.
const MAX_PERIOD: Duration = Duration::from_secs(100 * 365 * 86_400);
/// Counts, and opens the window if there is none, in one step: were the expiry set in a second step
/// that failed, the count would stay forever. One command and not MULTI … EXEC, which has five
/// responses: the client waits for each of them, even after the first timed out.
const SCRIPT: &str = "local used = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
    left = tonumber(ARGV[1])
    redis.call('PEXPIRE', KEYS[1], left)
end
return {used, left}";

/// Counts in a Redis that several processes and machines share (feature `redis`). Windows and
/// results are those of the table in memory; Redis's clock ends the windows, and its eviction may
/// (`volatile-ttl` evicts first those that would end first).
///
/// A request waits for Redis, so routes with such a limit should be
/// [`blocking`](crate::Route::blocking). An inline route may have one too: it holds its event loop
/// for twice the [timeout](RedisStore::timeout) at worst, and once a second while Redis is
/// unreachable. Use the IP address of Redis then: resolving a name has no timeout.
///
/// **When Redis is unreachable**, requests pass uncounted: a limit protects a service, and an
/// outage of the limit should not become one of the service. Where security depends on the limit
/// (the guessing of passwords), use [`fail_closed`](RedisStore::fail_closed).
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::rate_limit::RedisStore;
///
/// let mut app = App::new();
/// app.limit("100 per minute");
/// app.limit_store(RedisStore::new("redis://127.0.0.1:6379")?);
/// app.get("/users", |_| "everybody").blocking();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct RedisStore {
    server: Server,
    timeout: Duration,
    fail_closed: bool,
    state: Mutex<Pool>,
}

#[derive(Default)]
struct Pool {
    /// Idle connections.
    idle: Vec<Connection>,
    /// When to check Redis again; `None` while it is reachable.
    retry: Option<Instant>,
}

impl RedisStore {
    /// Creates a store at `redis://[[user]:password@]host[:port][/database]`, or
    /// `redis+unix:///path`. It connects with the first request, so that a program starts while
    /// Redis is down.
    ///
    /// # Errors
    /// When the URL is invalid.
    pub fn new(url: &str) -> io::Result<RedisStore> {
        // Without the URL: it may contain a password.
        let wrong = |error| io::Error::new(io::ErrorKind::InvalidInput, format!("the URL of Redis: {error}"));
        let info = url.into_connection_info().map_err(wrong)?;
        // The client would introduce itself with two commands: two more responses to wait for.
        let silent = info.redis_settings().clone().set_skip_set_lib_name();
        let server = Server::open(info.set_redis_settings(silent)).map_err(wrong)?;
        Ok(RedisStore { server, timeout: TIMEOUT, fail_closed: false, state: Mutex::default() })
    }

    /// Sets how long connecting may take, and how long a response; 50 ms each by default, at least
    /// 1 ms. A password and a database in the URL are a response each, on a new connection.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> RedisStore {
        self.timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// Responds with 503 and `Retry-After` while Redis is unreachable, instead of letting requests
    /// pass.
    #[must_use]
    pub fn fail_closed(mut self) -> RedisStore {
        self.fail_closed = true;
        self
    }

    /// Counts on an idle connection, or on a new one.
    fn count(&self, idle: Option<Connection>, key: &LimitKey<'_>) -> RedisResult<(Connection, WindowState)> {
        let question = command(key);
        let count = |mut connection: Connection| -> RedisResult<_> {
            let (used, left): (u64, i64) = question.query(&mut connection)?;
            let reset = u64::try_from(left).map_or(key.rate.period(), Duration::from_millis);
            Ok((connection, WindowState { used, reset }))
        };
        match idle.map(count) {
            Some(Ok(counted)) => Ok(counted),
            Some(Err(error)) if error.is_timeout() => Err(error),
            // Redis has closed the connection since: it was restarted, or its `timeout` has passed.
            // At worst this counts twice.
            Some(Err(_)) | None => count(self.connect()?),
        }
    }

    fn connect(&self) -> RedisResult<Connection> {
        let connection = self.server.get_connection_with_timeout(self.timeout)?;
        connection.set_read_timeout(Some(self.timeout))?;
        connection.set_write_timeout(Some(self.timeout))?;
        Ok(connection)
    }

    /// Returns whether this request may use Redis, with an idle connection if there is one.
    fn checkout(&self) -> Option<Option<Connection>> {
        let mut state = self.lock();
        if let Some(retry) = state.retry {
            let now = Instant::now();
            if now < retry {
                return None;
            }
            state.retry = Some(now + RETRY_INTERVAL);
        }
        Some(state.idle.pop())
    }

    fn checkin(&self, connection: Connection) {
        let mut state = self.lock();
        state.idle.push(connection);
        if state.retry.take().is_some() {
            warn!("Redis is back: limits hold again");
        }
    }

    /// Logs the beginning of an outage once.
    #[cold]
    fn unreachable(&self, error: &RedisError) {
        let mut state = self.lock();
        state.idle.clear();
        if state.retry.replace(Instant::now() + RETRY_INTERVAL).is_none() {
            let policy = if self.fail_closed { "limited routes answer 503" } else { "limits let everything pass" };
            error!("Redis is unreachable; {policy}: {error}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        lock(&self.state)
    }
}

impl LimitStore for RedisStore {
    fn hit(&self, key: &LimitKey<'_>, _now: Duration) -> Result<WindowState> {
        if let Some(idle) = self.checkout() {
            match self.count(idle, key) {
                Ok((connection, verdict)) => {
                    self.checkin(connection);
                    return Ok(verdict);
                }
                Err(error) => self.unreachable(&error),
            }
        }
        match self.fail_closed {
            true => Err(Error::new(StatusCode::SERVICE_UNAVAILABLE, "").with_header("Retry-After", "1")),
            false => Ok(WindowState { used: 0, reset: Duration::ZERO }),
        }
    }
}

fn command(key: &LimitKey<'_>) -> Cmd {
    let period = key.rate.period().min(MAX_PERIOD).as_millis() as u64;
    let mut eval = ::redis::cmd("EVAL");
    eval.arg(SCRIPT).arg(1).arg(key_name(key)).arg(period);
    eval
}

/// Returns the key's name: `limit:GET /users:10/60:a:192.0.2.7`. The part that a client can choose
/// is last, preceded by its kind, so no two keys share a name.
fn key_name(key: &LimitKey<'_>) -> String {
    let kind = match key.client {
        Client::Address(_) => 'a',
        Client::Key(_) => 'n',
    };
    let (method, route, client, rate) = (key.method, key.route, key.client, key.rate);
    format!("limit:{method} {route}:{}/{}:{kind}:{client}", rate.amount(), rate.period().as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::rate;
    use super::*;
    use crate::App;
    use crate::http1::method::Method;
    use std::collections::HashMap;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A fake Redis with the commands that the store uses.
    #[derive(Clone, Default)]
    struct Fake {
        counts: Arc<Mutex<HashMap<String, u64>>>,
        connections: Arc<AtomicUsize>,
    }

    impl Fake {
        /// Answers `questions` commands on each connection, then closes it.
        fn serve(&self, questions: usize) -> String {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("redis://{}", listener.local_addr().unwrap());
            let fake = self.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    fake.connections.fetch_add(1, Ordering::SeqCst);
                    let fake = fake.clone();
                    std::thread::spawn(move || fake.talk(stream.unwrap(), questions));
                }
            });
            url
        }

        fn talk(&self, mut stream: TcpStream, questions: usize) -> Option<()> {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            for _ in 0..questions {
                let words = command(&mut reader)?;
                assert_eq!((&words[0][..], &words[1][..], &words[2][..]), ("EVAL", SCRIPT, "1"));
                let mut counts = self.counts.lock().unwrap();
                let count = counts.entry(words[3].clone()).or_default();
                *count += 1;
                stream.write_all(format!("*2\r\n:{count}\r\n:1500\r\n").as_bytes()).ok()?;
            }
            Some(())
        }
    }

    /// Reads the next command of a client: `*2\r\n$4\r\nINCR\r\n$1\r\na\r\n`.
    fn command(reader: &mut impl BufRead) -> Option<Vec<String>> {
        let number = |reader: &mut dyn BufRead| {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            line.get(1..)?.trim().parse::<usize>().ok()
        };
        let words = number(reader)?;
        let mut word = || {
            let mut bytes = vec![0; number(reader)? + 2];
            reader.read_exact(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
        };
        (0..words).map(|_| word()).collect()
    }

    /// Returns a store with a timeout long enough for a test on a busy machine.
    fn patient(url: &str) -> RedisStore {
        RedisStore::new(url).unwrap().timeout(Duration::from_secs(10))
    }

    fn hit(store: &RedisStore) -> Result<WindowState> {
        let rate = rate::parse("5/minute").unwrap().remove(0);
        let client = Client::Key("a");
        store.hit(&LimitKey { method: Method::GET, route: "/", client, rate }, Duration::ZERO)
    }

    const PASSES: WindowState = WindowState { used: 0, reset: Duration::ZERO };

    #[test]
    fn two_stores_count_together() {
        let fake = Fake::default();
        let url = fake.serve(usize::MAX);
        let stores = [patient(&url), patient(&url)];
        for used in 1..=6 {
            let verdict = hit(&stores[used as usize % 2]).unwrap();
            assert_eq!(verdict, WindowState { used, reset: Duration::from_millis(1500) });
        }
        assert_eq!(fake.connections.load(Ordering::SeqCst), 2, "connections are kept");
        assert_eq!(*fake.counts.lock().unwrap(), HashMap::from([("limit:GET /:5/60:n:a".to_owned(), 6)]));
    }

    #[test]
    fn a_connection_that_redis_closed_is_replaced() {
        let fake = Fake::default();
        let store = patient(&fake.serve(1));
        for used in 1..=3 {
            assert_eq!(hit(&store).unwrap().used, used);
        }
    }

    #[test]
    fn without_redis_requests_pass_or_are_refused_as_chosen() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("redis://{nobody}");
        assert_eq!(hit(&patient(&url)).unwrap(), PASSES);
        let error = hit(&patient(&url).fail_closed()).unwrap_err();
        assert_eq!((error.status(), error.fields().next()), (503.try_into().unwrap(), Some(("Retry-After", "1"))));
    }

    #[test]
    fn a_silent_redis_is_asked_once_in_a_while_and_noticed_when_it_is_back() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let store =
            RedisStore::new(&format!("redis://{}", silent.local_addr().unwrap())).unwrap().timeout(Duration::ZERO);
        silent.set_nonblocking(true).unwrap();
        let mut askers = Vec::new();
        for _ in 0..100 {
            assert_eq!(hit(&store).unwrap(), PASSES);
            askers.extend(silent.accept());
        }
        // More than one only if this test took longer than the retry interval.
        assert!(askers.len() < 100, "{}", askers.len());

        let back = RedisStore { state: store.state, ..patient(&Fake::default().serve(usize::MAX)) };
        back.lock().retry = Some(Instant::now());
        assert_eq!(hit(&back).unwrap().used, 1);
        assert!(back.lock().retry.is_none());
        assert_eq!(hit(&back).unwrap().used, 2);
    }

    #[test]
    fn an_application_counts_there() {
        let mut app = App::new();
        app.limit_store(patient(&Fake::default().serve(usize::MAX)));
        app.get("/", |_| "").limit("2/minute").blocking();
        let replies = [0; 3].map(|_| app.test().get("/").send());
        assert_eq!(replies.each_ref().map(|reply| reply.status().as_u16()), [200, 200, 429]);
        assert_eq!(replies[2].header("Retry-After"), Some("2"));
    }

    #[test]
    fn an_answer_that_is_none_counts_as_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let store = patient(&format!("redis://{}", listener.local_addr().unwrap()));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").and_then(|()| stream.read(&mut [0; 999]));
            }
        });
        assert_eq!(hit(&store).unwrap(), PASSES);
    }

    #[test]
    fn names_tell_keys_apart() {
        let rates = rate::parse("5/minute; 5/hour").unwrap();
        let clients = [Client::Address([192, 0, 2, 1].into()), Client::Key("192.0.2.1"), Client::Key("a:b")];
        let mut names: Vec<_> = Vec::new();
        for method in [Method::GET, Method::POST] {
            for route in ["/a", "/a:5/60"] {
                for client in clients {
                    names.extend(rates.iter().map(|&rate| key_name(&LimitKey { method, route, client, rate })));
                }
            }
        }
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{names:#?}");
    }

    #[test]
    fn a_wrong_url_is_said_without_its_password() {
        for url in ["", "redis", "http://127.0.0.1", "redis://:secret@127.0.0.1:port"] {
            let Err(error) = RedisStore::new(url) else { panic!("{url}") };
            assert!(error.kind() == io::ErrorKind::InvalidInput && !error.to_string().contains("secret"), "{error}");
        }
    }
}
