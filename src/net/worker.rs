//! The event loop of one thread: poll, accept, run connections, fire timers.
//!
//! mio is edge-triggered: it reports readiness once. What stops before the socket would block must
//! be remembered: connections that yielded are in `runnable`, listeners that were not emptied stay
//! `ready`.
//!
//! Every queue has a budget a tick, so that no client holds the loop. What is left stays in its
//! queue, and the next poll does not sleep.

mod allocator_cache;
mod completions;
mod drain;
mod entry;
mod eviction;
mod release_memory;
pub(crate) mod slab;
mod step_gate;
#[cfg(test)]
mod tests;
mod timer_wheel;
mod trace;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Poll, Token, Waker};

use crate::app::App;
use crate::http1::encode::ResponsePrefix;
use crate::net::conn::{Action, Conn};
use crate::net::millis::Millis;
use crate::net::slow_handlers::SlowHandlerDetector;
use crate::net::sockets::listeners::{Accepted, Listener, Listeners};
use crate::net::sockets::stream::Stream;
use crate::net::threads::mailbox::{BlockingPool, Completion, Mailbox, Offload};
use crate::net::threads::pool::Pool;
use crate::net::threads::shutdown::ShutdownControl;
use crate::net::threads::signals::Signals;
use crate::net::tick::{Buffers, Config, Context, LoopTime, ReadBuffers, Tick};
use crate::net::worker::entry::{Entry, Turn};
use crate::net::worker::release_memory::QUEUE_CAPACITY;
use crate::net::worker::slab::{Key, Slab};
use crate::net::worker::timer_wheel::TimerWheel;
use crate::response::upgraded_connections::UpgradedConnections;
use crate::trace::probe::{CloseReason, Probe};
use drain::Drain;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const SIGNALS: Token = Token(usize::MAX - 2);

/// Events of one poll. 16 or 4,096 make no difference; 1 costs 20 %.
const EVENT_CAPACITY: usize = 1024;
/// Maximum timeout of poll in milliseconds; the kernel takes 32 bits.
const MAX_POLL_TIMEOUT: Millis = 3_600_000;
/// Connections accepted in a tick. Each is run at once, and under TLS that includes a handshake.
const MAX_ACCEPTS_PER_TICK: usize = 16;
/// Connections that run before the next poll; as many as there were events, if those are more.
const MAX_RUNS_PER_TICK: usize = 16;
/// Timers fired in a tick: many connections become idle at the same time.
const MAX_TIMERS_PER_TICK: usize = 64;
/// Milliseconds until the worker wakes for a trace that has skipped events.
const NOTICE_DELAY: Millis = 50;
/// Eviction candidates tried before the new connection has to wait. Each search scans the table.
const EVICTION_ATTEMPTS: usize = 4;

/// What a worker starts with, and what its successor takes over when it dies.
pub(crate) struct WorkerParts<P> {
    pub(crate) listeners: Vec<Listener>,
    /// Connections accepted so far, which metrics read. Their numbers are never reused.
    pub(crate) accepted: Arc<AtomicU64>,
    pub(crate) signals: Arc<Signals>,
    pub(crate) probe: P,
}

/// One event loop and all it owns.
pub(crate) struct Worker<P> {
    poll: Poll,
    waker: Arc<Waker>,
    listeners: Listeners,
    conns: Slab<Entry>,
    wheel: TimerWheel,
    buffers: Buffers,
    /// Connections with more to do. Only [`Entry::queue`] adds one.
    runnable: VecDeque<Key>,
    /// Connections that are stepped by hand, before their next stage.
    parked: Vec<Key>,
    /// Results of other threads that are not processed yet.
    completions: VecDeque<Completion>,
    drain: Drain,
    signals: Arc<Signals>,
    accepted: Arc<AtomicU64>,
    began: Instant,
    /// The time of this tick.
    time: LoopTime,
    slow_handlers: SlowHandlerDetector,
    /// The second of the current Date field, counted from `began`.
    date_second: Option<Millis>,
    app: Arc<App>,
    config: Config,
    max_connections: usize,
    offload: Offload,
    control: Arc<ShutdownControl>,
    /// When to check for slow bodies again, while body memory is short.
    next_body_check: Option<Millis>,
    probe: P,
}

