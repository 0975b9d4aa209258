//! Counts requests and exposes the counts in Prometheus's text format.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use super::{clock, has_no_head};
use crate::app::router::Router;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::sync;

/// Upper ends of the histogram's buckets, in microseconds and in Prometheus's notation. The
/// defaults of its client libraries begin at 5 ms, longer than most responses take here.
const BUCKETS: [(u64, &str); 10] = [
    (100, "0.0001"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (5_000_000, "5"),
];
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "-"];
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
/// The label for an extension method, no route, or a request without a valid head.
const UNKNOWN: &str = "-";

/// Counts requests by method, route pattern and status class; measures durations, bytes and
/// requests in flight.
///
/// The number of series is bounded by the program's routes: ten methods each, and unknown paths
/// together. Clones share their counts.
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::Metrics;
///
/// let metrics = Metrics::new();
/// let mut app = App::new();
/// metrics.add_to(&mut app);
/// app.get("/metrics", metrics.handler());
/// app.get("/users/{id:int}", |_| "a user");
///
/// app.test().get("/users/7").send();
/// let line = "http_requests_total{method=\"GET\",route=\"/users/{id:int}\",status=\"2xx\"} 1\n";
/// assert!(app.test().get("/metrics").send().text().contains(line));
/// ```
#[derive(Clone, Default)]
pub struct Metrics(Arc<Registry>);

#[derive(Default)]
struct Registry {
    /// Series by route and method. Locked for writing when a pair is first seen.
    series: RwLock<BTreeMap<String, BTreeMap<&'static str, Arc<Series>>>>,
    in_flight: AtomicU64,
}

#[derive(Default)]
struct Series {
    responses: [AtomicU64; CLASSES.len()],
    /// Counts of each bucket alone; the last has no upper end.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
    bytes: AtomicU64,
}

/// The connections that each worker has accepted. The server puts it into the application's state.
pub(crate) struct AcceptedConnections(pub(crate) Vec<Arc<AtomicU64>>);

/// Counts as in flight until the response was sent or its connection is gone.
struct InFlight(Arc<Registry>);

impl Metrics {
    /// Returns metrics with all counts at zero.
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// Adds it to a router or an app: counts what this router answers.
    #[track_caller]
    pub fn add_to(&self, router: &mut Router) {
        let (before, after) = (self.0.clone(), self.0.clone());
        router.before(move |request| {
            before.in_flight.fetch_add(1, Ordering::Relaxed);
            request.set(Arc::new(InFlight(before.clone())));
            clock::start(request)
        });
        router.after(move |request, response| {
            let (series, in_flight) = (after.series(request), request.get::<Arc<InFlight>>().cloned());
            response.on_sent(move |sent| {
                series.add(sent.status(), sent.duration(), sent.bytes());
                drop(in_flight);
            });
        });
    }

