//! Where a worker's connections send what takes longer than a turn, and where the results come back; knows no protocol.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Instant;

use mio::Waker;

use super::conn::Answer;
use super::pool::Pool;
use super::slots::Key;
use crate::app::app::App;

/// What comes back to a worker from other threads.
pub(crate) enum Letter {
    /// The answer of a handler that ran on the pool, and how many answers the connection had given before.
    Answer(Key, u32, Box<Answer>),
    /// A body that is fed from elsewhere has more for its connection.
    More(Key),
}

/// One worker's way to the threads of the pool and back.
#[derive(Default)]
pub(crate) struct Office {
    /// None in tests: there, blocking handlers run at once, on the calling thread.
    pub(crate) elsewhere: Option<Elsewhere>,
    pub(crate) mailbox: Arc<Mailbox>,
}

/// The pool, and the application that its threads answer for.
pub(crate) struct Elsewhere {
    pub(crate) pool: Pool,
    pub(crate) app: Arc<App>,
}

/// Letters for one worker. Whoever posts the first one wakes it.
pub(crate) struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    bell: Bell,
}

/// How the reader of a mailbox is told.
enum Bell {
    /// An event loop that sleeps in its poll.
    Loop(Arc<Waker>),
    /// A thread that sleeps in [`Mailbox::wait`]: a test.
    Thread(Thread),
}

impl Default for Mailbox {
    /// The mailbox of the calling thread.
    fn default() -> Self {
        Mailbox { letters: Mutex::default(), bell: Bell::Thread(thread::current()) }
    }
}

impl Mailbox {
    pub(crate) fn new(waker: Arc<Waker>) -> Mailbox {
        Mailbox { letters: Mutex::default(), bell: Bell::Loop(waker) }
    }

    /// One ring for all letters that lie here: an event for 10,000 subscribers is one system call, not 10,000.
    pub(crate) fn post(&self, letter: Letter) {
        let mut letters = self.lock();
        let is_first = letters.is_empty();
        letters.push(letter);
        drop(letters);
        match &self.bell {
            Bell::Loop(waker) if is_first => {
                if let Err(error) = waker.wake() {
                    log::error!("cannot wake a worker: {error}");
                }
            }
            Bell::Thread(thread) if is_first => thread.unpark(),
            Bell::Loop(_) | Bell::Thread(_) => {}
        }
    }

    pub(crate) fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.lock())
    }

    /// Sleeps until there is a letter, or the time is over; returns whether there is one. For the thread that the mailbox was made on.
    pub(crate) fn wait(&self, until: Instant) -> bool {
        while self.lock().is_empty() {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return false };
            thread::park_timeout(left);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Letter>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
