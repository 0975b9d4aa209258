//! Runs one connection: reads its socket, drives the protocol and the application, writes the
//! responses.
//!
//! An idle connection owns no buffer. Bytes are read into the worker's buffers and handled there;
//! only what is unfinished (half a head, a body, a response that the client does not read) is
//! copied to [`Buffered`].

mod admission;
mod blocking;
mod body_feed;
mod delegated_read;
mod large_body;
mod partial_request;
mod pooled_body;
mod read;
mod reject;
mod request_body;
mod sendfile;
mod stage;
mod state;
mod streamed_body;
mod streaming;
mod time_slice;
mod timeouts;
mod trace;
mod upgrade;
mod write;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use crate::http1::connection::{Connection, Event, Waiting};
use crate::http1::encode::{self, ResponseHead};
use crate::http1::fault::Fault;
use crate::http1::head::Head;
use crate::net::body_memory::Reservation;
use crate::net::millis::Millis;
use crate::net::sent_tracker::SentTracker;
use crate::net::slow_handlers;
use crate::net::sockets::socket::Socket;
use crate::net::tick::{Context, HeadDecision, ReadBuffers, ResponseBuffers, Tick};
use crate::net::transfer::Transfer;
use crate::request::Request;
use crate::trace::probe::{CloseReason, IoOutcome, Probe, Timer};
use large_body::ReadSize;
use partial_request::restore_request;
use state::{ConnState, PeerStatus, ReadSide};
use time_slice::TimeSlice;
pub(crate) use timeouts::Evictable;

/// Requests of one connection before others run: fairness against pipelining.
const MAX_REQUESTS_PER_RUN: usize = 32;
/// Output above this is written before more requests are handled.
const HIGH_WATER: usize = 64 * 1024;

/// What the worker does next with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Wait for the socket.
    Wait,
    /// Wait for the socket, which took less than was written. Registering again makes epoll report
    /// it.
    Reregister,
    /// Run again after other connections: there is more to do.
    Yield,
    /// Close it.
    Close(CloseReason),
    /// Hand the socket to another protocol; [`Conn::into_upgrade`] returns it.
    Upgrade,
}

pub(crate) struct Conn<S> {
    socket: S,
    http: Connection,
    /// Counted from 1 and never reused, unlike tokens and descriptors.
    pub(crate) id: u64,
    peer: Option<SocketAddr>,
    opened: Millis,
    requests: u32,
    read_side: ReadSide,
    peer_status: PeerStatus,
    /// `buffered.input` may hold whole requests.
    has_buffered_request: bool,
    state: ConnState,
    buffered: Option<Box<Buffered>>,
}

