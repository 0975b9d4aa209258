//! The states of a connection and every change between them, as data; changes nothing itself.
//!
//! The names are h11's. The documentation, the trace and the tests read [`TRANSITIONS`]; debug builds hold each change of state
//! against it.

/// What the peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recv {
    /// Between two requests: no byte of the next one is here.
    Idle,
    /// A head has begun.
    Head,
    /// The head is whole, the body is not.
    Body,
    /// The request is whole.
    Done,
    /// The peer will send nothing more.
    Closed,
    /// What came was no HTTP: nothing behind it can be trusted.
    Failed,
}

/// What we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Send {
    /// Nothing to answer yet.
    Idle,
    /// A request waits for its answer.
    Respond,
    /// The head is out, the body is on its way.
    Body,
    /// The answer is whole.
    Done,
    /// The answer is whole and was the last one.
    MustClose,
    /// The connection speaks another protocol now (RFC 9110 §7.8): somebody else owns it.
    Switched,
    /// Nothing more will be sent.
    Closed,
}

/// Either machine's state, for the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Recv(Recv),
    Send(Send),
}

/// One allowed change of state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transition {
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) why: &'static str,
}

/// Every change of state there is. Nothing else changes state; debug builds check each change against this table.
pub(crate) const TRANSITIONS: &[Transition] = &[
    recv(Recv::Idle, Recv::Head, "the first byte of a head"),
    recv(Recv::Head, Recv::Body, "the head is whole and announces a body"),
    recv(Recv::Head, Recv::Done, "the head is whole and announces no body"),
    recv(Recv::Body, Recv::Done, "the last byte of the body"),
    recv(Recv::Done, Recv::Idle, "both sides are done and the connection stays: next request"),
    recv(Recv::Idle, Recv::Closed, "the peer closed between two requests"),
    recv(Recv::Head, Recv::Failed, "the head is refused, or broke off"),
    recv(Recv::Body, Recv::Failed, "the body is refused, or broke off"),
    send(Send::Idle, Send::Respond, "a request to answer, or a refusal to send"),
    send(Send::Respond, Send::Body, "the head of the answer is out"),
    send(Send::Respond, Send::Done, "the answer is out whole and the connection stays"),
    send(Send::Respond, Send::MustClose, "the answer is out whole and was the last one"),
    send(Send::Respond, Send::Switched, "101 is out: what follows is no HTTP"),
    send(Send::Body, Send::Done, "the last byte of the answer, and the connection stays"),
    send(Send::Body, Send::MustClose, "the last byte of the answer, which was the last one"),
    send(Send::Done, Send::Idle, "both sides are done and the connection stays: next request"),
    send(Send::Idle, Send::Closed, "nothing to answer and nothing will come"),
    send(Send::MustClose, Send::Closed, "the last answer was written to the socket"),
];

const fn recv(from: Recv, to: Recv, why: &'static str) -> Transition {
    Transition { from: State::Recv(from), to: State::Recv(to), why }
}

const fn send(from: Send, to: Send, why: &'static str) -> Transition {
    Transition { from: State::Send(from), to: State::Send(to), why }
}

/// Whether the table has a row for this change.
pub(crate) fn allowed(from: State, to: State) -> bool {
    TRANSITIONS.iter().any(|row| row.from == from && row.to == to)
}
