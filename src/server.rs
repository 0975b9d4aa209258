//! A server: addresses, options, workers, and the handle that stops it; the event loop itself is in `net`.

#[cfg(not(feature = "restart"))]
mod alone;
mod crew;
mod descriptors;
mod environment;
mod handle;
#[cfg(feature = "restart")]
mod inherit;
mod notify;
mod places;
#[cfg(feature = "restart")]
mod restart;
mod signals;
#[cfg(feature = "tls")]
mod tls;

use std::fmt::Debug;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

#[cfg(not(feature = "restart"))]
use {alone as inherit, alone as restart};

use crate::app::App;
use crate::app::route_table::RouteInfo;
use crate::http1::limits::Limits;
use crate::middleware::Draining;
use crate::net::sockets::listen;
use crate::net::sockets::listeners::Listener;
use crate::net::threads::pool::Pool;
use crate::net::threads::shutdown::{Phase, ShutdownControl};
use crate::net::threads::signals::Signals;
use crate::net::tick::Config;
use crate::net::timeouts::Timeouts;
use crate::net::worker::{Worker, WorkerParts};
use crate::response::upgraded_connections::UpgradedConnections;
use crate::trace::config::Trace;
use crate::trace::probe::{NoProbe, Probe};
use crate::trace::server_start::{RouteEntry, ServerStart};
use crate::trace::tracer::Tracing;
pub use handle::Handle;
use handle::stop;
use notify::notify;
use places::{Address, Place};

/// How long the end of the server waits for the reader of a trace that may have stalled, batch by batch.
const STALLED_READER: Duration = Duration::from_secs(1);

/// Connections of one worker at most, if the descriptors of the process allow it.
const MAX_CONNECTIONS: usize = 10_000;
/// Upgraded connections of all workers at most: each has a thread, whose stack is mostly a promise, and a descriptor.
const MAX_UPGRADED: usize = 1000;
/// Threads for blocking handlers at most. They wait for others most of the time, so there may be more of them than processors.
const THREADS: usize = 32;
/// Requests that may wait for one of them.
const QUEUE: usize = 1024;

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
    places: Vec<Place>,
    workers: usize,
    settings: Config,
    max_connections: usize,
    max_upgraded: usize,
    threads: usize,
    queue: usize,
    signals: bool,
    traces: Vec<Trace>,
    on_reopen: Option<Box<dyn FnMut() + Send>>,
    control: Arc<ShutdownControl>,
}

impl Server {
    /// Binds to the first address that `address` names and that can be had. Port 0 takes any free one.
    ///
    /// # Errors
    /// When the address is taken, not ours, or no address at all; the sentence says which address.
    pub fn bind(address: impl ToSocketAddrs + Debug) -> io::Result<Server> {
        Ok(Server::on(Place::tcp(address)?))
    }

    /// Listens on a unix socket. The file that a dead server left behind is replaced; the file goes when this server stops.
    ///
    /// # Errors
    /// When another program answers there, when a file of another kind has the name, or when the folder does not let us.
    pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<Server> {
        Ok(Server::on(Place::unix(path.as_ref())?))
    }

    /// Listens on this address too.
    ///
    /// ```
    /// use wirelight::Server;
    ///
    /// let server = Server::bind("127.0.0.1:0")?.also("127.0.0.1:0")?;
    /// assert_eq!(server.addresses().len(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`bind`](Server::bind).
    pub fn also(mut self, address: impl ToSocketAddrs + Debug) -> io::Result<Server> {
        self.places.push(Place::tcp(address)?);
        Ok(self)
    }

    /// Listens on this unix socket too.
    ///
    /// # Errors
    /// As [`bind_unix`](Server::bind_unix).
    pub fn also_unix(mut self, path: impl AsRef<Path>) -> io::Result<Server> {
        self.places.push(Place::unix(path.as_ref())?);
        Ok(self)
    }

