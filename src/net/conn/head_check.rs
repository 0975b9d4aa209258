//! Asks the pool about a head, where hooks and guards of a blocking route decide before the body is
//! received.

use std::sync::Arc;
use std::time::Instant;

use super::{Action, Buffered, Conn, ConnState, partial_request};
use crate::app::{Admission, App};
use crate::http1::framing::BodyLength;
use crate::net::exchange::{OwnedRequest, PoolResponse};
use crate::net::observer::replay;
use crate::net::sockets::socket::Socket;
use crate::net::tick::{Buffers, Context};
use crate::trace::probe::Probe;

impl<S: Socket> Conn<S> {
    /// Returns whether the body of the request in `bytes` is complete. Then one job handles both.
    pub(super) fn body_is_here(&self, bytes: &[u8]) -> bool {
        let here = bytes.len().saturating_sub(self.http.body_start()) as u64;
        matches!(self.http.body_length(), BodyLength::Length(length) if length <= here)
    }

    /// Sends the head to the pool. Until it has decided nothing is read, and no `100 Continue` is
    /// sent.
    pub(super) fn ask_pool<P: Probe>(&mut self, buffers: &mut Buffers, context: &Context<'_>, probe: &mut P) -> Action {
        let Some(buffered) = &self.buffered else { return Action::Wait };
        let (from, to) = (buffered.start, buffered.start + self.http.body_start());
        let bytes = buffered.input.get(from..to).unwrap_or_default().to_vec();
        let began = partial_request::instant(buffered.began, context.time.now).unwrap_or_else(Instant::now);
        let request = OwnedRequest::of_head(bytes, buffered.head.clone(), self.peer, began);
        self.submit(Arc::new(request), None, App::check_head_blocking, buffers, context, probe)
    }

    /// Applies the pool's decision: receives the body, or responds.
    pub(super) fn head_checked<P: Probe>(
        &mut self,
        mut answer: PoolResponse,
        buffers: &mut Buffers,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Action {
        drop(self.state.change(ConnState::Open));
        if P::ENABLED {
            replay(&answer.events, self.id, probe);
        }
        let Some(mut buffered) = self.buffered.take() else { return Action::Wait };
        let Buffered { input, start, head, .. } = &mut *buffered;
        let bytes = input.get(*start..).unwrap_or_default();
        let waits = self.http.awaits_continue(bytes, head);
        buffers.out.response = std::mem::take(&mut answer.response);
        let admission = answer.admission.take().unwrap_or(Admission::Responded);
        let answered = self.apply_admission(admission, waits, bytes, head, &mut buffers.out, context, probe);
        if answered.is_none() {
            buffered.decision = buffers.out.decision.take();
            self.buffered = Some(buffered);
            self.has_buffered_request = true;
        }
        self.flush_response(buffers, context, probe)
    }
}
