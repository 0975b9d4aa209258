//! Traces a connection; compiles to nothing without a trace.

use std::io;
use std::time::Instant;

use percent_encoding::percent_decode;

use super::{Conn, outcome};
use crate::app::App;
use crate::app::route::Route;
use crate::http1::connection::Event as Received;
use crate::http1::encode::ResponseFraming;
use crate::http1::fault::ProtocolError;
use crate::http1::head::Head;
use crate::http1::method::Method;
use crate::http1::states::{Recv, Send};
use crate::net::millis::{Millis, NEVER};
use crate::net::observer::ProbeObserver;
use crate::net::slow_handlers;
use crate::net::sockets::socket::Socket;
use crate::net::tick::{Context, Tick};
use crate::request::Request;
use crate::response::Response;
use crate::routing::callsite::Callsite;
use crate::routing::tree::explain::{Candidate, MismatchKind};
use crate::trace::probe::{
    CloseReason, Event, Handler, Observation, ParseStatus, Probe, RouteMismatch, RouteSearch, TimerChange, nanoseconds,
};

/// Near misses shown for a request without a route.
const NEAR_MISSES: usize = 5;

impl<S: Socket> Conn<S> {
    /// Traces a read.
    #[track_caller]
    pub(super) fn trace_read<P: Probe>(&self, result: &io::Result<usize>, scratch: &[u8], probe: &mut P) {
        let data = || scratch.get(..*result.as_ref().unwrap_or(&0)).unwrap_or_default();
        probe.emit(self.id, || Event::ConnRecv { outcome: outcome(result), data: data() });
    }

    /// Traces a write.
    #[track_caller]
    pub(super) fn trace_write<P: Probe>(&self, result: &io::Result<usize>, bytes: &[u8], probe: &mut P) {
        let data = || bytes.get(..*result.as_ref().unwrap_or(&0)).unwrap_or_default();
        probe.emit(self.id, || Event::ConnSend {
            want: bytes.len(),
            outcome: outcome(result),
            data: data(),
            file: None,
        });
    }

    /// Traces whether a client that waits for `100 Continue` gets one.
    #[track_caller]
    pub(super) fn trace_continue<P: Probe>(&self, waits: bool, sent: bool, probe: &mut P) {
        if waits {
            probe.emit(self.id, || Event::ReqContinue { sent });
        }
    }

    /// Traces a part of a file that the kernel sends.
    #[track_caller]
    pub(super) fn trace_send_file<P: Probe>(
        &self,
        result: &io::Result<usize>,
        want: usize,
        offset: u64,
        probe: &mut P,
    ) {
        probe.emit(self.id, || Event::ConnSend { want, outcome: outcome(result), data: &[], file: Some(offset) });
    }

    /// Traces what was received, and the change from the state before.
    #[track_caller]
    pub(super) fn trace_received<P: Probe>(
        &self,
        before: Recv,
        received: &Result<Received, ProtocolError>,
        bytes: &[u8],
        head: &Head,
        probe: &mut P,
    ) {
        if !P::ENABLED {
            return;
        }
        let found = match received {
            Ok(Received::Head) => ParseStatus::Complete,
            Ok(_) => ParseStatus::Partial,
            Err(_) => ParseStatus::Error,
        };
        if matches!(before, Recv::Idle | Recv::Head) && !bytes.is_empty() {
            // The head started before it was parsed.
            probe.emit(self.id, || Observation::States { recv: Recv::Head, send: Send::Idle });
            probe.emit(self.id, || Observation::Parsed { have: bytes.len(), status: found });
        }
        match received {
            Ok(Received::Head) => {
                probe.emit(self.id, || Event::ParseHead { head, bytes });
                self.trace_states(probe);
                probe.emit(self.id, || Event::BodyFraming { body: self.http.body_length() });
            }
            Ok(Received::End) => {
                probe.emit(self.id, || Observation::BodyComplete { length: self.http.body().len() });
                self.trace_states(probe);
            }
            _ => self.trace_states(probe),
        }
    }

    /// Traces the protocol's states.
    #[track_caller]
    pub(super) fn trace_states<P: Probe>(&self, probe: &mut P) {
        let (recv, send) = self.http.states();
        probe.emit(self.id, || Observation::States { recv, send });
    }

