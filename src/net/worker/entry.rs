//! Keeps a connection with its timer and its registration in the poll.

use std::collections::VecDeque;
use std::io;

use mio::{Interest, Poll, Token};

use crate::net::conn::Conn;
use crate::net::millis::Millis;
use crate::net::sockets::stream::Stream;
use crate::net::tick::Context;
use crate::net::worker::slab::Key;
use crate::net::worker::timer_wheel::{SLOT_WIDTH, TimerWheel};

/// A connection of a worker.
pub(crate) struct Entry {
    pub(crate) conn: Conn<Stream>,
    /// Its current deadline.
    pub(crate) deadline: Millis,
    /// When the wheel checks it: less than a slot after the deadline.
    pub(crate) timer: Millis,
    /// It waits only until the socket takes more output.
    pub(crate) write_blocked: bool,
    pub(crate) turn: Turn,
    /// The poll has it.
    registered: bool,
}

/// The queue that a connection is in: it runs from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    None,
    Runnable,
    /// It is stepped by hand.
    Parked,
}

impl Entry {
    /// An entry that is not registered yet.
    pub(crate) fn new(conn: Conn<Stream>) -> Entry {
        Entry {
            conn,
            deadline: Millis::MAX,
            timer: Millis::MAX,
            write_blocked: false,
            turn: Turn::None,
            registered: false,
        }
    }

    /// Updates the deadline, and schedules a timer if none is early enough.
    #[inline]
    pub(crate) fn update_timer(&mut self, context: &Context<'_>, wheel: &mut TimerWheel) {
        self.deadline = self.conn.deadline(context);
        if self.deadline.saturating_add(SLOT_WIDTH) <= self.timer {
            self.timer = wheel.schedule(context.key.index, self.deadline);
        }
    }

    /// Appends it to the runnable queue, once.
    pub(crate) fn queue(&mut self, key: Key, queue: &mut VecDeque<Key>) {
        if self.turn == Turn::None {
            self.turn = Turn::Runnable;
            queue.push_back(key);
        }
    }

    /// Registers it once, for reading and writing: fewer calls than changing the interest.
    pub(crate) fn register(&mut self, key: Key, poll: &Poll) -> io::Result<()> {
        let interest = self.interest();
        self.registered = true;
        poll.registry().register(self.conn.socket(), token(key), interest)
    }

    /// Returns its interest. While output waits nothing is read, and "readable" events would make
    /// the loop spin.
    fn interest(&self) -> Interest {
        if self.write_blocked { Interest::WRITABLE } else { Interest::READABLE | Interest::WRITABLE }
    }

    /// Changes the interest. Also if it stays the same: the edge may have passed, and registering
    /// again makes epoll report it.
    #[cold]
    pub(crate) fn set_interest(&mut self, blocked: bool, key: Key, poll: &Poll) -> io::Result<()> {
        self.write_blocked = blocked;
        let interest = self.interest();
        if self.registered { poll.registry().reregister(self.conn.socket(), token(key), interest) } else { Ok(()) }
    }
}

/// Returns the token of a key.
pub(crate) fn token(key: Key) -> Token {
    Token((key.generation as usize) << 32 | key.index as usize)
}
