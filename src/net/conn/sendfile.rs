//! Sends a body that is a part of a file: the kernel takes the bytes from its page cache (sendfile).

use std::io::ErrorKind;
use std::time::Instant;

use super::streamed_body::too_short;
use super::{Action, Conn, ConnState};
use crate::net::slow_handlers;
use crate::net::sockets::socket::Socket;
use crate::net::tick::{ResponseBuffers, Tick};
use crate::response::body_source::MAX_BYTES_PER_TICK;
use crate::trace::probe::Probe;

impl<S: Socket> Conn<S> {
    /// Returns whether the kernel sends the body of the response from a file.
    pub(super) fn is_sending_file(&self) -> bool {
        matches!(&self.state, ConnState::Streaming(body) if body.sends_file)
    }

    /// Keeps the head of a file with the connection, to send it in one segment with the first bytes.
    pub(super) fn hold_head(&mut self, out: &mut ResponseBuffers) {
        if self.is_sending_file()
            && let Some(buffered) = &mut self.buffered
            && buffered.output.is_empty()
        {
            buffered.output.extend_from_slice(&out.output);
            buffered.pending.append(&mut out.sent);
            out.output.clear();
        }
    }

    /// Begins the state that a request led to: sends a file at once; the rest is for the next turn.
    #[cold]
    pub(super) fn begin_state<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Action {
        if self.is_sending_file() { self.stream(tick) } else { Action::Yield }
    }

    /// Sends the next part of a file, after the output before it. `None`: the bytes of the body are
    /// pulled and written.
    pub(super) fn send_file<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Option<Action> {
        if self.is_sending_file()
            && self.has_pending_output()
            && let Some(action) = self.flush_buffered(tick)
        {
            return Some(action);
        }
        let ConnState::Streaming(body) = &mut self.state else { return None };
        let body = &mut **body;
        let source = body.source.file().filter(|_| body.sends_file)?;
        let (offset, want) = (source.offset, body.remaining.min(MAX_BYTES_PER_TICK as u64) as usize);
        let began = tick.context.time.timing_handlers.then(Instant::now);
        let result = self.socket.send_file(&source.file, offset, want);
        if let Some(began) = began {
            slow_handlers::check_body(tick.context.app, body.handler, began.elapsed());
        }
        let sent = *result.as_ref().unwrap_or(&0);
        source.offset += sent as u64;
        body.remaining -= sent as u64;
        let is_complete = body.remaining == 0;
        let failure = result.as_ref().err().map(|error| error.kind());
        let failed = !matches!(failure, None | Some(ErrorKind::WouldBlock | ErrorKind::Interrupted));
        body.sends_file = !failed;
        if failure != Some(ErrorKind::Unsupported) {
            self.trace_send_file(&result, want, offset, tick.probe);
        }
        if failed {
            return None; // the file system cannot; or reading and writing tells which side failed
        }
        if let Some(tracker) = self.buffered.as_mut().and_then(|buffered| buffered.pending.last_mut()) {
            tracker.add_sent(sent);
        }
        if is_complete {
            return Some(self.end_stream(tick));
        }
        self.record_written(sent, tick.context);
        Some(match result {
            Ok(0) => self.abort_stream(too_short()),
            Ok(_) if sent == want => Action::Yield,
            _ if failure == Some(ErrorKind::Interrupted) => Action::Yield,
            _ => Action::Reregister,
        })
    }
}