    /// Handles a request, and traces the routes tried and what runs.
    #[track_caller]
    pub(super) fn handle_traced<'a, P: Probe>(
        &self,
        request: &mut Request<'a>,
        response: &mut Response,
        context: &Context<'a>,
        probe: &mut P,
    ) -> bool {
        let app = context.app;
        let traced = request.is_admitted(); // when the head had arrived
        let found = if traced { app.find(request).ok() } else { self.trace_routing(request, app, probe) };
        let began = context.time.timing_handlers.then(Instant::now);
        let handled = app.handle_observed(request, response, &mut ProbeObserver { connection: self.id, probe });
        if let Some(began) = began {
            slow_handlers::check_handler(request, began.elapsed());
        }
        if let (false, Some(route)) = (handled, found) {
            let Callsite { name, location: place } = route.meta.callsite;
            probe.emit(self.id, || Event::HandlerStart { handler: Handler { name, location: place }, blocking: true });
        }
        handled
    }

    /// Traces the route search, and why each other route does not match. The router does not try
    /// those, so only its own search is timed.
    #[track_caller]
    pub(super) fn trace_routing<'a, P: Probe>(
        &self,
        request: &mut Request<'a>,
        app: &'a App,
        probe: &mut P,
    ) -> Option<&'a Route> {
        let began = Instant::now();
        let found = app.find(request);
        let ns = nanoseconds(began.elapsed());
        let tries = app.explain(request);
        let elsewhere = tries.iter().filter(|candidate| candidate.segment == Some(1) && !candidate.near).count();
        let (search, mut id, mut shown) =
            (RouteSearch { tried: tries.len(), other_first_segment: elsewhere, ns }, 0, 0);
        for candidate in &tries {
            let Some(route) = app.route_at(candidate.route) else { continue };
            let is_it = found.is_ok_and(|found| std::ptr::eq(found, route));
            let method = request.method();
            let fits = route.meta.method == method || (method == Method::HEAD && route.meta.method == Method::GET);
            let (mismatch, reason) = match candidate.kind {
                None if !fits => (Some(RouteMismatch::Method), "another method"),
                kind => (kind.map(route_mismatch), candidate.reason.as_str()),
            };
            let (method, pattern, matched) =
                (route.meta.method.as_str(), route.meta.pattern.text(), candidate.matched && fits);
            let near = !is_it && candidate.near && (fits || candidate.matched);
            let telling = near && found.is_err() && shown < NEAR_MISSES;
            shown += usize::from(telling);
            let Candidate { route: number, segment, .. } = *candidate;
            probe.emit(self.id, || Event::RouteCandidate {
                id: number,
                method,
                pattern,
                matched,
                segment,
                mismatch,
                reason,
                near,
                in_summary: telling,
            });
            id = if is_it { number } else { id };
        }
        match found {
            Ok(route) => {
                let value = |index| percent_decode(request.raw_param(index)).decode_utf8_lossy().into_owned();
                let params: Vec<_> = route.meta.pattern.params().zip((0..).map(value)).collect();
                let (pattern, place) = (route.meta.pattern.text(), route.meta.callsite.location);
                probe.emit(self.id, || Event::RouteMatch { id, pattern, location: place, params: &params, search });
            }
            Err(miss) => {
                let allow = &app.allowed_methods(miss, request);
                probe.emit(self.id, || Event::RouteMiss { allow, search });
            }
        }
        found.ok()
    }

    /// Traces a rejected request.
    #[track_caller]
    pub(super) fn trace_rejected<P: Probe>(&self, reject: ProtocolError, tick: &mut Tick<'_, P>) {
        let limit = || self.http.exceeded_limit(reject.fault, &tick.context.config.limits);
        tick.probe.emit(self.id, || Observation::Rejected { reject, limit: limit() });
        self.trace_states(tick.probe);
    }

    /// Traces the head of a response, which follows `queued` bytes of unsent output.
    #[track_caller]
    pub(super) fn trace_response_head<P: Probe>(
        &self,
        output: &[u8],
        queued: usize,
        framing: ResponseFraming,
        response: &Response,
        probe: &mut P,
    ) {
        let body = || match self.http.sends_body() {
            true if response.is_stream() => None,
            true => Some(response.body().len()),
            false => Some(0),
        };
        let head = || output.get(queued..).unwrap_or_default();
        let status = response.status();
        probe.emit(self.id, || Observation::ResponseHead { status, head: head(), queued, body: body(), framing });
    }

    /// Traces that a response is complete, except for `pending` bytes of unsent output.
    #[track_caller]
    pub(super) fn trace_response_complete<P: Probe>(
        &self,
        keep: bool,
        last: bool,
        closes: bool,
        pending: usize,
        probe: &mut P,
    ) {
        self.trace_states(probe);
        probe.emit(self.id, || Observation::ResponseComplete { keep, last, closes, pending });
    }

    /// Traces the deadline.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn trace_timer<P: Probe>(&self, deadline: Millis, now: Millis, probe: &mut P) {
        let set = TimerChange::Set(deadline.saturating_sub(now));
        let change = if deadline == NEVER { TimerChange::Off } else { set };
        probe.emit(self.id, || Event::ConnTimer { timer: self.timer(), change });
    }

    /// Traces the interest in the poll.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn trace_interest<P: Probe>(&self, readable: bool, probe: &mut P) {
        probe.emit(self.id, || Event::ConnInterest { readable, writable: true });
    }

    /// Traces the close. `unread`: bytes left in the kernel.
    #[track_caller]
    pub(crate) fn trace_close<P: Probe>(&self, ending: CloseReason, unread: usize, probe: &mut P) {
        self.trace_states(probe);
        probe.emit(self.id, || Observation::Closed { how: ending, unread });
    }
}

fn route_mismatch(kind: MismatchKind) -> RouteMismatch {
    match kind {
        MismatchKind::Path => RouteMismatch::Path,
        MismatchKind::Segment => RouteMismatch::Segment,
        MismatchKind::Type => RouteMismatch::Type,
    }
}
