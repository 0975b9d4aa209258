//! Runs one connection: reads its socket, drives the protocol and the application, writes the
//! responses.
//!
//! An idle connection owns no buffer. Bytes are read into the worker's buffers and handled there;
//! only what is unfinished (half a head, a body, a response that the client does not read) is
//! copied to [`Buffered`].

mod blocking;
mod body_feed;
mod head_check;
mod partial_request;
mod pooled_body;
mod read;
mod reject;
mod request_body;
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
use crate::net::tick::{Buffers, Context, HeadDecision, ResponseBuffers};
use crate::net::transfer::Transfer;
use crate::request::Request;
use crate::trace::probe::{CloseReason, IoOutcome, Probe, Timer};
use partial_request::restore_request;
use state::ConnState;
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
    /// The socket may hold unread bytes.
    readable: bool,
    /// `buffered.input` may hold whole requests.
    has_buffered_request: bool,
    /// epoll has reported the peer's FIN, which follows the bytes in the socket.
    hangup: bool,
    /// The peer's FIN was read.
    eof: bool,
    /// The socket is closed in both directions.
    lost: bool,
    state: ConnState,
    buffered: Option<Box<Buffered>>,
}

/// Unfinished input and output.
#[derive(Default)]
struct Buffered {
    input: Vec<u8>,
    /// Offset of the current request in `input`.
    start: usize,
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
            readable: false,
            has_buffered_request: false,
            hangup: false,
            eof: false,
            lost: false,
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

