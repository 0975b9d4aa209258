//! What the network layer can tell about a connection, and the silent listener that costs nothing.
//!
//! The names are an interface (schema 1): `conn.open`, `conn.recv`, … Renderings come later; the vocabulary stands from the first day.

use std::net::SocketAddr;

use crate::http1::fault::Reject;
use crate::http1::head::Head;
use crate::http1::states::{Recv, Send as Sending};
use crate::http1::status::StatusCode;

/// Who listens. The event loop is generic over it: with [`NoProbe`] every `if P::ON` folds away at compile time.
pub(crate) trait Probe {
    /// Whether anybody listens. Events are only built when this is true.
    const ON: bool;

    /// Something happened on connection number `connection` (counted from 1, never used again; 0 is the server itself).
    fn event(&mut self, connection: u64, event: Event<'_>);
}

/// Nobody listens.
pub(crate) struct NoProbe;

impl Probe for NoProbe {
    const ON: bool = false;

    #[inline(always)]
    fn event(&mut self, _: u64, _: Event<'_>) {}
}

/// What became of a read or a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
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
    /// A sign of life on a quiet stream.
    Beat,
    /// None runs: the application takes its time.
    Application,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Both sides closed, or nothing could come any more.
    Fin,
    /// We closed our side first, read on, then closed (RFC 9112 §9.6).
    Staged,
    /// We cut it off: SO_LINGER 0.
    Reset,
    /// The socket failed under us.
    Broken,
}

/// One event; `name` gives its name in the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    PollWake { events: usize },
    ConnOpen { peer: Option<SocketAddr> },
    ConnReady { readable: bool, writable: bool, read_closed: bool },
    ConnRecv { outcome: Outcome, data: &'a [u8] },
    ConnSend { want: usize, outcome: Outcome, data: &'a [u8] },
    ConnState { recv: Recv, send: Sending },
    ConnTimer { timer: Timer },
    ConnClose { ending: Ending, requests: u32 },
    ParseHead { head: &'a Head, bytes: &'a [u8] },
    BodyEnd { length: usize },
    ReqError { reject: Reject },
    ReqContinue { sent: bool },
    RespHead { status: StatusCode, bytes: usize },
    KeepAlive { keep: bool },
    Backpressure { pending: usize },
}

impl Event<'_> {
    /// The event's name in the schema.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Event::PollWake { .. } => "poll.wake",
            Event::ConnOpen { .. } => "conn.open",
            Event::ConnReady { .. } => "conn.ready",
            Event::ConnRecv { .. } => "conn.recv",
            Event::ConnSend { .. } => "conn.send",
            Event::ConnState { .. } => "conn.state",
            Event::ConnTimer { .. } => "conn.timer",
            Event::ConnClose { .. } => "conn.close",
            Event::ParseHead { .. } => "parse.head",
            Event::BodyEnd { .. } => "body.end",
            Event::ReqError { .. } => "req.error",
            Event::ReqContinue { .. } => "req.continue",
            Event::RespHead { .. } => "resp.head",
            Event::KeepAlive { .. } => "keepalive",
            Event::Backpressure { .. } => "backpressure",
        }
    }
}
