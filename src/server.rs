//! A server: addresses, options, workers, and the handle that stops it; the event loop itself is in `net`.

mod environment;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;

use log::Level;
use mio::net::TcpListener;

use crate::app::app::App;
use crate::app::table::RouteInfo;
use crate::http1::limits::Limits;
use crate::middleware::Draining;
use crate::net::control::{Control, Phase};
use crate::net::deadline::Timeouts;
use crate::net::desk::Settings;
use crate::net::listen;
use crate::net::pool::Pool;
use crate::net::signal::Signals;
use crate::net::worker::Worker;
use crate::wire::probe::{NoProbe, Probe};
use crate::wire::start::{Start, StartRoute};
use crate::wire::trace::Trace;
use crate::wire::tracer::Tracing;

/// Connections of one worker at most, if the descriptors of the process allow it.
const MAX_CONNECTIONS: usize = 10_000;
/// Threads for blocking handlers at most. They wait for others most of the time, so there may be more of them than processors.
const THREADS: usize = 32;
/// Requests that may wait for one of them.
const QUEUE: usize = 1024;
/// Descriptors left for listeners, logs and the application's files.
const SPARE_DESCRIPTORS: usize = 32;

/// A bound server: it has its address, and runs when it gets an [`App`].
///
/// ```
/// use wirelight::{App, Server};
///
/// let server = Server::bind("127.0.0.1:0")?.workers(1).signals(false);
/// let (address, handle) = (server.local_addr(), server.handle());
/// let running = std::thread::spawn(move || server.run(App::new()));
/// assert_ne!(address.port(), 0);
/// handle.stop();
/// running.join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Server {
    address: SocketAddr,
    first: TcpListener,
    workers: usize,
    settings: Settings,
    max_connections: usize,
    threads: usize,
    queue: usize,
    signals: bool,
    traces: Vec<Trace>,
    control: Arc<Control>,
}

/// Stops a server from another thread.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Control>);

impl Handle {
    /// Stops gracefully: who is connected gets an answer that says `Connection: close`, idle connections may begin a request for
    /// another [`Timeouts::drain_idle`], and all of it takes no longer than [`Timeouts::shutdown`].
    pub fn stop(&self) {
        self.0.advance(Phase::Draining);
    }

    /// Stops at once: connections are cut.
    pub fn stop_now(&self) {
        self.0.advance(Phase::Now);
    }
}

