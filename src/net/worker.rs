//! The event loop of one thread: poll, accept, let ready connections work, let time pass; knows no protocol and no route.
//!
//! mio is edge-triggered: what is ready is said once. So whoever stops before the socket says "would block" must remember it:
//! connections that yielded stand in `again`, listeners that were not emptied set `accept_pending`.

mod tell;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

use super::conn::{Conn, Fate};
use super::control::{Control, Phase};
use super::deadline::{Millis, SLOT, Wheel, millis};
use super::desk::{Context, Desk, Moment, Settings};
use super::entry::Entry;
use super::office::{Elsewhere, Letter, Mailbox, Office};
use super::pool::Pool;
use super::signal::Signals;
use super::slots::{Key, Slots};
use crate::app::app::App;
use crate::http1::encode::Opening;
use crate::wire::probe::{Ending, Probe};

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const SIGNALS: Token = Token(usize::MAX - 2);

/// Events taken from the kernel at once. 16 or 4,096 make no difference; 1 costs 20 %.
const EVENTS: usize = 1024;
/// Connections accepted before the others get their turn.
const ACCEPTS_A_TURN: usize = 64;
/// After an accept that failed for want of descriptors or memory: mio will not tell us again, so we look again.
const ACCEPT_RETRY: Millis = 10;
/// A head this old may be given up for a newcomer when all places are taken.
const STALE_HEAD: Millis = 1000;

/// What one worker is made of.
pub(crate) struct Worker<P> {
    poll: Poll,
    listener: Option<TcpListener>,
    signals: Option<Signals>,
    conns: Slots<Entry>,
    wheel: Wheel,
    desk: Desk,
    /// Connections that have more to do and let others go first.
    again: Vec<Key>,
    accept_pending: bool,
    /// Who came when all places were taken and nobody could be sent away: the next place is theirs.
    guest: Option<(TcpStream, std::net::SocketAddr)>,
    /// When to try to accept again, after it failed.
    accept_after: Millis,
    accept_complained: Millis,
    opened: u64,
    began: Instant,
    /// The time of this turn: read once, used by all.
    moment: Moment,
    /// The second that the desk's Date shows, counted from `began`.
    dated: Option<Millis>,
    app: Arc<App>,
    settings: Settings,
    max_connections: usize,
    office: Office,
    control: Arc<Control>,
    probe: P,
}

