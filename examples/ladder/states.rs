//! The states of a connection and all changes between them. The new code of step 18.

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    /// A request is incomplete, or has not begun.
    Receive,
    /// A response is not yet written.
    Send,
    /// Our side is closed; what the client still sends is dropped.
    Drain,
    Closed,
}

pub const TRANSITIONS: &[(State, State, &str)] = &[
    (State::Receive, State::Send, "a response is ready"),
    (State::Receive, State::Closed, "the client closed or is lost"),
    (State::Send, State::Receive, "it is sent, and the connection stays"),
    (State::Send, State::Drain, "it is sent, and was the last"),
    (State::Send, State::Closed, "the client is lost"),
    (State::Drain, State::Closed, "the client closed or is lost"),
];

impl State {
    /// Changes the state of connection `number`; nothing else does.
    pub fn go(&mut self, to: State, number: usize) {
        let row = TRANSITIONS.iter().find(|row| (row.0, row.1) == (*self, to));
        assert!(row.is_some(), "{self:?} -> {to:?} is not in the table");
        println!("#{number} {self:?} -> {to:?}: {}", row.map_or("", |row| row.2));
        *self = to;
    }
}
