//! Defines what the connections of a worker share: buffers, configuration, the time of the current
//! tick.

use std::time::{Duration, SystemTime};

use crate::app::App;
use crate::http1::encode::ResponsePrefix;
use crate::http1::head::Head;
use crate::http1::limits::Limits;
use crate::net::file_budget::FileBudget;
use crate::net::millis::{Millis, after, millis};
use crate::net::sent_tracker::SentTracker;
use crate::net::sockets::tls::TlsAcceptor;
use crate::net::spare_buffers::SpareBuffers;
use crate::net::threads::mailbox::Offload;
use crate::net::timeouts::Timeouts;
use crate::net::worker::slab::Key;
use crate::request::Admitted;
use crate::response::Response;
use crate::routing::callsite::Callsite;

/// Bytes of one read. Large enough for a burst of pipelined requests, small enough for a slow
/// connection to keep.
pub(crate) const READ_BUFFER: usize = 32 * 1024;

/// Initial capacity. Growing later would place the buffer above the connections' memory and keep
/// the allocator from returning it.
const INITIAL_OUTPUT: usize = 4 * 1024;
const INITIAL_SENT: usize = 32;

/// What a connection needs to run, apart from its input.
pub(crate) struct Tick<'a, P> {
    pub(crate) out: &'a mut ResponseBuffers,
    pub(crate) context: &'a Context<'a>,
    pub(crate) probe: &'a mut P,
}

/// The buffers of all connections of a worker: what is unfinished leaves them.
pub(crate) struct Buffers {
    pub(crate) read: ReadBuffers,
    pub(crate) out: ResponseBuffers,
}

/// The buffers of a connection that reads.
pub(crate) struct ReadBuffers {
    pub(crate) bytes: Box<[u8]>,
    pub(crate) head: Head,
    /// For large bodies, which do not stay in `bytes`.
    pub(crate) spare: SpareBuffers,
}

/// The buffers that responses are made in.
pub(crate) struct ResponseBuffers {
    pub(crate) response: Response,
    pub(crate) output: Vec<u8>,
    pub(crate) prefix: ResponsePrefix,
    /// What was decided on the head of the current request.
    pub(crate) decision: Option<HeadDecision>,
    /// Responses in `output` that have `on_sent` callbacks.
    pub(crate) sent: Vec<SentTracker>,
    pub(crate) file_budget: FileBudget,
    /// The handler of a streamed response.
    pub(crate) handler: Option<Callsite>,
    /// When the current request began, if it came in parts.
    pub(crate) began: Option<Millis>,
}

/// What the application decided on a head.
pub(crate) enum HeadDecision {
    /// The handler may run, with the values of hooks and guards.
    Admitted(Admitted),
    /// This response is sent after the rest of a small body is discarded, so that the connection
    /// can stay open.
    Responded(Box<Response>),
}

/// What a connection reads and does not change.
pub(crate) struct Context<'a> {
    pub(crate) app: &'a App,
    /// The connection's slot, where completions find it.
    pub(crate) key: Key,
    pub(crate) offload: &'a Offload,
    pub(crate) config: &'a Config,
    pub(crate) time: &'a LoopTime,
}

/// Configuration of a worker and its connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    /// Before a graceful stop, how long requests are served while load balancers notice.
    pub(crate) lame_duck: Duration,
    /// TLS for new connections, if configured.
    pub(crate) tls: TlsAcceptor,
}

/// Time and load of the current tick.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoopTime {
    pub(crate) now: Millis,
    /// Deadline of a connection that becomes idle now.
    pub(crate) idle_until: Millis,
    /// Connections opened before this close after their next response; while draining, all of them.
    pub(crate) max_age_cutoff: Millis,
    /// When draining began.
    pub(crate) draining: Option<Millis>,
    /// Whether handlers are timed in this tick.
    pub(crate) timing_handlers: bool,
    /// Whether bursts of requests are bounded by time too; not in virtual time.
    pub(crate) time_sliced: bool,
}

impl LoopTime {
    /// `near_limit`: over three quarters of the connections are in use, and idle ones get a shorter
    /// timeout.
    pub(crate) fn at(now: Millis, draining: Option<Millis>, crowded: bool, timeouts: &Timeouts) -> LoopTime {
        let idle_until = match draining {
            Some(began) => after(began, timeouts.drain_idle),
            None if crowded => after(now, timeouts.keep_alive_near_limit),
            None => after(now, timeouts.keep_alive),
        };
        let oldest = if draining.is_some() { Millis::MAX } else { now.saturating_sub(millis(timeouts.max_age)) };
        LoopTime { now, idle_until, max_age_cutoff: oldest, draining, timing_handlers: false, time_sliced: false }
    }
}

impl Buffers {
    pub(crate) fn new() -> Buffers {
        let mut buffers = Buffers::empty();
        buffers.read.bytes = vec![0; READ_BUFFER].into_boxed_slice();
        buffers.out.response = Response::with_capacity();
        buffers.out.output.reserve(INITIAL_OUTPUT);
        buffers.out.sent.reserve(INITIAL_SENT);
        buffers
    }

    /// Creates buffers without memory, with which no connection can run.
    pub(crate) fn empty() -> Buffers {
        let read = ReadBuffers { bytes: Box::default(), head: Head::default(), spare: SpareBuffers::default() };
        let out = ResponseBuffers {
            response: Response::default(),
            output: Vec::new(),
            prefix: ResponsePrefix::at(SystemTime::now()),
            decision: None,
            sent: Vec::new(),
            file_budget: FileBudget::default(),
            began: None,
            handler: None,
        };
        Buffers { read, out }
    }

    /// Lends the buffers to a connection.
    pub(crate) fn lend<'a, P>(
        &'a mut self,
        context: &'a Context<'a>,
        probe: &'a mut P,
    ) -> (&'a mut ReadBuffers, Tick<'a, P>) {
        (&mut self.read, Tick { out: &mut self.out, context, probe })
    }
}
