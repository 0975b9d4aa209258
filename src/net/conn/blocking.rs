//! Runs handlers of blocking routes on the pool: dispatch, completion, response.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::body_feed::BodyFeed;
use super::pooled_body::PooledBody;
use super::state::InPool;
use super::{Action, Conn, ConnState, partial_request};
use crate::app::{Admission, App};
use crate::http1::head::Head;
use crate::http1::status::StatusCode;
use crate::net::exchange::{OwnedRequest, PoolResponse};
use crate::net::millis::{NEVER, after};
use crate::net::observer::{DeferredObserver, replay};
use crate::net::sockets::socket::Socket;
use crate::net::threads::mailbox::{Completion, Mailbox};
use crate::net::tick::{Context, HeadDecision, ReadBuffers, Tick};
use crate::net::worker::slab::Key;
use crate::panics::catch;
use crate::request::{Admitted, Request};
use crate::response::Response;
use crate::response::body_source::GuardedSource;
use crate::trace::probe::{Event, Probe};

/// What a job does with its request.
type Work<L> = for<'a> fn(&'a App, &mut Request<'a>, &mut Response, &mut L) -> Option<Admission>;

/// Where the pool sends the response to one request.
struct Reply {
    mailbox: Arc<Mailbox>,
    key: Key,
    /// Responses that the connection had sent before.
    number: u32,
}

impl Reply {
    fn post(self, answer: PoolResponse) {
        self.mailbox.send(Completion::Response(self.key, self.number, Box::new(answer)));
    }
}

/// Sends a response for a job even if the job unwinds: then 500. Without one the client would wait
/// forever.
struct ReplyGuard<P: Probe> {
    request: Arc<OwnedRequest>,
    app: Arc<App>,
    reply: Option<Reply>,
    probe: PhantomData<P>,
}

impl<P: Probe> ReplyGuard<P> {
    fn fulfill(mut self, answer: PoolResponse) {
        let reply = self.reply.take();
        // First: when the client has the response, its body no longer takes memory from the next.
        drop(self);
        if let Some(reply) = reply {
            reply.post(answer);
        }
    }
}

impl<P: Probe> Drop for ReplyGuard<P> {
    fn drop(&mut self) {
        let Some(reply) = self.reply.take() else { return };
        let failed = catch(|| self.request.run::<P>(&self.app, App::worker_lost));
        let plain = || PoolResponse {
            response: Response::new(StatusCode::INTERNAL_SERVER_ERROR),
            events: Vec::new(),
            admission: None,
        };
        reply.post(failed.unwrap_or_else(|_| plain()));
    }
}

impl<S: Socket> Conn<S> {
    /// Runs a connection that is not open.
    #[cold]
    pub(super) fn run_state<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Action {
        if self.has_pending_output()
            && let Some(action) = self.flush_buffered(tick)
        {
            return action;
        }
        match self.state {
            ConnState::Lingering => self.linger(read, tick),
            ConnState::Dispatching => self.dispatch(tick).unwrap_or_else(|| self.pump(read, tick)),
            ConnState::CheckingHead => self.ask_pool(tick).unwrap_or(Action::Wait),
            ConnState::Streaming(_) => match self.pump(read, tick) {
                Action::Close(ending) => Action::Close(ending),
                taken => match self.stream(tick) {
                    Action::Wait => taken,
                    sent => sent,
                },
            },
            ConnState::Upgrading(_) => Action::Upgrade,
            // A client that half-closed still waits for the response; one that is gone is noticed
            // by the write.
            ConnState::InPool(_) => self.pump(read, tick),
            ConnState::Open | ConnState::Closed => Action::Wait,
        }
    }

    /// Sends the current request to the pool. `None`: a thread will respond.
    fn dispatch<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Option<Action> {
        let (request, mut feed) = self.take_request(tick.context);
        let request = Arc::new(request);
        if let Some(feed) = &mut feed {
            feed.request = Some(request.clone());
        }
        self.submit(request, feed, App::handle_blocking, tick)
    }

