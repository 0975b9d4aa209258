//! Sends a body that is a part of a file: the kernel takes the bytes from its page cache
//! (sendfile).

use std::io::{self, ErrorKind};

use super::streamed_body::too_short;
use super::{Action, Conn, ConnState, HIGH_WATER};
use crate::net::sent_tracker::report_sent;
use crate::net::slow_handlers;
use crate::net::sockets::socket::Socket;
use crate::net::tick::{Context, ResponseBuffers, Tick};
use crate::response::body_source::{FileSource, GuardedSource, MAX_BYTES_PER_TICK};
use crate::routing::callsite::Callsite;
use crate::trace::probe::Probe;

/// One call, and its result.
struct SentPart {
    offset: u64,
    want: usize,
    result: io::Result<usize>,
}

impl SentPart {
    /// Sends the next bytes of a file of which `left` are to be sent.
    fn send<S: Socket>(
        socket: &mut S,
        file: &mut FileSource,
        left: u64,
        handler: Option<Callsite>,
        context: &Context<'_>,
    ) -> SentPart {
        let (offset, want) = (file.offset, left.min(MAX_BYTES_PER_TICK as u64) as usize);
        let result = slow_handlers::time_body(context, handler, || socket.send_file(&file.file, offset, want));
        let part = SentPart { offset, want, result };
        file.offset += part.bytes() as u64;
        part
    }

    fn bytes(&self) -> usize {
        *self.result.as_ref().unwrap_or(&0)
    }

    fn failure(&self) -> Option<ErrorKind> {
        self.result.as_ref().err().map(io::Error::kind)
    }

    /// Returns whether the body has to be read and written instead: because the socket or the file
    /// system needs it, or to tell which of them has failed.
    fn is_refused(&self) -> bool {
        !matches!(self.failure(), None | Some(ErrorKind::WouldBlock | ErrorKind::Interrupted))
    }
}

impl<S: Socket> Conn<S> {
    /// Returns whether the kernel sends the body of the response from a file.
    pub(super) fn is_sending_file(&self) -> bool {
        matches!(&self.state, ConnState::Streaming(body) if body.sends_file)
    }

    /// Sends the output, and after it what the socket takes of a file. Returns how many of these
    /// `length` bytes were sent; `None` if they have to be pulled.
    pub(super) fn send_at_once<P: Probe>(
        &mut self,
        source: &mut GuardedSource,
        length: u64,
        tick: &mut Tick<'_, P>,
    ) -> Option<u64> {
        let file = source.file().filter(|_| length > 0)?;
        if self.has_pending_output() || !self.send_output_before_file(tick) {
            return Some(0);
        }
        let part = SentPart::send(&mut self.socket, file, length, tick.out.handler, tick.context);
        self.trace_part(&part, tick.probe);
        let (sent, is_complete) = (part.bytes(), part.bytes() as u64 == length);
        let trackers = &mut tick.out.sent;
        // Those of earlier responses have left with the output.
        if let Some(tracker) = trackers.last_mut() {
            tracker.add_sent(sent);
            if is_complete {
                tracker.ends_at(0);
                report_sent(trackers, 0, 0);
            } else {
                self.settle(trackers, 0);
            }
        }
        tick.out.response.end_turn();
        if part.is_refused() { None } else { Some(sent as u64) }
    }

    /// Writes the output, which shares its last segment with the file. Returns whether all of it
    /// has left.
    fn send_output_before_file<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> bool {
        let ResponseBuffers { output, sent, .. } = &mut *tick.out;
        // The write of what is left meets the error again.
        let written = self.write_by(S::write_before_file, output, tick.probe).unwrap_or(0);
        report_sent(sent, 0, written);
        sent.iter_mut().for_each(|tracker| tracker.rebase(written));
        output.drain(..written);
        output.shrink_to(HIGH_WATER);
        output.is_empty()
    }

    /// Ends the turn in which a request led to another state.
    #[cold]
    pub(super) fn yield_to_state<P: Probe>(&mut self, tick: &Tick<'_, P>) -> Action {
        if self.is_sending_file() {
            self.record_written(0, tick.context);
        }
        Action::Yield
    }

    /// Sends the next part of a file. `None`: the bytes of the body are pulled and written.
    pub(super) fn send_file<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Option<Action> {
        let ConnState::Streaming(body) = &mut self.state else { return None };
        let body = &mut **body;
        let file = body.source.file().filter(|_| body.sends_file)?;
        let part = SentPart::send(&mut self.socket, file, body.remaining, body.handler, tick.context);
        body.remaining -= part.bytes() as u64;
        body.sends_file = !part.is_refused();
        let is_complete = body.remaining == 0;
        self.trace_part(&part, tick.probe);
        if part.is_refused() {
            return None;
        }
        if let Some(tracker) = self.buffered.as_mut().and_then(|buffered| buffered.pending.last_mut()) {
            tracker.add_sent(part.bytes());
        }
        if is_complete {
            return Some(self.end_stream(tick));
        }
        self.record_written(part.bytes(), tick.context);
        Some(match part.result {
            Ok(0) => self.abort_stream(too_short()),
            Ok(sent) if sent == part.want => Action::Yield,
            Err(error) if error.kind() == ErrorKind::Interrupted => Action::Yield,
            Ok(_) | Err(_) => Action::Reregister,
        })
    }

    fn trace_part<P: Probe>(&self, part: &SentPart, probe: &mut P) {
        if part.failure() != Some(ErrorKind::Unsupported) {
            self.trace_send_file(&part.result, part.want, part.offset, probe);
        }
    }
}