    /// Who may connect to the unix sockets so far, as file permissions: `0o660` lets the owner and the group in. Otherwise the
    /// umask decides.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn unix_mode(self, mode: u32) -> io::Result<Server> {
        for place in &self.places {
            if let Address::Unix(path) = &place.address {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(|error| {
                    let what = format!("cannot set the permissions of {}: {error}", place.address);
                    io::Error::new(error.kind(), what)
                })?;
            }
        }
        Ok(self)
    }

    fn on(place: Place) -> Server {
        Server {
            places: vec![place],
            workers: 1,
            settings: Config::default(),
            max_connections: MAX_CONNECTIONS,
            max_upgraded: MAX_UPGRADED,
            threads: THREADS,
            queue: QUEUE,
            signals: true,
            traces: Vec::new(),
            on_reopen: None,
            control: Arc::default(),
        }
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

    /// Sets how many [upgraded](crate::Response::upgrade) connections there are at most, for all workers together; 1,000 by default, and
    /// never more than half of a worker's connections, among which they count. An upgrade beyond it is answered with 503.
    #[must_use]
    pub fn max_upgraded(mut self, connections: usize) -> Server {
        self.max_upgraded = connections;
        self
    }

    /// How many threads run the handlers of [`blocking`](crate::Route::blocking) routes, for all workers together, and how many
    /// requests may wait for one; 32 and 1,024 by default. What does not fit is answered with 503.
    #[must_use]
    pub fn pool(mut self, threads: usize, queue: usize) -> Server {
        (self.threads, self.queue) = (threads, queue);
        self
    }

    /// At a graceful stop, how long everything goes on while [`health`](crate::middleware::health) answers 503 already, so that load
    /// balancers send no more; not at all by default.
    #[must_use]
    pub fn lame_duck(mut self, time: Duration) -> Server {
        self.settings.lame_duck = time;
        self
    }

    /// What to do on USR1: open the log files anew, as logrotate wants it. It runs on a thread of its own.
    #[must_use]
    pub fn on_reopen(mut self, reopen: impl FnMut() + Send + 'static) -> Server {
        self.on_reopen = Some(Box::new(reopen));
        self
    }

    /// Whether TERM and INT stop the server gracefully (the second one at once), and, with the feature `restart`, HUP and USR2 start
    /// the program anew without losing a request; yes by default. A program with signal handling of its own says no and uses a
    /// [`Handle`].
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

    /// The first port that the server listens on; 0.0.0.0:0 when there are only unix sockets.
    pub fn local_addr(&self) -> SocketAddr {
        let port = self.places.iter().find_map(|place| match place.address {
            Address::Tcp(address) => Some(address),
            Address::Unix(_) => None,
        });
        port.unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// Everything that the server listens on, as people write it: `127.0.0.1:8000`, `unix:/run/app.sock`.
    pub fn addresses(&self) -> Vec<String> {
        self.places.iter().map(|place| place.address.to_string()).collect()
    }

    /// A handle that stops the server.
    pub fn handle(&self) -> Handle {
        Handle::new(self.control.clone())
    }

    /// Serves until it is stopped. This thread is one of the workers.
    ///
    /// # Errors
    /// When a worker cannot be set up, when the system fails a worker, or when connections had to be cut at the end of a graceful
    /// stop ([`io::ErrorKind::TimedOut`], with their number).
    pub fn run(mut self, mut app: App) -> io::Result<()> {
        let life = self.control.clone();
        app.state(Draining::new(move || life.phase() != Phase::Running));
        app.app_state_mut().is_tls = self.settings.tls.is_on();
        let traces = std::mem::take(&mut self.traces);
        if traces.is_empty() {
            return self.serve(app, |_| NoProbe);
        }
        let tracing = Tracing::start(traces, &self.start(&app))?;
        let result = self.serve(app, |worker| tracing.tracer(worker));
        tracing.finish(STALLED_READER);
        result
    }

    /// One event loop a worker, each with a probe of its own. The loop of a server that nobody watches is another one than the loop
    /// of a server that is traced: neither pays for the other.
    fn serve<P: Probe + Send + 'static>(self, mut app: App, probe: impl Fn(u32) -> P) -> io::Result<()> {
        let all = self.addresses().join(", ");
        let Server {
            places,
            workers,
            settings,
            max_connections,
            max_upgraded,
            threads,
            queue,
            signals,
            on_reopen,
            control,
            ..
        } = self;
        let pool = Pool::new(threads, queue);
        let connections = max_connections.min(descriptors::of_a_worker(workers)).max(1);
        app.app_state_mut().upgraded = upgraded(max_upgraded.min((connections / 2).max(1)), &control);
        let app = Arc::new(app);
        let mut listeners: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
        places.into_iter().try_for_each(|place| place.deal(&mut listeners))?;
        let mut ears = Signals::default();
        if signals {
            let limit = settings.lame_duck.saturating_add(settings.timeouts.shutdown);
            signals::on_stop(&mut ears, &control, limit)?;
            on_reopen.map_or(Ok(()), |reopen| signals::on_reopen(&mut ears, reopen))?;
            restart::on_signal(&mut ears, &listeners, &control, limit)?;
        }
        let shared = control.clone();
        let ears = Arc::new(ears);
        let worker = move |estate| {
            let (app, settings, pool, control) = (app.clone(), settings.clone(), pool.clone(), shared.clone());
            Worker::new(estate, app, settings, connections, pool, control)
        };
        let mut listeners = listeners.into_iter();
        let first = listeners.next().unwrap_or_default();
        let here = worker(WorkerParts { listeners: first, opened: 0, signals: ears.clone(), probe: probe(0) })?;
        let mut others = Vec::new();
        for (number, listeners) in (1..).zip(listeners) {
            let estate = WorkerParts { listeners, opened: 0, signals: ears.clone(), probe: probe(number) };
            let (renew, worker) = (worker.clone(), worker(estate)?);
            let thread = std::thread::Builder::new().name(format!("wirelight-{number}"));
            others.push(thread.spawn(move || crew::keep(worker, renew))?);
        }
        info!("listening on {all} with {workers} worker(s)");
        inherit::tell_ready();
        notify("READY=1");
        let result = crew::keep(here, worker);
        stop(&control);
        let results = std::iter::once(result).chain(others.into_iter().map(joined)).collect();
        let phase = control.phase();
        control.advance(Phase::Ended);
        report(results, phase)
    }

    /// What a trace says first.
    fn start<'a>(&'a self, app: &'a App) -> ServerStart<'a> {
        let route = |(id, route): (u32, RouteInfo<'a>)| RouteEntry {
            id,
            method: route.method.to_string(),
            pattern: route.pattern,
            source: format!("{}:{}", route.location.file(), route.location.line()),
        };
        ServerStart {
            addresses: self.addresses(),
            backlog: listen::BACKLOG,
            workers: self.workers,
            limits: &self.settings.limits,
            routes: (0..).zip(app.routes()).map(route).collect(),
        }
    }
}

