//! Puts a server together: addresses, options, workers, signals. The event loop is in `net`.

mod address;
mod addresses;
mod fd_limit;
mod from_env;
mod given;
mod handle;
#[cfg(feature = "restart")]
mod restart;
#[cfg(not(feature = "restart"))]
mod restart_disabled;
mod running;
mod sd_notify;
mod signals;
#[cfg(feature = "restart")]
mod socket_activation;
mod supervisor;
#[cfg(feature = "tls")]
mod tls;
mod traced;
#[cfg(feature = "wire")]
mod wire_view;

use std::fmt::Debug;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

#[cfg(not(feature = "restart"))]
use {restart_disabled as restart, restart_disabled as socket_activation};

use crate::app::App;
use crate::http1::limits::Limits;
use crate::middleware::{AcceptedConnections, Draining};
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
use address::Address;
use addresses::BoundAddress;
pub use handle::Handle;
use handle::stop;
pub use running::RunningServer;
use sd_notify::notify;
use traced::ServeTraced;

/// Default connection limit of one worker; the descriptor limit may be lower.
const MAX_CONNECTIONS: usize = 10_000;
/// Default limit of upgraded connections of all workers. Each has a thread and a descriptor.
const MAX_UPGRADED: usize = 1000;
/// Default number of threads for blocking handlers. They mostly wait, so there are more than
/// processors.
const POOL_THREADS: usize = 32;
/// Default number of requests that may wait for such a thread.
const POOL_QUEUE: usize = 1024;

/// A server that is bound to its addresses. [`run`](Server::run) serves an [`App`] on this thread,
/// [`spawn`](Server::spawn) on one of its own.
///
/// ```
/// use wirelight::{App, Server};
///
/// let server = Server::bind("127.0.0.1:0")?.workers(2).spawn(App::new())?;
/// assert_ne!(server.local_addr().port(), 0);
/// server.stop()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Server {
    addresses: Vec<BoundAddress>,
    workers: usize,
    config: Config,
    max_connections: usize,
    max_upgraded: usize,
    pool_threads: usize,
    pool_queue: usize,
    signals: bool,
    incoming_cpu: bool,
    traces: Vec<Trace>,
    /// Serves with these traces, if there are any.
    serve_traced: Option<ServeTraced>,
    on_reopen: Option<Box<dyn FnMut() + Send>>,
    /// Run before the server starts: add routes and traces, start threads.
    setup: Vec<Setup>,
    control: Arc<ShutdownControl>,
}

/// Changes a server and its application at the beginning of [`Server::run`].
type Setup = Box<dyn FnOnce(&mut Server, &mut App) -> io::Result<()> + Send>;

impl Server {
    /// Binds to the first of the addresses that `address` names and that is free. Port 0 takes any
    /// free port.
    ///
    /// `localhost` is 127.0.0.1 and ::1, with the same port: browsers try both. A family that this
    /// machine does not have is left out.
    ///
    /// ```
    /// use wirelight::Server;
    ///
    /// let server = Server::bind("localhost:0")?;
    /// assert!(server.addresses().iter().all(|address| address.ends_with(&format!(":{}", server.local_addr().port()))));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails if the address is in use, does not belong to this machine, or is invalid; the message
    /// names it.
    pub fn bind(address: impl ToSocketAddrs + Debug) -> io::Result<Server> {
        Ok(Server::new(BoundAddress::tcp(address)?))
    }

    /// Listens on a unix socket. Replaces the file of a server that has ended; the file is removed
    /// when this server stops.
    ///
    /// # Errors
    /// Fails if another program listens there, if the path is another kind of file, or if the
    /// folder is not writable.
    pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<Server> {
        Ok(Server::new(vec![BoundAddress::unix(path.as_ref())?]))
    }

    /// Also listens on this address.
    ///
    /// ```
    /// use wirelight::Server;
    ///
    /// let server = Server::bind("127.0.0.1:0")?.and_bind("127.0.0.1:0")?;
    /// assert_eq!(server.addresses().len(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`bind`](Server::bind).
    pub fn and_bind(mut self, address: impl ToSocketAddrs + Debug) -> io::Result<Server> {
        self.addresses.extend(BoundAddress::tcp(address)?);
        Ok(self)
    }

    /// Also listens on this unix socket.
    ///
    /// # Errors
    /// As [`bind_unix`](Server::bind_unix).
    pub fn and_bind_unix(mut self, path: impl AsRef<Path>) -> io::Result<Server> {
        self.addresses.push(BoundAddress::unix(path.as_ref())?);
        Ok(self)
    }

