//! The events that `net` records about a connection, and the probe that records nothing and costs nothing.
//!
//! `names.rs` says what its words are called; how they are written down is the business of `json.rs` and `terminal.rs`; what can be
//! concluded from what was told (offsets, durations, reasons) is concluded in `account.rs`.

use std::net::SocketAddr;
use std::panic::Location;
use std::time::Duration;

use crate::http1::encode::ResponseFraming;
use crate::http1::fault::ProtocolError;
use crate::http1::framing::BodyLength;
use crate::http1::head::Head;
use crate::http1::states::{Recv, Send as Sending, Transition};
use crate::http1::status::StatusCode;

/// Who listens. The event loop is generic over it: with [`NoProbe`] every `if P::ON` folds away at compile time.
pub(crate) trait Probe: 'static {
    /// Whether anybody listens. Events are only built when this is true.
    const ENABLED: bool;

    /// Whether this iteration is recorded. Check before computing anything expensive.
    fn is_recording(&self) -> bool {
        Self::ENABLED
    }

    /// Something happened on connection number `connection` (counted from 1, never used again; 0 is the server itself). Where in our
    /// code is known by who called.
    #[track_caller]
    fn event(&mut self, connection: u64, event: Event<'_>);

    /// The worker is about to sleep: what was told so far may be passed on.
    fn flush(&mut self);
}

/// Nobody listens.
pub(crate) struct NoProbe;

impl Probe for NoProbe {
    const ENABLED: bool = false;

    #[inline(always)]
    fn event(&mut self, _: u64, _: Event<'_>) {}

    #[inline(always)]
    fn flush(&mut self) {}
}

/// A duration as events tell it.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What became of a read or a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IoOutcome {
    Bytes(usize),
    WouldBlock,
    Eof,
    Failed(std::io::ErrorKind),
}

/// Which deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    Idle,
    Head,
    Body,
    Write,
    Linger,
    /// A stream without anything to send; its sign of life is due.
    Heartbeat,
    /// The handler's answer.
    Application,
}

/// What is said of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerChange {
    /// It was set, so many milliseconds away.
    Set(u64),
    /// There is none: the application takes the time it takes.
    Off,
    Expired,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// Both sides closed, or nothing could come any more.
    Fin,
    /// We closed our side first, read on, then closed (RFC 9112 §9.6).
    Lingered,
    /// We cut it off: SO_LINGER 0.
    Reset,
    /// Another protocol goes on with it (RFC 9110 §7.8).
    Switched,
    /// The socket failed under us.
    IoError,
    /// Its worker's loop died.
    WorkerDied,
}

/// What a look at the bytes of a head or body found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParseStatus {
    Partial,
    Complete,
    Error,
}

/// What of the application's ran around a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Before,
    Guard,
    After,
}

/// A handler: its function's path as the compiler writes it, and where the program added its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handler {
    pub(crate) name: &'static str,
    pub(crate) location: &'static Location<'static>,
}

/// What finding a route took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RouteSearch {
    /// Routes in the table that the path was held against.
    pub(crate) tried: usize,
    /// Those of them whose first segment is another one.
    pub(crate) other_first_segment: usize,
    /// How long the router took: it never looks at a route that the path cannot mean.
    pub(crate) ns: u64,
}

/// Why a connection stays or not: a sentence, and where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) why: &'static str,
    pub(crate) rfc: &'static str,
}

/// One event. Most are shown as they are told. The last group is never shown: what is concluded from those stands behind their names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    PollWake {
        events: usize,
        waited_ns: u64,
    },
    ConnOpen {
        fd: i32,
        token: usize,
        peer: Option<SocketAddr>,
        local: Option<SocketAddr>,
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
    ConnSend {
        want: usize,
        outcome: IoOutcome,
        data: &'a [u8],
    },
    ConnInterest {
        readable: bool,
        writable: bool,
    },
    /// One row of the table.
    ConnState(&'a Transition),
    ConnTimer {
        timer: Timer,
        change: TimerChange,
    },
    /// Our FIN.
    ConnHalfClose,
    /// `reset`: what the client gets is a RST.
    ConnClose {
        how: CloseReason,
        reset: bool,
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
    /// Stream offsets of a whole chunk, its line and line ends included; bytes of data and of extensions.
    BodyChunk {
        start: u64,
        end: u64,
        size: u64,
        ext: u64,
    },
    /// Stream offsets of the whole body, trailers and the last empty line included; the bytes it decodes to.
    BodyEnd {
        start: u64,
        end: u64,
        length: usize,
        trailers: u32,
    },
    /// Not right, and served all the same.
    ReqTolerated(Reason),
    /// `head`: of a head that was refused itself, what was read of it, up to the end of the guilty line. It begins at `start`.
    ReqError {
        reject: ProtocolError,
        byte: Option<u8>,
        start: u64,
        head: &'a [u8],
    },
    ReqContinue {
        sent: bool,
    },
    /// `id`: the route's place in the table. `segment`: which one of the path decided against it, from 1. `near`: one thing alone
    /// did. `telling`: no route answers, and this is one of the first few near ones.
    RouteCandidate {
        id: u32,
        method: &'a str,
        pattern: &'a str,
        matched: bool,
        segment: Option<usize>,
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
    /// The methods that the path has; none: no route has this path.
    RouteMiss {
        allow: &'a str,
        search: RouteSearch,
    },
    /// `stopped`: it answered itself. A function's name is its path, as the compiler writes it; its place, where it was added.
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
    /// The head as it goes out, behind `waiting` bytes of output that did not leave yet; and the bytes of body behind it; none: it
    /// is made while it is sent.
    RespHead {
        status: StatusCode,
        head: &'a [u8],
        queued: usize,
        body: Option<usize>,
        framing: ResponseFraming,
    },
    /// The last byte of an answer was handed to the kernel, so long after its head was made; when its first one was, and it.
    RespDone {
        bytes: u64,
        ns: u64,
        first_ns: u64,
        last_ns: u64,
    },
    /// Whether another request may follow.
    KeepAlive {
        keep: bool,
        reason: Reason,
        reuse: u32,
    },
    /// Bytes behind the request are here already.
    Pipeline {
        left: usize,
    },
    Backpressure {
        pending: usize,
    },
    /// A bound of the server's was reached, and how much it is.
    LimitHit {
        which: &'static str,
        value: u64,
    },
    /// Too many requests of one client: the rate in words, its number of requests, the seconds until they count anew.
    RateLimited {
        which: &'a str,
        value: u64,
        retry_after: u64,
    },

    /// Where both machines stand: `conn.state` for each step since the last time.
    States {
        recv: Recv,
        send: Sending,
    },
    /// The parser had a look: `parse.try`.
    Parsed {
        have: usize,
        status: ParseStatus,
    },
    /// The body is whole: `body.data` or `body.chunk`, `body.end`.
    BodyComplete {
        length: usize,
    },
    /// What came is no request: `req.error`; if it was too much, `limit.hit`.
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
    },
    /// `handler.end`. `ns`: how long it ran, if another thread measured it.
    HandlerRan {
        panicked: bool,
        ns: Option<u64>,
    },
    /// An answer is complete, `pending` bytes of output wait: `keepalive`, `pipeline`. `last`: the server wanted it to be the last;
    /// `closes`: the response said so itself.
    ResponseComplete {
        keep: bool,
        last: bool,
        closes: bool,
        pending: usize,
    },
    /// It is over: `conn.close`. Bytes that came and nobody read make the kernel send a reset instead of a FIN.
    Closed {
        how: CloseReason,
        unread: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_no_room() {
        assert_eq!(size_of::<NoProbe>(), 0);
    }
}
