//! Where a worker's connections send what takes longer than a turn, and where the results come back; knows no protocol.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Instant;

use mio::Waker;

use crate::app::App;
use crate::net::body_memory::BodyMemory;
use crate::net::exchange::PoolResponse;
use crate::net::threads::pool::Pool;
use crate::net::worker::slab::Key;

/// How often a wake-up is tried. A write to the waker's descriptor that failed once need not fail again, and nothing else would tell
/// the loop.
const WAKE_ATTEMPTS: usize = 3;

/// Wakes an event loop; whether that worked.
pub(crate) fn wake(waker: &Waker) -> bool {
    retry(|| waker.wake())
}

fn retry(mut ring: impl FnMut() -> io::Result<()>) -> bool {
    (0..WAKE_ATTEMPTS).any(|_| ring().inspect_err(|error| error!("cannot wake a worker: {error}")).is_ok())
}

/// What comes back to a worker from other threads.
pub(crate) enum Completion {
    /// The answer of a handler that ran on the pool, and how many answers the connection had given before.
    Response(Key, u32, Box<PoolResponse>),
    /// A body that is fed from elsewhere has more for its connection.
    BodyReady(Key),
}

/// One worker's way to the threads of the pool and back.
#[derive(Default)]
pub(crate) struct Offload {
    /// None in tests: there, blocking handlers run at once, on the calling thread.
    pub(crate) pool: Option<BlockingPool>,
    pub(crate) mailbox: Arc<Mailbox>,
    /// What request bodies hold of the worker's memory.
    pub(crate) body_memory: Arc<BodyMemory>,
}

/// The pool, and the application that its threads answer for.
pub(crate) struct BlockingPool {
    pub(crate) threads: Pool,
    pub(crate) app: Arc<App>,
}

/// Letters for one worker. Whoever posts the first one wakes it.
pub(crate) struct Mailbox {
    state: Mutex<Inbox>,
    wakeup: Wakeup,
}

#[derive(Default)]
struct Inbox {
    completions: Vec<Completion>,
    /// The reader was told of them.
    notified: bool,
}

/// How the reader of a mailbox is told.
enum Wakeup {
    /// An event loop that sleeps in its poll.
    EventLoop(Arc<Waker>),
    /// A thread that sleeps in [`Mailbox::wait`]: a test.
    Thread(Thread),
    #[cfg(test)]
    Test(tests::Bell),
}

impl Wakeup {
    /// Returns whether the reader will know.
    fn notify(&self) -> bool {
        match self {
            Wakeup::EventLoop(waker) => wake(waker),
            Wakeup::Thread(thread) => {
                thread.unpark();
                true
            }
            #[cfg(test)]
            Wakeup::Test(bell) => retry(|| bell.ring()),
        }
    }
}

impl Default for Mailbox {
    /// The mailbox of the calling thread.
    fn default() -> Self {
        Mailbox { state: Mutex::default(), wakeup: Wakeup::Thread(thread::current()) }
    }
}

impl Mailbox {
    pub(crate) fn new(waker: Arc<Waker>) -> Mailbox {
        Mailbox { state: Mutex::default(), wakeup: Wakeup::EventLoop(waker) }
    }

    /// One ring for all letters that lie here: an event for 10,000 subscribers is one system call, not 10,000. A ring that failed does
    /// not count: the next letter rings again.
    pub(crate) fn send(&self, letter: Completion) {
        let mut inbox = self.lock();
        inbox.completions.push(letter);
        let rung = std::mem::replace(&mut inbox.notified, true);
        drop(inbox);
        if !rung && !self.wakeup.notify() {
            self.lock().notified = false;
        }
    }

    pub(crate) fn drain(&self) -> Vec<Completion> {
        std::mem::take(&mut *self.lock()).completions
    }

    /// Sleeps until there is a letter, or the time is over; returns whether there is one. For the thread that the mailbox was made on.
    pub(crate) fn wait(&self, until: Instant) -> bool {
        while self.lock().completions.is_empty() {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return false };
            thread::park_timeout(left);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A bell that fails so many times before it rings.
    #[derive(Default)]
    pub(super) struct Bell {
        failures: AtomicUsize,
        rung: AtomicUsize,
    }

    impl Bell {
        pub(super) fn ring(&self) -> io::Result<()> {
            let fails = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            match fails {
                Ok(_) => Err(io::ErrorKind::WouldBlock.into()),
                Err(_) => {
                    self.rung.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }
            }
        }
    }

    /// Posts letters by number through a bell that fails so often; returns how often it has rung after each of them, and the letters.
    fn posted(failures: usize, letters: u32) -> (Vec<usize>, Vec<u32>) {
        let bell = Bell { failures: AtomicUsize::new(failures), rung: AtomicUsize::new(0) };
        let mailbox = Mailbox { state: Mutex::default(), wakeup: super::Wakeup::Test(bell) };
        let post = |index| {
            mailbox.send(Completion::BodyReady(Key { index, generation: 0 }));
            let super::Wakeup::Test(bell) = &mailbox.wakeup else { panic!("another bell") };
            bell.rung.load(Ordering::Relaxed)
        };
        let mut rung: Vec<_> = (0..letters).map(post).collect();
        let taken = mailbox.drain();
        rung.push(post(letters)); // the box was emptied: this one rings again
        let number = |letter| match letter {
            Completion::BodyReady(key) => key.index,
            Completion::Response(..) => panic!("nobody posted an answer"),
        };
        (rung, taken.into_iter().map(number).collect())
    }

    #[test]
    fn one_ring_is_enough_for_all_letters() {
        assert_eq!(posted(0, 3), (vec![1, 1, 1, 2], vec![0, 1, 2]));
    }

    #[test]
    fn a_ring_that_fails_is_tried_again() {
        assert_eq!(posted(WAKE_ATTEMPTS - 1, 3), (vec![1, 1, 1, 2], vec![0, 1, 2]));
    }

    #[test]
    fn a_bell_that_failed_is_rung_by_the_next_letter_and_none_is_lost() {
        assert_eq!(posted(WAKE_ATTEMPTS, 3), (vec![0, 1, 1, 2], vec![0, 1, 2]));
        assert_eq!(posted(2 * WAKE_ATTEMPTS + 1, 3), (vec![0, 0, 1, 2], vec![0, 1, 2]));
    }
}
