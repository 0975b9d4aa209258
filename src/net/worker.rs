//! The event loop of one thread: poll, accept, let ready connections work, let time pass; knows no protocol and no route.
//!
//! mio is edge-triggered: what is ready is said once. So whoever stops before the socket says "would block" must remember it:
//! connections that yielded stand in `again`, listeners that were not emptied in `doors`.
//!
//! Every list that a turn works through has a budget, so that no client can hold the loop: what is left over stays in its queue, and the
//! next poll does not sleep.

mod drain;
mod mail;
mod room;
mod tell;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mio::{Events, Poll, Token, Waker};

use super::conn::{Conn, Fate};
use super::control::Control;
use super::deadline::{Millis, Wheel};
use super::desk::{Context, Desk, Moment, Settings};
use super::doors::{Doors, Listener, Newcomer};
use super::entry::Entry;
use super::office::{Elsewhere, Letter, Mailbox, Office};
use super::pool::Pool;
use super::queue::Queues;
use super::signal::Signals;
use super::slots::{Key, Slots};
use super::socket::Stream;
use super::watch::Watch;
use crate::app::App;
use crate::http1::encode::Opening;
use crate::response::upgraded_connections::UpgradedConnections;
use crate::wire::probe::{Ending, Probe};
use drain::Drain;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const SIGNALS: Token = Token(usize::MAX - 2);

/// Events taken from the kernel at once. 16 or 4,096 make no difference; 1 costs 20 %.
const EVENTS: usize = 1024;
/// The loop looks at its deadlines this often at least, in milliseconds: what the kernel takes as a timeout has 32 bits.
const LONGEST_SLEEP: Millis = 3_600_000;
/// Connections accepted before the others get their turn. Each is read and answered at once, and under TLS that is a handshake.
const ACCEPTS_A_TURN: usize = 16;
/// Connections of `again` that work before the poll is asked for new events; as many as there were events, when those are more.
const RUNS_A_TURN: usize = 16;
/// Connections whose alarm rings before the others get their turn: a crowd that came together is idle together.
const ALARMS_A_TURN: usize = 64;
/// How many that may have to go are asked before a newcomer has to wait: each look for one goes through the whole table.
const LAST_LOOKS: usize = 4;

/// What a worker has to begin with, and what of one that died the next one needs.
pub(crate) struct Estate<P> {
    pub(crate) listeners: Vec<Listener>,
    /// Connections so far: their numbers are never used again.
    pub(crate) opened: u64,
    pub(crate) signals: Arc<Signals>,
    pub(crate) probe: P,
}

/// What one worker is made of.
pub(crate) struct Worker<P> {
    poll: Poll,
    waker: Arc<Waker>,
    doors: Doors,
    conns: Slots<Entry>,
    wheel: Wheel,
    desk: Desk,
    /// Connections that have more to do and let others go first. Only [`Entry::queue`] adds one.
    again: VecDeque<Key>,
    /// What other threads have sent and is not looked at yet.
    mail: VecDeque<Letter>,
    drain: Drain,
    signals: Arc<Signals>,
    opened: u64,
    began: Instant,
    /// The time of this turn: read once, used by all.
    moment: Moment,
    watch: Watch,
    /// The second that the desk's Date shows, counted from `began`.
    dated: Option<Millis>,
    app: Arc<App>,
    settings: Settings,
    max_connections: usize,
    office: Office,
    control: Arc<Control>,
    /// For the probe.
    queues: Queues,
    /// When to look again for slow bodies, while there is little room for more.
    next_look: Option<Millis>,
    probe: P,
}

impl<P: Probe> Worker<P> {
    pub(crate) fn new(
        estate: Estate<P>,
        app: Arc<App>,
        settings: Settings,
        max_connections: usize,
        pool: Pool,
        control: Arc<Control>,
    ) -> io::Result<Worker<P>> {
        let Estate { listeners, opened, signals, probe } = estate;
        let poll = Poll::new()?;
        let mut doors = Doors::new(listeners);
        doors.register(poll.registry(), LISTENER)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        signals.register(poll.registry(), SIGNALS)?;
        control.add(waker.clone());
        let elsewhere = Some(Elsewhere { pool, app: app.clone() });
        let office = Office { elsewhere, mailbox: Arc::new(Mailbox::new(waker.clone())), bodies: Arc::default() };
        Ok(Worker {
            poll,
            waker,
            doors,
            conns: Slots::new(),
            wheel: Wheel::new(),
            desk: Desk::new(),
            again: VecDeque::new(),
            mail: VecDeque::new(),
            drain: Drain::default(),
            signals,
            opened,
            began: Instant::now(),
            moment: Moment::default(),
            watch: Watch::default(),
            dated: None,
            app,
            settings,
            max_connections,
            office,
            control,
            queues: Queues::default(),
            next_look: None,
            probe,
        })
    }

