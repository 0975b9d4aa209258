//! Answers that take longer than a turn: handlers that run on the pool, and bodies that are made while they are sent.

use std::ops::Range;
use std::sync::Arc;

use super::ear::{self, Note, Record};
use super::upload::Intake;
use super::{Conn, Fate, Held, Stage};
use crate::app::app::App;
use crate::app::body::{BodySource, Pull};
use crate::app::request::Request;
use crate::app::response::Response;
use crate::app::upload::Pipe;
use crate::http1::chunked;
use crate::http1::encode::Length;
use crate::http1::head::Head;
use crate::net::deadline::millis;
use crate::net::desk::{Context, Desk};
use crate::net::office::Letter;
use crate::net::socket::Socket;
use crate::wire::probe::{Ending, Event, Probe};

/// What is asked of a source at once: one write's worth.
const PIECE: usize = 64 * 1024;
/// What a stream sends before the other connections get their turn.
const STREAM_A_TURN: usize = 256 * 1024;
/// What a pull counts as at least: making bytes takes time too, even if few come of it (a coder's), or none (an empty piece).
const PULL: usize = 16 * 1024;

/// A whole request with all that its handler needs, fit to travel to another thread. The body is not copied: the buffer moves.
pub(crate) struct Exchange {
    pub(super) bytes: Vec<u8>,
    pub(super) head: Head,
    body: Range<usize>,
    peer: Option<std::net::SocketAddr>,
    /// Where the body comes from that is not here yet.
    pipe: Option<Arc<Pipe>>,
}

/// What comes back: the response, and what ran for it.
pub(crate) struct Answer {
    response: Response,
    notes: Vec<Note>,
}

/// A body on its way out.
pub(super) struct Stream {
    source: Box<dyn BodySource>,
    length: Length,
    /// What a known length still promises.
    left: u64,
}

impl Exchange {
    fn request<'a>(&'a self, app: &'a App) -> Request<'a> {
        let body = self.bytes.get(self.body.clone()).unwrap_or_default();
        Request::new(&self.head, &self.bytes, body, &self.peer, app.shared_state())
    }

