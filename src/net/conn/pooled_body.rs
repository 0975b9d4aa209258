//! Pulls the body of a blocking route on the pool, one piece ahead of the client.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::net::threads::pool::Pool;
use crate::response::body_source::{BodySource, GuardedSource, Pull, Wake};
use crate::sync::lock;

/// A source that is pulled by threads of the pool, never by the event loop.
pub(super) struct PooledBody {
    shared: Arc<Shared>,
    pool: Pool,
}

struct Shared(Mutex<State>);

struct State {
    /// `None` while a thread pulls.
    source: Option<GuardedSource>,
    piece: Vec<u8>,
    /// Result of the last pull; its bytes are in `piece`.
    pulled: Option<io::Result<Pull>>,
    wake: Option<Wake>,
}

impl PooledBody {
    pub(super) fn new(source: GuardedSource, pool: Pool) -> PooledBody {
        let state = State { source: Some(source), piece: Vec::new(), pulled: None, wake: None };
        PooledBody { shared: Arc::new(Shared(Mutex::new(state))), pool }
    }

    /// Starts a pull on the pool.
    fn begin(&self, room: usize) -> io::Result<()> {
        let shared = self.shared.clone();
        let job = move || shared.pull(room);
        self.pool.resume(Box::new(job)).map_err(|_| io::Error::other("no thread can be had for the body"))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// Runs on the pool, without the lock: the event loop may look while a pull waits.
    fn pull(&self, room: usize) {
        let Some(mut source) = self.lock().source.take() else { return };
        let mut piece = Vec::new();
        let pulled = source.pull(&mut piece, room);
        let mut state = self.lock();
        (state.source, state.piece, state.pulled) = (Some(source), piece, Some(pulled));
        let wake = state.wake.clone();
        drop(state);
        if let Some(wake) = wake {
            wake();
        }
    }
}

impl BodySource for PooledBody {
    fn blocks(&self) -> bool {
        true
    }

    fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull> {
        let mut state = self.shared.lock();
        match state.pulled.take() {
            Some(Ok(pulled)) => {
                out.append(&mut state.piece);
                drop(state);
                if pulled != Pull::End {
                    self.begin(room)?;
                }
                Ok(pulled)
            }
            Some(Err(error)) => Err(error),
            None => Ok(Pull::Wait),
        }
    }

    /// Starts the first pull, whose end can be reported from now on.
    fn attach(&mut self, wake: Wake) {
        self.shared.lock().wake = Some(wake);
        if let Err(error) = self.begin(super::streamed_body::PULL_SIZE) {
            self.shared.lock().pulled = Some(Err(error));
        }
    }
}