    /// Sends a job to the pool; the result returns through the mailbox. Responds 503 if the pool is
    /// full. Without a pool, in tests, runs the job at once. `None`: a thread will respond.
    pub(super) fn submit<P: Probe>(
        &mut self,
        request: Arc<OwnedRequest>,
        feed: Option<BodyFeed>,
        work: Work<DeferredObserver<P>>,
        tick: &mut Tick<'_, P>,
    ) -> Option<Action> {
        let timeout = tick.context.app.deadline(request.request(tick.context.app));
        let deadline = timeout.map_or(NEVER, |timeout| after(tick.context.time.now, timeout));
        self.state.change(ConnState::InPool(Box::new(InPool { request: request.clone(), deadline, feed })));
        self.feed_early(tick.context);
        let Some(pool) = &tick.context.offload.pool else {
            let answer = request.run::<P>(tick.context.app, work);
            return Some(self.take_up(answer, tick));
        };
        let (job, app, mailbox) = (request.clone(), pool.app.clone(), tick.context.offload.mailbox.clone());
        let reply = Reply { mailbox, key: tick.context.key, number: self.requests };
        let job = move || {
            let guard = ReplyGuard::<P> { request: job, app, reply: Some(reply), probe: PhantomData };
            let answer = guard.request.run::<P>(&guard.app, work);
            guard.fulfill(answer);
        };
        if pool.threads.submit(Box::new(job)).is_ok() {
            return None;
        }
        tick.probe.emit(self.id, || Event::LimitHit { which: "pool", value: pool.threads.bound() as u64 });
        let answer = request.run::<P>(tick.context.app, App::overloaded);
        Some(self.finish_response(answer, tick))
    }

    /// Takes the pool's result for the request that followed `number` responses. A result that
    /// comes after its timeout is dropped: the connection has sent another response since.
    pub(crate) fn pool_done<P: Probe>(&mut self, number: u32, answer: PoolResponse, tick: &mut Tick<'_, P>) -> Action {
        if !matches!(self.state, ConnState::InPool(_)) || self.requests != number {
            return Action::Wait;
        }
        self.take_up(answer, tick)
    }

    fn take_up<P: Probe>(&mut self, answer: PoolResponse, tick: &mut Tick<'_, P>) -> Action {
        match answer.admission {
            Some(_) => self.head_checked(answer, tick),
            None => self.finish_response(answer, tick),
        }
    }

    /// Responds because the pool took too long: with the fault of the body if it was refused, else
    /// 503, unless the handler has finished and its response is on its way.
    pub(super) fn handler_timed_out<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Action {
        let ConnState::InPool(pooled) = &mut self.state else { return Action::Wait };
        if pooled.feed.as_ref().is_some_and(|feed| feed.refused.is_some()) {
            return self.finish_response(PoolResponse::default(), tick); // responds with the refusal
        }
        if !pooled.request.claim() {
            pooled.deadline = NEVER;
            return Action::Wait;
        }
        let answer = pooled.request.run::<P>(tick.context.app, App::timed_out);
        self.finish_response(answer, tick)
    }