impl<P: Probe> Worker<P> {
    pub(crate) fn new(
        mut listener: TcpListener,
        app: Arc<App>,
        settings: Settings,
        max_connections: usize,
        pool: Pool,
        control: Arc<Control>,
        probe: P,
    ) -> io::Result<Worker<P>> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        control.add(waker.clone());
        let elsewhere = Some(Elsewhere { pool, app: app.clone() });
        let office = Office { elsewhere, mailbox: Arc::new(Mailbox::new(waker)) };
        Ok(Worker {
            poll,
            listener: Some(listener),
            signals: None,
            conns: Slots::new(),
            wheel: Wheel::new(),
            desk: Desk::new(),
            again: Vec::new(),
            accept_pending: false,
            guest: None,
            accept_after: 0,
            accept_complained: 0,
            opened: 0,
            began: Instant::now(),
            moment: Moment::default(),
            dated: None,
            app,
            settings,
            max_connections,
            office,
            control,
            probe,
        })
    }

    /// This worker hears TERM and INT for the whole process.
    pub(crate) fn listen_to(&mut self, mut signals: Signals) -> io::Result<()> {
        self.poll.registry().register(signals.source(), SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }

    /// Runs until the server was told to stop and every connection has ended; gives the number of connections that had to be cut.
    pub(crate) fn run(mut self) -> io::Result<usize> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let began = self.rest();
            match self.poll.poll(&mut events, self.timeout()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.tick();
            self.tell_wake(began, &events);
            for event in &events {
                match event.token() {
                    LISTENER => self.accept_pending = true,
                    WAKER => self.read_mail(),
                    SIGNALS => self.hear(),
                    token => self.ready(key(token), event),
                }
            }
            self.run_again();
            self.accept();
            self.expire();
            if self.stopping() {
                return Ok(self.conns.len());
            }
            events.clear();
        }
    }

    /// How long to sleep: until the next deadline, and not at all when there is something to do.
    fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() || (self.accept_pending && self.accept_after <= self.moment.now) {
            return Some(Duration::ZERO);
        }
        let accept = self.accept_pending.then_some(self.accept_after);
        let limit = self.moment.draining.map(|began| began + millis(self.settings.timeouts.shutdown));
        let tidy = self.conns.is_sparse().then(|| self.moment.now / 1000 * 1000 + 1000);
        let next = [self.wheel.next(), accept, limit, tidy].into_iter().flatten().min()?;
        Some(Duration::from_millis(next.saturating_sub(self.moment.now)))
    }

    /// Reads the clock, once a turn, and renders Date anew once a second (RFC 9110 §6.6.1). Date follows the wall clock, deadlines
    /// follow the one that nobody can set.
    fn tick(&mut self) {
        let now = self.began.elapsed().as_millis() as Millis;
        let crowded = self.conns.len() > self.max_connections / 4 * 3;
        self.moment = Moment::at(now, self.moment.draining, crowded, &self.settings.timeouts);
        let second = now / 1000;
        if self.dated != Some(second) {
            self.dated = Some(second);
            self.desk.tools.opening = Opening::at(SystemTime::now());
            self.tidy();
        }
    }

    /// Gives the memory of a crowd that has left back to the system.
    fn tidy(&mut self) {
        if self.conns.is_sparse() {
            self.conns.shrink();
            let conns = &self.conns;
            self.wheel.retain(|index| conns.key(index).is_some());
        }
    }

    /// Hop 1: a connection's socket is ready.
    #[inline]
    fn ready(&mut self, key: Key, event: &mio::event::Event) {
        let said = tell::ready(event);
        let (readable, hangup) = (event.is_readable(), event.is_read_closed() || event.is_error());
        self.turn(key, |conn, desk, context, probe| {
            if P::ON {
                probe.event(conn.id, said);
            }
            if readable || hangup {
                conn.wake(hangup);
            }
            conn.turn(desk, context, probe)
        });
    }

    /// Lets one connection work and settles what became of it.
    #[inline]
    fn turn(&mut self, key: Key, work: impl FnOnce(&mut Conn<TcpStream>, &mut Desk, &Context<'_>, &mut P) -> Fate) {
        let Some(entry) = self.conns.get_mut(key) else { return };
        let context =
            Context { app: &self.app, key, office: &self.office, settings: &self.settings, moment: &self.moment };
        let fate = work(&mut entry.conn, &mut self.desk, &context, &mut self.probe);
        match fate {
            Fate::Wait => {}
            Fate::Again => self.again.push(key),
            Fate::Rearm => {}
            Fate::Gone(ending) => return self.remove(key, ending),
        }
        if fate == Fate::Rearm || entry.blocked {
            if entry.wait_for_room(fate == Fate::Rearm, key, &self.poll).is_err() {
                return self.remove(key, Ending::Broken);
            }
            entry.conn.tell_interest(!entry.blocked, &mut self.probe);
        }
        entry.deadline = entry.conn.deadline(&context);
        entry.conn.tell_timer(entry.deadline, self.moment.now, &mut self.probe);
        if entry.deadline.saturating_add(SLOT) <= entry.alarm {
            entry.alarm = self.wheel.schedule(key.index, entry.deadline);
        }
    }

    /// What other threads have for our connections. Those that have ended meanwhile get nothing.
    fn read_mail(&mut self) {
        for letter in self.office.mailbox.take() {
            match letter {
                Letter::Answer(key, response) => {
                    self.turn(key, |conn, desk, context, probe| conn.complete(response, desk, context, probe));
                }
                Letter::More(key) => self.turn(key, Conn::turn::<P>),
            }
        }
    }

    fn run_again(&mut self) {
        for key in std::mem::take(&mut self.again) {
            self.turn(key, Conn::turn::<P>);
        }
    }

    /// Step 4: takes what the kernel has for us, up to a budget.
    fn accept(&mut self) {
        if !self.accept_pending || self.accept_after > self.moment.now {
            return;
        }
        for _ in 0..ACCEPTS_A_TURN {
            let Some(listener) = &self.listener else { break };
            let (socket, peer) = match self.guest.take().map_or_else(|| listener.accept(), Ok) {
                Ok(newcomer) => newcomer,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        self.accept_pending = false;
                        return;
                    }
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => continue,
                    _ => return self.complain(&error),
                },
            };
            // Only now: nobody is sent away for a newcomer who is not there.
            if self.conns.len() >= self.max_connections && !self.evict() {
                self.guest = Some((socket, peer));
                self.accept_after = self.moment.now + ACCEPT_RETRY;
                return;
            }
            self.open(socket, peer);
        }
    }

    /// EMFILE and its like: no new edge will come for the clients that wait, so look again soon, and after every close.
    fn complain(&mut self, error: &io::Error) {
        if self.accept_complained == 0 || self.moment.now >= self.accept_complained + 1000 {
            self.accept_complained = self.moment.now.max(1);
            log::warn!("cannot accept: {error}; the clients wait in the kernel's queue");
        }
        self.accept_after = self.moment.now + ACCEPT_RETRY;
    }

    /// A new connection is read at once: mostly its first request is here, and a client that closes behind it never enters epoll.
    fn open(&mut self, socket: TcpStream, peer: std::net::SocketAddr) {
        self.opened += 1;
        log::debug!("step 4, accept: connection {} from {peer}", self.opened);
        let mut conn = Conn::new(socket, self.opened, Some(peer), self.moment.now);
        conn.wake(false);
        let key = self.conns.insert(Entry::new(conn));
        self.tell_open(key, peer);
        self.turn(key, Conn::turn::<P>);
        let Some(entry) = self.conns.get_mut(key) else { return };
        if let Err(error) = entry.register(key, &self.poll) {
            log::warn!("cannot wait for connection {}: {error}", entry.conn.id);
            self.remove(key, Ending::Broken);
        } else {
            entry.conn.tell_interest(!entry.blocked, &mut self.probe);
        }
    }

    /// All places are taken: the oldest idle connection goes, else the oldest head that has been unfinished for a second.
    fn evict(&mut self) -> bool {
        let idle = self.conns.iter().filter(|(_, entry)| entry.conn.is_idle()).min_by_key(|(_, entry)| entry.deadline);
        let stale = || {
            let heads = self.conns.iter().filter_map(|(key, entry)| entry.conn.head_since().map(|since| (key, since)));
            heads.min_by_key(|(_, since)| *since).filter(|(_, since)| since + STALE_HEAD <= self.moment.now)
        };
        let Some(victim) = idle.map(|(key, _)| key).or_else(|| stale().map(|(key, _)| key)) else { return false };
        self.remove(victim, Ending::Fin);
        true
    }

    fn remove(&mut self, key: Key, ending: Ending) {
        let Some(mut entry) = self.conns.remove(key) else { return };
        log::debug!(
            "step 10, close: connection {} after {} requests ({ending:?})",
            entry.conn.id,
            entry.conn.requests()
        );
        self.tell_close(&mut entry, ending);
        self.accept_after = 0; // a descriptor is free again
    }

    /// Wakes the connections whose alarm rang. Most have moved their deadline since, and get a new alarm.
    fn expire(&mut self) {
        if self.wheel.next().is_none_or(|next| next > self.moment.now) {
            return;
        }
        let mut due = Vec::new();
        self.wheel.turn(self.moment.now, &mut due);
        for index in due {
            let now = self.moment.now;
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

    fn hear(&mut self) {
        let count = self.signals.as_mut().map_or(0, Signals::take);
        for _ in 0..count {
            self.control.signal();
        }
    }

    /// The graceful stop: first everyone who is connected already is let in, then no new ones; connections end by themselves, each
    /// behind an answer that says so. `true`: nothing is left, or the time for it is over.
    fn stopping(&mut self) -> bool {
        match (self.control.phase(), self.moment.draining) {
            (Phase::Running, _) => return false,
            (Phase::Now, _) => return true,
            (Phase::Draining, Some(_)) => {}
            (Phase::Draining, None) => self.begin_drain(),
        }
        let limit = self.moment.draining.unwrap_or_default() + millis(self.settings.timeouts.shutdown);
        self.conns.len() == 0 || self.moment.now >= limit
    }

    fn begin_drain(&mut self) {
        self.accept_pending = true;
        while self.accept_pending && self.accept_after <= self.moment.now {
            self.accept(); // who is in the kernel's queue is connected: closing the listener would reset them
        }
        if let Some((socket, peer)) = self.guest.take() {
            self.open(socket, peer); // one connection more than there are places is less harm than one request lost
        }
        self.listener = None;
        self.accept_pending = false;
        self.moment = Moment::at(self.moment.now, Some(self.moment.now), false, &self.settings.timeouts);
        let keys: Vec<Key> = self.conns.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.turn(key, Conn::turn::<P>); // nothing to do but to set the new deadline
        }
    }
}

fn key(token: Token) -> Key {
    Key { index: token.0 as u32, generation: (token.0 >> 32) as u32 }
}
