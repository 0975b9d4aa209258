//! One connection: a socket, the protocol's state, and what is unfinished between them; fill, drive, flush.
//!
//! An idle connection owns no buffer. Bytes are read into the worker's desk and answered from there; only what stays unfinished
//! (half a head, a body on its way, an answer that the client does not take) is kept, in [`Held`].

mod arrive;
mod ask;
mod completion;
mod ear;
mod later;
mod leave;
mod pace;
mod patience;
mod pooled;
mod refuse;
mod stream;
mod switch;
mod tell;
mod upload;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use super::bodies::Share;
use super::deadline::{Millis, Transfer};
use super::desk::{Context, Desk, Tools, Verdict};
use super::socket::Socket;
use super::watch;
use crate::http1::connection::{Connection, Event, Waiting};
use crate::http1::encode::{self, ResponseHead};
use crate::http1::fault::Fault;
use crate::http1::head::Head;
use crate::request::Request;
use crate::response::body_source::UpgradeCallback;
use crate::wire::probe::{Ending, Outcome, Probe, Timer};
pub(crate) use completion::Completion;
use completion::take_up;
pub(crate) use later::Answer;
use later::Exchange;
use pace::Pace;
pub(crate) use patience::Expendable;
use stream::Stream;
use upload::Intake;

/// Requests answered for one connection before the others get their turn: fairness against pipelining.
const REQUESTS_A_TURN: usize = 32;
/// Output above this waits for the socket before more requests are looked at.
const HIGH_WATER: usize = 64 * 1024;

/// What is to become of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It waits for the socket.
    Wait,
    /// It waits for the socket, which refused to take more: readiness must be asked for anew.
    Rearm,
    /// It has more to do, and lets others go first.
    Again,
    /// It is over.
    Gone(Ending),
    /// It has a new owner, who waits in [`Conn::switched`].
    Switched,
}

pub(crate) struct Conn<S> {
    socket: S,
    http: Connection,
    /// Counted from 1 and never used again, unlike tokens and descriptors.
    pub(crate) id: u64,
    peer: Option<SocketAddr>,
    opened: Millis,
    requests: u32,
    /// The socket may hold more than was read.
    readable: bool,
    /// Unfinished input may hold whole requests.
    more: bool,
    /// The peer's FIN is behind the bytes that are here.
    hangup: bool,
    /// The peer's FIN was read.
    eof: bool,
    /// The socket is closed in both directions.
    lost: bool,
    stage: Stage,
    held: Option<Box<Held>>,
}

/// What the connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It reads requests and answers them.
    Open,
    /// The request at hand is for the pool, as soon as the answers before it have left.
    Postponed,
    /// Its head is, which decides whether the body is received.
    Undecided,
    /// The request at hand is with the pool.
    Away,
    /// The answer at hand is made while it is sent.
    Streaming,
    /// The answer at hand was 101: the socket gets a new owner.
    Switching,
    /// Our FIN is out (RFC 9112 §9.6).
    Lingering,
}

/// What is unfinished.
#[derive(Default)]
struct Held {
    input: Vec<u8>,
    /// Where the current request begins in `input`.
    at: usize,
    head: Head,
    output: Vec<u8>,
    sent: usize,
    /// The responses in `output`, and the one that is being made, as far as somebody wants to know when they are out.
    completions: Vec<Completion>,
    /// When the first byte of the current request was read.
    began: Millis,
    /// The rest of an answer that is made while it is sent.
    stream: Option<Stream>,
    /// The body of a request whose handler reads it while it comes.
    intake: Option<Intake>,
    /// What was decided on the head of a request whose body is still to come.
    verdict: Option<Verdict>,
    /// What this has in the sum of all bodies.
    share: Option<Share>,
    /// The request that the pool has, and until when.
    away: Option<(Arc<Exchange>, Millis)>,
    /// The socket's next owner.
    switch: Option<UpgradeCallback>,
    /// What the transfer below is about: which request, and which side of it.
    phase: Option<(u32, Timer)>,
    transfer: Transfer,
}

impl<S: Socket> Conn<S> {
    pub(crate) fn new(socket: S, id: u64, peer: Option<SocketAddr>, now: Millis) -> Conn<S> {
        Conn {
            socket,
            http: Connection::new(),
            id,
            peer,
            opened: now,
            requests: 0,
            readable: false,
            more: false,
            hangup: false,
            eof: false,
            lost: false,
            stage: Stage::Open,
            held: None,
        }
    }

