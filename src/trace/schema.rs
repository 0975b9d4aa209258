//! Defines the names of the schema: events, system calls, states, reasons. Within a version, names
//! are added but never changed.

use super::probe::{CloseReason, Event, ParseStatus, Phase, RouteMismatch, Timer};
use crate::http1::encode::ResponseFraming;
use crate::http1::framing::BodyLength;
use crate::http1::states::{Recv, Send as Sending, State, TRANSITIONS};

impl Event<'_> {
    /// Returns the event's name in the schema.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Event::PollWake { .. } => "poll.wake",
            Event::ConnOpen { .. } => "conn.open",
            Event::ConnReady { .. } => "conn.ready",
            Event::ConnRecv { .. } => "conn.recv",
            Event::ConnSend { .. } => "conn.send",
            Event::ConnInterest { .. } => "conn.interest",
            Event::ConnState(_) => "conn.state",
            Event::ConnTimer { .. } => "conn.timer",
            Event::ConnObserver => "conn.observer",
            Event::Lab(event) => event.name(),
            Event::ConnHalfClose => "conn.half-close",
            Event::ConnClose { .. } => "conn.close",
            Event::ParseAttempt { .. } => "parse.try",
            Event::ParseHead { .. } => "parse.head",
            Event::BodyFraming { .. } => "body.plan",
            Event::BodyData { .. } => "body.data",
            Event::BodyChunk { .. } => "body.chunk",
            Event::BodyEnd { .. } => "body.end",
            Event::ReqTolerated(_) => "req.tolerated",
            Event::ReqError { .. } => "req.error",
            Event::ReqContinue { .. } => "req.continue",
            Event::RouteCandidate { .. } => "route.try",
            Event::RouteMatch { .. } => "route.match",
            Event::RouteMiss { .. } => "route.miss",
            Event::HookRun { .. } => "hook.run",
            Event::HandlerStart { .. } => "handler.start",
            Event::HandlerEnd { .. } => "handler.end",
            Event::RespHead { .. } => "resp.head",
            Event::RespDone { .. } => "resp.done",
            Event::KeepAlive { .. } => "keepalive",
            Event::Pipeline { .. } => "pipeline",
            Event::Backpressure { .. } => "backpressure",
            Event::LimitHit { .. } => "limit.hit",
            Event::RateLimited { .. } => "rate.limited",
        }
    }

    /// Returns the system call that the event reports.
    pub(crate) fn syscall(&self) -> Option<&'static str> {
        match self {
            Event::PollWake { .. } => Some("epoll_wait"),
            Event::ConnOpen { .. } => Some("accept4"),
            Event::ConnRecv { .. } => Some("recvfrom"),
            Event::ConnSend { file: Some(_), .. } => Some("sendfile"),
            Event::ConnSend { .. } => Some("sendto"),
            Event::ConnInterest { .. } => Some("epoll_ctl"),
            Event::ConnHalfClose => Some("shutdown"),
            Event::ConnClose { .. } => Some("close"),
            _ => None,
        }
    }
}

impl Timer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Timer::Idle => "idle",
            Timer::Head => "head",
            Timer::Body => "body",
            Timer::Write => "write",
            Timer::Linger => "drain",
            Timer::Heartbeat => "heartbeat",
            Timer::Application => "handler",
        }
    }
}

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::Before => "before",
            Phase::Guard => "guard",
            Phase::After => "after",
        }
    }
}

impl RouteMismatch {
    pub(crate) fn name(self) -> &'static str {
        match self {
            RouteMismatch::Path => "path",
            RouteMismatch::Segment => "segment",
            RouteMismatch::Type => "type",
            RouteMismatch::Method => "method",
        }
    }
}

impl CloseReason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            CloseReason::Fin => "fin",
            CloseReason::Lingered => "staged",
            CloseReason::Reset => "rst",
            CloseReason::Switched => "switched",
            CloseReason::IoError => "broken",
            CloseReason::WorkerDied => "lost",
        }
    }
}

/// Returns the name of a state in the schema: the machine and its state.
pub(crate) const fn state_name(state: State) -> &'static str {
    match state {
        State::Recv(Recv::Idle) => "recv.Idle",
        State::Recv(Recv::Head) => "recv.Head",
        State::Recv(Recv::Body) => "recv.Body",
        State::Recv(Recv::Done) => "recv.Done",
        State::Recv(Recv::Closed) => "recv.Closed",
        State::Recv(Recv::Failed) => "recv.Failed",
        State::Send(Sending::Idle) => "send.Idle",
        State::Send(Sending::Respond) => "send.Respond",
        State::Send(Sending::Body) => "send.Body",
        State::Send(Sending::Done) => "send.Done",
        State::Send(Sending::MustClose) => "send.MustClose",
        State::Send(Sending::Switched) => "send.Switched",
        State::Send(Sending::Closed) => "send.Closed",
    }
}

/// All states, in the order of the transition table.
pub(crate) fn state_names() -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in TRANSITIONS.iter().flat_map(|row| [row.from, row.to]).map(state_name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl ParseStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ParseStatus::Partial => "partial",
            ParseStatus::Complete => "complete",
            ParseStatus::Error => "error",
        }
    }
}

/// Returns how a request specifies the end of its body.
pub(crate) fn plan_name(body: BodyLength) -> &'static str {
    match body {
        BodyLength::Absent => "none",
        BodyLength::Length(_) => "length",
        BodyLength::Chunked => "chunked",
    }
}

/// Returns how a response specifies the end of its body (RFC 9112 §6.3).
pub(crate) fn framing_name(length: ResponseFraming) -> &'static str {
    match length {
        ResponseFraming::Absent => "none",
        ResponseFraming::Known(_) => "length",
        ResponseFraming::Chunked => "chunked",
        ResponseFraming::UntilClose => "close",
    }
}