    /// Returns a handler that exposes the metrics: `app.get("/metrics", metrics.handler())`. They
    /// disclose much about a service: protect them by a guard or an address of their own.
    ///
    /// A [`Server`](crate::Server) adds `http_connections_accepted_total` of each worker, which shows
    /// how the kernel distributes connections.
    pub fn handler(&self) -> impl Fn(&Request<'_>) -> Response + Send + Sync + 'static {
        let board = self.0.clone();
        move |request| {
            let accepted = request.app_state().values.get::<AcceptedConnections>();
            Response::new(StatusCode::OK)
                .header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                .text(accepted.map_or_else(String::new, ToString::to_string) + &board.to_string())
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Registry {
    fn series(&self, request: &Request<'_>) -> Arc<Series> {
        let route = request.route().unwrap_or(UNKNOWN);
        let known = METHODS.into_iter().find(|name| request.method() == *name && !has_no_head(request));
        let method = known.unwrap_or(UNKNOWN);
        let shared = sync::read(&self.series);
        if let Some(series) = shared.get(route).and_then(|methods| methods.get(method)) {
            return series.clone();
        }
        drop(shared);
        let mut series = sync::write(&self.series);
        series.entry(route.to_owned()).or_default().entry(method).or_default().clone()
    }
}

impl Series {
    fn add(&self, status: StatusCode, took: Duration, bytes: u64) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = usize::from(status.as_u16() / 100).saturating_sub(1).min(CLASSES.len() - 1);
        let bucket = BUCKETS.iter().position(|(end, _)| micros <= *end).unwrap_or(BUCKETS.len());
        let counters = [self.responses.get(class), self.buckets.get(bucket)];
        counters.into_iter().flatten().for_each(|counter| _ = counter.fetch_add(1, Ordering::Relaxed));
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn histogram(&self, f: &mut fmt::Formatter<'_>, labels: &str) -> fmt::Result {
        let ends = BUCKETS.iter().map(|(_, end)| *end).chain(["+Inf"]);
        let mut total = 0;
        for (end, count) in ends.zip(&self.buckets) {
            total += read(count);
            writeln!(f, "http_request_duration_seconds_bucket{{{labels},le=\"{end}\"}} {total}")?;
        }
        writeln!(f, "http_request_duration_seconds_sum{{{labels}}} {}", read(&self.micros) as f64 / 1e6)?;
        writeln!(f, "http_request_duration_seconds_count{{{labels}}} {total}")
    }
}

/// The exposition format, version 0.0.4: a family at a time, its help and type first.
impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let series = sync::read(&self.series);
        let all = || {
            series
                .iter()
                .flat_map(|(route, methods)| methods.iter().map(|(method, series)| (labels(method, route), series)))
        };
        family(f, "http_requests_total", "counter", "Answers by method, route and status class.")?;
        for (labels, series) in all() {
            for (class, count) in CLASSES.iter().zip(&series.responses).filter(|(_, count)| read(count) > 0) {
                writeln!(f, "http_requests_total{{{labels},status=\"{class}\"}} {}", read(count))?;
            }
        }
        family(f, "http_request_duration_seconds", "histogram", "Until the last byte of the response was sent.")?;
        for (labels, series) in all() {
            series.histogram(f, &labels)?;
        }
        family(f, "http_response_body_bytes_total", "counter", "Bytes of response content sent.")?;
        for (labels, series) in all() {
            writeln!(f, "http_response_body_bytes_total{{{labels}}} {}", read(&series.bytes))?;
        }
        family(f, "http_requests_in_flight", "gauge", "Requests whose response is not out, this one too.")?;
        writeln!(f, "http_requests_in_flight {}", read(&self.in_flight))
    }
}

impl fmt::Display for AcceptedConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        family(f, "http_connections_accepted_total", "counter", "Connections by the worker that accepted them.")?;
        for (worker, accepted) in self.0.iter().enumerate() {
            writeln!(f, "http_connections_accepted_total{{worker=\"{worker}\"}} {}", read(accepted))?;
        }
        Ok(())
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn family(f: &mut fmt::Formatter<'_>, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(f, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// Escapes label values; a route may contain quotes.
fn labels(method: &str, route: &str) -> String {
    let route = route.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("method=\"{method}\",route=\"{route}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::response::error::{Result, abort};

    fn app() -> App {
        let metrics = Metrics::new();
        let mut app = App::new();
        metrics.add_to(&mut app);
        app.get("/metrics", metrics.handler());
        app.get("/users/{id:int}", |_| "seven b");
        app.get("/panic", |_| -> &'static str { panic!("on purpose") });
        app.get("/teapot", |_| -> Result<()> { abort(418) });
        app.get("/odd", |_| StatusCode::from_u16(599));
        app
    }

    /// The lines of one family, without its help and type.
    fn lines(app: &App, family: &str) -> Vec<String> {
        let reply = app.test().get("/metrics").send();
        assert_eq!(reply.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let text = reply.text().lines().filter(|line| line.starts_with(family) && !line.contains("/metrics"));
        text.map(|line| line.strip_prefix(family).unwrap().to_owned()).collect()
    }

    #[test]
    fn answers_are_counted_by_method_route_and_class() {
        let app = app();
        let client = app.test();
        for target in ["/users/7", "/users/8?x=1", "/nothing", "/nothing/else", "/users/x", "/panic", "/teapot", "/odd"]
        {
            client.get(target).send();
        }
        client.request("HEAD", "/users/7").send();
        client.post("/users/7").send();
        client.request("OPTIONS", "/users/7").send();
        client.request("PURGE", "/users/7").send();
        client.raw(b"GET /users/7 HTTP/1.1\r\n\r\n");
        let expected = [
            r#"{method="-",route="-",status="4xx"} 1"#,
            r#"{method="-",route="-",status="5xx"} 1"#,
            r#"{method="GET",route="-",status="4xx"} 3"#,
            r#"{method="OPTIONS",route="-",status="2xx"} 1"#,
            r#"{method="POST",route="-",status="4xx"} 1"#,
            r#"{method="GET",route="/odd",status="5xx"} 1"#,
            r#"{method="GET",route="/panic",status="5xx"} 1"#,
            r#"{method="GET",route="/teapot",status="4xx"} 1"#,
            r#"{method="GET",route="/users/{id:int}",status="2xx"} 2"#,
            r#"{method="HEAD",route="/users/{id:int}",status="2xx"} 1"#,
        ];
        assert_eq!(lines(&app, "http_requests_total"), expected);
        let bytes = lines(&app, "http_response_body_bytes_total");
        assert!(bytes.contains(&r#"{method="GET",route="/users/{id:int}"} 14"#.to_owned()), "{bytes:?}");
        assert!(bytes.contains(&r#"{method="HEAD",route="/users/{id:int}"} 0"#.to_owned()), "{bytes:?}");
    }

    #[test]
    fn clients_make_no_labels() {
        let app = app();
        for number in 0..500 {
            let (path, method) = (format!("/{number}%22%7D%0A"), format!("M{number}"));
            app.test().get(&path).send();
            app.test().request(&method, "/users/7").send();
        }
        assert_eq!(
            lines(&app, "http_requests_total"),
            [r#"{method="-",route="-",status="5xx"} 500"#, r#"{method="GET",route="-",status="4xx"} 500"#]
        );
    }

    #[test]
    fn whatever_ends_a_request_takes_it_out_of_flight() {
        let app = app();
        for target in ["/users/7", "/panic", "/nothing"] {
            app.test().get(target).send();
        }
        app.test().raw(b"broken\r\n\r\n");
        assert_eq!(lines(&app, "http_requests_in_flight"), [" 1"], "the one that asks");
    }

    #[test]
    fn buckets_add_up() {
        let series = Series::default();
        for micros in [0, 100, 101, 1_000, 5_000_000, 5_000_001, u64::MAX] {
            series.add(StatusCode::OK, Duration::from_micros(micros), 0);
        }
        let counts: Vec<u64> = series.buckets.iter().map(read).collect();
        assert_eq!(counts, [2, 1, 1, 0, 0, 0, 0, 0, 0, 1, 2]);
        let app = app();
        app.test().get("/teapot").send();
        let lines = lines(&app, "http_request_duration_seconds");
        assert_eq!(lines.len(), BUCKETS.len() + 3);
        assert!(lines.contains(&r#"_bucket{method="GET",route="/teapot",le="+Inf"} 1"#.to_owned()));
        assert!(lines.contains(&r#"_count{method="GET",route="/teapot"} 1"#.to_owned()));
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(labels("GET", "/a\"b\\c\nd"), r#"method="GET",route="/a\"b\\c\nd""#);
    }
}
