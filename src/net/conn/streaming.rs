//! Sends responses whose body is pulled from a source, as fast as the client reads.

use std::io;
use std::sync::Arc;

use super::state::PeerStatus;
use super::streamed_body::StreamedBody;
use super::{Action, Conn, ConnState};
use crate::http1::encode::ResponseFraming;
use crate::logging::ErrorChain;
use crate::net::sent_tracker::report_sent;
use crate::net::slow_handlers;
use crate::net::sockets::socket::Socket;
use crate::net::threads::mailbox::Completion;
use crate::net::tick::Tick;
use crate::panics::discard;
use crate::response::body_source::{GuardedSource, MAX_BYTES_PER_TICK, Pull};
use crate::trace::probe::{CloseReason, Probe};

impl<S: Socket> Conn<S> {
    /// Starts a body whose head is in the output. Returns whether all of it is sent already.
    #[cold]
    pub(super) fn begin_stream<P: Probe>(
        &mut self,
        mut source: GuardedSource,
        length: ResponseFraming,
        tick: &mut Tick<'_, P>,
    ) -> bool {
        let mut remaining = if let ResponseFraming::Known(length) = length { length } else { u64::MAX };
        let sent = self.send_at_once(&mut source, remaining, tick);
        remaining -= sent.unwrap_or(0);
        let (sends_file, handler) = (sent.is_some(), tick.out.handler.take());
        if sends_file && remaining == 0 {
            return true;
        }
        if sends_file {
            self.socket.limit_unsent(false); // until the file is sent
        } else {
            let (mailbox, key) = (tick.context.offload.mailbox.clone(), tick.context.key);
            source.attach(Arc::new(move || mailbox.send(Completion::BodyReady(key))));
        }
        let body = StreamedBody { source, length, remaining, sends_file, handler, content: 0..0, feed: None };
        self.buffered.get_or_insert_default();
        self.state.change(ConnState::Streaming(Box::new(body)));
        false
    }

    /// Pulls and writes until the source has nothing more, the socket takes no more, or the budget
    /// is used up.
    pub(super) fn stream<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Action {
        self.release_request();
        if let Some(action) = self.send_file(tick) {
            return action;
        }
        let mut sent = 0;
        while sent < MAX_BYTES_PER_TICK {
            let (Some(buffered), ConnState::Streaming(stream)) = (&mut self.buffered, &mut self.state) else {
                return Action::Close(CloseReason::IoError);
            };
            let pulled = slow_handlers::time_body(tick.context, stream.handler, || stream.pull(&mut buffered.output));
            if let Some(tracker) = buffered.pending.last_mut() {
                tracker.content(stream.content.clone());
            }
            sent += buffered.output.len().max(stream.source.cost());
            match pulled {
                Ok(Pull::End) => return self.end_stream(tick),
                Ok(Pull::Wait) if !self.has_pending_output() => return self.wait_for_body(tick),
                Ok(Pull::More | Pull::Wait) => {}
                Err(error) => return self.abort_stream(error),
            }
            if self.has_pending_output()
                && let Some(action) = self.flush_buffered(tick)
            {
                return action;
            }
        }
        Action::Yield
    }

    /// Resets the connection, so that the client does not take the body as complete.
    pub(super) fn abort_stream(&mut self, error: io::Error) -> Action {
        warn!("connection {}: the body of a response broke off: {}", self.id, ErrorChain(&error));
        discard(error);
        self.socket.reset_on_close();
        Action::Close(CloseReason::Reset)
    }

    /// Waits for the source, which calls back. After the peer's FIN the response goes on (RFC 9112
    /// §9.6: it may still read), until a write fails or the kernel's keep-alive probes find the
    /// socket closed. Event streams never end by themselves: they end with the peer's FIN, by a
    /// reset that a client which still reads notices, and at a graceful stop.
    fn wait_for_body<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Action {
        let uploads = self.state.feed().is_some();
        if self.peer_status == PeerStatus::Lost {
            return Action::Close(CloseReason::IoError);
        }
        if self.peer_status == PeerStatus::HalfClosed && !uploads && self.has_heartbeat() {
            self.socket.reset_on_close();
            return Action::Close(CloseReason::Reset);
        }
        if tick.context.time.draining.is_some()
            && let (Some(buffered), ConnState::Streaming(stream)) = (&mut self.buffered, &self.state)
            && stream.beats()
        {
            stream.frame_end(&mut buffered.output);
            return self.end_stream(tick);
        }
        self.record_progress(0, tick.context);
        Action::Wait
    }

    /// Returns whether it waits for a body that another thread produces and that has an end.
    pub(crate) fn waits_for_producer(&self) -> bool {
        matches!(self.state, ConnState::Streaming(_))
            && !self.has_pending_output()
            && !self.has_heartbeat()
            && !self.is_sending_file()
    }

    /// Returns whether the response is an event stream.
    pub(super) fn has_heartbeat(&self) -> bool {
        matches!(&self.state, ConnState::Streaming(stream) if stream.beats())
    }

    pub(super) fn end_stream<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Action {
        drop(self.state.change(ConnState::Open));
        let taken = self.http.finish_response();
        let pending = self.buffered.as_ref().map_or(0, |buffered| buffered.output.len() - buffered.sent);
        self.trace_response_complete(taken.is_some(), false, false, pending, tick.probe);
        let taken = taken.unwrap_or_default();
        if let Some(buffered) = &mut self.buffered {
            if let Some(tracker) = buffered.pending.last_mut() {
                tracker.ends_at(buffered.output.len());
            }
            if buffered.output.is_empty() {
                report_sent(&mut buffered.pending, 0, 0);
            }
            buffered.start += taken;
            self.has_buffered_request = buffered.start < buffered.input.len() || self.at_eof();
        }
        if self.has_pending_output()
            && let Some(action) = self.flush_buffered(tick)
        {
            return action;
        }
        self.buffered = self.buffered.take().filter(|buffered| buffered.start < buffered.input.len());
        self.after_response(tick)
    }

    /// Sends a heartbeat on an event stream that was silent.
    pub(super) fn send_heartbeat<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Action {
        if let (Some(buffered), ConnState::Streaming(stream)) = (&mut self.buffered, &mut self.state)
            && let Some(beat) = stream.source.heartbeat()
        {
            stream.frame(beat, &mut buffered.output);
            if let Some(tracker) = buffered.pending.last_mut() {
                tracker.content(stream.content.clone());
            }
        }
        let action = self.has_pending_output().then(|| self.flush_buffered(tick)).flatten();
        self.record_progress(1, tick.context);
        action.unwrap_or(Action::Wait)
    }
}
