//! Which bodies are let in, and those on their way to a handler that reads them while they come: as fast as it reads, no faster.

use std::io::ErrorKind;
use std::sync::Arc;

use super::completion::note_begin;
use super::ear::Ear;
use super::later::Exchange;
use super::{Conn, Fate, Stage};
use crate::app::Admission;
use crate::http1::encode;
use crate::http1::fault::{Fault, Reject};
use crate::http1::head::Head;
use crate::net::desk::{Context, Desk, Tools, Verdict};
use crate::net::office::Letter;
use crate::net::socket::Socket;
use crate::request::Request;
use crate::request::body_reader::Pipe;
use crate::response::Response;
use crate::wire::probe::{Ending, Event, Probe};

/// A body this long is received to its end, and discarded, when the response stands before it: connecting anew costs the client more.
const SMALL_BODY: u64 = 64 * 1024;
/// Reads of one connection before the others get their turn.
const READS_A_TURN: usize = 4;

/// A body on its way in.
pub(super) struct Intake {
    pub(super) pipe: Arc<Pipe>,
    /// The client waits for our word before it sends (RFC 9110 §10.1.1). It gets it when the handler begins to read.
    owes_continue: bool,
    /// There is room: what keeps us waiting is the client.
    flows: bool,
    /// Why the rest will not come.
    refused: Option<Reject>,
    /// The request, of which the pool has the other share.
    pub(super) exchange: Option<Arc<Exchange>>,
}

/// The connection is gone, and the reader learns it.
impl Drop for Intake {
    fn drop(&mut self) {
        self.pipe.fail(ErrorKind::ConnectionAborted, "the client has left");
    }
}

impl Intake {
    pub(super) fn new(owes_continue: bool, context: &Context<'_>) -> Intake {
        let (mailbox, key) = (context.office.mailbox.clone(), context.key);
        let pipe = Pipe::new(Arc::new(move || mailbox.post(Letter::More(key))));
        Intake { pipe, owes_continue, flows: false, refused: None, exchange: None }
    }
}