impl<P: Probe> Worker<P> {
    pub(crate) fn new(
        parts: WorkerParts<P>,
        app: Arc<App>,
        config: Config,
        max_connections: usize,
        pool: Pool,
        control: Arc<ShutdownControl>,
    ) -> io::Result<Worker<P>> {
        let WorkerParts { listeners, accepted, signals, probe } = parts;
        let poll = Poll::new()?;
        let mut listeners = Listeners::new(listeners);
        listeners.register(poll.registry(), LISTENER)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        signals.watch(poll.registry(), SIGNALS)?;
        control.add(waker.clone());
        let pool = Some(BlockingPool { threads: pool, app: app.clone() });
        let offload = Offload { pool, mailbox: Arc::new(Mailbox::new(waker.clone())), body_memory: Arc::default() };
        Ok(Worker {
            poll,
            waker,
            listeners,
            conns: Slab::new(),
            wheel: TimerWheel::new(),
            buffers: Buffers::new(),
            runnable: VecDeque::with_capacity(QUEUE_CAPACITY),
            parked: Vec::new(),
            completions: VecDeque::with_capacity(QUEUE_CAPACITY),
            drain: Drain::default(),
            signals,
            accepted,
            began: Instant::now(),
            time: LoopTime::default(),
            slow_handlers: SlowHandlerDetector::default(),
            date_second: None,
            app,
            config,
            max_connections,
            offload,
            control,
            next_body_check: None,
            probe,
        })
    }

    /// Drops the connections and returns the rest, for the next worker.
    pub(crate) fn into_parts(mut self) -> WorkerParts<P> {
        self.trace_abandoned();
        self.control.remove(&self.waker);
        let listeners = self.listeners.into_listeners(self.poll.registry());
        WorkerParts { listeners, accepted: self.accepted, signals: self.signals, probe: self.probe }
    }

    /// Runs until the server stops and every connection has ended. Returns the number of
    /// connections that were aborted.
    pub(crate) fn run(&mut self) -> io::Result<usize> {
        let mut events = Events::with_capacity(EVENT_CAPACITY);
        loop {
            let timeout = self.timeout();
            if self.step(&mut events, timeout)? {
                return Ok(self.abort_all());
            }
        }
    }