    pub(crate) fn socket(&mut self) -> &mut S {
        &mut self.socket
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests
    }

    /// The socket is said to be readable: it is read until it has nothing more. `hangup`: the peer's FIN came too.
    #[inline]
    pub(crate) fn wake(&mut self, hangup: bool) {
        self.readable = true;
        self.hangup |= hangup;
    }

    /// Whether the connection had an answer, waits for its next request, and nothing of that is here.
    fn is_idle(&self) -> bool {
        self.requests > 0 && self.held.is_none() && self.stage == Stage::Open && self.http.waiting() == Waiting::Idle
    }

    /// Whether its last answer is out: what it still reads, it discards.
    pub(crate) fn is_lingering(&self) -> bool {
        self.stage == Stage::Lingering
    }

    /// Works until the socket has nothing more, the answers do not leave, or it is somebody else's turn.
    pub(crate) fn turn<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        if self.stage != Stage::Open {
            return self.turn_staged(desk, context, probe);
        }
        if self.owes_output()
            && let Some(fate) = self.flush_held(context, probe)
        {
            return fate;
        }
        let answered = self.requests;
        self.pass(desk, context, probe).unwrap_or_else(|| self.read_on(answered, desk, context, probe))
    }

    /// Fill, drive, flush. `None`: the socket may hold more.
    #[inline(always)]
    fn pass<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Option<Fate> {
        let Ok(fresh) = self.fill(desk, probe) else { return Some(Fate::Gone(Ending::Broken)) };
        self.work(fresh, desk, context, probe);
        if let Some(fate) = self.flush(&mut desk.tools, context, probe) {
            return Some(fate);
        }
        if self.stage != Stage::Open {
            return Some(Fate::Again);
        }
        if self.http.waiting() == Waiting::Close {
            return Some(self.finish(context, probe));
        }
        if self.more {
            return Some(Fate::Again);
        }
        if !self.note_read(fresh, context) {
            return Some(self.too_late(Fault::Overloaded, desk, context, probe));
        }
        (!self.readable).then_some(Fate::Wait)
    }

    /// Drives the fresh bytes, behind what was unfinished, and keeps what stays unfinished.
    #[inline(always)]
    fn work<P: Probe>(&mut self, fresh: usize, desk: &mut Desk, context: &Context<'_>, probe: &mut P) {
        let Desk { scratch, head, tools } = desk;
        let Some(fresh) = scratch.get_mut(..fresh) else { return };
        let Some(mut held) = self.held.take() else {
            let taken = self.drive(fresh, head, tools, context, probe);
            if taken < fresh.len() {
                let mut held = Box::new(Held::of(fresh.get(taken..).unwrap_or_default()));
                held.began = context.moment.now;
                if self.http.is_unfinished() {
                    (held.head, held.verdict) = (head.kept(), tools.verdict.take());
                }
                self.hold(held);
            }
            return;
        };
        held.append(fresh);
        (tools.verdict, tools.began) = (held.verdict.take(), Some(held.began));
        let Held { input, at, head, began, .. } = &mut *held;
        let taken = self.drive(input.get_mut(*at..).unwrap_or_default(), head, tools, context, probe);
        if taken > 0 {
            (*at, *began) = (*at + taken, context.moment.now);
        }
        (held.verdict, tools.began) = (tools.verdict.take(), None);
        self.hold(held);
    }

    /// Hops 3 to 8, for every request that is whole: receive, build the request, handle, encode. Gives the bytes taken.
    fn drive<P: Probe>(
        &mut self,
        input: &mut [u8],
        head: &mut Head,
        tools: &mut Tools,
        context: &Context<'_>,
        probe: &mut P,
    ) -> usize {
        let (mut taken, mut pace) = (0, Pace::default());
        self.more = false;
        for number in 1..REQUESTS_A_TURN + 1 {
            let bytes = input.get_mut(taken..).unwrap_or_default();
            let next = match self.receive(bytes, head, context, probe) {
                Ok(Event::Head) if self.http.expects_body() => match self.admit(bytes, head, tools, context, probe) {
                    Some(answered) => answered,
                    None => continue,
                },
                Ok(Event::Head | Event::End) => self.answer(bytes, head, tools, context, probe),
                Ok(Event::NeedData) if self.eof => match self.http.receive_eof(bytes, head, &context.settings.limits) {
                    Ok(()) => return taken,
                    Err(reject) => self.refuse(reject, head, bytes, tools, context, probe),
                },
                Ok(Event::NeedData | Event::Paused | Event::Eof) => return taken,
                Err(reject) => self.refuse(reject, head, bytes, tools, context, probe),
            };
            match next {
                Some(length) => taken += length,
                None => return taken,
            }
            if taken >= input.len() && !self.eof {
                return taken;
            }
            if tools.output.len() > HIGH_WATER || (context.moment.paced && pace.is_over(number)) {
                break;
            }
        }
        self.more = taken < input.len() || self.eof;
        taken
    }

    /// Hops 4 to 8 for one request. Gives the bytes it took when another one may follow.
    #[inline(always)]
    fn answer<P: Probe>(
        &mut self,
        bytes: &[u8],
        head: &Head,
        tools: &mut Tools,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<usize> {
        let body = bytes.get(self.http.body()).unwrap_or_default();
        let mut request = Request::new(head, bytes, body, &self.peer, context.app.app_state());
        if (tools.began.is_some() || tools.verdict.is_some())
            && let Some(response) = take_up(&mut request, tools, context)
        {
            return self.answer_late(response, bytes, tools, context, probe);
        }
        tools.response.reset();
        let handled = match P::ON && probe.hears() {
            true => self.handle_told(&mut request, &mut tools.response, context, probe),
            false if context.moment.watching => watch::handle(context.app, &mut request, &mut tools.response),
            false => context.app.handle(&mut request, &mut tools.response),
        };
        if !handled {
            tools.verdict = request.is_admitted().then(|| Verdict::Passed(request.take_admitted()));
            self.stage = Stage::Postponed;
            return None;
        }
        if tools.response.is_stream() {
            tools.maker = request.matched_route().map(|route| route.callsite);
        }
        let last = self.is_last(bytes.len() - self.http.taken().min(bytes.len()), context);
        self.encode(tools, last, context, probe)
    }

    /// Whether the server wants this answer to be the connection's last: because the connection is old, or because the server is
    /// stopping (then every one is old), and then the last of the requests that are here already gets the close. `behind`: bytes
    /// behind this request.
    #[inline]
    fn is_last(&self, behind: usize, context: &Context<'_>) -> bool {
        self.opened < context.moment.oldest && (behind == 0 || context.moment.draining.is_none())
    }

    /// Hop 8: one append for the head, one for the body. Gives the bytes of input that are done with, when another request may follow.
    #[inline(always)]
    fn encode<P: Probe>(
        &mut self,
        tools: &mut Tools,
        last: bool,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<usize> {
        let Tools { response, output, opening, completions, maker, .. } = tools;
        let (status, body) = (response.status(), response.body());
        let (length, persistence) = self.http.respond(status, response.content(), last || response.closes());
        let (fields, media_type) = response.field_lines();
        let before = output.len();
        encode::response_head(output, &ResponseHead { status, fields, media_type, length, persistence }, opening);
        self.requests += 1;
        if P::ON {
            self.tell_head(output, before, length, response, probe);
        }
        let (content, sends) = (output.len(), self.http.sends_body(status));
        if sends {
            output.extend_from_slice(body);
        }
        if let Some(on_sent) = response.take_on_sent() {
            let ends = !sends || !response.is_stream();
            completions.push(Completion::new(on_sent, status, content..output.len(), ends));
        }
        if sends {
            if let Some(source) = response.take_source() {
                self.http.body_begins();
                if P::ON {
                    self.tell_stand(probe);
                }
                self.begin_stream(source, length, maker.take(), context);
                return None;
            }
        } else if self.begins_switch(response, status) {
            if P::ON {
                self.tell_stand(probe);
            }
            return None;
        }
        let taken = self.http.responded();
        if P::ON {
            self.tell_answered(taken.is_some(), last, response.closes(), output.len(), probe);
        }
        taken
    }
}

/// What a read or write came to, for the probe.
fn outcome(result: &io::Result<usize>) -> Outcome {
    match result {
        Ok(0) => Outcome::Eof,
        Ok(n) => Outcome::Bytes(*n),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Outcome::WouldBlock,
        Err(error) => Outcome::Failed(error.kind()),
    }
}
