//! Defines the states of a connection outside of the protocol, what belongs to each, and every
//! change between them.
//!
//! The protocol's own states are in `http1/states.rs`. Debug builds check each change against
//! [`TRANSITIONS`], and `docs/architecture.md` draws the table.

use std::sync::Arc;

use super::body_feed::BodyFeed;
use super::streamed_body::StreamedBody;
use crate::net::exchange::OwnedRequest;
use crate::net::millis::Millis;
use crate::response::body_source::UpgradeCallback;

/// The activity of a connection. What is rare is boxed: most connections are open.
pub(super) enum ConnState {
    /// Reads requests and responds.
    Open,
    /// The current request is for the pool, and waits until earlier responses are written.
    Dispatching,
    /// Only the head of the current request is for the pool: hooks and guards decide whether its
    /// body is received.
    CheckingHead,
    InPool(Box<InPool>),
    Streaming(Box<StreamedBody>),
    Upgrading(Box<UpgradeCallback>),
    /// Our FIN is sent; input is discarded until the peer's FIN (RFC 9112 §9.6).
    Lingering,
    Closed,
}

/// The socket as a source of input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadSide {
    /// It was read until it would block.
    Blocked,
    /// It may hold unread bytes.
    Readable,
    /// The peer's FIN was read.
    Eof,
}

/// What the poll has reported of the peer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PeerStatus {
    Connected,
    /// Its FIN is in the socket.
    HalfClosed,
    /// Both directions are closed: nothing that is written arrives.
    Lost,
}

/// A request that a thread of the pool handles.
pub(super) struct InPool {
    pub(super) request: Arc<OwnedRequest>,
    /// When the response is 503 instead.
    pub(super) deadline: Millis,
    /// Where its body goes, if the handler reads it as it arrives.
    pub(super) feed: Option<BodyFeed>,
}

impl ConnState {
    /// The body that is received and passed on, if any.
    pub(super) fn feed(&self) -> Option<&BodyFeed> {
        match self {
            ConnState::InPool(pooled) => pooled.feed.as_ref(),
            ConnState::Streaming(body) => body.feed.as_ref(),
            _ => None,
        }
    }

    pub(super) fn feed_mut(&mut self) -> Option<&mut BodyFeed> {
        match self {
            ConnState::InPool(pooled) => pooled.feed.as_mut(),
            ConnState::Streaming(body) => body.feed.as_mut(),
            _ => None,
        }
    }

    /// Changes the state and returns the former one.
    pub(super) fn change(&mut self, to: ConnState) -> ConnState {
        let former = std::mem::replace(self, to);
        debug_assert!(
            allowed(former.name(), self.name()),
            "no transition from {:?} to {:?}",
            former.name(),
            self.name()
        );
        former
    }

    pub(super) fn name(&self) -> StateName {
        match self {
            ConnState::Open => StateName::Open,
            ConnState::Dispatching => StateName::Dispatching,
            ConnState::CheckingHead => StateName::CheckingHead,
            ConnState::InPool(_) => StateName::InPool,
            ConnState::Streaming(_) => StateName::Streaming,
            ConnState::Upgrading(_) => StateName::Upgrading,
            ConnState::Lingering => StateName::Lingering,
            ConnState::Closed => StateName::Closed,
        }
    }
}

/// A state without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateName {
    Open,
    Dispatching,
    CheckingHead,
    InPool,
    Streaming,
    Upgrading,
    Lingering,
    Closed,
}

/// Every change of state, with its cause.
pub(super) const TRANSITIONS: &[(StateName, StateName, &str)] = &[
    (StateName::Open, StateName::Dispatching, "a request of a blocking route"),
    (StateName::Open, StateName::CheckingHead, "its head, while the body is still to come"),
    (StateName::Dispatching, StateName::InPool, "earlier responses are written"),
    (StateName::CheckingHead, StateName::InPool, "earlier responses are written"),
    (StateName::InPool, StateName::Open, "the pool has responded, is full, or took too long"),
    (StateName::Open, StateName::Streaming, "the body of the response has a source"),
    (StateName::Streaming, StateName::Open, "the last byte of the body"),
    (StateName::Open, StateName::Upgrading, "the response is 101"),
    (StateName::Open, StateName::Lingering, "the last response is written"),
    (StateName::Open, StateName::Closed, "the peer's FIN, a timeout, an error"),
    (StateName::Dispatching, StateName::Closed, "a timeout, an error"),
    (StateName::CheckingHead, StateName::Closed, "a timeout, an error"),
    (StateName::InPool, StateName::Closed, "an error, the server stops"),
    (StateName::Streaming, StateName::Closed, "a timeout, an error, the source fails"),
    (StateName::Upgrading, StateName::Closed, "the server stops"),
    (StateName::Lingering, StateName::Closed, "the peer's FIN, a timeout"),
];

fn allowed(from: StateName, to: StateName) -> bool {
    TRANSITIONS.iter().any(|row| (row.0, row.1) == (from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/architecture.md");
    const START: &str = "<!-- src/net/conn/state.rs: TRANSITIONS -->\n";

    fn diagram() -> String {
        let row = |(from, to, why): &(StateName, StateName, &str)| format!("    {from:?} --> {to:?}: {why}\n");
        let rows: String = TRANSITIONS.iter().map(row).collect();
        format!("```mermaid\nstateDiagram-v2\n    [*] --> Open\n{rows}    Closed --> [*]\n```\n")
    }

    #[test]
    fn the_documentation_draws_the_table() {
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(START).expect("a place for the diagram");
        let (drawn, after) = rest.split_at(rest.rfind("    Closed --> [*]\n```\n").map_or(0, |end| end + 23));
        if drawn != diagram() && std::env::var_os("UPDATE_DOCS").is_some() {
            return std::fs::write(PAGE, [before, START, &diagram(), after].concat()).unwrap();
        }
        assert_eq!(drawn, diagram(), "UPDATE_DOCS=1 cargo test --lib net::conn::state");
    }

    #[test]
    fn a_state_is_two_words() {
        assert_eq!(size_of::<ConnState>(), 2 * size_of::<usize>());
    }
}