    /// Sends the response of a pool thread, then continues with buffered input.
    pub(crate) fn finish_response<P: Probe>(&mut self, mut answer: PoolResponse, tick: &mut Tick<'_, P>) -> Action {
        self.end_delegated_read();
        let mut feed = match self.state.change(ConnState::Open) {
            ConnState::InPool(pooled) => pooled.feed,
            _ => None,
        };
        let output = &mut tick.out.output;
        self.take_pending_output(output);
        let reads_on = feed.as_mut().is_some_and(|feed| self.keeps_reading(feed, &answer.response, output, tick.probe));
        let ended = feed.take_if(|_| !reads_on);
        let refused = ended.and_then(BodyFeed::into_refused);
        let following = self.buffered.as_ref().map_or(0, |buffered| buffered.input.len());
        replay(&answer.events, self.id, tick.probe);
        let last = refused.is_some() || self.is_last(following, tick.context);
        if let Some((reject, request)) = refused {
            self.trace_rejected(reject, tick);
            answer = request.run::<P>(tick.context.app, |app, request, response, record| {
                app.reject(reject, request, response, record);
                None
            });
            replay(&answer.events, self.id, tick.probe);
        }
        if let Some(pool) = &tick.context.offload.pool {
            answer
                .response
                .replace_blocking_source(|source| GuardedSource::new(PooledBody::new(source, pool.threads.clone())));
        }
        tick.out.response = std::mem::take(&mut answer.response);
        _ = self.encode(last, tick);
        if let ConnState::Streaming(body) = &mut self.state {
            body.feed = feed; // not for a status without a body
        }
        self.has_buffered_request = !reads_on && (following > 0 || self.at_eof());
        if following == 0 && self.is_open() {
            self.buffered = None;
        }
        self.flush_response(tick)
    }

    /// Writes a response that is made outside of `drive`, and chooses what follows.
    pub(super) fn flush_response<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Action {
        match self.flush(tick) {
            Some(action) => action,
            None => self.after_response(tick),
        }
    }

    /// Chooses what follows a response that is written.
    pub(super) fn after_response<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Action {
        if self.http.is_finished() {
            return self.close(tick);
        }
        self.record_progress(0, tick.context);
        let waits = self.is_open() && !self.has_buffered_request && !self.is_readable();
        if waits { Action::Wait } else { Action::Yield }
    }

    /// Moves the current request out of the buffer. A body that is still to come gets a pipe.
    fn take_request(&mut self, context: &Context<'_>) -> (OwnedRequest, Option<BodyFeed>) {
        let mut buffered = self.buffered.take().unwrap_or_default();
        let streams = self.http.expects_body();
        let length = if streams { self.http.body_start() } else { self.http.consumed() };
        let end = (buffered.start + length).min(buffered.input.len());
        let feed = streams.then(|| {
            let bytes = buffered.input.get(buffered.start..).unwrap_or_default();
            BodyFeed::new(self.http.awaits_continue(bytes, &buffered.head), context)
        });
        let rest = buffered.input.split_off(end);
        let mut bytes = std::mem::replace(&mut buffered.input, rest);
        bytes.drain(..buffered.start);
        buffered.start = 0;
        let pipe = feed.as_ref().map(|feed| feed.pipe.clone());
        let body = if streams { length..length } else { self.http.body() };
        let mut admitted = match buffered.decision.take() {
            Some(HeadDecision::Admitted(admitted)) => Some(admitted),
            _ => None,
        };
        let began = partial_request::instant(buffered.began, context.time.now).unwrap_or_else(Instant::now);
        let request = OwnedRequest {
            bytes,
            head: std::mem::take(&mut buffered.head),
            body,
            peer: self.peer,
            pipe,
            began,
            ledger: admitted.as_mut().and_then(Admitted::take_context).unwrap_or_default(),
            admitted: Mutex::new(admitted),
            _reservation: buffered.reservation.take(),
        };
        buffered.began = context.time.now;
        if streams {
            self.http.release_head();
        } else {
            self.http.release_input();
        }
        self.buffered = Some(buffered);
        (request, feed)
    }

    /// Frees the bytes of a request that is handled, so that an idle event stream holds no buffer.
    pub(super) fn release_request(&mut self) {
        let taken = self.http.consumed();
        if taken == 0 || self.http.expects_body() {
            return;
        }
        if let Some(buffered) = &mut self.buffered {
            buffered.input.drain(..(buffered.start + taken).min(buffered.input.len()));
            buffered.input.shrink_to_fit();
            (buffered.start, buffered.head) = (0, Head::default());
            self.http.release_input();
        }
    }
}
