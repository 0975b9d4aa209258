//! Handlers that run on the pool: how a request gets there, and how its answer comes back.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::ear::{self, Note, Record};
use super::pooled::Pooled;
use super::upload::Intake;
use super::{Conn, Fate, Stage, completion};
use crate::app::{Admission, App};
use crate::guard::panics::catch;
use crate::http1::head::Head;
use crate::http1::status::StatusCode;
use crate::net::bodies::Share;
use crate::net::deadline::{NEVER, after};
use crate::net::desk::{Context, Desk, Verdict};
use crate::net::office::{Letter, Mailbox};
use crate::net::slots::Key;
use crate::net::socket::Socket;
use crate::request::body_reader::Pipe;
use crate::request::{Admitted, Request, RequestContext};
use crate::response::Response;
use crate::response::body_source::GuardedSource;
use crate::wire::probe::{Event, Probe};

/// A whole request with all that its handler needs, fit to travel to another thread. The body is not copied: the buffer moves.
pub(crate) struct Exchange {
    pub(super) bytes: Vec<u8>,
    pub(super) head: Head,
    body: Range<usize>,
    peer: Option<std::net::SocketAddr>,
    /// Where the body comes from that is not here yet.
    pipe: Option<Arc<Pipe>>,
    /// What hooks and guards left that have run already.
    admitted: Mutex<Option<Admitted>>,
    /// When its first byte was read.
    began: Instant,
    /// What it has in common with whatever answers in its handler's place.
    ledger: Arc<RequestContext>,
    /// What it has in the sum of all bodies.
    _share: Option<Share>,
}

/// What comes back: the response, and what ran for it.
pub(crate) struct Answer {
    pub(super) response: Response,
    pub(super) notes: Vec<Note>,
    /// There is no answer yet: the head was decided on.
    pub(super) admission: Option<Admission>,
}

/// What a job of the pool does with its request.
type Work<L> = for<'a> fn(&'a App, &mut Request<'a>, &mut Response, &mut L) -> Option<Admission>;

/// Nobody took it: the client has left before.
impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(on_sent) = self.response.take_on_sent() {
            on_sent.notify_client_left();
        }
    }
}

/// Where the answer of a request that the pool has is expected.
struct Reply {
    mailbox: Arc<Mailbox>,
    key: Key,
    /// How many answers the connection had given before.
    number: u32,
}

impl Reply {
    fn post(self, answer: Answer) {
        self.mailbox.post(Letter::Answer(self.key, self.number, Box::new(answer)));
    }
}

/// The answer that a job of the pool owes. A job that unwinds posts a 500: without any answer the client would wait for ever, and the
/// connection with it.
struct Promise<'a, P: Probe> {
    exchange: &'a Exchange,
    app: &'a App,
    reply: Option<Reply>,
    probe: PhantomData<P>,
}

impl<P: Probe> Promise<'_, P> {
    fn keep(mut self, answer: Answer) {
        if let Some(reply) = self.reply.take() {
            reply.post(answer);
        }
    }
}

impl<P: Probe> Drop for Promise<'_, P> {
    fn drop(&mut self) {
        let Some(reply) = self.reply.take() else { return };
        let failed = catch(|| self.exchange.run::<P>(self.app, App::worker_lost));
        let plain = || Answer {
            response: Response::new(StatusCode::INTERNAL_SERVER_ERROR),
            notes: Vec::new(),
            admission: None,
        };
        reply.post(failed.unwrap_or_else(|_| plain()));
    }
}

impl Exchange {
    /// A head alone.
    pub(super) fn of_head(bytes: Vec<u8>, head: Head, peer: Option<std::net::SocketAddr>, began: Instant) -> Exchange {
        let (admitted, ledger) = (Mutex::default(), Arc::default());
        Exchange { bytes, head, body: 0..0, peer, pipe: None, admitted, began, ledger, _share: None }
    }

    fn request<'a>(&'a self, app: &'a App) -> Request<'a> {
        let body = self.bytes.get(self.body.clone()).unwrap_or_default();
        let mut request = Request::new(&self.head, &self.bytes, body, &self.peer, app.app_state());
        request.start_clock(self.began);
        request.join_context(&self.ledger);
        request
    }

    /// Whether the caller is the first who wants to decide the answer, and so does.
    pub(super) fn claim(&self) -> bool {
        self.ledger.claim()
    }

