//! How bytes leave a connection, and how the connection itself does: one write for all answers, back-pressure, the staged close.

use std::io::{self, ErrorKind};

use super::{Conn, Fate, HIGH_WATER, Stage, completion};
use crate::http1::connection::Waiting;
use crate::net::desk::{Context, Desk, Tools};
use crate::net::socket::Socket;
use crate::wire::probe::{Ending, Event, Probe};

/// Reads of a lingering connection before the others get their turn.
const READS_A_TURN: usize = 8;

impl<S: Socket> Conn<S> {
    /// Hop 9: one write for all answers. What the socket does not take is held, and nothing more is read until it left.
    #[inline(always)]
    pub(super) fn flush<P: Probe>(&mut self, tools: &mut Tools, context: &Context<'_>, probe: &mut P) -> Option<Fate> {
        let Tools { output, completions, .. } = tools;
        if output.is_empty() {
            return None;
        }
        let result = self.write(output, probe);
        if !completions.is_empty() {
            self.settle(completions, *result.as_ref().unwrap_or(&0));
        }
        match result {
            Ok(n) if n == output.len() && n <= HIGH_WATER => {
                output.clear();
                None
            }
            Ok(n) => self.keep_output(n, output, context, probe),
            Err(_) => {
                output.clear();
                Some(Fate::Gone(Ending::Broken))
            }
        }
    }

    /// Holds what the socket did not take. The space that a large answer needed goes back.
    #[cold]
    fn keep_output<P: Probe>(
        &mut self,
        written: usize,
        output: &mut Vec<u8>,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<Fate> {
        let rest = output.get(written..).unwrap_or_default().to_vec();
        output.clear();
        output.shrink_to(HIGH_WATER);
        if rest.is_empty() {
            return None;
        }
        if P::ON {
            probe.event(self.id, Event::Backpressure { pending: rest.len() });
        }
        let held = self.held.get_or_insert_default();
        (held.output, held.sent) = (rest, 0);
        self.note_written(written, context);
        Some(Fate::Rearm)
    }

    /// Writes what earlier turns could not. `None`: nothing is left, go on.
    #[cold]
    pub(super) fn flush_held<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Option<Fate> {
        let mut held = self.held.take()?;
        let result = self.write(held.output.get(held.sent..).unwrap_or_default(), probe);
        let written = *result.as_ref().unwrap_or(&0);
        held.sent += written;
        completion::settle(&mut held.completions, held.sent - written, held.sent);
        let left = held.output.len() - held.sent;
        if left == 0 {
            (held.output, held.sent) = (Vec::new(), 0);
        }
        self.held = (left > 0 || held.at < held.input.len() || held.is_claimed()).then_some(held);
        match result {
            Err(_) => Some(Fate::Gone(Ending::Broken)),
            Ok(_) if left > 0 => {
                self.note_written(written, context);
                Some(Fate::Rearm)
            }
            Ok(_) if self.http.waiting() == Waiting::Close => Some(self.finish(context, probe)),
            Ok(_) => None,
        }
    }

    #[inline]
    pub(super) fn owes_output(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.sent < held.output.len())
    }

    #[inline]
    pub(super) fn write<P: Probe>(&mut self, bytes: &[u8], probe: &mut P) -> io::Result<usize> {
        loop {
            let result = self.socket.write(bytes);
            if P::ON {
                self.tell_write(&result, bytes, probe);
            }
            match result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// The last answer is with the kernel. Closing now would reset the connection if the client still sends, and the reset could
    /// overtake the answer: so our FIN first, then read until the client's (RFC 9112 §9.6). A client that itself said close, and
    /// whose request was read to its last byte, sends nothing more: then one close is enough.
    pub(super) fn finish<P: Probe>(&mut self, context: &Context<'_>, probe: &mut P) -> Fate {
        let nothing_more = self.eof || (self.http.peer_is_done() && !self.readable && self.held.is_none());
        self.http.closed();
        self.held = None;
        if nothing_more {
            return Fate::Gone(Ending::Fin);
        }
        self.socket.finish_writing();
        if P::ON {
            self.tell_stand(probe);
            probe.event(self.id, Event::ConnHalfClose);
        }
        (self.stage, self.more) = (Stage::Lingering, false);
        self.held = Some(Box::default());
        self.note_progress(0, context);
        // Mostly the socket was read to its end: then the next readiness says when there is something to discard.
        if self.readable { Fate::Again } else { Fate::Wait }
    }

    /// Reads and discards what comes after our FIN: a client that still sends its body reads the answer when it is done, or when it
    /// looks up. Bounded by time and by a least rate, not by a number of bytes: a reset would destroy the answer (RFC 9112 §9.6).
    pub(super) fn linger<P: Probe>(&mut self, desk: &mut Desk, context: &Context<'_>, probe: &mut P) -> Fate {
        for _ in 0..READS_A_TURN {
            let Ok(fresh) = self.fill(desk, probe) else { return Fate::Gone(Ending::Broken) };
            if self.eof {
                return Fate::Gone(Ending::Staged);
            }
            self.note_read(fresh, context); // nothing is kept
            if !self.readable {
                return Fate::Wait;
            }
        }
        Fate::Again
    }
}