    /// Sets the file permissions of the unix sockets that are bound so far: with `0o660`, owner and
    /// group may connect. The default is set by the umask.
    ///
    /// # Errors
    /// Fails if the permissions cannot be changed.
    pub fn unix_mode(self, mode: u32) -> io::Result<Server> {
        for bound in &self.addresses {
            if let Address::Unix(path) = &bound.address {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(|error| {
                    let what = format!("cannot set the permissions of {}: {error}", bound.address);
                    io::Error::new(error.kind(), what)
                })?;
            }
        }
        Ok(self)
    }

    fn new(addresses: Vec<BoundAddress>) -> Server {
        Server {
            addresses,
            workers: 1,
            config: Config::default(),
            max_connections: MAX_CONNECTIONS,
            max_upgraded: MAX_UPGRADED,
            pool_threads: POOL_THREADS,
            pool_queue: POOL_QUEUE,
            signals: true,
            incoming_cpu: false,
            traces: Vec::new(),
            serve_traced: None,
            on_reopen: None,
            setup: Vec::new(),
            control: Arc::default(),
        }
    }

    /// Sets the number of threads that accept and serve, each with its own event loop; 1 by
    /// default. Handlers run on all of them.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Server {
        self.workers = workers.max(1);
        self
    }

    /// Sets the limits of a request.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Server {
        self.config.limits = limits;
        self
    }

    /// Sets the timeouts.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Server {
        self.config.timeouts = timeouts;
        self
    }

    /// Sets the connection limit of a worker; 10,000 by default, or what the descriptors of the
    /// process allow. At the limit one is closed for a new one: one that has sent its last response,
    /// else an idle one, one with an unfinished head, or one with a slow body.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Server {
        self.max_connections = connections.max(1);
        self
    }

    /// Sets the limit of [upgraded](crate::Response::upgrade) connections of all workers; 1,000 by
    /// default. It is never more than half of a worker's connections, among which they count.
    /// Further upgrades get 503.
    #[must_use]
    pub fn max_upgraded(mut self, connections: usize) -> Server {
        self.max_upgraded = connections;
        self
    }

    /// Sets the number of threads that run the handlers of [`blocking`](crate::Route::blocking)
    /// routes of all workers, and the number of requests that may wait for one; 32 and 1,024 by
    /// default. Further requests get 503.
    #[must_use]
    pub fn pool(mut self, threads: usize, queue: usize) -> Server {
        (self.pool_threads, self.pool_queue) = (threads, queue);
        self
    }

    /// Sets how long a graceful stop first serves on while [`health`](crate::middleware::health)
    /// responds 503, so that load balancers stop sending requests; zero by default.
    #[must_use]
    pub fn lame_duck(mut self, time: Duration) -> Server {
        self.config.lame_duck = time;
        self
    }

    /// Calls `reopen` on USR1, on a thread of its own: it reopens log files, as logrotate requests
    /// it.
    #[must_use]
    pub fn on_reopen(mut self, reopen: impl FnMut() + Send + 'static) -> Server {
        self.on_reopen = Some(Box::new(reopen));
        self
    }

    /// Sets whether TERM and INT stop the server (the first gracefully, the second at once), and
    /// whether, with the feature `restart`, HUP and USR2 restart the program without losing a
    /// request; true by default. The new process finds `WIRELIGHT_FDS` in its environment, with the
    /// listeners of this server: a further server of the program has to be bound anew. A program
    /// that handles signals itself uses a [`Handle`].
    #[must_use]
    pub fn signals(mut self, signals: bool) -> Server {
        self.signals = signals;
        self
    }

    /// Sets whether the kernel prefers worker n for clients whose packets CPU n receives
    /// (`SO_INCOMING_CPU`); false by default, where it spreads clients over the workers by a hash of
    /// their addresses and ports. Linux only (it heeds the option among workers since 6.2); a
    /// warning is logged where it has no effect.
    ///
    /// A request then stays on the CPU whose caches its packets are in, if the network card spreads
    /// its interrupts over as many CPUs as there are workers. The price is balance: clients on this
    /// machine are served by the worker of the CPU they run on, and one CPU that receives all
    /// packets gives all clients to one worker. [`Metrics`](crate::middleware::Metrics) counts the
    /// connections of each worker; measure before you keep it.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use wirelight::Server;
    ///
    /// let server = Server::bind("127.0.0.1:0")?.workers(2).incoming_cpu(true);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn incoming_cpu(mut self, on: bool) -> Server {
        self.incoming_cpu = on;
        self
    }

    /// Returns the first TCP address, with the port that the kernel chose for 0; 0.0.0.0:0 if there
    /// is none.
    pub fn local_addr(&self) -> SocketAddr {
        let port = self.addresses.iter().find_map(|bound| match bound.address {
            Address::Tcp(address) => Some(address),
            Address::Unix(_) | Address::Incoming => None,
        });
        port.unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// Returns all addresses as text: `127.0.0.1:8000`, `unix:/run/app.sock`.
    pub fn addresses(&self) -> Vec<String> {
        self.addresses.iter().map(|bound| bound.address.to_string()).collect()
    }

    /// Returns a handle that stops the server.
    pub fn handle(&self) -> Handle {
        Handle::new(self.control.clone())
    }

    /// Serves until the server is stopped. The calling thread is one of the workers. It may be called
    /// on any thread that may block, several times in one process, and on a thread of an async
    /// runtime's pool for blocking work.
    ///
    /// # Errors
    /// Fails if a worker cannot be started, if a system call of a worker fails, or if connections
    /// had to be cut at the end of a graceful stop ([`io::ErrorKind::TimedOut`], with their
    /// number).
    pub fn run(mut self, mut app: App) -> io::Result<()> {
        let control = self.control.clone();
        app.state(Draining::new(move || control.phase() != Phase::Running));
        app.app_state_mut().is_tls = self.config.tls.is_on();
        std::mem::take(&mut self.setup).into_iter().try_for_each(|setup| setup(&mut self, &mut app))?;
        match self.serve_traced {
            Some(serve) => serve(self, app),
            None => self.serve(app, |_| NoProbe),
        }
    }

    /// Runs one event loop per worker, each with its own probe. The loop is compiled for each `P`,
    /// so that a server without a trace has no cost of tracing.
    fn serve<P: Probe + Send + 'static>(self, mut app: App, probe: impl Fn(u32) -> P) -> io::Result<()> {
        let all = self.addresses().join(", ");
        let Server {
            addresses,
            workers,
            config,
            max_connections,
            max_upgraded,
            pool_threads,
            pool_queue,
            signals,
            incoming_cpu,
            on_reopen,
            control,
            ..
        } = self;
        fd_limit::check_workers(workers)?;
        let pool = Pool::new(pool_threads, pool_queue);
        let connections = max_connections.min(fd_limit::connections_per_worker(workers)).max(1);
        app.app_state_mut().upgraded = upgraded_connections(max_upgraded.min((connections / 2).max(1)), &control);
        let accepted: Vec<Arc<AtomicU64>> = (0..workers).map(|_| Arc::default()).collect();
        app.state(AcceptedConnections(accepted.clone()));
        let app = Arc::new(app);
        let mut listeners: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
        addresses.into_iter().try_for_each(|address| address.distribute(&mut listeners, incoming_cpu))?;
        let mut handlers = Signals::default();
        if signals {
            let limit = config.lame_duck.saturating_add(config.timeouts.shutdown);
            signals::on_stop(&mut handlers, &control, limit)?;
            on_reopen.map_or(Ok(()), |reopen| signals::on_reopen(&mut handlers, reopen))?;
            restart::on_signal(&mut handlers, &listeners, &control, limit)?;
        }
        let shared = control.clone();
        let handlers = Arc::new(handlers);
        let worker = move |parts| {
            let (app, config, pool, control) = (app.clone(), config.clone(), pool.clone(), shared.clone());
            Worker::new(parts, app, config, connections, pool, control)
        };
        let parts = |(number, (listeners, accepted))| WorkerParts {
            listeners,
            accepted,
            signals: handlers.clone(),
            probe: probe(number),
        };
        let mut all_parts = (0..).zip(listeners.into_iter().zip(accepted)).map(parts);
        let here = worker(all_parts.next().ok_or_else(|| io::Error::other("a server needs a worker"))?)?;
        // All before the first runs: a server that lacks one accepts no client.
        let others = all_parts.map(&worker).collect::<io::Result<Vec<_>>>()?;
        let others = supervisor::start(others, &worker).inspect_err(|_| control.advance(Phase::Aborting))?;
        info!("listening on {all} with {workers} worker(s)");
        socket_activation::report_ready();
        notify("READY=1");
        let result = supervisor::supervise(here, worker).inspect_err(|_| stop(&control));
        let results = std::iter::once(result).chain(others.into_iter().map(supervisor::join)).collect();
        stop(&control); // the last of the program's connections has ended
        let phase = control.phase();
        control.advance(Phase::Ended);
        supervisor::combine(results, phase)
    }
}

impl App {
    /// Serves this application on `address` with one worker until TERM or INT, by [`Server::bind`]
    /// and [`Server::run`].
    ///
    /// # Errors
    /// As those two.
    pub fn run(self, address: impl ToSocketAddrs + Debug) -> io::Result<()> {
        Server::bind(address)?.run(self)
    }
}

/// Returns the counter of upgraded connections. It wakes the workers if one of these ends during a
/// stop.
fn upgraded_connections(max: usize, control: &Arc<ShutdownControl>) -> Arc<UpgradedConnections> {
    let (state, workers) = (control.clone(), control.clone());
    Arc::new(UpgradedConnections::new(max, move || state.phase() != Phase::Running, move || workers.wake()))
}