    /// Its client has left while its handler runs.
    pub(super) fn client_left<P: Probe>(&self, app: &App) {
        drop(self.run::<P>(app, App::client_left));
    }

    pub(super) fn run<'a, P: Probe>(
        &'a self,
        app: &'a App,
        answer: impl FnOnce(&'a App, &mut Request<'a>, &mut Response, &mut Record<P>) -> Option<Admission>,
    ) -> Answer {
        let mut request = self.request(app);
        if let Some(admitted) = self.admitted.lock().unwrap_or_else(PoisonError::into_inner).take() {
            request.admit(admitted);
        }
        if let Some(pipe) = &self.pipe {
            request.set(pipe.clone());
        }
        let (mut response, mut record) = (Response::default(), Record::begin());
        let admission = answer(app, &mut request, &mut response, &mut record);
        Answer { response, notes: record.end(), admission }
    }
}

impl<S: Socket> Conn<S> {
    /// What a turn is for a connection that does not read requests just now.
    #[cold]
    pub(super) fn turn_staged<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        if self.owes_output()
            && let Some(fate) = self.flush_held(context, probe)
        {
            return fate;
        }
        match self.stage {
            Stage::Lingering => self.linger(desk, context, probe),
            Stage::Postponed => self.hand_over(desk, context, probe),
            Stage::Undecided => self.ask(desk, context, probe),
            Stage::Streaming => match self.take_in(desk, context, probe) {
                Fate::Gone(ending) => Fate::Gone(ending),
                taken => match self.stream(context, probe) {
                    Fate::Wait => taken,
                    sent => sent,
                },
            },
            Stage::Switching => Fate::Switched,
            // Who only half-closed still waits for the answer; who is gone is noticed when it is written.
            Stage::Away => self.take_in(desk, context, probe),
            Stage::Open => Fate::Wait,
        }
    }

    /// Sends the current request to the pool. When the pool is full, 503: the client may come back soon.
    pub(super) fn hand_over<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        let exchange = self.take_exchange(context);
        self.stage = Stage::Away;
        if context.office.elsewhere.is_none() {
            let answer = exchange.run::<P>(context.app, App::handle_blocking);
            return self.complete(answer, desk, context, probe);
        }
        let exchange = Arc::new(exchange);
        if let Some(intake) = self.held.as_mut().and_then(|held| held.intake.as_mut()) {
            intake.exchange = Some(exchange.clone());
        }
        self.submit(exchange, App::handle_blocking, desk, context, probe)
    }

    /// Gives the pool a job, whose answer comes by mail.
    pub(super) fn submit<P: Probe>(
        &mut self,
        exchange: Arc<Exchange>,
        work: Work<Record<P>>,
        desk: &mut Desk,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Fate {
        let Some(elsewhere) = &context.office.elsewhere else { return Fate::Wait };
        let (job, app, mailbox) = (exchange.clone(), elsewhere.app.clone(), context.office.mailbox.clone());
        let reply = Reply { mailbox, key: context.key, number: self.requests };
        let job = move || {
            let promise = Promise::<P> { exchange: &job, app: &app, reply: Some(reply), probe: PhantomData };
            promise.keep(job.run::<P>(&app, work));
        };
        match elsewhere.pool.submit(Box::new(job)) {
            Ok(()) => {
                let limit = context.app.deadline(exchange.request(context.app));
                let until = limit.map_or(NEVER, |limit| after(context.moment.now, limit));
                self.held.get_or_insert_default().away = Some((exchange, until));
                self.take_in(desk, context, probe)
            }
            Err(_) => {
                if P::ON {
                    probe.event(self.id, Event::LimitHit { which: "pool", value: elsewhere.pool.bound() as u64 });
                }
                let answer = exchange.run::<P>(context.app, App::overloaded);
                self.complete(answer, desk, context, probe)
            }
        }
    }

    /// The pool's answer to the request before which this connection had given `number` answers. If it has given one more since, it
    /// did so because this one took too long.
    pub(crate) fn answered<P: Probe>(
        &mut self,
        number: u32,
        answer: Answer,
        desk: &mut Desk,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Fate {
        if self.stage != Stage::Away || self.requests != number {
            return Fate::Wait;
        }
        match answer.admission {
            Some(_) => self.decided(answer, desk, context, probe),
            None => self.complete(answer, desk, context, probe),
        }
    }

    /// The pool took too long. A handler that is through meanwhile has its answer on the way.
    pub(super) fn give_up<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        let Some((exchange, until)) = self.held.as_mut().and_then(|held| held.away.as_mut()) else { return Fate::Wait };
        if !exchange.claim() {
            *until = NEVER;
            return Fate::Wait;
        }
        let exchange = exchange.clone();
        let answer = exchange.run::<P>(context.app, App::timed_out);
        self.complete(answer, desk, context, probe)
    }

    /// The answer of a handler that ran elsewhere: it goes out like any other, and what waited behind it is looked at.
    pub(crate) fn complete<P: Probe>(
        &mut self,
        mut answer: Answer,
        desk: &mut Desk,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Fate {
        self.stage = Stage::Open;
        let reads_on = self.reads_on(&answer.response, &mut desk.tools.output, probe);
        let refused = if reads_on { None } else { self.end_intake(context) };
        let behind = self.held.as_mut().map_or(0, |held| {
            held.away = None;
            held.input.len()
        });
        if P::ON {
            ear::read_out(&answer.notes, self.id, probe);
        }
        let last = refused.is_some() || self.is_last(behind, context);
        if let Some((reject, exchange)) = refused {
            if P::ON {
                self.tell_refused(reject, context, probe);
            }
            answer = exchange.run::<P>(context.app, |app, request, response, record| {
                app.reject(reject, request, response, record);
                None
            });
            ear::read_out(&answer.notes, self.id, probe);
        }
        if let Some(elsewhere) = &context.office.elsewhere {
            answer
                .response
                .replace_blocking_source(|source| GuardedSource::new(Pooled::new(source, elsewhere.pool.clone())));
        }
        desk.tools.response = std::mem::take(&mut answer.response);
        _ = self.encode(&mut desk.tools, last, context, probe);
        if reads_on && self.stage != Stage::Streaming {
            self.end_intake(context); // a status without a body
        }
        self.more = !reads_on && (behind > 0 || self.eof);
        if behind == 0 && self.stage == Stage::Open {
            self.held = None;
        }
        if let Some(fate) = self.flush(&mut desk.tools, context, probe) {
            return fate;
        }
        self.after_answer(context, probe)
    }

    /// Everything of the answer is with the kernel: what is next?
    pub(super) fn after_answer<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Fate {
        if self.http.is_over() {
            return self.finish(context, probe);
        }
        self.note_progress(0, context);
        Fate::Again
    }

    /// Cuts the current request out of what is held. A body that is still to come has a pipe of its own.
    fn take_exchange(&mut self, context: &Context<'_>) -> Exchange {
        let mut held = self.held.take().unwrap_or_default();
        let streams = self.http.expects_body();
        let length = if streams { self.http.body_start() } else { self.http.taken() };
        let end = (held.at + length).min(held.input.len());
        if streams {
            let bytes = held.input.get(held.at..).unwrap_or_default();
            held.intake = Some(Intake::new(self.http.awaits_continue(bytes, &held.head), context));
        }
        let rest = held.input.split_off(end);
        let mut bytes = std::mem::replace(&mut held.input, rest);
        bytes.drain(..held.at);
        held.at = 0;
        let pipe = held.intake.as_ref().map(|intake| intake.pipe.clone());
        let body = if streams { length..length } else { self.http.body() };
        let mut admitted = match held.verdict.take() {
            Some(Verdict::Passed(admitted)) => Some(admitted),
            _ => None,
        };
        let began = completion::instant(held.began, context.moment.now).unwrap_or_else(Instant::now);
        let exchange = Exchange {
            bytes,
            head: std::mem::take(&mut held.head),
            body,
            peer: self.peer,
            pipe,
            began,
            ledger: admitted.as_mut().and_then(Admitted::take_context).unwrap_or_default(),
            admitted: Mutex::new(admitted),
            _share: held.share.take(),
        };
        held.began = context.moment.now;
        if streams {
            self.http.head_moved();
        } else {
            self.http.input_moved();
        }
        self.held = Some(held);
        exchange
    }

    /// The request was handled: its bytes go, so that an idle subscriber costs its place and no more.
    pub(super) fn forget_request(&mut self) {
        let taken = self.http.taken();
        if taken == 0 || self.http.expects_body() {
            return;
        }
        if let Some(held) = &mut self.held {
            held.input.drain(..(held.at + taken).min(held.input.len()));
            held.input.shrink_to_fit();
            (held.at, held.head) = (0, Head::default());
            self.http.input_moved();
        }
    }
}
