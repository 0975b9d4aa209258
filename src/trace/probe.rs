//! Defines the events that `net` records about a connection, and the probe that records nothing at
//! no cost.
//!
//! `schema.rs` names the events, `json.rs` and `terminal.rs` format them, and `conversation.rs`
//! derives offsets, durations and reasons from them.

use std::net::SocketAddr;
use std::panic::Location;
use std::time::Duration;

use crate::http1::encode::ResponseFraming;
use crate::http1::fault::ProtocolError;
use crate::http1::framing::BodyLength;
use crate::http1::head::Head;
use crate::http1::states::{Recv, Send as Sending, Transition};
use crate::http1::status::StatusCode;
use crate::trace::lab::LabEvent;

/// Records events. The event loop is generic over it: with [`NoProbe`], every call is removed at
/// compile time.
pub(crate) trait Probe: 'static {
    /// Whether events are recorded. They are built only if this is true.
    const ENABLED: bool;

    /// Whether this iteration is recorded. Check before computing anything expensive.
    fn is_recording(&self) -> bool {
        Self::ENABLED
    }

    /// Records an observation of connection number `connection` (from 1, never reused; 0 is the
    /// server itself). It is built only if observations are recorded.
    #[inline(always)]
    #[track_caller]
    fn emit<'o, O: Into<Observation<'o>>>(&mut self, connection: u64, observation: impl FnOnce() -> O) {
        if Self::ENABLED {
            self.record(connection, observation().into());
        }
    }

    /// Records an observation. The caller's source location is part of the record.
    #[track_caller]
    fn record(&mut self, connection: u64, observation: Observation<'_>);

    /// Passes on the events recorded so far, before the worker sleeps.
    fn flush(&mut self);

    /// Whether events were skipped that no notice has told of. The worker then wakes soon, also if
    /// nothing else happens.
    #[inline(always)]
    fn owes_notice(&self) -> bool {
        false
    }

    /// Whether a connection is stepped by hand: it waits before each of its stages.
    #[inline(always)]
    fn is_stepped(&self, _connection: u64) -> bool {
        false
    }

    /// Returns whether a connection that waits may go on. Takes its permit.
    fn may_step(&mut self, _connection: u64) -> bool {
        true
    }
}

/// Records nothing.
pub(crate) struct NoProbe;

impl Probe for NoProbe {
    const ENABLED: bool = false;

    #[inline(always)]
    fn record(&mut self, _: u64, _: Observation<'_>) {}

    #[inline(always)]
    fn flush(&mut self) {}
}

/// Converts a duration to the unit of events.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Result of a read or a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IoOutcome {
    Bytes(usize),
    WouldBlock,
    Eof,
    Failed(std::io::ErrorKind),
}

/// Kind of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    Idle,
    Head,
    Body,
    Write,
    Linger,
    /// The heartbeat of a stream that has nothing to send.
    Heartbeat,
    /// The handler's response.
    Application,
}

/// Change of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerChange {
    /// Set to this many milliseconds from now.
    Set(u64),
    /// Removed: the application has no time limit.
    Off,
    Expired,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// Both sides closed, or nothing more could arrive.
    Fin,
    /// The server closed its side first, read on, then closed (RFC 9112 §9.6).
    Lingered,
    /// The server reset the connection: SO_LINGER 0.
    Reset,
    /// Another protocol took over the connection (RFC 9110 §7.8).
    Switched,
    /// The socket failed.
    IoError,
    /// Its worker's loop panicked.
    WorkerDied,
}

/// Result of parsing the bytes of a head or body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParseStatus {
    Partial,
    Complete,
    Error,
}

/// Kind of an application function that ran around a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Before,
    Guard,
    After,
}

/// A handler: the path of its function as the compiler writes it, and where the program added its
/// route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handler {
    pub(crate) name: &'static str,
    pub(crate) location: &'static Location<'static>,
}

