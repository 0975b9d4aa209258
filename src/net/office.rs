//! Where a worker's connections send what takes longer than a turn, and where the results come back; knows no protocol.

use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

use super::pool::Pool;
use super::slots::Key;
use crate::app::app::App;
use crate::app::response::Response;

/// What comes back to a worker from other threads.
pub(crate) enum Letter {
    /// The answer of a handler that ran on the pool.
    Answer(Key, Box<Response>),
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

/// Letters for one worker. Whoever posts one wakes the worker's loop.
#[derive(Default)]
pub(crate) struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    waker: Option<Arc<Waker>>,
}

impl Mailbox {
    pub(crate) fn new(waker: Arc<Waker>) -> Mailbox {
        Mailbox { letters: Mutex::default(), waker: Some(waker) }
    }

    pub(crate) fn post(&self, letter: Letter) {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
        if let Some(Err(error)) = self.waker.as_ref().map(|waker| waker.wake()) {
            log::error!("cannot wake a worker: {error}");
        }
    }

    pub(crate) fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
