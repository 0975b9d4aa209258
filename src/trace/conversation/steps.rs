//! Which steps of the two state machines led from one look at a connection to the next, and in which order.

use crate::http1::states::{Recv, Send as Sending, State, TRANSITIONS, Transition};

/// Returns the steps from one pair of states to another: the table says which, and the rules between the two machines in which order.
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

/// Whether a step of one machine cannot happen while the other one is in `other`.
fn must_wait(step: &Transition, other: State) -> bool {
    match (step.from, step.to, other) {
        // The server turns to a request whose head has begun, and before the head counts as read.
        (State::Send(Sending::Idle), State::Send(Sending::Respond), State::Recv(recv)) => recv == Recv::Idle,
        (State::Recv(Recv::Head), State::Recv(to), State::Send(send)) => to != Recv::Failed && send == Sending::Idle,
        // The client goes on to its next request when the response is complete, and then the server does.
        (State::Recv(Recv::Done), State::Recv(Recv::Idle), State::Send(send)) => send != Sending::Done,
        (State::Send(Sending::Done), State::Send(Sending::Idle), State::Recv(recv)) => recv != Recv::Idle,
        _ => false,
    }
}

/// The shortest way from one state to another in the table, at most four steps, last step first. Empty: there is none, or no need.
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