/// What of a request does not match a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteMismatch {
    Path,
    Segment,
    Type,
    Method,
}

/// Cost of finding a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RouteSearch {
    /// Number of routes compared with the path.
    pub(crate) tried: usize,
    /// Number of those that differ in the first segment.
    pub(crate) other_first_segment: usize,
    /// Duration of the search. The router skips routes that cannot match the path.
    pub(crate) ns: u64,
}

/// The reason why a connection persists or not: a sentence and its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) why: &'static str,
    pub(crate) rfc: &'static str,
}

/// What `net` observes: an event, or what `conversation.rs` derives events from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Observation<'a> {
    Event(Event<'a>),
    /// Current states of both machines; `conn.state` for each transition since the last time.
    States {
        recv: Recv,
        send: Sending,
    },
    /// The parser ran: `parse.try`.
    Parsed {
        have: usize,
        status: ParseStatus,
    },
    /// The body is complete: `body.data` or `body.chunk`, `body.end`.
    BodyComplete {
        length: usize,
    },
    /// The input is not a valid request: `req.error`, and `limit.hit` if a limit was exceeded.
    Rejected {
        reject: ProtocolError,
        limit: Option<(&'static str, u64)>,
    },
    /// `hook.run`.
    HookRan {
        phase: Phase,
        name: &'a str,
        location: &'a Location<'a>,
        number: usize,
        short_circuited: bool,
        ns: Option<u64>,
    },
    /// `handler.end`. `ns` is the duration, if another thread measured it.
    HandlerRan {
        panicked: bool,
        ns: Option<u64>,
    },
    /// The head of a response, which follows `queued` bytes of output that are not yet sent:
    /// `resp.head`.
    ResponseHead {
        status: StatusCode,
        head: &'a [u8],
        queued: usize,
        body: Option<usize>,
        framing: ResponseFraming,
    },
    /// A response is complete and `pending` bytes of output wait: `keepalive`, `pipeline`. If
    /// `last`, the server closes after it; if `closes`, the response itself says `close`.
    ResponseComplete {
        keep: bool,
        last: bool,
        closes: bool,
        pending: usize,
    },
    /// The connection ended: `conn.close`. If received bytes were never read, the kernel sends a
    /// RST instead of a FIN.
    Closed {
        how: CloseReason,
        unread: usize,
    },
}

impl<'a> From<Event<'a>> for Observation<'a> {
    fn from(event: Event<'a>) -> Observation<'a> {
        Observation::Event(event)
    }
}

/// One event of the trace.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    PollWake {
        events: usize,
        waited_ns: u64,
    },
    /// If `lab`, the client is one of the wire view's lab; the tracer knows.
    ConnOpen {
        fd: i32,
        token: usize,
        peer: Option<SocketAddr>,
        local: Option<SocketAddr>,
        lab: bool,
    },
    ConnReady {
        readable: bool,
        writable: bool,
        read_closed: bool,
        error: bool,
    },
    ConnRecv {
        outcome: IoOutcome,
        data: &'a [u8],
    },
    /// If `file`, the kernel sent the bytes of a file from this offset on, and they are not in
    /// `data`.
    ConnSend {
        want: usize,
        outcome: IoOutcome,
        data: &'a [u8],
        file: Option<u64>,
    },
    ConnInterest {
        readable: bool,
        writable: bool,
    },
    /// One transition of the state table.
    ConnState(&'a Transition),
    ConnTimer {
        timer: Timer,
        change: TimerChange,
    },
    /// The connection asks for the wire view: nothing more is recorded until it is closed.
    ConnObserver,
    /// What a client of the wire view's lab does or observes.
    Lab(LabEvent),
    /// The server sent its FIN.
    ConnHalfClose,
    /// If `reset`, the client receives a RST. `ignored`: the bytes that came after a refused request.
    ConnClose {
        how: CloseReason,
        reset: bool,
        ignored: Option<(u64, u64)>,
        by: &'static str,
        why: &'static str,
        unread: usize,
        received: u64,
        sent: u64,
        requests: u32,
        ns: u64,
    },
    ParseAttempt {
        have: usize,
        status: ParseStatus,
        calls: u32,
        rescanned: usize,
    },
    ParseHead {
        head: &'a Head,
        bytes: &'a [u8],
    },
    BodyFraming {
        body: BodyLength,
    },
    /// Stream offsets of a body with a known length.
    BodyData {
        start: u64,
        end: u64,
    },
    /// Stream offsets of a whole chunk, including its size line and line ends; number of bytes of
    /// data and of extensions.
    BodyChunk {
        start: u64,
        end: u64,
        size: u64,
        ext: u64,
    },
    /// Stream offsets of the whole body, including trailers and the last empty line; its decoded
    /// length.
    BodyEnd {
        start: u64,
        end: u64,
        length: usize,
        trailers: u32,
    },
    /// A deviation from the grammar that the server accepts.
    ReqTolerated(Reason),
    /// If the head itself was refused, `head` contains what was read of it, which begins at
    /// `start`, up to the end of the line with the invalid byte. `rest`: the offset of the bytes
    /// after it, which have no effect.
    ReqError {
        reject: ProtocolError,
        byte: Option<u8>,
        start: u64,
        head: &'a [u8],
        rest: Option<u64>,
    },
    ReqContinue {
        sent: bool,
    },
    /// `id` is the route's index in the table. `segment` is the number, from 1, of the path segment
    /// that differs. If `near`, only one thing differs. If `in_summary`, no route matched and this
    /// is one of the first few near ones.
    RouteCandidate {
        id: u32,
        method: &'a str,
        pattern: &'a str,
        matched: bool,
        segment: Option<usize>,
        mismatch: Option<RouteMismatch>,
        reason: &'a str,
        near: bool,
        in_summary: bool,
    },
    RouteMatch {
        id: u32,
        pattern: &'a str,
        location: &'a Location<'a>,
        params: &'a [(&'a str, String)],
        search: RouteSearch,
    },
    /// The methods allowed for the path; empty if no route has this path.
    RouteMiss {
        allow: &'a str,
        search: RouteSearch,
    },
    /// If `short_circuited`, the hook responded itself. `name` is the path of its function as the
    /// compiler writes it; `location` is where it was added.
    HookRun {
        phase: Phase,
        name: &'a str,
        location: &'a Location<'a>,
        number: usize,
        short_circuited: bool,
        ns: u64,
    },
    HandlerStart {
        handler: Handler,
        blocking: bool,
    },
    HandlerEnd {
        handler: Option<Handler>,
        panicked: bool,
        ns: u64,
    },
    /// The head as sent, after `interim` bytes of interim responses to the same request. `body` is
    /// the number of body bytes that follow, or `None` if the body is streamed.
    RespHead {
        status: StatusCode,
        head: &'a [u8],
        interim: u64,
        body: Option<usize>,
        framing: ResponseFraming,
    },
    /// The last byte of a response was passed to the kernel, `ns` after its head was created.
    /// `first_ns` and `last_ns` are the times of its first and last byte.
    RespDone {
        bytes: u64,
        ns: u64,
        first_ns: u64,
        last_ns: u64,
    },
    /// Whether the connection accepts another request.
    KeepAlive {
        keep: bool,
        reason: Reason,
        reuse: u32,
    },
    /// Bytes after the request have already arrived.
    Pipeline {
        left: usize,
    },
    Backpressure {
        pending: usize,
    },
    /// A limit of the server was reached; `value` is that limit.
    LimitHit {
        which: &'static str,
        value: u64,
    },
    /// A client exceeded its request rate: the rate as text, its number of requests, the seconds
    /// until the window ends.
    RateLimited {
        which: &'a str,
        value: u64,
        retry_after: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_of_an_untraced_server_has_no_size() {
        assert_eq!(size_of::<NoProbe>(), 0);
    }
}