/// Unfinished input and output.
#[derive(Default)]
struct Buffered {
    input: Vec<u8>,
    /// Offset of the current request in `input`.
    start: usize,
    read_size: ReadSize,
    head: Head,
    output: Vec<u8>,
    sent: usize,
    /// Responses in `output`, and the one being streamed, if they have `on_sent` callbacks.
    pending: Vec<SentTracker>,
    /// Time of the first byte of the current request.
    began: Millis,
    /// What the application decided on a head whose body is still received.
    decision: Option<HeadDecision>,
    /// The share of this body in the worker's body memory.
    reservation: Option<Reservation>,
    /// What `transfer` measures: the number of the request, and in which direction.
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
            read_side: ReadSide::Blocked,
            peer_status: PeerStatus::Connected,
            has_buffered_request: false,
            state: ConnState::Open,
            buffered: None,
        }
    }

    pub(crate) fn socket(&mut self) -> &mut S {
        &mut self.socket
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests
    }

    /// Marks the socket readable: it is read until it would block.
    #[inline]
    pub(crate) fn mark_readable(&mut self) {
        if self.read_side != ReadSide::Eof {
            self.read_side = ReadSide::Readable;
        }
    }

    /// Marks that the peer's FIN is in the socket, after the unread bytes.
    pub(crate) fn mark_half_closed(&mut self) {
        self.peer_status = self.peer_status.max(PeerStatus::HalfClosed);
        self.mark_readable();
    }

    /// Marks the connection reset or given up by the kernel.
    pub(crate) fn mark_lost(&mut self) {
        self.peer_status = PeerStatus::Lost;
    }

    #[inline]
    fn is_readable(&self) -> bool {
        self.read_side == ReadSide::Readable
    }

    #[inline]
    fn at_eof(&self) -> bool {
        self.read_side == ReadSide::Eof
    }

    #[inline]
    fn is_open(&self) -> bool {
        matches!(self.state, ConnState::Open)
    }

    /// Returns whether it waits for its next request, and has received none of it.
    fn is_idle(&self) -> bool {
        self.requests > 0 && self.buffered.is_none() && self.is_open() && self.http.waiting() == Waiting::Idle
    }

    /// Returns whether the last response is written and input is discarded.
    pub(crate) fn is_lingering(&self) -> bool {
        matches!(self.state, ConnState::Lingering)
    }

    /// Reads and responds until the socket is empty, takes no more output, or the budget is used
    /// up.
    pub(crate) fn run<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Action {
        if P::ENABLED && tick.probe.is_stepped(self.id) {
            return self.run_stage(read, tick);
        }
        if !self.is_open() {
            return self.run_state(read, tick);
        }
        if self.buffered.is_some()
            && let Some(action) = self.resume(read, tick)
        {
            return action;
        }
        let answered = self.requests;
        self.run_once(read, tick).unwrap_or_else(|| self.run_more(answered, read, tick))
    }

    /// Fills, drives and flushes once. `None`: the socket may hold more.
    #[inline(always)]
    fn run_once<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Option<Action> {
        let Ok(fresh) = self.fill(read, tick) else { return Some(Action::Close(CloseReason::IoError)) };
        self.process(fresh, read, tick);
        if let Some(action) = self.flush(tick) {
            return Some(action);
        }
        if !self.is_open() {
            return Some(self.yield_to_state(tick));
        }
        if self.http.is_finished() {
            return Some(self.close(tick));
        }
        if self.has_buffered_request {
            return Some(Action::Yield);
        }
        if !self.record_read(fresh, tick.context) {
            return Some(self.time_out(Fault::Overloaded, tick));
        }
        (!self.is_readable()).then_some(Action::Wait)
    }

    /// Drives fresh bytes, after unfinished ones, and saves what stays unfinished.
    #[inline(always)]
    fn process<P: Probe>(&mut self, fresh: usize, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) {
        let ReadBuffers { bytes, head, spare } = read;
        let Some(fresh) = bytes.get_mut(..fresh) else { return };
        let Some(mut buffered) = self.buffered.take() else {
            let taken = self.drive(fresh, head, tick);
            if taken < fresh.len() {
                self.keep(fresh.get(taken..).unwrap_or_default(), head, spare, tick);
            }
            return;
        };
        buffered.append(fresh);
        (tick.out.decision, tick.out.began) = (buffered.decision.take(), Some(buffered.began));
        let Buffered { input, start, head, began, .. } = &mut *buffered;
        let taken = self.drive(input.get_mut(*start..).unwrap_or_default(), head, tick);
        if taken > 0 {
            (*start, *began) = (*start + taken, tick.context.time.now);
        }
        (buffered.decision, tick.out.began) = (tick.out.decision.take(), None);
        self.save(buffered, spare);
    }

    /// Hops 3 to 8 for every complete request: receive, build the request, handle, encode. Returns
    /// the bytes consumed.
    fn drive<P: Probe>(&mut self, input: &mut [u8], head: &mut Head, tick: &mut Tick<'_, P>) -> usize {
        let (mut taken, mut slice, limits) = (0, TimeSlice::default(), &tick.context.config.limits);
        self.has_buffered_request = false;
        for number in 1..MAX_REQUESTS_PER_RUN + 1 {
            let bytes = input.get_mut(taken..).unwrap_or_default();
            let before = self.http.states().0;
            let received = self.http.receive(bytes, head, limits);
            self.trace_received(before, &received, bytes, head, tick.probe);
            let next = match received {
                Ok(Event::Head) if self.http.expects_body() => match self.admit(bytes, head, tick) {
                    Some(done) => done,
                    None => continue,
                },
                Ok(Event::Head | Event::End) => self.respond(bytes, head, tick),
                Ok(Event::NeedData) if self.at_eof() => match self.http.receive_eof(bytes, head, limits) {
                    Ok(()) => return taken,
                    Err(reject) => self.reject(reject, head, bytes, tick),
                },
                Ok(Event::NeedData | Event::Paused | Event::Eof) => return taken,
                Err(reject) => self.reject(reject, head, bytes, tick),
            };
            match next {
                Some(length) => taken += length,
                None => return taken,
            }
            if taken >= input.len() && !self.at_eof() {
                return taken;
            }
            let is_used_up = tick.context.time.time_sliced && slice.is_used_up(number);
            if is_used_up || tick.out.output.len() > HIGH_WATER || tick.out.response.ends_turn() {
                break;
            }
        }
        self.has_buffered_request = taken < input.len() || self.at_eof();
        taken
    }

    /// Hops 4 to 8 for one request. Returns the bytes it consumed if another request may follow.
    #[inline(always)]
    fn respond<P: Probe>(&mut self, bytes: &[u8], head: &Head, tick: &mut Tick<'_, P>) -> Option<usize> {
        let body = self.http.body_in(bytes);
        let mut request = Request::new(head, bytes, body, &self.peer, tick.context.app.app_state());
        if (tick.out.began.is_some() || tick.out.decision.is_some())
            && let Some(response) = restore_request(&mut request, tick.out, tick.context)
        {
            return self.respond_late(response, bytes, tick);
        }
        tick.out.response.reset();
        let handled = match tick.probe.is_recording() {
            true => self.handle_traced(&mut request, &mut tick.out.response, tick.context, tick.probe),
            false if tick.context.time.timing_handlers => {
                slow_handlers::handle(tick.context.app, &mut request, &mut tick.out.response)
            }
            false => tick.context.app.handle(&mut request, &mut tick.out.response),
        };
        if !handled {
            tick.out.decision = request.is_admitted().then(|| HeadDecision::Admitted(request.take_admitted()));
            self.state.change(ConnState::Dispatching);
            return None;
        }
        if tick.out.response.is_stream() {
            tick.out.handler = request.matched_route().map(|route| route.callsite);
        }
        let last = self.is_last(bytes.len() - self.http.consumed().min(bytes.len()), tick.context);
        self.encode(last, tick)
    }

    /// Returns whether this response must be the last: the connection is too old, or the server is
    /// draining (then every connection is). While draining, requests already received are answered
    /// first. `following`: bytes after this request.
    #[inline]
    fn is_last(&self, following: usize, context: &Context<'_>) -> bool {
        self.opened < context.time.max_age_cutoff && (following == 0 || context.time.draining.is_none())
    }

    /// Hop 8: appends the head, then the body. Returns the bytes of input consumed if another
    /// request may follow.
    #[inline(always)]
    fn encode<P: Probe>(&mut self, last: bool, tick: &mut Tick<'_, P>) -> Option<usize> {
        let ResponseBuffers { response, output, prefix, sent, .. } = tick.out;
        let (status, body) = (response.status(), response.body());
        let (length, persistence) = self.http.respond(status, response.content(), last || response.closes());
        let (fields, media_type) = response.field_lines();
        let before = output.len();
        encode::response_head(
            output,
            &ResponseHead { status, fields, media_type, framing: length, persistence },
            prefix,
        );
        self.requests += 1;
        self.trace_response_head(output, before, length, response, tick.probe);
        let (content, sends) = (output.len(), self.http.sends_body());
        if sends {
            output.extend_from_slice(body);
        }
        if let Some(on_sent) = response.take_on_sent() {
            let ends = !sends || !response.is_stream();
            sent.push(SentTracker::new(on_sent, status, content..output.len(), ends));
        }
        if sends {
            if let Some(source) = response.take_source() {
                self.http.begin_body();
                self.trace_states(tick.probe);
                if !self.begin_stream(source, length, tick) {
                    return None;
                }
            }
        } else if self.begin_upgrade(response, status) {
            self.trace_states(tick.probe);
            return None;
        }
        let taken = self.http.finish_response();
        let (closes, pending) = (tick.out.response.closes(), tick.out.output.len());
        self.trace_response_complete(taken.is_some(), last, closes, pending, tick.probe);
        taken
    }
}

/// The result of a read or write, for the trace.
fn outcome(result: &io::Result<usize>) -> IoOutcome {
    match result {
        Ok(0) => IoOutcome::Eof,
        Ok(n) => IoOutcome::Bytes(*n),
        Err(error) if error.kind() == ErrorKind::WouldBlock => IoOutcome::WouldBlock,
        Err(error) => IoOutcome::Failed(error.kind()),
    }
}
