//! Connects a worker with the threads of the pool, and returns their results.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};
use std::time::Instant;

use mio::Waker;

use crate::app::App;
use crate::net::body_memory::BodyMemory;
use crate::net::exchange::PoolResponse;
use crate::net::threads::pool::Pool;
use crate::net::worker::slab::Key;
use crate::sync::lock;

/// Attempts to wake an event loop. A failed write to its waker may succeed the next time, and
/// nothing else would wake it.
const WAKE_ATTEMPTS: usize = 3;

/// Wakes an event loop; returns whether it worked.
pub(crate) fn wake(waker: &Waker) -> bool {
    retry(|| waker.wake())
}

fn retry(mut ring: impl FnMut() -> io::Result<()>) -> bool {
    (0..WAKE_ATTEMPTS).any(|_| ring().inspect_err(|error| error!("cannot wake a worker: {error}")).is_ok())
}

/// A result from another thread.
pub(crate) enum Completion {
    /// The response of a pool thread, and how many responses the connection had sent before.
    Response(Key, u32, Box<PoolResponse>),
    /// A body that another thread produces or reads can go on.
    BodyReady(Key),
}

/// What a worker's connections need to offload work.
#[derive(Default)]
pub(crate) struct Offload {
    /// `None` in tests: blocking handlers run at once, on the calling thread.
    pub(crate) pool: Option<BlockingPool>,
    pub(crate) mailbox: Arc<Mailbox>,
    /// Memory of request bodies.
    pub(crate) body_memory: Arc<BodyMemory>,
}

/// The pool, and the application that its threads run.
pub(crate) struct BlockingPool {
    pub(crate) threads: Pool,
    pub(crate) app: Arc<App>,
}

/// Completions for one worker. The first one wakes it.
pub(crate) struct Mailbox {
    state: Mutex<Inbox>,
    wakeup: Wakeup,
}

#[derive(Default)]
struct Inbox {
    completions: Vec<Completion>,
    /// The reader was woken for them.
    notified: bool,
}

/// How the reader is woken.
enum Wakeup {
    /// An event loop that sleeps in poll.
    EventLoop(Arc<Waker>),
    /// A thread that sleeps in [`Mailbox::wait`]: a test.
    Thread(Thread),
    #[cfg(test)]
    Test(tests::Bell),
}

impl Wakeup {
    /// Returns whether the reader will wake.
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
    /// A mailbox of the calling thread.
    fn default() -> Self {
        Mailbox { state: Mutex::default(), wakeup: Wakeup::Thread(thread::current()) }
    }
}

impl Mailbox {
    pub(crate) fn new(waker: Arc<Waker>) -> Mailbox {
        Mailbox { state: Mutex::default(), wakeup: Wakeup::EventLoop(waker) }
    }

    /// Sends a completion. One wake-up serves all that are queued: an event for 10,000 subscribers
    /// is one system call. A wake-up that failed is repeated by the next completion.
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

    /// Sleeps until there is a completion or the time is over; returns which. For the thread that
    /// created the mailbox.
    pub(crate) fn wait(&self, until: Instant) -> bool {
        while self.lock().completions.is_empty() {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return false };
            thread::park_timeout(left);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A wake-up that fails so many times first.
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

    /// Sends completions through a wake-up that fails so often. Returns the number of wake-ups
    /// after each, and the completions.
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
            Completion::Response(..) => panic!("no response was posted"),
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
