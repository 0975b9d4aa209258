//! Lets the application decide on the head of a request whose body follows: whether the body is
//! received, and how. Hooks and guards of a blocking route decide on the pool.

use std::sync::Arc;
use std::time::Instant;

use super::partial_request::{self, set_start};
use super::{Action, Buffered, Conn, ConnState};
use crate::app::{Admission, App};
use crate::http1::encode;
use crate::http1::framing::BodyLength;
use crate::http1::head::Head;
use crate::net::exchange::{OwnedRequest, PoolResponse};
use crate::net::observer::{ProbeObserver, replay};
use crate::net::sockets::socket::Socket;
use crate::net::tick::{HeadDecision, Tick};
use crate::request::Request;
use crate::response::Response;
use crate::trace::probe::Probe;

/// A body up to this size is received and discarded if the response is known before it: a new
/// connection would cost the client more.
const SMALL_BODY: u64 = 64 * 1024;

impl<S: Socket> Conn<S> {
    /// Lets the application decide on a head whose body follows. Returns `None` to receive the
    /// body; otherwise there is a response, or the handler reads the body as it arrives, and the
    /// value is that of [`respond`](Conn::respond).
    #[cold]
    pub(super) fn admit<P: Probe>(
        &mut self,
        bytes: &[u8],
        head: &Head,
        tick: &mut Tick<'_, P>,
    ) -> Option<Option<usize>> {
        let waits = self.http.awaits_continue(bytes, head);
        let mut request = Request::new(head, bytes, &[], &self.peer, tick.context.app.app_state());
        if let Some(began) = tick.out.began {
            set_start(&mut request, began, tick.context);
        }
        tick.out.response.reset();
        let found = tick.context.app.find(&mut request);
        if tick.probe.is_recording() && tick.context.app.has_head_hooks(found) {
            self.trace_routing(&mut request, tick.context.app, tick.probe);
        }
        let mut observer = ProbeObserver { connection: self.id, probe: &mut *tick.probe };
        let admission = tick.context.app.admit(found, &mut request, &mut tick.out.response, &mut observer);
        self.apply_admission(admission, waits, bytes, head, tick)
    }

    /// Applies what the application decided on a head.
    pub(super) fn apply_admission<P: Probe>(
        &mut self,
        admission: Admission,
        waits: bool,
        bytes: &[u8],
        head: &Head,
        tick: &mut Tick<'_, P>,
    ) -> Option<Option<usize>> {
        let (limit, streams) = match admission {
            Admission::Offload(_) if !self.body_is_here(bytes) => {
                self.state.change(ConnState::CheckingHead);
                return Some(None);
            }
            Admission::Offload(limit) => (limit.unwrap_or(tick.context.config.limits.body), false),
            Admission::Responded => {
                self.trace_continue(waits, false, tick.probe);
                return self.respond_early(waits, tick);
            }
            Admission::Buffered(limit, admitted) => {
                tick.out.decision = admitted.map(HeadDecision::Admitted);
                (limit.unwrap_or(tick.context.config.limits.body), false)
            }
            // In tests without threads the whole body is received first.
            Admission::Streamed(limit) => {
                (limit.unwrap_or(u64::MAX), tick.context.offload.pool.is_some() && !self.body_is_here(bytes))
            }
        };
        if let Err(reject) = self.http.set_body_limit(limit, head) {
            self.trace_continue(waits, false, tick.probe);
            return Some(self.reject(reject, head, bytes, tick));
        }
        if streams {
            return Some(self.respond(bytes, head, tick));
        }
        self.trace_continue(waits, true, tick.probe);
        if waits {
            tick.out.output.extend_from_slice(encode::CONTINUE);
        }
        None
    }

    /// Responds before the body. A small body that the client sends anyway is received and
    /// discarded first, so that the connection can stay open. Otherwise the response is the last
    /// (RFC 9112 §9.3), and the client may go on sending while it reads it (§9.6).
    fn respond_early<P: Probe>(&mut self, waits: bool, tick: &mut Tick<'_, P>) -> Option<Option<usize>> {
        if !waits && self.http.set_body_limit_if_within(SMALL_BODY) {
            tick.out.decision = Some(HeadDecision::Responded(Box::new(std::mem::take(&mut tick.out.response))));
            return None;
        }
        Some(self.encode(false, tick))
    }

    /// Sends a response that was decided on the head, now that the body is received or failed.
    #[cold]
    pub(super) fn respond_late<P: Probe>(
        &mut self,
        response: Response,
        bytes: &[u8],
        tick: &mut Tick<'_, P>,
    ) -> Option<usize> {
        tick.out.response = response;
        let last = self.is_last(bytes.len() - self.http.consumed().min(bytes.len()), tick.context);
        self.encode(last, tick)
    }

    /// Returns whether the body of the request in `bytes` is complete. Then one job handles both.
    pub(super) fn body_is_here(&self, bytes: &[u8]) -> bool {
        let here = bytes.len().saturating_sub(self.http.body_start()) as u64;
        matches!(self.http.body_length(), BodyLength::Length(length) if length <= here)
    }

    /// Sends the head to the pool. Until it has decided nothing is read, and no `100 Continue` is
    /// sent.
    pub(super) fn ask_pool<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Option<Action> {
        let buffered = self.buffered.as_ref()?;
        let (from, to) = (buffered.start, buffered.start + self.http.body_start());
        let bytes = buffered.input.get(from..to).unwrap_or_default().to_vec();
        let began = partial_request::instant(buffered.began, tick.context.time.now).unwrap_or_else(Instant::now);
        let request = OwnedRequest::of_head(bytes, buffered.head.clone(), self.peer, began);
        self.submit(Arc::new(request), None, App::check_head_blocking, tick)
    }

    /// Applies the pool's decision: receives the body, or responds.
    pub(super) fn head_checked<P: Probe>(&mut self, mut answer: PoolResponse, tick: &mut Tick<'_, P>) -> Action {
        drop(self.state.change(ConnState::Open));
        replay(&answer.events, self.id, tick.probe);
        let Some(mut buffered) = self.buffered.take() else { return Action::Wait };
        let Buffered { input, start, head, .. } = &mut *buffered;
        let bytes = input.get(*start..).unwrap_or_default();
        let waits = self.http.awaits_continue(bytes, head);
        tick.out.response = std::mem::take(&mut answer.response);
        let admission = answer.admission.take().unwrap_or(Admission::Responded);
        let answered = self.apply_admission(admission, waits, bytes, head, tick);
        if answered.is_none() {
            buffered.decision = tick.out.decision.take();
            self.buffered = Some(buffered);
            self.has_buffered_request = true;
        }
        self.flush_response(tick)
    }
}