impl App {
    /// Serves this application on `address` with one worker, until TERM or INT: [`Server::bind`] and [`Server::run`] in one.
    ///
    /// # Errors
    /// As those two.
    pub fn run(self, address: impl ToSocketAddrs + Debug) -> io::Result<()> {
        Server::bind(address)?.run(self)
    }
}

/// The count of connections that have left HTTP. The workers look again when one of them ends during a stop.
fn upgraded(max: usize, control: &Arc<ShutdownControl>) -> Arc<UpgradedConnections> {
    let (life, workers) = (control.clone(), control.clone());
    Arc::new(UpgradedConnections::new(max, move || life.phase() != Phase::Running, move || workers.wake()))
}

fn joined(worker: JoinHandle<io::Result<usize>>) -> io::Result<usize> {
    worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker panicked")))
}

/// One result out of all workers': the first failure, else the connections that were cut.
fn report(results: Vec<io::Result<usize>>, phase: Phase) -> io::Result<()> {
    let mut cut = 0;
    for result in results {
        cut += result?;
    }
    match (cut, phase) {
        (0, _) | (_, Phase::Aborting) => Ok(()),
        (1, _) => Err(io::Error::new(io::ErrorKind::TimedOut, "1 connection was cut at the end of the stop")),
        _ => Err(io::Error::new(io::ErrorKind::TimedOut, format!("{cut} connections were cut at the end of the stop"))),
    }
}
