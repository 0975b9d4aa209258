//! A connection in its worker's table: its alarm, and what the poll is asked about it; knows no protocol.

use std::collections::VecDeque;
use std::io;

use mio::{Interest, Poll, Token};

use crate::net::conn::Conn;
use crate::net::millis::Millis;
use crate::net::sockets::stream::Stream;
use crate::net::tick::Context;
use crate::net::worker::slab::Key;
use crate::net::worker::timer_wheel::{SLOT_WIDTH, TimerWheel};

/// A connection and its alarm.
pub(crate) struct Entry {
    pub(crate) conn: Conn<Stream>,
    /// When its patience ends.
    pub(crate) deadline: Millis,
    /// When the wheel will look at it: less than a slot's width later than the deadline.
    pub(crate) timer: Millis,
    /// It waits for room in its socket, and for nothing else.
    pub(crate) write_blocked: bool,
    /// It stands in the queue of connections that have more to do.
    pub(crate) queued: bool,
    /// The poll knows it.
    registered: bool,
}

impl Entry {
    /// A connection that the poll does not know yet.
    pub(crate) fn new(conn: Conn<Stream>) -> Entry {
        Entry {
            conn,
            deadline: Millis::MAX,
            timer: Millis::MAX,
            write_blocked: false,
            queued: false,
            registered: false,
        }
    }

    /// Sets its deadline, and an alarm where there is none in time.
    #[inline]
    pub(crate) fn update_timer(&mut self, context: &Context<'_>, wheel: &mut TimerWheel) {
        self.deadline = self.conn.deadline(context);
        if self.deadline.saturating_add(SLOT_WIDTH) <= self.timer {
            self.timer = wheel.schedule(context.key.index, self.deadline);
        }
    }

    /// Puts it at the end of the queue of connections that have more to do, unless it stands there already: a connection that is in it
    /// twice would get two turns where others get one, and yield twice.
    pub(crate) fn queue(&mut self, key: Key, queue: &mut VecDeque<Key>) {
        if !std::mem::replace(&mut self.queued, true) {
            queue.push_back(key);
        }
    }

    /// Lets the poll know it. Once, with all it will want to be told: registering costs a call, and saying more costs nothing.
    pub(crate) fn register(&mut self, key: Key, poll: &Poll) -> io::Result<()> {
        let interest = self.interest();
        self.registered = true;
        poll.registry().register(self.conn.socket(), token(key), interest)
    }

    /// What to be told of. While a connection waits for room it is not read from, and so it does not ask to be: the kernel would say
    /// "readable" at every turn, and the loop would spin.
    fn interest(&self) -> Interest {
        if self.write_blocked { Interest::WRITABLE } else { Interest::READABLE | Interest::WRITABLE }
    }

    /// Changes what to be told of. Also when nothing changes: the edge that tells of room may have passed already, and registering anew
    /// makes epoll look again.
    #[cold]
    pub(crate) fn set_interest(&mut self, blocked: bool, key: Key, poll: &Poll) -> io::Result<()> {
        self.write_blocked = blocked;
        let interest = self.interest();
        if self.registered { poll.registry().reregister(self.conn.socket(), token(key), interest) } else { Ok(()) }
    }
}

/// The poll's name for a connection.
pub(crate) fn token(key: Key) -> Token {
    Token((key.generation as usize) << 32 | key.index as usize)
}