    /// Its connections are lost, and what else it had is for the next one.
    pub(crate) fn rescue(mut self) -> Estate<P> {
        self.tell_lost();
        self.control.remove(&self.waker);
        let listeners = self.doors.rescue(self.poll.registry());
        Estate { listeners, opened: self.opened, signals: self.signals, probe: self.probe }
    }

    /// Runs until the server was told to stop and every connection has ended; gives the number of connections that had to be cut.
    pub(crate) fn run(&mut self) -> io::Result<usize> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let timeout = self.timeout();
            if self.step(&mut events, timeout)? {
                return Ok(self.cut());
            }
        }
    }

    /// One turn of the loop. New events come first, then those who yielded, then newcomers. Returns whether it was the last turn.
    fn step(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<bool> {
        let rested = self.rest();
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.tick(rested);
        self.tell_wake(rested, events);
        let mut served = 0;
        for event in events.iter() {
            served += 1;
            match event.token() {
                LISTENER => self.doors.ring(),
                WAKER => self.fetch_mail(),
                SIGNALS => self.signals.listen(),
                token => self.ready(key(token), event),
            }
        }
        events.clear();
        self.read_mail();
        self.run_again(served);
        self.accept();
        self.expire();
        self.make_room_for_bodies();
        Ok(self.stopping())
    }

    /// How long to sleep: until the next deadline, and not at all when there is something to do.
    fn timeout(&self) -> Option<Duration> {
        let accept = self.doors.due();
        if !self.again.is_empty() || !self.mail.is_empty() || accept.is_some_and(|due| due <= self.moment.now) {
            return Some(Duration::ZERO);
        }
        let tidy = self.conns.is_sparse().then(|| self.moment.now / 1000 * 1000 + 1000);
        let next = [self.wheel.next(), accept, self.drain_due(), tidy, self.next_look].into_iter().flatten().min()?;
        Some(Duration::from_millis(next.saturating_sub(self.moment.now).min(LONGEST_SLEEP)))
    }

    /// Reads the clock, once a turn, and renders Date anew once a second (RFC 9110 §6.6.1). Date follows the wall clock, deadlines
    /// follow the one that nobody can set. `rested`: when the turn before had nothing more to do.
    fn tick(&mut self, rested: Option<Instant>) {
        let now = self.began.elapsed().as_millis() as Millis;
        let crowded = self.conns.len() > self.max_connections / 4 * 3;
        let ended = rested.map(|rested| rested.duration_since(self.began).as_millis() as Millis);
        let watching = self.watch.turn(self.moment.now, ended, now);
        self.moment = Moment::at(now, self.moment.draining, crowded, &self.settings.timeouts);
        (self.moment.watching, self.moment.paced) = (watching, true);
        let second = now / 1000;
        if self.dated != Some(second) {
            self.dated = Some(second);
            self.desk.tools.opening = Opening::at(SystemTime::now());
            self.tidy();
        }
    }

    /// Gives the memory of a crowd that has left back to the system.
    fn tidy(&mut self) {
        self.again.shrink_to(EVENTS);
        self.mail.shrink_to(EVENTS);
        if self.conns.is_sparse() {
            self.conns.shrink();
            let conns = &self.conns;
            self.wheel.retain(|index| conns.key(index).is_some());
        }
    }

    /// Hop 1: a connection's socket is ready. One that stands in `again` gets its turn there, and no second one for the event.
    #[inline]
    fn ready(&mut self, key: Key, event: &mio::event::Event) {
        self.visit(key, |entry, desk, context, probe| {
            if P::ON {
                probe.event(entry.conn.id, tell::ready(event));
            }
            if event.is_read_closed() || event.is_error() {
                hang_up(&mut entry.conn, event);
            } else if event.is_readable() {
                entry.conn.wake(false);
            }
            // One that has yielded waits for its next run.
            if entry.queued { Fate::Wait } else { entry.conn.turn(desk, context, probe) }
        });
    }

    /// Lets one connection work and settles what became of it.
    #[inline]
    fn turn(&mut self, key: Key, work: impl FnOnce(&mut Conn<Stream>, &mut Desk, &Context<'_>, &mut P) -> Fate) {
        self.visit(key, |entry, desk, context, probe| work(&mut entry.conn, desk, context, probe));
    }

    #[inline]
    fn visit(&mut self, key: Key, work: impl FnOnce(&mut Entry, &mut Desk, &Context<'_>, &mut P) -> Fate) {
        let Some(entry) = self.conns.get_mut(key) else { return };
        let context =
            Context { app: &self.app, key, office: &self.office, settings: &self.settings, moment: &self.moment };
        let fate = work(entry, &mut self.desk, &context, &mut self.probe);
        match fate {
            Fate::Wait => {}
            Fate::Again => entry.queue(key, &mut self.again),
            Fate::Rearm => {}
            Fate::Gone(ending) => return self.remove(key, ending),
            Fate::Switched => return self.let_go(key),
        }
        if fate == Fate::Rearm || entry.blocked {
            if entry.wait_for_room(fate == Fate::Rearm, key, &self.poll).is_err() {
                return self.remove(key, Ending::Broken);
            }
            entry.conn.tell_interest(!entry.blocked, &mut self.probe);
        }
        entry.set_alarm(&context, &mut self.wheel);
        entry.conn.tell_timer(entry.deadline, self.moment.now, &mut self.probe);
    }

    /// Lets those who yielded work on, the longest waiting first. After `served` events as many of them get their turn, so that
    /// neither can starve the other.
    fn run_again(&mut self, served: usize) {
        for _ in 0..self.again.len().min(RUNS_A_TURN.max(served)) {
            let Some(key) = self.again.pop_front() else { return };
            if let Some(entry) = self.conns.get_mut(key) {
                entry.queued = false;
                self.turn(key, Conn::turn::<P>);
            }
        }
    }

    /// Step 4: takes what the kernel has for us, up to a budget.
    fn accept(&mut self) {
        if self.doors.due().is_none_or(|due| due > self.moment.now) {
            return;
        }
        for _ in 0..ACCEPTS_A_TURN {
            let newcomer = match self.doors.next() {
                Ok(Some(newcomer)) => newcomer,
                Ok(None) => return,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => continue,
                Err(error) => return self.doors.failed(&error, self.moment.now),
            };
            // Only now: no connection is closed for a newcomer that is not there.
            if self.is_full() && !self.evict() {
                self.tell_crowd();
                return self.doors.keep_waiting(newcomer, self.moment.now);
            }
            self.open(newcomer);
        }
    }

    /// A new connection is read at once: mostly its first request is here, and a client that closes behind it never enters epoll.
    fn open(&mut self, (socket, peer): Newcomer) {
        self.opened += 1;
        match peer {
            Some(peer) => debug!("step 4, accept: connection {} from {peer}", self.opened),
            None => debug!("step 4, accept: connection {} from this machine", self.opened),
        }
        let socket = match self.settings.cover.put_on(socket) {
            Ok(socket) => socket,
            Err(error) => return error!("connection {} gets no TLS: {error}", self.opened),
        };
        let mut conn = Conn::new(socket, self.opened, peer, self.moment.now);
        conn.wake(false);
        let key = self.conns.insert(Entry::new(conn));
        self.tell_open(key, peer);
        self.turn(key, Conn::turn::<P>);
        let Some(entry) = self.conns.get_mut(key) else { return };
        if let Err(error) = entry.register(key, &self.poll) {
            warn!("cannot wait for connection {}: {error}", entry.conn.id);
            self.remove(key, Ending::Broken);
        } else {
            entry.conn.tell_interest(!entry.blocked, &mut self.probe);
        }
    }

    /// Whether all places are taken. An upgraded connection has one too: it still holds a descriptor.
    fn is_full(&self) -> bool {
        self.conns.len() + self.upgraded().count() >= self.max_connections
    }

    /// The server's connections that have left HTTP.
    fn upgraded(&self) -> &UpgradedConnections {
        &self.app.app_state().upgraded
    }

    /// All places are taken: somebody goes, unless he turns out to have said something by now. Gives whether there is a place.
    fn evict(&mut self) -> bool {
        for _ in 0..LAST_LOOKS {
            let Some(victim) = self.victim() else { return false };
            self.turn(victim, Conn::give_way::<P>);
            if !self.is_full() {
                return true;
            }
        }
        false
    }

    fn remove(&mut self, key: Key, ending: Ending) {
        let Some(mut entry) = self.conns.remove(key) else { return };
        debug!("step 10, close: connection {} after {} requests ({ending:?})", entry.conn.id, entry.conn.requests());
        let (app, office, settings) = (&self.app, &self.office, &self.settings);
        entry.conn.end(&Context { app, key, office, settings, moment: &self.moment });
        self.tell_close(&mut entry, ending);
        self.doors.try_again();
    }

    /// Wakes the connections whose alarm rang. Most have moved their deadline since, and get a new alarm.
    fn expire(&mut self) {
        let now = self.moment.now;
        for _ in 0..ALARMS_A_TURN {
            let Some(index) = self.wheel.pop(now) else { return };
            let Some(key) = self.conns.key(index) else { continue };
            let Some(entry) = self.conns.get_mut(key) else { continue };
            if entry.alarm > now {
                continue; // an alarm from before an earlier one was set
            }
            entry.alarm = Millis::MAX;
            if entry.deadline > now {
                entry.alarm = self.wheel.schedule(key.index, entry.deadline);
            } else {
                self.turn(key, Conn::expire::<P>);
            }
        }
    }
}

/// The peer has closed its side, and perhaps both.
#[cold]
fn hang_up(conn: &mut Conn<Stream>, event: &mio::event::Event) {
    conn.wake(true);
    if event.is_error() || event.is_write_closed() {
        conn.lose();
    }
}

fn key(token: Token) -> Key {
    Key { index: token.0 as u32, generation: (token.0 >> 32) as u32 }
}