impl<S: Socket> Conn<S> {
    /// The head is whole, the body is to come: the application decides on the head. `None`: receive on. Otherwise there was an answer,
    /// or the handler reads the body while it comes, and the value is what [`answer`](Conn::answer) returns.
    #[cold]
    pub(super) fn admit<P: Probe>(
        &mut self,
        bytes: &[u8],
        head: &Head,
        tools: &mut Tools,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<Option<usize>> {
        let waits = self.http.awaits_continue(bytes, head);
        let mut request = Request::new(head, bytes, &[], &self.peer, context.app.app_state());
        if let Some(began) = tools.began {
            note_begin(&mut request, began, context);
        }
        tools.response.reset();
        let found = context.app.find(&mut request);
        if P::ON && probe.hears() && context.app.has_head_hooks(found) {
            self.tell_routing(&mut request, context, probe);
        }
        let mut ear = Ear { connection: self.id, probe: &mut *probe };
        let admission = context.app.admit(found, &mut request, &mut tools.response, &mut ear);
        self.follow(admission, waits, bytes, head, tools, context, probe)
    }

    /// Does what the application said of the head.
    #[expect(clippy::too_many_arguments, reason = "those of `admit`, and what came of it")]
    pub(super) fn follow<P: Probe>(
        &mut self,
        admission: Admission,
        waits: bool,
        bytes: &[u8],
        head: &Head,
        tools: &mut Tools,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<Option<usize>> {
        if P::ON && waits && matches!(admission, Admission::Buffered(..) | Admission::Responded) {
            probe.event(self.id, Event::ReqContinue { sent: !matches!(admission, Admission::Responded) });
        }
        let (limit, streams) = match admission {
            Admission::Offload(_) if !self.body_is_here(bytes) => {
                self.stage = Stage::Undecided;
                return Some(None);
            }
            Admission::Offload(limit) => (limit.unwrap_or(context.settings.limits.body), false),
            Admission::Responded => return self.answer_early(waits, tools, context, probe),
            Admission::Buffered(limit, admitted) => {
                tools.verdict = admitted.map(Verdict::Passed);
                (limit.unwrap_or(context.settings.limits.body), false)
            }
            // In a test without threads the whole body comes first.
            Admission::Streamed(limit) => (limit.unwrap_or(u64::MAX), context.office.elsewhere.is_some()),
        };
        if let Err(reject) = self.http.admit(limit, head) {
            return Some(self.refuse(reject, head, bytes, tools, context, probe));
        }
        if streams {
            return Some(self.answer(bytes, head, tools, context, probe));
        }
        if waits {
            tools.output.extend_from_slice(encode::CONTINUE);
        }
        None
    }

    /// The response stands before the body is here. A small body that the client sends anyway is received first and discarded, and
    /// the connection may stay. No other is waited for: this response is the last (RFC 9112 §9.3), and the client may send on while it
    /// reads it (§9.6).
    fn answer_early<P: Probe>(
        &mut self,
        waits: bool,
        tools: &mut Tools,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<Option<usize>> {
        if !waits && self.http.admit_if_short(SMALL_BODY) {
            tools.verdict = Some(Verdict::Answered(Box::new(std::mem::take(&mut tools.response))));
            return None;
        }
        Some(self.encode(tools, false, context, probe))
    }

    /// A response that stood when the head was here leaves when the body is, or will not be.
    #[cold]
    pub(super) fn answer_late<P: Probe>(
        &mut self,
        response: Response,
        bytes: &[u8],
        tools: &mut Tools,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<usize> {
        tools.response = response;
        let last = self.is_last(bytes.len() - self.http.taken().min(bytes.len()), context);
        self.encode(tools, last, context, probe)
    }

    /// Moves what is here into the pipe, and reads on while there is room in it.
    pub(super) fn take_in<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        for _ in 0..READS_A_TURN {
            let Some(held) = &mut self.held else { return Fate::Wait };
            let Some(intake) = &mut held.intake else { return Fate::Wait };
            intake.flows = self.http.expects_body() && intake.pipe.has_capacity();
            if !intake.flows {
                self.note_progress(0, context);
                return Fate::Wait;
            }
            if std::mem::take(&mut intake.owes_continue) {
                held.output.extend_from_slice(encode::CONTINUE);
                if P::ON {
                    probe.event(self.id, Event::ReqContinue { sent: true });
                }
                if let Some(fate) = self.flush_held(context, probe) {
                    return fate;
                }
            }
            // Before it is fed, while what came with the head is still here to be counted.
            self.note_progress(0, context);
            let Ok(fresh) = self.fill(desk, probe) else { return Fate::Gone(Ending::Broken) };
            self.feed(desk.scratch.get(..fresh).unwrap_or_default(), context);
            self.note_read(fresh, context); // bounded by its pipe
            if !self.readable && self.http.expects_body() {
                return Fate::Wait;
            }
        }
        Fate::Again
    }

    /// Decodes what came, and passes it on.
    fn feed(&mut self, fresh: &[u8], context: &Context<'_>) {
        let Some(held) = &mut self.held else { return };
        held.append(fresh);
        let bytes = held.input.get_mut(held.at..).unwrap_or_default();
        let refused = match self.http.receive_part(bytes, &context.settings.limits) {
            Ok(part) => {
                if let Some(intake) = &held.intake {
                    intake.pipe.push(bytes.get(part.data).unwrap_or_default());
                    if !self.http.expects_body() {
                        intake.pipe.finish();
                    }
                }
                held.at += part.taken;
                let broken_off = self.eof && self.http.expects_body();
                broken_off.then(|| self.http.receive_eof(&[], &mut Head::default(), &context.settings.limits).err())
            }
            Err(reject) => Some(Some(reject)),
        };
        if let Some(reject) = refused.flatten() {
            self.break_intake(reject);
        }
    }

    /// The body came too slowly, or not at all.
    pub(super) fn starve(&mut self, late: Fault, context: &Context<'_>) -> Fate {
        if let Some(reject) = self.http.expire(&[], &mut Head::default(), &context.settings.limits, late) {
            self.break_intake(reject);
        }
        Fate::Wait
    }

    /// The rest will not come: the handler's next read says so, and its answer will be the refusal, unless it has given another one
    /// already.
    fn break_intake(&mut self, reject: Reject) {
        let Some(held) = &mut self.held else { return };
        (held.input, held.at) = (Vec::new(), 0);
        let Some(intake) = &mut held.intake else { return };
        if intake.exchange.as_ref().is_some_and(|exchange| exchange.claim()) {
            intake.refused = Some(reject);
        }
        let kind = match reject.fault {
            Fault::EndedEarly => ErrorKind::UnexpectedEof,
            Fault::BodyTimeout | Fault::BodyTooSlow => ErrorKind::TimedOut,
            _ => ErrorKind::InvalidData,
        };
        intake.pipe.fail(kind, reject.fault.row().sentence);
    }

    /// Whether somebody will read on while this answer goes out. A client that waits for our word gets it now or never: behind the head
    /// of the answer it would be noise in its body.
    pub(super) fn reads_on<P: Probe>(&mut self, answer: &Response, output: &mut Vec<u8>, probe: &mut P) -> bool {
        let intake = self.held.as_mut().and_then(|held| held.intake.as_mut());
        let Some(intake) = intake.filter(|intake| answer.is_stream() && intake.refused.is_none()) else { return false };
        let reads_on = self.http.expects_body() && intake.pipe.is_detached();
        if reads_on && std::mem::take(&mut intake.owes_continue) {
            output.extend_from_slice(encode::CONTINUE);
            if P::ON {
                probe.event(self.id, Event::ReqContinue { sent: true });
            }
        }
        reads_on
    }

    /// The handler has answered. If it left something unread that is here already, the connection may go on; else it ends.
    pub(super) fn end_intake(&mut self, context: &Context<'_>) -> Option<(Reject, Arc<Exchange>)> {
        let held = self.held.as_mut()?;
        let mut intake = held.intake.take()?;
        if self.http.expects_body() {
            let bytes = held.input.get_mut(held.at..).unwrap_or_default();
            let part = self.http.receive_part(bytes, &context.settings.limits);
            held.at += part.map_or(0, |part| part.taken);
        }
        held.input.drain(..held.at.min(held.input.len()));
        held.at = 0;
        intake.refused.zip(intake.exchange.take())
    }

    /// Whether the client is what we wait for.
    pub(super) fn flows_in(&self) -> bool {
        let intake = self.held.as_ref().and_then(|held| held.intake.as_ref());
        matches!(self.stage, Stage::Away | Stage::Streaming) && intake.is_some_and(|intake| intake.flows)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::App;
    use crate::net::deadline::{Millis, after};
    use crate::net::desk::{Moment, Settings};
    use crate::net::office::{Elsewhere, Office};
    use crate::net::pool::Pool;
    use crate::net::slots::Key;
    use crate::testing::Script;
    use crate::wire::probe::NoProbe;

    /// Turns and waits until the test fails.
    const TURNS: usize = 10;
    const BOUND: Duration = Duration::from_secs(60);

    /// A connection whose `.streaming()` handler waits for a body that never ends. The pool is real, the time is not.
    struct Upload {
        conn: Conn<Script>,
        desk: Desk,
        office: Office,
        settings: Settings,
    }

    impl Upload {
        fn new() -> Upload {
            let mut app = App::new();
            app.post("/", |req: &Request<'_>| {
                std::io::copy(&mut req.body_reader(), &mut std::io::sink()).is_ok().to_string()
            })
            .streaming();
            let elsewhere = Some(Elsewhere { pool: Pool::new(1, 1), app: Arc::new(app) });
            let office = Office { elsewhere, ..Office::default() };
            Upload {
                conn: Conn::new(Script::new(), 1, None, 0),
                desk: Desk::new(),
                office,
                settings: Settings::default(),
            }
        }

        /// Sends bytes at this time; returns when the connection's patience ends.
        fn send(&mut self, now: Millis, bytes: &[u8]) -> Millis {
            self.conn.socket().incoming.extend_from_slice(bytes);
            self.conn.wake(false);
            let Upload { conn, desk, office, settings } = self;
            let app = office.elsewhere.as_ref().unwrap().app.clone();
            let moment = Moment::at(now, None, false, &settings.timeouts);
            let key = Key { index: 0, generation: 0 };
            let context = Context { app: &app, key, office, settings, moment: &moment };
            for _ in 0..TURNS {
                if conn.turn(desk, &context, &mut NoProbe) == Fate::Wait && conn.flows_in() {
                    return conn.deadline(&context);
                }
                if conn.stage == Stage::Away && !conn.flows_in() {
                    // Nothing is read before the handler asks for it, and a letter tells of that.
                    assert!(office.mailbox.wait(Instant::now() + BOUND), "the handler does not read");
                    office.mailbox.take();
                }
            }
            panic!("it does not come to rest: {:?}", conn.stage);
        }
    }

    const LENGTH: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// When patience with a body ends that began at 1 s and of which so many bytes are here, by default 500 a second.
    fn paid(bytes: u64) -> Millis {
        (1_000 + 2 * bytes).max(after(1_000, Settings::default().timeouts.body_grace))
    }

    #[test]
    fn the_part_of_a_streamed_body_that_came_with_its_head_counts() {
        for (head, size) in [(LENGTH, &b""[..]), (CHUNKED, b"1000\r\n")] {
            let mut upload = Upload::new();
            let part = [size, &vec![b'x'; 4_000 - size.len()]].concat();
            assert_eq!(upload.send(1_000, &[head, &part].concat()), paid(4_000));
            // And so does what comes later, once.
            assert_eq!(upload.send(2_000, &[b'x'; 50]), paid(4_050));
            assert_eq!(upload.send(2_500, &[b'x'; 1]), paid(4_051));
        }
    }

    #[test]
    fn a_streamed_body_that_comes_apart_from_its_head_counts_once() {
        let mut upload = Upload::new();
        assert_eq!(upload.send(1_000, LENGTH), paid(0));
        assert_eq!(upload.send(2_000, &[b'x'; 4_000]), paid(4_000));
        // A burst pays for one pause and no more.
        assert_eq!(upload.send(2_500, &[b'x'; 30_000]), after(2_500, Duration::from_secs(10)));
    }
}
