//! Bodies that are made while they are sent: pulled from their source a piece at a time, framed, and written as the client reads.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::{Action, Buffered, Conn, ConnState};
use crate::guard::logging::ErrorChain;
use crate::guard::panics::discard;
use crate::http1::chunked;
use crate::http1::encode::ResponseFraming;
use crate::net::sent_tracker::report_sent;
use crate::net::slow_handlers;
use crate::net::sockets::socket::Socket;
use crate::net::threads::mailbox::Completion;
use crate::net::tick::Context;
use crate::response::body_source::{GuardedSource, MAX_BYTES_PER_TICK, Pull};
use crate::routing::callsite::Callsite;
use crate::trace::probe::{CloseReason, Probe};

/// What is asked of a source at once: one write's worth.
pub(super) const PULL_SIZE: usize = 64 * 1024;

/// A body on its way out.
pub(super) struct StreamedBody {
    source: GuardedSource,
    length: ResponseFraming,
    /// What a known length still promises.
    remaining: u64,
    /// The handler that returned it, where it runs on the loop.
    handler: Option<Callsite>,
    /// Where the content of the piece at hand lies in the output, between what frames it.
    content: Range<usize>,
}

impl<S: Socket> Conn<S> {
    /// The head of the answer is in the output; its body follows from `source`, piece by piece.
    #[cold]
    pub(super) fn begin_stream(
        &mut self,
        mut source: GuardedSource,
        length: ResponseFraming,
        handler: Option<Callsite>,
        context: &Context<'_>,
    ) {
        let (mailbox, key) = (context.offload.mailbox.clone(), context.key);
        source.attach(Arc::new(move || mailbox.send(Completion::BodyReady(key))));
        let left = if let ResponseFraming::Known(length) = length { length } else { u64::MAX };
        self.buffered.get_or_insert_default().stream =
            Some(StreamedBody { source, length, remaining: left, handler, content: 0..0 });
        self.state = ConnState::Streaming;
    }

    /// Pulls and writes until the source has nothing more, the socket takes no more, or it is somebody else's turn.
    pub(super) fn stream<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Action {
        self.release_request();
        let mut sent = 0;
        while sent < MAX_BYTES_PER_TICK {
            let Some(buffered) = &mut self.buffered else { return Action::Close(CloseReason::IoError) };
            let Some(stream) = &mut buffered.stream else { return Action::Close(CloseReason::IoError) };
            let began = context.time.timing_handlers.then(Instant::now);
            let pulled = stream.pull(&mut buffered.output);
            if let Some(began) = began {
                slow_handlers::check_body(context.app, stream.handler, began.elapsed());
            }
            if let Some(tracker) = buffered.pending.last_mut() {
                tracker.content(stream.content.clone());
            }
            sent += buffered.output.len().max(stream.source.cost());
            match pulled {
                Ok(Pull::End) => return self.end_stream(context, probe),
                Ok(Pull::Wait) if !self.has_pending_output() => return self.wait_for_body(context, probe),
                Ok(Pull::More | Pull::Wait) => {}
                Err(error) => {
                    warn!("connection {}: the body of a response broke off: {}", self.id, ErrorChain(&error));
                    discard(error);
                    self.socket.reset_on_close();
                    return Action::Close(CloseReason::Reset);
                }
            }
            if self.has_pending_output()
                && let Some(action) = self.flush_buffered(context, probe)
            {
                return action;
            }
        }
        Action::Yield
    }

    /// The source has nothing now and will call. The peer's FIN says that it sends no more, not that it reads no more (RFC 9112 §9.6):
    /// the response goes on until a write fails, or until the kernel says that the socket is closed both ways, which its keep-alive
    /// probes find out while the source is silent. Event streams never end by themselves: they end with the peer's FIN, by a reset, so
    /// that a client which still reads sees that something is missing, and at a graceful stop. Their clients connect again.
    fn wait_for_body<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Action {
        let uploads = self.buffered.as_ref().is_some_and(|buffered| buffered.body_feed.is_some());
        if self.lost {
            return Action::Close(CloseReason::IoError);
        }
        if self.hangup && !uploads && self.has_heartbeat() {
            self.socket.reset_on_close();
            return Action::Close(CloseReason::Reset);
        }
        if context.time.draining.is_some()
            && let Some(Buffered { stream: Some(stream), output, .. }) = self.buffered.as_deref_mut()
            && stream.beats()
        {
            stream.frame_end(output);
            return self.end_stream(context, probe);
        }
        self.record_progress(0, context);
        Action::Wait
    }

