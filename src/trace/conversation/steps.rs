//! Finds the state transitions between two observations of a connection, and their order.

use crate::http1::states::{Recv, Send as Sending, State, TRANSITIONS, Transition};

/// Returns the transitions from one pair of states to another. The transition table determines
/// which; dependencies between the two machines determine the order.
pub(super) fn between(from: (Recv, Sending), to: (Recv, Sending)) -> Vec<&'static Transition> {
    let (mut recv, mut send) = from;
    let mut client = shortest_path(State::Recv(recv), State::Recv(to.0));
    let mut server = shortest_path(State::Send(send), State::Send(to.1));
    let mut steps = Vec::with_capacity(client.len() + server.len());
    loop {
        let client_waits = client.last().is_none_or(|step| must_wait(step, State::Send(send)));
        let server_waits = server.last().is_none_or(|step| must_wait(step, State::Recv(recv)));
        let next = match (client_waits, server_waits) {
            (true, false) => server.pop(),
            _ => client.pop().or_else(|| server.pop()),
        };
        let Some(step) = next else { return steps };
        match step.to {
            State::Recv(state) => recv = state,
            State::Send(state) => send = state,
        }
        steps.push(step);
    }
}

/// Returns whether a transition of one machine cannot occur while the other is in `other`.
fn must_wait(step: &Transition, other: State) -> bool {
    match (step.from, step.to, other) {
        // The server's side follows when a request head has begun, before the head is complete.
        (State::Send(Sending::Idle), State::Send(Sending::Respond), State::Recv(recv)) => recv == Recv::Idle,
        (State::Recv(Recv::Head), State::Recv(to), State::Send(send)) => to != Recv::Failed && send == Sending::Idle,
        // The client's side moves to the next request when the response is complete; the server's
        // side follows.
        (State::Recv(Recv::Done), State::Recv(Recv::Idle), State::Send(send)) => send != Sending::Done,
        (State::Send(Sending::Done), State::Send(Sending::Idle), State::Recv(recv)) => recv != Recv::Idle,
        _ => false,
    }
}

/// Returns the shortest path between two states in the table, at most four transitions, last one
/// first. Empty if there is no path or the states are equal.
fn shortest_path(from: State, to: State) -> Vec<&'static Transition> {
    let mut steps = Vec::new();
    let _ = from != to && (1..=4).any(|most| search(from, to, most, &mut steps));
    steps
}

fn search(from: State, to: State, most: usize, steps: &mut Vec<&'static Transition>) -> bool {
    for row in TRANSITIONS.iter().filter(|row| row.from == from) {
        if row.to == to || (most > 1 && search(row.to, to, most - 1, steps)) {
            steps.push(row);
            return true;
        }
    }
    false
}
