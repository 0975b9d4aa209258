//! Bodies that are made while they are sent: pulled from their source a piece at a time, framed, and written as the client reads.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::{Conn, Fate, Held, Stage, completion};
use crate::guard::logging::Chain;
use crate::guard::panics::discard;
use crate::http1::chunked;
use crate::http1::encode::Length;
use crate::net::desk::Context;
use crate::net::office::Letter;
use crate::net::socket::Socket;
use crate::net::watch;
use crate::response::body_source::{GuardedSource, MAX_BYTES_PER_TICK, Pull};
use crate::routing::callsite::Callsite;
use crate::wire::probe::{Ending, Probe};

/// What is asked of a source at once: one write's worth.
pub(super) const PIECE: usize = 64 * 1024;

/// A body on its way out.
pub(super) struct Stream {
    source: GuardedSource,
    length: Length,
    /// What a known length still promises.
    left: u64,
    /// The handler that returned it, where it runs on the loop.
    maker: Option<Callsite>,
    /// Where the content of the piece at hand lies in the output, between what frames it.
    content: Range<usize>,
}

impl<S: Socket> Conn<S> {
    /// The head of the answer is in the output; its body follows from `source`, piece by piece.
    #[cold]
    pub(super) fn begin_stream(
        &mut self,
        mut source: GuardedSource,
        length: Length,
        maker: Option<Callsite>,
        context: &Context<'_>,
    ) {
        let (mailbox, key) = (context.office.mailbox.clone(), context.key);
        source.attach(Arc::new(move || mailbox.post(Letter::More(key))));
        let left = if let Length::Known(length) = length { length } else { u64::MAX };
        self.held.get_or_insert_default().stream = Some(Stream { source, length, left, maker, content: 0..0 });
        self.stage = Stage::Streaming;
    }

    /// Pulls and writes until the source has nothing more, the socket takes no more, or it is somebody else's turn.
    pub(super) fn stream<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Fate {
        self.forget_request();
        let mut sent = 0;
        while sent < MAX_BYTES_PER_TICK {
            let Some(held) = &mut self.held else { return Fate::Gone(Ending::Broken) };
            let Some(stream) = &mut held.stream else { return Fate::Gone(Ending::Broken) };
            let began = context.moment.watching.then(Instant::now);
            let pulled = stream.pull(&mut held.output);
            if let Some(began) = began {
                watch::body(context.app, stream.maker, began.elapsed());
            }
            if let Some(completion) = held.completions.last_mut() {
                completion.content(stream.content.clone());
            }
            sent += held.output.len().max(stream.source.cost());
            match pulled {
                Ok(Pull::End) => return self.end_stream(context, probe),
                Ok(Pull::Wait) if !self.owes_output() => return self.await_source(context, probe),
                Ok(Pull::More | Pull::Wait) => {}
                Err(error) => {
                    warn!("connection {}: the body of a response broke off: {}", self.id, Chain(&error));
                    discard(error);
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

    /// The source has nothing now and will call. The peer's FIN says that it sends no more, not that it reads no more (RFC 9112 §9.6):
    /// the response goes on until a write fails, or until the kernel says that the socket is closed both ways, which its keep-alive
    /// probes find out while the source is silent. Event streams never end by themselves: they end with the peer's FIN, by a reset, so
    /// that a client which still reads sees that something is missing, and at a graceful stop. Their clients connect again.
    fn await_source<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Fate {
        let uploads = self.held.as_ref().is_some_and(|held| held.intake.is_some());
        if self.lost {
            return Fate::Gone(Ending::Broken);
        }
        if self.hangup && !uploads && self.beats() {
            self.socket.reset_on_close();
            return Fate::Gone(Ending::Reset);
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

    /// The peer has reset the connection, or the kernel has given it up: nothing that is written arrives.
    pub(crate) fn lose(&mut self) {
        self.lost = true;
    }

    /// Whether the connection waits for a body that another thread feeds, and that has an end.
    pub(crate) fn is_fed(&self) -> bool {
        self.stage == Stage::Streaming && !self.owes_output() && !self.beats()
    }

    /// Whether the response at hand is an event stream.
    pub(super) fn beats(&self) -> bool {
        self.held.as_ref().and_then(|held| held.stream.as_ref()).is_some_and(Stream::beats)
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
            if let Some(completion) = held.completions.last_mut() {
                completion.ends_at(held.output.len());
            }
            if held.output.is_empty() {
                completion::settle(&mut held.completions, 0, 0);
            }
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
        if let Some(Held { stream: Some(stream), output, completions, .. }) = self.held.as_deref_mut()
            && let Some(beat) = stream.source.heartbeat()
        {
            stream.frame(beat, output);
            if let Some(completion) = completions.last_mut() {
                completion.content(stream.content.clone());
            }
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

    fn frame(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        let behind = match self.length {
            Length::Chunked => {
                chunked::encode_chunk(output, piece);
                "\r\n".len()
            }
            _ => {
                output.extend_from_slice(piece);
                0
            }
        };
        let end = output.len().saturating_sub(behind);
        self.content = end.saturating_sub(piece.len())..end;
    }

    fn frame_end(&self, output: &mut Vec<u8>) {
        if self.length == Length::Chunked {
            chunked::encode_end(output);
        }
    }

    fn beats(&self) -> bool {
        self.source.heartbeat().is_some()
    }
}