    /// One tick: new events, completions, runnable connections, new connections, timers. Returns
    /// whether it was the last.
    fn step(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<bool> {
        let rested = self.before_poll();
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.tick(rested);
        self.trace_wake(rested, events);
        let mut served = 0;
        for event in events.iter() {
            served += 1;
            match event.token() {
                LISTENER => self.listeners.mark_ready(),
                WAKER => self.fetch_completions(),
                SIGNALS => self.signals.start_threads(),
                token => self.ready(key(token), event),
            }
        }
        events.clear();
        self.run_completions();
        self.run_runnable(served);
        self.accept();
        self.expire();
        self.evict_slow_body();
        Ok(self.stopping())
    }

    /// Returns how long to sleep: until the next deadline, or not at all if there is work.
    fn timeout(&self) -> Option<Duration> {
        let accept = self.listeners.accept_at();
        if !self.runnable.is_empty() || !self.completions.is_empty() || accept.is_some_and(|due| due <= self.time.now) {
            return Some(Duration::ZERO);
        }
        let untidy = self.conns.is_sparse() || !self.buffers.read.spare.is_empty();
        let tidy = untidy.then(|| self.time.now / 1000 * 1000 + 1000);
        let notice = self.probe.owes_notice().then(|| self.time.now + NOTICE_DELAY);
        let dues = [self.wheel.next(), accept, self.drain_due(), tidy, self.next_body_check, notice];
        let next = dues.into_iter().flatten().min()?;
        Some(Duration::from_millis(next.saturating_sub(self.time.now).min(MAX_POLL_TIMEOUT)))
    }

    /// Reads the clock, and renders Date once a second (RFC 9110 §6.6.1). Date follows the wall
    /// clock, deadlines the monotonic one. `rested`: when the last tick ended.
    fn tick(&mut self, rested: Option<Instant>) {
        let now = self.began.elapsed().as_millis() as Millis;
        let crowded = self.conns.len() > self.max_connections / 4 * 3;
        let ended = rested.map(|rested| rested.duration_since(self.began).as_millis() as Millis);
        let watching = self.slow_handlers.record_tick(self.time.now, ended, now);
        self.time = LoopTime::at(now, self.time.draining, crowded, &self.config.timeouts);
        (self.time.timing_handlers, self.time.time_sliced) = (watching, true);
        self.buffers.out.file_budget.begin_tick();
        let second = now / 1000;
        if self.date_second != Some(second) {
            self.date_second = Some(second);
            self.buffers.out.prefix = ResponsePrefix::at(SystemTime::now());
            self.shrink();
        }
    }

    /// Hop 1: a connection's socket is ready. One in `runnable` runs from there, not twice.
    #[inline]
    fn ready(&mut self, key: Key, event: &mio::event::Event) {
        self.with_entry(key, |entry, read, tick| {
            tick.probe.emit(entry.conn.id, || trace::readiness(event));
            if event.is_read_closed() || event.is_error() {
                mark_hangup(&mut entry.conn, event);
            } else if event.is_readable() {
                entry.conn.mark_readable();
            }
            // One that has yielded waits for its turn.
            if entry.turn == Turn::None { entry.conn.run_or_wait(read, tick) } else { Action::Wait }
        });
    }

    /// Runs one connection and applies the resulting action.
    #[inline]
    fn with_connection(
        &mut self,
        key: Key,
        work: impl FnOnce(&mut Conn<Stream>, &mut ReadBuffers, &mut Tick<'_, P>) -> Action,
    ) {
        self.with_entry(key, |entry, read, tick| work(&mut entry.conn, read, tick));
    }

    #[inline]
    fn with_entry(&mut self, key: Key, work: impl FnOnce(&mut Entry, &mut ReadBuffers, &mut Tick<'_, P>) -> Action) {
        let Some(entry) = self.conns.get_mut(key) else { return };
        let context = Context { app: &self.app, key, offload: &self.offload, config: &self.config, time: &self.time };
        let (read, mut tick) = self.buffers.lend(&context, &mut self.probe);
        let action = work(entry, read, &mut tick);
        match action {
            Action::Wait => {}
            Action::Yield if P::ENABLED && self.probe.is_stepped(entry.conn.id) => return self.park(key),
            Action::Yield => entry.queue(key, &mut self.runnable),
            Action::Reregister => {}
            Action::Close(ending) => return self.remove(key, ending),
            Action::Upgrade => return self.hand_off(key),
        }
        if action == Action::Reregister || entry.write_blocked {
            if entry.set_interest(action == Action::Reregister, key, &self.poll).is_err() {
                return self.remove(key, CloseReason::IoError);
            }
            entry.conn.trace_interest(!entry.write_blocked, &mut self.probe);
        }
        if P::ENABLED && entry.turn == Turn::Parked {
            return; // its deadlines do not run
        }
        entry.update_timer(&context, &mut self.wheel);
        entry.conn.trace_timer(entry.deadline, self.time.now, &mut self.probe);
    }

    /// Runs connections that yielded, the oldest first, and as many as there were events: neither
    /// starves the other.
    fn run_runnable(&mut self, served: usize) {
        for _ in 0..self.runnable.len().min(MAX_RUNS_PER_TICK.max(served)) {
            let Some(key) = self.runnable.pop_front() else { return };
            if let Some(entry) = self.conns.get_mut(key) {
                entry.turn = Turn::None;
                self.with_connection(key, Conn::run::<P>);
            }
        }
    }

    /// Step 4: accepts connections, up to a budget.
    fn accept(&mut self) {
        if self.listeners.accept_at().is_none_or(|due| due > self.time.now) {
            return;
        }
        for _ in 0..MAX_ACCEPTS_PER_TICK {
            let accepted = match self.listeners.next() {
                Ok(Some(accepted)) => accepted,
                Ok(None) => return,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => continue,
                Err(error) => return self.listeners.failed(&error, self.time.now),
            };
            // Only now: nothing is evicted for a connection that does not exist.
            if self.is_full() && !self.evict() {
                self.trace_limit();
                return self.listeners.park(accepted, self.time.now);
            }
            self.add_connection(accepted);
        }
    }

    /// Runs a new connection at once: its first request is usually here, and one that closes after
    /// it never enters epoll.
    fn add_connection(&mut self, (socket, peer): Accepted) {
        let number = self.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        match peer {
            Some(peer) => debug!("step 4, accept: connection {number} from {peer}"),
            None => debug!("step 4, accept: connection {number} on a unix socket"),
        }
        let socket = match Stream::new(socket, &self.config.tls) {
            Ok(socket) => socket,
            Err(error) => return error!("connection {number}: TLS setup failed: {error}"),
        };
        let mut conn = Conn::new(socket, number, peer, self.time.now);
        conn.mark_readable();
        let key = self.conns.insert(Entry::new(conn));
        self.trace_open(key, peer);
        self.with_connection(key, Conn::run_or_wait::<P>);
        let Some(entry) = self.conns.get_mut(key) else { return };
        if let Err(error) = entry.register(key, &self.poll) {
            warn!("cannot wait for connection {}: {error}", entry.conn.id);
            self.remove(key, CloseReason::IoError);
        } else {
            entry.conn.trace_interest(!entry.write_blocked, &mut self.probe);
        }
    }

    /// Returns whether the connection limit is reached. Upgraded connections count: they hold a
    /// descriptor.
    fn is_full(&self) -> bool {
        self.conns.len() + self.upgraded().count() >= self.max_connections
    }

    /// The connections that have left HTTP.
    fn upgraded(&self) -> &UpgradedConnections {
        &self.app.app_state().upgraded
    }

    /// At the connection limit: evicts an idle connection, unless data has arrived since. Returns
    /// whether a slot is free.
    fn evict(&mut self) -> bool {
        for _ in 0..EVICTION_ATTEMPTS {
            let Some(victim) = self.eviction_candidate() else { return false };
            self.with_connection(victim, Conn::evict::<P>);
            if !self.is_full() {
                return true;
            }
        }
        false
    }

    fn remove(&mut self, key: Key, ending: CloseReason) {
        let Some(mut entry) = self.conns.remove(key) else { return };
        debug!("step 10, close: connection {} after {} requests ({ending:?})", entry.conn.id, entry.conn.requests());
        let (app, offload, config) = (&self.app, &self.offload, &self.config);
        entry.conn.end(&Context { app, key, offload, config, time: &self.time });
        self.trace_close(&mut entry, ending);
        self.listeners.retry_now();
    }

    /// Fires timers. Most connections have moved their deadline since, and get a new timer.
    fn expire(&mut self) {
        let now = self.time.now;
        for _ in 0..MAX_TIMERS_PER_TICK {
            let Some(index) = self.wheel.pop(now) else { return };
            let Some(key) = self.conns.key(index) else { continue };
            let Some(entry) = self.conns.get_mut(key) else { continue };
            if entry.timer > now {
                continue; // an alarm from before an earlier one was set
            }
            entry.timer = Millis::MAX;
            if entry.deadline > now {
                entry.timer = self.wheel.schedule(key.index, entry.deadline);
            } else {
                self.with_connection(key, Conn::expire::<P>);
            }
        }
    }
}

/// Marks that the peer has closed its side, or both.
#[cold]
fn mark_hangup(conn: &mut Conn<Stream>, event: &mio::event::Event) {
    conn.mark_half_closed();
    if event.is_error() || event.is_write_closed() {
        conn.mark_lost();
    }
}

fn key(token: Token) -> Key {
    Key { index: token.0 as u32, generation: (token.0 >> 32) as u32 }
}