    /// Marks the socket readable: it is read until it would block. `hangup`: epoll also reported
    /// the peer's FIN.
    #[inline]
    pub(crate) fn mark_readable(&mut self, hangup: bool) {
        self.readable = true;
        self.hangup |= hangup;
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
    pub(crate) fn run<P: Probe>(&mut self, buffers: &mut Buffers, context: &Context<'_>, probe: &mut P) -> Action {
        if !self.is_open() {
            return self.run_state(buffers, context, probe);
        }
        if self.has_pending_output()
            && let Some(action) = self.flush_buffered(context, probe)
        {
            return action;
        }
        let answered = self.requests;
        self.run_once(buffers, context, probe).unwrap_or_else(|| self.run_more(answered, buffers, context, probe))
    }

    /// Fills, drives and flushes once. `None`: the socket may hold more.
    #[inline(always)]
    fn run_once<P: Probe>(&mut self, buffers: &mut Buffers, context: &Context<'_>, probe: &mut P) -> Option<Action> {
        let Ok(fresh) = self.fill(buffers, probe) else { return Some(Action::Close(CloseReason::IoError)) };
        self.process(fresh, buffers, context, probe);
        if let Some(action) = self.flush(&mut buffers.out, context, probe) {
            return Some(action);
        }
        if !self.is_open() {
            return Some(Action::Yield);
        }
        if self.http.is_finished() {
            return Some(self.close(context, probe));
        }
        if self.has_buffered_request {
            return Some(Action::Yield);
        }
        if !self.record_read(fresh, context) {
            return Some(self.time_out(Fault::Overloaded, buffers, context, probe));
        }
        (!self.readable).then_some(Action::Wait)
    }

    /// Drives fresh bytes, after unfinished ones, and saves what stays unfinished.
    #[inline(always)]
    fn process<P: Probe>(&mut self, fresh: usize, buffers: &mut Buffers, context: &Context<'_>, probe: &mut P) {
        let Buffers { scratch, head, out } = buffers;
        let Some(fresh) = scratch.get_mut(..fresh) else { return };
        let Some(mut buffered) = self.buffered.take() else {
            let taken = self.drive(fresh, head, out, context, probe);
            if taken < fresh.len() {
                let mut buffered = Box::new(Buffered::of(fresh.get(taken..).unwrap_or_default()));
                buffered.began = context.time.now;
                if self.http.is_unfinished() {
                    (buffered.head, buffered.decision) = (head.to_owned_head(), out.decision.take());
                }
                self.save(buffered);
            }
            return;
        };
        buffered.append(fresh);
        (out.decision, out.began) = (buffered.decision.take(), Some(buffered.began));
        let Buffered { input, start, head, began, .. } = &mut *buffered;
        let taken = self.drive(input.get_mut(*start..).unwrap_or_default(), head, out, context, probe);
        if taken > 0 {
            (*start, *began) = (*start + taken, context.time.now);
        }
        (buffered.decision, out.began) = (out.decision.take(), None);
        self.save(buffered);
    }

    /// Hops 3 to 8 for every complete request: receive, build the request, handle, encode. Returns
    /// the bytes consumed.
    fn drive<P: Probe>(
        &mut self,
        input: &mut [u8],
        head: &mut Head,
        out: &mut ResponseBuffers,
        context: &Context<'_>,
        probe: &mut P,
    ) -> usize {
        let (mut taken, mut slice) = (0, TimeSlice::default());
        self.has_buffered_request = false;
        for number in 1..MAX_REQUESTS_PER_RUN + 1 {
            let bytes = input.get_mut(taken..).unwrap_or_default();
            let next = match self.receive(bytes, head, context, probe) {
                Ok(Event::Head) if self.http.expects_body() => match self.admit(bytes, head, out, context, probe) {
                    Some(done) => done,
                    None => continue,
                },
                Ok(Event::Head | Event::End) => self.respond(bytes, head, out, context, probe),
                Ok(Event::NeedData) if self.eof => match self.http.receive_eof(bytes, head, &context.config.limits) {
                    Ok(()) => return taken,
                    Err(reject) => self.reject(reject, head, bytes, out, context, probe),
                },
                Ok(Event::NeedData | Event::Paused | Event::Eof) => return taken,
                Err(reject) => self.reject(reject, head, bytes, out, context, probe),
            };
            match next {
                Some(length) => taken += length,
                None => return taken,
            }
            if taken >= input.len() && !self.eof {
                return taken;
            }
            if out.output.len() > HIGH_WATER || (context.time.time_sliced && slice.is_used_up(number)) {
                break;
            }
        }
        self.has_buffered_request = taken < input.len() || self.eof;
        taken
    }

    /// Hops 4 to 8 for one request. Returns the bytes it consumed if another request may follow.
    #[inline(always)]
    fn respond<P: Probe>(
        &mut self,
        bytes: &[u8],
        head: &Head,
        out: &mut ResponseBuffers,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<usize> {
        let body = self.http.body_in(bytes);
        let mut request = Request::new(head, bytes, body, &self.peer, context.app.app_state());
        if (out.began.is_some() || out.decision.is_some())
            && let Some(response) = restore_request(&mut request, out, context)
        {
            return self.respond_late(response, bytes, out, context, probe);
        }
        out.response.reset();
        let handled = match P::ENABLED && probe.is_recording() {
            true => self.handle_traced(&mut request, &mut out.response, context, probe),
            false if context.time.timing_handlers => {
                slow_handlers::handle(context.app, &mut request, &mut out.response)
            }
            false => context.app.handle(&mut request, &mut out.response),
        };
        if !handled {
            out.decision = request.is_admitted().then(|| HeadDecision::Admitted(request.take_admitted()));
            self.state.change(ConnState::Dispatching);
            return None;
        }
        if out.response.is_stream() {
            out.handler = request.matched_route().map(|route| route.callsite);
        }
        let last = self.is_last(bytes.len() - self.http.consumed().min(bytes.len()), context);
        self.encode(out, last, context, probe)
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
    fn encode<P: Probe>(
        &mut self,
        out: &mut ResponseBuffers,
        last: bool,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<usize> {
        let ResponseBuffers { response, output, prefix, sent, handler, .. } = out;
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
        if P::ENABLED {
            self.trace_response_head(output, before, length, response, probe);
        }
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
                if P::ENABLED {
                    self.trace_states(probe);
                }
                self.begin_stream(source, length, handler.take(), context);
                return None;
            }
        } else if self.begin_upgrade(response, status) {
            if P::ENABLED {
                self.trace_states(probe);
            }
            return None;
        }
        let taken = self.http.finish_response();
        if P::ENABLED {
            self.trace_response_complete(taken.is_some(), last, response.closes(), output.len(), probe);
        }
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