impl Server {
    /// Binds to the first address that `address` names and that can be had. Port 0 takes any free one.
    ///
    /// # Errors
    /// When the address is taken, not ours, or no address at all; the sentence says which address.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Server> {
        let mut failure = io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on");
        for address in address.to_socket_addrs()? {
            match bind_first(address) {
                Ok(first) => return Server::on(first),
                Err(error) => failure = explained(address, &error),
            }
        }
        Err(failure)
    }

    fn on(first: TcpListener) -> io::Result<Server> {
        Ok(Server {
            address: first.local_addr()?,
            first,
            workers: 1,
            settings: Settings::default(),
            max_connections: MAX_CONNECTIONS,
            threads: THREADS,
            queue: QUEUE,
            signals: true,
            traces: Vec::new(),
            control: Arc::default(),
        })
    }

    /// How many threads accept and serve, each with its own event loop; 1 by default. Handlers run on all of them.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Server {
        self.workers = workers.max(1);
        self
    }

    /// What a request may contain at most.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Server {
        self.settings.limits = limits;
        self
    }

    /// How long to wait for what.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Server {
        self.settings.timeouts = timeouts;
        self
    }

    /// How many connections a worker has at most. At the limit the oldest idle one makes room for a new one.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Server {
        self.max_connections = connections.max(1);
        self
    }

    /// How many threads run the handlers of [`blocking`](crate::Route::blocking) routes, for all workers together, and how many
    /// requests may wait for one; 32 and 1,024 by default. What does not fit is answered with 503.
    #[must_use]
    pub fn pool(mut self, threads: usize, queue: usize) -> Server {
        (self.threads, self.queue) = (threads, queue);
        self
    }

    /// Whether TERM and INT stop the server gracefully (the second one at once); yes by default. A program with signal handling of
    /// its own says no and uses a [`Handle`].
    #[must_use]
    pub fn signals(mut self, signals: bool) -> Server {
        self.signals = signals;
        self
    }

    /// Shows what happens on the wire. May be called more than once: each reader gets what it asked for.
    ///
    /// ```no_run
    /// # let app = wirelight::App::new();
    /// use wirelight::{Server, Trace};
    ///
    /// Server::bind("127.0.0.1:8000")?.trace(Trace::terminal()).run(app)
    /// # as std::io::Result<()>
    /// # ;Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn trace(mut self, trace: Trace) -> Server {
        self.traces.push(trace);
        self
    }

    /// Where the server listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stops the server.
    pub fn handle(&self) -> Handle {
        Handle(self.control.clone())
    }

    /// Serves until it is stopped. This thread is one of the workers.
    ///
    /// # Errors
    /// When a worker cannot be set up, when the system fails a worker, or when connections had to be cut at the end of a graceful
    /// stop ([`io::ErrorKind::TimedOut`], with their number).
    pub fn run(mut self, mut app: App) -> io::Result<()> {
        let life = self.control.clone();
        app.state(Draining::new(move || life.phase() != Phase::Running));
        let traces = std::mem::take(&mut self.traces);
        if traces.is_empty() {
            return self.serve(app, |_| NoProbe);
        }
        let tracing = Tracing::start(traces, &self.start(&app))?;
        let result = self.serve(app, |worker| tracing.tracer(worker));
        tracing.finish();
        result
    }

    /// One event loop a worker, each with a probe of its own. The loop of a server that nobody watches is another one than the loop
    /// of a server that is traced: neither pays for the other.
    fn serve<P: Probe + Send + 'static>(self, app: App, probe: impl Fn(u32) -> P) -> io::Result<()> {
        let Server { address, first, workers, settings, max_connections, threads, queue, signals, control, .. } = self;
        let pool = Pool::new(threads, queue);
        let descriptors = descriptor_limit().saturating_sub(SPARE_DESCRIPTORS) / workers;
        let connections = max_connections.min(descriptors).max(1);
        let app = Arc::new(app);
        let worker = |listener, number| {
            let (settings, probe) = (settings.clone(), probe(number));
            Worker::new(listener, app.clone(), settings, connections, pool.clone(), control.clone(), probe)
        };
        let mut here = worker(first, 0)?;
        if signals {
            here.listen_to(Signals::register()?)?;
        }
        let mut others = Vec::new();
        for number in 1..workers {
            let worker = worker(listen::listener(address, true, Level::Debug)?, number as u32)?;
            others.push(std::thread::Builder::new().name(format!("wirelight-{number}")).spawn(move || worker.run())?);
        }
        log::info!("listening on http://{address} with {workers} worker(s)");
        let result = here.run();
        control.advance(Phase::Draining);
        report(std::iter::once(result).chain(others.into_iter().map(joined)), control.phase())
    }

    /// What a trace says first.
    fn start<'a>(&'a self, app: &'a App) -> Start<'a> {
        let route = |route: RouteInfo<'a>| StartRoute {
            method: route.method.to_string(),
            pattern: route.pattern,
            source: format!("{}:{}", route.place.file(), route.place.line()),
        };
        Start {
            address: self.address,
            backlog: listen::BACKLOG,
            workers: self.workers,
            limits: &self.settings.limits,
            routes: app.routes().map(route).collect(),
        }
    }
}

impl App {
    /// Serves this application on `address` with one worker, until TERM or INT: [`Server::bind`] and [`Server::run`] in one.
    ///
    /// # Errors
    /// As those two.
    pub fn run(self, address: impl ToSocketAddrs) -> io::Result<()> {
        Server::bind(address)?.run(self)
    }
}

/// How many descriptors this process may have. Only Linux tells without unsafe code; elsewhere we take macOS's default.
fn descriptor_limit() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(256)
}

/// Shared from the beginning, since the number of workers is said later; so somebody else's claim is asked for first.
fn bind_first(address: SocketAddr) -> io::Result<TcpListener> {
    listen::ensure_free(address)?;
    listen::listener(address, true, Level::Info)
}

fn explained(address: SocketAddr, error: &io::Error) -> io::Error {
    let reason = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "ports below 1024 need more rights".to_owned(),
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {reason}"))
}

fn joined(worker: JoinHandle<io::Result<usize>>) -> io::Result<usize> {
    worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker panicked")))
}

/// One result out of all workers': the first failure, else the connections that were cut.
fn report(results: impl Iterator<Item = io::Result<usize>>, phase: Phase) -> io::Result<()> {
    let results: Vec<_> = results.collect();
    let mut cut = 0;
    for result in results {
        cut += result?;
    }
    match (cut, phase) {
        (0, _) | (_, Phase::Now) => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::TimedOut, format!("{cut} connections were cut at the end of the stop"))),
    }
}
