//! What the connections of one worker share: buffers for the moment in which one is worked on, settings, the time of the turn.

use std::time::{Duration, SystemTime};

use crate::app::App;
use crate::http1::encode::ResponsePrefix;
use crate::http1::head::Head;
use crate::http1::limits::Limits;
use crate::net::millis::{Millis, after, millis};
use crate::net::sent_tracker::SentTracker;
use crate::net::sockets::tls::TlsAcceptor;
use crate::net::threads::mailbox::Offload;
use crate::net::timeouts::Timeouts;
use crate::net::worker::slab::Key;
use crate::request::Admitted;
use crate::response::Response;
use crate::routing::callsite::Callsite;

/// What is read at most in one call. Large enough for a burst of pipelined requests, small enough to keep per slow connection.
pub(crate) const READ_BUFFER: usize = 32 * 1024;

/// Room for answers from the start. A buffer that first grows amid a crowd lies behind the crowd's memory in the heap, and none of
/// that goes back to the system while something lies behind it.
const INITIAL_OUTPUT: usize = 4 * 1024;

/// What all connections of a worker share for the moment in which they are worked on.
pub(crate) struct Buffers {
    pub(crate) scratch: Box<[u8]>,
    pub(crate) head: Head,
    pub(crate) out: ResponseBuffers,
}

/// The part of the desk that answers are made with.
pub(crate) struct ResponseBuffers {
    pub(crate) response: Response,
    pub(crate) output: Vec<u8>,
    pub(crate) prefix: ResponsePrefix,
    /// What was decided on the head of the request at hand, while its body is received.
    pub(crate) decision: Option<HeadDecision>,
    /// The responses in `output`, as far as somebody wants to know when they are out.
    pub(crate) sent: Vec<SentTracker>,
    /// The handler whose response has a body that is made while it is sent.
    pub(crate) handler: Option<Callsite>,
    /// Since when the request at hand has been on its way, if it came in parts.
    pub(crate) began: Option<Millis>,
}

/// What the application decided on a head.
pub(crate) enum HeadDecision {
    /// The handler may run, with the values that hooks and guards left.
    Admitted(Admitted),
    /// This response stands, and the rest of a small body is discarded before it leaves, so that the connection may stay.
    Responded(Box<Response>),
}

/// What a connection has to know and cannot change.
pub(crate) struct Context<'a> {
    pub(crate) app: &'a App,
    /// The connection's place in its worker's table: where results from other threads find it.
    pub(crate) key: Key,
    pub(crate) offload: &'a Offload,
    pub(crate) config: &'a Config,
    pub(crate) time: &'a LoopTime,
}

/// What a worker, and so each of its connections, is told once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    /// At a graceful stop, how long everything goes on while load balancers are told.
    pub(crate) lame_duck: Duration,
    /// What the sockets of new connections are wrapped in.
    pub(crate) tls: TlsAcceptor,
}

/// What holds for one turn of the loop.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoopTime {
    pub(crate) now: Millis,
    /// Until when a connection may stay idle whose last sign of life is now.
    pub(crate) idle_until: Millis,
    /// A connection that was opened before this has been kept long enough; when the server is stopping, every one.
    pub(crate) max_age_cutoff: Millis,
    /// Since when the server has been stopping: every answer is now a connection's last.
    pub(crate) draining: Option<Millis>,
    /// Whether the handlers of this turn are timed.
    pub(crate) timing_handlers: bool,
    /// Whether bursts of requests are bounded by time too. Not in virtual time.
    pub(crate) time_sliced: bool,
}

impl LoopTime {
    /// The moment `now`, by these settings. `crowded`: most places are taken, and idle connections get less patience.
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
        let out = ResponseBuffers {
            response: Response::with_capacity(),
            output: Vec::with_capacity(INITIAL_OUTPUT),
            prefix: ResponsePrefix::at(SystemTime::now()),
            decision: None,
            sent: Vec::new(),
            began: None,
            handler: None,
        };
        Buffers { scratch: vec![0; READ_BUFFER].into_boxed_slice(), head: Head::default(), out }
    }
}
