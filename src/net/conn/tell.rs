//! What a connection tells of itself while somebody listens; changes nothing, and costs nothing while nobody does.

use std::io;

use percent_encoding::percent_decode;

use super::{Conn, outcome};
use crate::app::request::Request;
use crate::app::response::Response;
use crate::app::told::Step;
use crate::http1::connection::Event as Received;
use crate::http1::fault::Reject;
use crate::http1::head::Head;
use crate::http1::states::Recv;
use crate::http1::status::StatusCode;
use crate::net::deadline::Millis;
use crate::net::desk::Context;
use crate::net::socket::Socket;
use crate::wire::probe::{Ending, Event, Found, Phase, Probe};

impl<S: Socket> Conn<S> {
    /// What a read came to.
    pub(super) fn tell_read<P: Probe>(&self, result: &io::Result<usize>, scratch: &[u8], probe: &mut P) {
        let data = scratch.get(..*result.as_ref().unwrap_or(&0)).unwrap_or_default();
        probe.event(self.id, Event::ConnRecv { outcome: outcome(result), data });
    }

    /// What a write came to.
    pub(super) fn tell_write<P: Probe>(&self, result: &io::Result<usize>, bytes: &[u8], probe: &mut P) {
        let data = bytes.get(..*result.as_ref().unwrap_or(&0)).unwrap_or_default();
        probe.event(self.id, Event::ConnSend { want: bytes.len(), outcome: outcome(result), data });
    }

    /// Receives, and tells what was found.
    #[inline(always)]
    pub(super) fn receive<P: Probe>(
        &mut self,
        bytes: &mut [u8],
        head: &mut Head,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Result<Received, Reject> {
        let before = self.http.states().0;
        let received = self.http.receive(bytes, head, &context.settings.limits);
        if P::ON {
            self.tell_received(before, &received, bytes, head, probe);
        }
        received
    }

    fn tell_received<P: Probe>(
        &self,
        before: Recv,
        received: &Result<Received, Reject>,
        bytes: &[u8],
        head: &Head,
        probe: &mut P,
    ) {
        let found = match received {
            Ok(Received::Head) => Found::Complete,
            Ok(_) => Found::Partial,
            Err(_) => Found::Error,
        };
        if matches!(before, Recv::Idle | Recv::Head) && !bytes.is_empty() {
            probe.event(self.id, Event::Looked { have: bytes.len(), found });
        }
        match received {
            Ok(Received::Head) => {
                probe.event(self.id, Event::ParseHead { head, bytes });
                self.tell_stand(probe);
                probe.event(self.id, Event::BodyPlan { body: self.http.plan() });
            }
            Ok(Received::End) => {
                probe.event(self.id, Event::BodyCame { length: self.http.body().len() });
                self.tell_stand(probe);
            }
            _ => self.tell_stand(probe),
        }
    }

    /// Where the protocol stands.
    pub(super) fn tell_stand<P: Probe>(&self, probe: &mut P) {
        let (recv, send) = self.http.states();
        probe.event(self.id, Event::Stand { recv, send });
    }

    /// Answers as the application does when nobody listens, and tells of the routes tried and of what runs.
    pub(super) fn handle_told<'a, P: Probe>(
        &self,
        request: &mut Request<'a>,
        response: &mut Response,
        context: &Context<'a>,
        probe: &mut P,
    ) -> bool {
        let (tries, found) = context.app.explain(request);
        for told in &tries {
            let Some(route) = context.app.route_at(told.route) else { continue };
            let fits = route.method == request.method() || matches!(&found, Ok(found) if std::ptr::eq(*found, route));
            let reason = if told.matched && !fits { "another method" } else { told.reason.as_str() };
            let (method, pattern, matched) = (route.method.as_str(), route.pattern.text(), told.matched && fits);
            probe.event(self.id, Event::RouteTry { method, pattern, matched, reason });
        }
        match &found {
            Ok(route) => {
                let value = |index| percent_decode(request.raw_param(index)).decode_utf8_lossy().into_owned();
                let params: Vec<_> = route.pattern.params().zip((0..).map(value)).collect();
                let (pattern, place) = (route.pattern.text(), route.place);
                probe.event(self.id, Event::RouteMatch { pattern, place, params: &params });
            }
            Err(allow) => probe.event(self.id, Event::RouteMiss { allow }),
        }
        let mut listener = |step: Step<'_>| probe.event(self.id, told(step));
        let handled = context.app.handle_told(request, response, &mut listener);
        if let (false, Ok(route)) = (handled, found) {
            probe.event(self.id, Event::HandlerStart { place: route.place, blocking: true });
        }
        handled
    }

    /// The head of an answer is in the output.
    pub(super) fn tell_head<P: Probe>(&self, status: StatusCode, head: &[u8], response: &Response, probe: &mut P) {
        let body = match self.http.sends_body(status) {
            true if response.is_stream() => None,
            true => Some(response.body().len()),
            false => Some(0),
        };
        probe.event(self.id, Event::RespHead { status, head, body });
    }

    /// An answer is complete, but for what of it waits in the output.
    pub(super) fn tell_answered<P: Probe>(&self, keep: bool, last: bool, closes: bool, pending: usize, probe: &mut P) {
        self.tell_stand(probe);
        probe.event(self.id, Event::Answered { keep, last, closes, pending });
    }

    /// When the connection's patience ends.
    #[inline(always)]
    pub(crate) fn tell_timer<P: Probe>(&self, deadline: Millis, now: Millis, probe: &mut P) {
        if P::ON {
            let set_ms = Some(deadline.saturating_sub(now));
            probe.event(self.id, Event::ConnTimer { timer: self.timer(), set_ms });
        }
    }

    /// The kernel wakes the worker for this connection.
    #[inline(always)]
    pub(crate) fn tell_interest<P: Probe>(&self, readable: bool, probe: &mut P) {
        if P::ON {
            probe.event(self.id, Event::ConnInterest { readable, writable: true });
        }
    }

    /// It is over. `unread`: bytes that are still in the kernel.
    pub(crate) fn tell_close<P: Probe>(&self, ending: Ending, unread: usize, probe: &mut P) {
        self.tell_stand(probe);
        probe.event(self.id, Event::Closed { ending, unread });
    }
}

/// A step of the application's as an event of the wire's.
fn told(step: Step<'_>) -> Event<'_> {
    match step {
        Step::Before { number, stopped } => Event::HookRan { phase: Phase::Before, number, stopped },
        Step::Guard { number, stopped } => Event::HookRan { phase: Phase::Guard, number, stopped },
        Step::After { number } => Event::HookRan { phase: Phase::After, number, stopped: false },
        Step::Handler(route) => Event::HandlerStart { place: route.place, blocking: false },
        Step::Handled => Event::HandlerRan { panicked: false },
        Step::Panicked => Event::HandlerRan { panicked: true },
    }
}
