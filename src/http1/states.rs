//! The states of a connection and every transition between them, as data.
//!
//! # Theory of operation
//!
//! A connection is two state machines that run side by side: [`Recv`] is what the peer sends, [`Send`] is what the
//! server sends. The names are h11's.
//!
//! One machine would need a state for each pair. Most pairs are legal, for the two directions are independent: a
//! server may respond while a body still arrives (413), or have nothing to send while a head arrives byte by byte.
//! So each direction has its own states, and only four rules connect them:
//!
//! 1. *A response needs a request.* `Send` leaves `Idle` when a head is complete, or when it is rejected.
//! 2. *A request ends when both sides are done.* Only then do both return to `Idle`, and the next request may be parsed.
//!    Until then, pipelined bytes wait in the input: responses are sent in order (RFC 9112 §9.3.2).
//! 3. *Persistence is decided once*, when the response begins: by the version and Connection of the request (RFC 9112
//!    §9.3), by the server, and by whether the body was read to its end. The result is `Done` or `MustClose`.
//! 4. *A fault is final.* After `Failed` the server sends one response, then closes. It does not look for the next
//!    request: a reader that resynchronizes after a fault is what request smuggling needs (RFC 9112 §11.2).
//!
//! `Closed` and `MustClose` differ in who has something left to do: in `MustClose` the last response is in the output
//! buffer, in `Closed` the socket has it. `Switched` is neither: the connection lives on, with another protocol.
//!
//! What is not a state: timeouts (`net` derives them from `Connection::waiting`), and the position within a head or
//! chunk, which the parsers own. `docs/states.md` draws the table; the trace shows each transition with its reason.

/// What the peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recv {
    /// Between two requests: no byte of the next one has arrived.
    Idle,
    /// A head is incomplete.
    Head,
    /// The head is complete, the body is not.
    Body,
    /// The request is complete.
    Done,
    /// The peer will send nothing more.
    Closed,
    /// The request was invalid: the bytes after it are not parsed.
    Failed,
}

/// What the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Send {
    /// There is no request to respond to.
    Idle,
    /// A request waits for its response.
    Respond,
    /// The head of the response is in the output, the body is not complete.
    Body,
    /// The response is complete.
    Done,
    /// The response is complete, and is the last one.
    MustClose,
    /// The connection speaks another protocol (RFC 9110 §7.8).
    Switched,
    /// Nothing more will be sent.
    Closed,
}

/// A state of either machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Recv(Recv),
    Send(Send),
}

/// One transition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transition {
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) why: &'static str,
}

/// All transitions. Debug builds check each change of state against this table.
pub(crate) const TRANSITIONS: &[Transition] = &[
    recv(Recv::Idle, Recv::Head, "the first byte of a head"),
    recv(Recv::Head, Recv::Body, "the head is complete and announces a body"),
    recv(Recv::Head, Recv::Done, "the head is complete and announces no body"),
    recv(Recv::Body, Recv::Done, "the last byte of the body"),
    recv(Recv::Done, Recv::Idle, "both sides are done and the connection persists: next request"),
    recv(Recv::Idle, Recv::Closed, "the peer closed between two requests"),
    recv(Recv::Head, Recv::Closed, "the peer closed after an empty line"),
    recv(Recv::Head, Recv::Failed, "the head is invalid or incomplete"),
    recv(Recv::Body, Recv::Failed, "the body is invalid or incomplete"),
    send(Send::Idle, Send::Respond, "a request to respond to, or a fault"),
    send(Send::Respond, Send::Body, "the head of the response is sent"),
    send(Send::Respond, Send::Done, "the response is complete and the connection persists"),
    send(Send::Respond, Send::MustClose, "the response is complete and is the last one"),
    send(Send::Respond, Send::Switched, "101 is sent: another protocol follows"),
    send(Send::Body, Send::Done, "the last byte of the response, and the connection persists"),
    send(Send::Body, Send::MustClose, "the last byte of the last response"),
    send(Send::Done, Send::Idle, "both sides are done and the connection persists: next request"),
    send(Send::Idle, Send::Closed, "nothing to respond to, and nothing will arrive"),
    send(Send::MustClose, Send::Closed, "the last response was written to the socket"),
];

const fn recv(from: Recv, to: Recv, why: &'static str) -> Transition {
    Transition { from: State::Recv(from), to: State::Recv(to), why }
}

const fn send(from: Send, to: Send, why: &'static str) -> Transition {
    Transition { from: State::Send(from), to: State::Send(to), why }
}

/// Returns whether the table has this transition.
pub(crate) fn allowed(from: State, to: State) -> bool {
    TRANSITIONS.iter().any(|row| row.from == from && row.to == to)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/states.md");

    fn diagram(machine: &str, title: &str, is_of: fn(&State) -> bool) -> String {
        let name = |state| match state {
            State::Recv(state) => format!("{state:?}"),
            State::Send(state) => format!("{state:?}"),
        };
        let mut text = format!("## `{machine}`: {title}\n\n```mermaid\nstateDiagram-v2\n    [*] --> Idle\n");
        for row in TRANSITIONS.iter().filter(|row| is_of(&row.from)) {
            writeln!(text, "    {} --> {}: {}", name(row.from), name(row.to), row.why.replace(':', ",")).unwrap();
        }
        text + "```\n"
    }

    /// `UPDATE_DOCS=1` writes the page.
    #[test]
    fn the_page_draws_the_table() {
        let page = format!(
            "# The states of a connection\n\nDrawn from `TRANSITIONS` in `src/http1/states.rs`, which explains them. `UPDATE_DOCS=1 \
             cargo test --lib states` writes\nthis page.\n\n{}\n{}",
            diagram("Recv", "what the peer sends", |state| matches!(state, State::Recv(_))),
            diagram("Send", "what the server sends", |state| matches!(state, State::Send(_))),
        );
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(PAGE, &page).unwrap();
        }
        assert_eq!(std::fs::read_to_string(PAGE).unwrap(), page);
    }
}
