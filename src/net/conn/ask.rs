//! Asks the pool about the head of a request, where the hooks and guards of a blocking route decide before its body is read.

use std::sync::Arc;
use std::time::Instant;

use super::later::{Answer, Exchange};
use super::{Conn, Fate, Held, Stage, completion, ear};
use crate::app::{Admission, App};
use crate::http1::framing::Body;
use crate::net::desk::{Context, Desk};
use crate::net::socket::Socket;
use crate::wire::probe::Probe;

impl<S: Socket> Conn<S> {
    /// Whether the body of the request whose head is in `bytes` is here to its last byte. Then one job of the pool is enough.
    pub(super) fn body_is_here(&self, bytes: &[u8]) -> bool {
        let here = bytes.len().saturating_sub(self.http.body_start()) as u64;
        matches!(self.http.plan(), Body::Length(length) if length <= here)
    }

    /// Sends the head to the pool. Nothing more is read, and the client is not told to send, before it has decided.
    pub(super) fn ask<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        let Some(held) = &self.held else { return Fate::Wait };
        let (from, to) = (held.at, held.at + self.http.body_start());
        let bytes = held.input.get(from..to).unwrap_or_default().to_vec();
        let began = completion::instant(held.began, context.moment.now).unwrap_or_else(Instant::now);
        let exchange = Exchange::of_head(bytes, held.head.clone(), self.peer, began);
        self.stage = Stage::Away;
        if context.office.elsewhere.is_none() {
            let answer = exchange.run::<P>(context.app, App::check_head_blocking);
            return self.decided(answer, desk, context, probe);
        }
        self.submit(Arc::new(exchange), App::check_head_blocking, desk, context, probe)
    }

    /// The pool has decided: the body is received, or the response goes out.
    pub(super) fn decided<P: Probe>(
        &mut self,
        mut answer: Answer,
        desk: &mut Desk,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Fate {
        self.stage = Stage::Open;
        if P::ON {
            ear::read_out(&answer.notes, self.id, probe);
        }
        let Some(mut held) = self.held.take() else { return Fate::Wait };
        held.away = None;
        let Held { input, at, head, .. } = &mut *held;
        let bytes = input.get(*at..).unwrap_or_default();
        let waits = self.http.awaits_continue(bytes, head);
        desk.tools.response = std::mem::take(&mut answer.response);
        let admission = answer.admission.take().unwrap_or(Admission::Responded);
        let answered = self.follow(admission, waits, bytes, head, &mut desk.tools, context, probe);
        if answered.is_none() {
            held.verdict = desk.tools.verdict.take();
            self.held = Some(held);
            self.more = true;
        }
        if let Some(fate) = self.flush(&mut desk.tools, context, probe) {
            return fate;
        }
        self.after_answer(context, probe)
    }
}
