//! The health-check handler: 200 while serving, 503 while draining.

use std::time::Instant;

use serde_json::json;

use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;

/// Reports whether the server is stopping. The server puts it into the application's state.
pub(crate) struct Draining(Box<dyn Fn() -> bool + Send + Sync>);

impl Draining {
    pub(crate) fn new(ask: impl Fn() -> bool + Send + Sync + 'static) -> Draining {
        Draining(Box::new(ask))
    }
}

/// Returns a handler for health checks: 200 `{"status":"ok","uptime_ms":N}`, with the milliseconds
/// since `health()` was called, by a monotonic clock; 503 `{"status":"draining"}` while the server
/// is stopping, so that a load balancer sends no more requests.
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::health;
///
/// let mut app = App::new();
/// app.get("/health", health());
/// assert!(app.test().get("/health").send().text().starts_with("{\"status\":\"ok\",\"uptime_ms\":"));
/// ```
pub fn health() -> impl Fn(&Request<'_>) -> Response + Send + Sync + 'static {
    let began = Instant::now();
    move |request| {
        let draining = request.app_state().values.get::<Draining>().is_some_and(|draining| (draining.0)());
        let (status, state) = match draining {
            true => (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "draining" })),
            false => (StatusCode::OK, json!({ "status": "ok", "uptime_ms": began.elapsed().as_millis() as u64 })),
        };
        Response::new(status).json(&state).no_store()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::server::Server;
    use serde_json::Value;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn the_uptime_starts_near_zero_and_never_falls() {
        let mut app = App::new();
        app.get("/health", health());
        let uptime = || {
            let reply = app.test().get("/health").send();
            assert_eq!((reply.status(), reply.header("Cache-Control")), (StatusCode::OK, Some("no-store")));
            let body: Value = reply.json();
            assert_eq!(body["status"], "ok");
            body["uptime_ms"].as_u64().unwrap()
        };
        let first = uptime();
        assert!(first < 1_000_000_000_000, "the wall clock is not an uptime");
        assert!((0..100).map(|_| uptime()).is_sorted() && first <= uptime());
    }

    #[test]
    fn draining_is_503() {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let mut app = App::new();
        app.state(Draining::new(move || asked.load(Ordering::Relaxed)));
        app.get("/health", health());
        assert_eq!(app.test().get("/health").send().status(), StatusCode::OK);
        stop.store(true, Ordering::Relaxed);
        let reply = app.test().get("/health").send();
        assert_eq!((reply.status(), reply.text()), (StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"draining\"}"));
    }

    #[test]
    fn a_server_that_stops_says_so() {
        let server = Server::bind("127.0.0.1:0").unwrap().signals(false);
        let (address, handle) = (server.local_addr(), server.handle());
        let mut app = App::new();
        app.get("/health", health());
        let running = std::thread::spawn(move || server.run(app));
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        let mut reply = [0; 512];
        client.write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let n = client.read(&mut reply).unwrap();
        assert!(reply[..n].starts_with(b"HTTP/1.1 200 "), "{}", reply[..n].escape_ascii());
        handle.stop();
        client.write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut rest = String::new();
        client.read_to_string(&mut rest).unwrap();
        assert!(rest.starts_with("HTTP/1.1 503 ") && rest.ends_with("{\"status\":\"draining\"}"), "{rest}");
        running.join().unwrap().unwrap();
    }
}