    /// The peer has reset the connection, or the kernel has given it up: nothing that is written arrives.
    pub(crate) fn mark_lost(&mut self) {
        self.lost = true;
    }

    /// Whether the connection waits for a body that another thread feeds, and that has an end.
    pub(crate) fn waits_for_producer(&self) -> bool {
        self.state == ConnState::Streaming && !self.has_pending_output() && !self.has_heartbeat()
    }

    /// Whether the response at hand is an event stream.
    pub(super) fn has_heartbeat(&self) -> bool {
        self.buffered.as_ref().and_then(|buffered| buffered.stream.as_ref()).is_some_and(StreamedBody::beats)
    }

    fn end_stream<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Action {
        self.state = ConnState::Open;
        let taken = self.http.finish_response();
        if P::ENABLED {
            let pending = self.buffered.as_ref().map_or(0, |buffered| buffered.output.len() - buffered.sent);
            self.trace_response_complete(taken.is_some(), false, false, pending, probe);
        }
        let taken = taken.unwrap_or_default();
        if let Some(buffered) = &mut self.buffered {
            (buffered.stream, buffered.body_feed) = (None, None);
            if let Some(tracker) = buffered.pending.last_mut() {
                tracker.ends_at(buffered.output.len());
            }
            if buffered.output.is_empty() {
                report_sent(&mut buffered.pending, 0, 0);
            }
            buffered.start += taken;
            self.has_buffered_request = buffered.start < buffered.input.len() || self.eof;
        }
        if self.has_pending_output()
            && let Some(action) = self.flush_buffered(context, probe)
        {
            return action;
        }
        self.buffered = self.buffered.take().filter(|buffered| buffered.start < buffered.input.len());
        self.after_response(context, probe)
    }

    /// Nothing was sent for a while: a sign of life, where the stream has one.
    pub(super) fn send_heartbeat<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Action {
        if let Some(Buffered { stream: Some(stream), output, pending, .. }) = self.buffered.as_deref_mut()
            && let Some(beat) = stream.source.heartbeat()
        {
            stream.frame(beat, output);
            if let Some(tracker) = pending.last_mut() {
                tracker.content(stream.content.clone());
            }
        }
        let action = self.has_pending_output().then(|| self.flush_buffered(context, probe)).flatten();
        self.record_progress(1, context);
        action.unwrap_or(Action::Wait)
    }
}

impl StreamedBody {
    /// Appends the next piece, framed.
    fn pull(&mut self, output: &mut Vec<u8>) -> std::io::Result<Pull> {
        let mut piece = Vec::new();
        let pulled = self.source.pull(&mut piece, PULL_SIZE)?;
        let size = piece.len() as u64;
        if size > self.remaining {
            // A file that grew: what was promised is sent, no byte more.
            piece.truncate(self.remaining as usize);
        }
        self.remaining -= size.min(self.remaining);
        self.frame(&piece, output);
        match (pulled, self.length) {
            (_, ResponseFraming::Known(_)) if self.remaining == 0 => Ok(Pull::End),
            // A file that shrank: what is missing cannot be made up, and padding would be a lie.
            (Pull::End, ResponseFraming::Known(_)) => {
                Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "shorter than announced"))
            }
            (Pull::End, _) => {
                self.frame_end(output);
                Ok(Pull::End)
            }
            (pulled, _) => Ok(pulled),
        }
    }

    fn frame(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        let following = match self.length {
            ResponseFraming::Chunked => {
                chunked::encode_chunk(output, piece);
                "\r\n".len()
            }
            _ => {
                output.extend_from_slice(piece);
                0
            }
        };
        let end = output.len().saturating_sub(following);
        self.content = end.saturating_sub(piece.len())..end;
    }

    fn frame_end(&self, output: &mut Vec<u8>) {
        if self.length == ResponseFraming::Chunked {
            chunked::encode_end(output);
        }
    }

    fn beats(&self) -> bool {
        self.source.heartbeat().is_some()
    }
}