    fn run<'a, P: Probe>(
        &'a self,
        app: &'a App,
        answer: impl FnOnce(&'a App, &mut Request<'a>, &mut Response, &mut Record<P>),
    ) -> Answer {
        let mut request = self.request(app);
        if let Some(pipe) = &self.pipe {
            request.set(pipe.clone());
        }
        let (mut response, mut record) = (Response::default(), Record::begin());
        answer(app, &mut request, &mut response, &mut record);
        Answer { response, notes: record.end() }
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
        let Some(elsewhere) = &context.office.elsewhere else {
            let answer = exchange.run::<P>(context.app, App::handle_blocking);
            return self.complete(answer, desk, context, probe);
        };
        let (exchange, key) = (Arc::new(exchange), context.key);
        if let Some(intake) = self.held.as_mut().and_then(|held| held.intake.as_mut()) {
            intake.exchange = Some(exchange.clone());
        }
        let (job, app, mailbox) = (exchange.clone(), elsewhere.app.clone(), context.office.mailbox.clone());
        let number = self.requests;
        let job = move || mailbox.post(Letter::Answer(key, number, Box::new(job.run::<P>(&app, App::handle_blocking))));
        match elsewhere.pool.submit(Box::new(job)) {
            Ok(()) => {
                if let Some(time) = context.app.deadline(exchange.request(context.app)) {
                    let until = context.moment.now + millis(time);
                    self.held.get_or_insert_default().away = Some((exchange, until));
                }
                self.take_in(desk, context, probe)
            }
            Err(_) => {
                if P::ON {
                    probe.event(self.id, Event::LimitHit { which: "pool", value: elsewhere.pool.bound() as u64 });
                }
                let answer = exchange.run::<P>(context.app, App::too_busy);
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
        self.complete(answer, desk, context, probe)
    }

    /// The pool took too long.
    pub(super) fn give_up<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        let Some((exchange, _)) = self.held.as_mut().and_then(|held| held.away.take()) else { return Fate::Wait };
        let answer = exchange.run::<P>(context.app, App::too_slow);
        self.complete(answer, desk, context, probe)
    }

    /// The answer of a handler that ran elsewhere: it goes out like any other, and what waited behind it is looked at.
    pub(crate) fn complete<P: Probe>(
        &mut self,
        answer: Answer,
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
        desk.tools.response = answer.response;
        match refused {
            Some((reject, exchange)) => {
                let (head, bytes) = (&exchange.head, &exchange.bytes);
                _ = self.refuse(reject, head, bytes, &mut desk.tools, context, probe);
            }
            None => _ = self.encode(&mut desk.tools, self.is_last(behind, context), context, probe),
        }
        if reads_on && self.stage != Stage::Streaming {
            self.end_intake(context); // a status without a body
        }
        self.more = !reads_on && (behind > 0 || self.eof);
        if behind == 0 && self.stage == Stage::Open {
            self.held = None;
        }
        if let Some(fate) = self.flush(&mut desk.tools.output, context, probe) {
            return fate;
        }
        self.after_answer(context, probe)
    }

    /// Everything of the answer is with the kernel: what is next?
    fn after_answer<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Fate {
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
        let exchange = Exchange { bytes, head: std::mem::take(&mut held.head), body, peer: self.peer, pipe };
        if streams {
            self.http.head_moved();
        } else {
            self.http.input_moved();
        }
        self.held = Some(held);
        exchange
    }

    /// The head of the answer is in the output; its body follows from `source`, piece by piece.
    #[cold]
    pub(super) fn begin_stream(&mut self, mut source: Box<dyn BodySource>, length: Length, context: &Context<'_>) {
        let (mailbox, key) = (context.office.mailbox.clone(), context.key);
        source.attach(Arc::new(move || mailbox.post(Letter::More(key))));
        let left = if let Length::Known(length) = length { length } else { u64::MAX };
        self.held.get_or_insert_default().stream = Some(Stream { source, length, left });
        self.stage = Stage::Streaming;
    }

    /// Pulls and writes until the source has nothing more, the socket takes no more, or it is somebody else's turn.
    fn stream<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Fate {
        self.forget_request();
        let mut sent = 0;
        while sent < STREAM_A_TURN {
            let Some(held) = &mut self.held else { return Fate::Gone(Ending::Broken) };
            let Some(stream) = &mut held.stream else { return Fate::Gone(Ending::Broken) };
            let pulled = stream.pull(&mut held.output);
            sent += held.output.len().max(PULL);
            match pulled {
                Ok(Pull::End) => return self.end_stream(context, probe),
                Ok(Pull::Wait) if !self.owes_output() => return self.await_source(context, probe),
                Ok(Pull::More | Pull::Wait) => {}
                Err(error) => {
                    log::warn!("connection {}: the body of an answer broke off: {error}", self.id);
                    self.socket.reset_on_close();
                    return Fate::Gone(Ending::Reset);
                }
            }
            if self.owes_output()
                && let Some(fate) = self.flush_held(context, probe)
            {
                return fate;
            }
        }
        Fate::Again
    }

    /// The source has nothing now and will call. Who has hung up meanwhile has left, as Go sees it too: a stream that may be silent
    /// for hours would never find out by writing. Behind a body that is still read, a FIN says only that it is whole. Event streams
    /// never end by themselves, so a graceful stop ends them: their clients connect again, to whoever serves then.
    fn await_source<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Fate {
        let uploads = self.held.as_ref().is_some_and(|held| held.intake.is_some());
        if self.hangup && !uploads {
            return Fate::Gone(Ending::Broken);
        }
        if context.moment.draining.is_some()
            && let Some(Held { stream: Some(stream), output, .. }) = self.held.as_deref_mut()
            && stream.beats()
        {
            stream.frame_end(output);
            return self.end_stream(context, probe);
        }
        self.note_progress(0, context);
        Fate::Wait
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

    /// Whether the connection waits for a body that another thread feeds, and that has an end.
    pub(crate) fn is_fed(&self) -> bool {
        let beats = self.held.as_ref().and_then(|held| held.stream.as_ref()).is_some_and(Stream::beats);
        self.stage == Stage::Streaming && !self.owes_output() && !beats
    }

    fn end_stream<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Fate {
        self.stage = Stage::Open;
        let taken = self.http.responded();
        if P::ON {
            let pending = self.held.as_ref().map_or(0, |held| held.output.len() - held.sent);
            self.tell_answered(taken.is_some(), false, false, pending, probe);
        }
        let taken = taken.unwrap_or_default();
        if let Some(held) = &mut self.held {
            (held.stream, held.intake) = (None, None);
            held.at += taken;
            self.more = held.at < held.input.len() || self.eof;
        }
        if self.owes_output()
            && let Some(fate) = self.flush_held(context, probe)
        {
            return fate;
        }
        self.held = self.held.take().filter(|held| held.at < held.input.len());
        self.after_answer(context, probe)
    }

    /// Nothing was sent for a while: a sign of life, where the stream has one.
    pub(super) fn beat<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Fate {
        if let Some(Held { stream: Some(stream), output, .. }) = self.held.as_deref_mut()
            && let Some(beat) = stream.source.heartbeat()
        {
            stream.frame(beat, output);
        }
        let fate = self.owes_output().then(|| self.flush_held(context, probe)).flatten();
        self.note_progress(1, context);
        fate.unwrap_or(Fate::Wait)
    }
}

impl Stream {
    /// Appends the next piece, framed.
    fn pull(&mut self, output: &mut Vec<u8>) -> std::io::Result<Pull> {
        let mut piece = Vec::new();
        let pulled = self.source.pull(&mut piece, PIECE)?;
        let size = piece.len() as u64;
        if size > self.left {
            // A file that grew: what was promised is sent, no byte more.
            piece.truncate(self.left as usize);
        }
        self.left -= size.min(self.left);
        self.frame(&piece, output);
        match (pulled, self.length) {
            (_, Length::Known(_)) if self.left == 0 => Ok(Pull::End),
            // A file that shrank: what is missing cannot be made up, and padding would be a lie.
            (Pull::End, Length::Known(_)) => {
                Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "shorter than announced"))
            }
            (Pull::End, _) => {
                self.frame_end(output);
                Ok(Pull::End)
            }
            (pulled, _) => Ok(pulled),
        }
    }

    fn frame(&self, piece: &[u8], output: &mut Vec<u8>) {
        match self.length {
            Length::Chunked => chunked::encode_chunk(output, piece),
            _ => output.extend_from_slice(piece),
        }
    }

    fn frame_end(&self, output: &mut Vec<u8>) {
        if self.length == Length::Chunked {
            chunked::encode_end(output);
        }
    }

    pub(super) fn beats(&self) -> bool {
        self.source.heartbeat().is_some()
    }
}
