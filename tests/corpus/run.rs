//! Runs a case on a connection of the test client, in virtual time.

use std::time::Duration;

use wirelight::{TestClient, TestConnection};

use super::case::{Awaited, Case, Other, Outcome, Step, Then};
use super::check::{Verdict, check, response_problem, smuggled};
use super::reader::{count, read_one, text};
use super::split::{Delivery, pieces};

/// An id that no case uses: its answer can only belong to the probe.
const PROBE: &str = "918273645";

/// How long the conformance suite watches an unfinished request.
const UNFINISHED: Duration = Duration::from_millis(300);

/// Runs the case; returns what is wrong with the outcome.
pub fn run(case: &Case, client: &TestClient<'_>, delivery: Delivery) -> Result<(), String> {
    let mut wire = client.connect();
    for step in &case.steps {
        take(step, client, &mut wire, delivery)?;
    }
    settle(case, &mut wire);
    let (closed, stream) = (wire.is_closed(), wire.received().to_vec());
    let open = !closed && case.expect.iter().any(|outcome| outcome.then == Then::Open);
    let next = if open { probe(&mut wire) } else { Ok(()) };
    if let Some(pattern) = smuggled(&case.never, wire.received()) {
        return Err(format!("smuggled: the stream holds /{pattern}/: {:?}", text(wire.received())));
    }
    let mut problems = Vec::new();
    for outcome in &case.expect {
        match outcome_problem(outcome, &stream, closed, &next) {
            None => return Ok(()),
            Some(problem) if problems.contains(&problem) => {}
            Some(problem) => problems.push(problem),
        }
    }
    let end = if closed { "closed" } else { "left open" };
    Err(format!("{} -- got {:?}, then {end}", problems.join(" // "), text(&stream[..stream.len().min(400)])))
}

fn take(step: &Step, client: &TestClient<'_>, wire: &mut TestConnection<'_>, delivery: Delivery) -> Result<(), String> {
    match step {
        Step::Send { send, bytewise: Some(ms) } if matches!(delivery, Delivery::Whole) => {
            for byte in send.expand().chunks(1) {
                wire.send(byte);
                wire.advance(Duration::from_millis(*ms));
            }
        }
        Step::Send { send, .. } => pieces(&send.expand(), delivery).into_iter().for_each(|piece| wire.send(piece)),
        Step::Pause { pause } => wire.advance(Duration::from_millis(*pause)),
        Step::HalfClose { .. } => wire.half_close(),
        Step::Other { other } => return exchange(other, client),
        Step::Await { what, must, timeout } => {
            if !has_come(what, wire) {
                wire.advance(Duration::from_millis(*timeout));
            }
            if *must && !has_come(what, wire) {
                return Err(format!("waited {timeout} ms in vain; got {:?}", text(wire.received())));
            }
        }
        Step::Sleep { .. } | Step::Drip { .. } => return Err("a slow reader needs a socket".to_owned()),
    }
    Ok(())
}

fn has_come(what: &Awaited, wire: &mut TestConnection<'_>) -> bool {
    let (finals, interims) = count(wire.received());
    match what {
        Awaited::Finals(wanted) => finals >= *wanted,
        Awaited::Interim(_) => finals + interims > 0,
    }
}

fn exchange(other: &Other, client: &TestClient<'_>) -> Result<(), String> {
    let mut wire = client.connect();
    wire.send(&other.send.expand());
    let closed = wire.is_closed();
    let answer = read_one(wire.received(), 0, &other.answer.method, closed);
    let (response, _) = answer.map_err(|why| format!("no answer on a second connection: {why:?}"))?;
    response_problem(&other.answer, &response)
        .map_or(Ok(()), |problem| Err(format!("on a second connection: {problem}")))
}

/// Lets deadlines pass, unless what is there is an outcome already.
fn settle(case: &Case, wire: &mut TestConnection<'_>) {
    let settled = case.expect.iter().any(|outcome| is_settled(outcome, wire.received()));
    if settled || wire.is_closed() {
        return;
    }
    let unfinished = case.expect.iter().all(|outcome| outcome.then == Then::Wait);
    wire.advance(if unfinished { UNFINISHED } else { Duration::from_millis(case.timeout_ms) });
}

fn is_settled(outcome: &Outcome, stream: &[u8]) -> bool {
    match (check(outcome, stream, false), outcome.then) {
        (Verdict::Right { announced_close }, Then::Open) => !announced_close && !outcome.answers().is_empty(),
        (Verdict::Right { .. }, Then::Any) => !outcome.answers().is_empty(),
        _ => false,
    }
}

/// Whether the connection still serves the next request, and in step.
fn probe(wire: &mut TestConnection<'_>) -> Result<(), String> {
    let start = wire.received().len();
    wire.send(format!("GET /users/{PROBE} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    let closed = wire.is_closed();
    match read_one(wire.received(), start, "GET", closed) {
        Ok((next, _)) if next.status == 200 && text(&next.body).contains(PROBE) => Ok(()),
        Ok((next, _)) => Err(format!("the next request on the connection got {} {:?}", next.status, text(&next.body))),
        Err(why) => Err(format!("the next request on the connection got no good answer: {why:?}")),
    }
}

fn outcome_problem(outcome: &Outcome, stream: &[u8], closed: bool, next: &Result<(), String>) -> Option<String> {
    match check(outcome, stream, closed) {
        Verdict::More(why) | Verdict::Wrong(why) => return Some(why),
        Verdict::Right { .. } => {}
    }
    match outcome.then {
        Then::Close if !closed => Some("right so far, but the connection was not closed".to_owned()),
        Then::Open | Then::Wait if closed => Some("right so far, but the connection was closed".to_owned()),
        Then::Open => next.as_ref().err().map(|why| format!("right so far, but {why}")),
        _ => None,
    }
}
