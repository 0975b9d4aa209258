//! Writes the output of a connection, and closes it in stages.

use std::io::{self, ErrorKind};

use super::{Action, Conn, ConnState, HIGH_WATER};
use crate::net::sent_tracker::{SentTracker, report_sent};
use crate::net::sockets::socket::Socket;
use crate::net::tick::{Context, HeadDecision, ReadBuffers, ResponseBuffers, Tick};
use crate::trace::probe::{CloseReason, Event, NoProbe, Probe};

/// Reads of a lingering connection before others run.
const MAX_DISCARDS_PER_RUN: usize = 8;

impl<S: Socket> Conn<S> {
    /// Hop 9: one write for all responses. Keeps what the socket does not take, and reads nothing
    /// until it is written.
    #[inline(always)]
    pub(super) fn flush<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Option<Action> {
        let ResponseBuffers { output, sent, .. } = &mut *tick.out;
        if output.is_empty() {
            return None;
        }
        let result = self.write(output, tick.probe);
        if !sent.is_empty() {
            self.settle(sent, *result.as_ref().unwrap_or(&0));
        }
        match result {
            Ok(n) if n == output.len() && n <= HIGH_WATER => {
                output.clear();
                None
            }
            Ok(n) => self.buffer_output(n, tick),
            Err(_) => {
                output.clear();
                Some(Action::Close(CloseReason::IoError))
            }
        }
    }

    /// Keeps what the socket did not take, and frees the space of a large response.
    #[cold]
    fn buffer_output<P: Probe>(&mut self, written: usize, tick: &mut Tick<'_, P>) -> Option<Action> {
        let output = &mut tick.out.output;
        let rest = output.get(written..).unwrap_or_default().to_vec();
        output.clear();
        output.shrink_to(HIGH_WATER);
        if rest.is_empty() {
            return None;
        }
        tick.probe.emit(self.id, || Event::Backpressure { pending: rest.len() });
        let buffered = self.buffered.get_or_insert_default();
        (buffered.output, buffered.sent) = (rest, 0);
        self.record_written(written, tick.context);
        Some(Action::Reregister)
    }

    /// Writes what is left from earlier runs. `None`: all is written.
    #[cold]
    pub(super) fn flush_buffered<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Option<Action> {
        let mut buffered = self.buffered.take()?;
        let result = self.write(buffered.output.get(buffered.sent..).unwrap_or_default(), tick.probe);
        let written = *result.as_ref().unwrap_or(&0);
        buffered.sent += written;
        report_sent(&mut buffered.pending, buffered.sent - written, buffered.sent);
        let left = buffered.output.len() - buffered.sent;
        if left == 0 {
            (buffered.output, buffered.sent) = (Vec::new(), 0);
        }
        self.buffered = (left > 0 || buffered.start < buffered.input.len() || !self.is_open()).then_some(buffered);
        match result {
            Err(_) => Some(Action::Close(CloseReason::IoError)),
            Ok(_) if left > 0 => {
                self.record_written(written, tick.context);
                Some(Action::Reregister)
            }
            Ok(_) if self.http.is_finished() => Some(self.close(tick)),
            Ok(_) => None,
        }
    }

    #[inline]
    pub(super) fn has_pending_output(&self) -> bool {
        self.buffered.as_ref().is_some_and(|buffered| buffered.sent < buffered.output.len())
    }

    /// Moves what the socket did not take back to the worker's output, so that a response follows
    /// it: a `100 Continue`.
    pub(super) fn take_pending_output(&mut self, output: &mut Vec<u8>) {
        let Some(buffered) = &mut self.buffered else { return };
        output.extend_from_slice(buffered.output.get(buffered.sent..).unwrap_or_default());
        (buffered.output, buffered.sent) = (Vec::new(), 0);
    }

    /// Writes once. Returns 0 if the socket takes nothing.
    #[inline]
    fn write<P: Probe>(&mut self, bytes: &[u8], probe: &mut P) -> io::Result<usize> {
        self.write_by(S::write, bytes, probe)
    }

    #[inline]
    pub(super) fn write_by<P: Probe>(
        &mut self,
        call: impl Fn(&mut S, &[u8]) -> io::Result<usize>,
        bytes: &[u8],
        probe: &mut P,
    ) -> io::Result<usize> {
        loop {
            let result = call(&mut self.socket, bytes);
            self.trace_write(&result, bytes, probe);
            match result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Closes after the last response. Closing at once would reset the connection if the client
    /// still sends, and the reset could overtake the response: so sends FIN, then reads until the
    /// client's FIN (RFC 9112 §9.6). A client that said close, and whose request is read
    /// completely, sends nothing more, except the close_notify of TLS: one close is enough.
    pub(super) fn close<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Action {
        let is_done = self.http.peer_is_done() && !self.socket.expects_close_notify();
        let nothing_more = self.at_eof() || (is_done && !self.is_readable() && self.buffered.is_none());
        self.http.close();
        self.buffered = None;
        if nothing_more {
            return Action::Close(CloseReason::Fin);
        }
        self.socket.shutdown_write();
        self.trace_states(tick.probe);
        tick.probe.emit(self.id, || Event::ConnHalfClose);
        self.state.change(ConnState::Lingering);
        self.has_buffered_request = false;
        self.buffered = Some(Box::default());
        self.record_progress(0, tick.context);
        // If the socket is empty, the next event reports bytes to discard.
        if self.is_readable() { Action::Yield } else { Action::Wait }
    }

    /// Reads and discards after our FIN, so that a client that still sends its body can read the
    /// response. Bounded by time and by a minimum rate, not by bytes: a reset would destroy the
    /// response (RFC 9112 §9.6).
    pub(super) fn linger<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Action {
        for _ in 0..MAX_DISCARDS_PER_RUN {
            let Ok(fresh) = self.fill(read, tick) else { return Action::Close(CloseReason::IoError) };
            if self.at_eof() {
                return Action::Close(CloseReason::Lingered);
            }
            self.record_read(fresh, tick.context); // nothing is kept
            if !self.is_readable() {
                return Action::Wait;
            }
        }
        Action::Yield
    }

    /// Reports responses whose last byte is within the first `written` bytes of the worker's
    /// output, and keeps the others.
    #[cold]
    pub(super) fn settle(&mut self, trackers: &mut Vec<SentTracker>, written: usize) {
        report_sent(trackers, 0, written);
        for mut tracker in trackers.drain(..) {
            tracker.rebase(written);
            self.buffered.get_or_insert_default().pending.push(tracker);
        }
    }

    /// Ends the connection: reports unsent responses, and tells a running handler that the client
    /// left.
    pub(crate) fn end(&mut self, context: &Context<'_>) {
        if let ConnState::InPool(pooled) = self.state.change(ConnState::Closed)
            && pooled.request.claim()
        {
            pooled.request.client_left::<NoProbe>(context.app);
        }
        let Some(mut buffered) = self.buffered.take() else { return };
        if let Some(HeadDecision::Responded(mut response)) = buffered.decision.take()
            && let Some(on_sent) = response.take_on_sent()
        {
            on_sent.notify_client_left();
        }
    }
}
