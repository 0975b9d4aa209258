//! How bytes arrive at a connection: one read as long as one is enough, and a place for what stays unfinished.

use std::io::{self, ErrorKind};

use super::{Action, Buffered, Conn, MAX_REQUESTS_PER_RUN};
use crate::net::sockets::socket::Socket;
use crate::net::tick::{Buffers, Context};
use crate::trace::probe::Probe;

/// Reads of one connection, 32 KiB each, before that: large requests fill them long before there are 32.
const MAX_READS_PER_RUN: usize = 2;

impl<S: Socket> Conn<S> {
    /// Hop 2. A short read means that the socket is empty, which saves the read that would say so, unless the peer's FIN came
    /// with the data: its edge is spent, and only another read shows it.
    #[inline(always)]
    pub(super) fn fill<P: Probe>(&mut self, buffers: &mut Buffers, probe: &mut P) -> io::Result<usize> {
        if self.has_buffered_request || !self.readable || self.eof {
            return Ok(0);
        }
        loop {
            let result = self.socket.read(&mut buffers.scratch);
            if P::ENABLED {
                self.trace_read(&result, &buffers.scratch, probe);
            }
            return match result {
                Ok(0) => {
                    (self.eof, self.readable) = (true, false);
                    Ok(0)
                }
                Ok(n) => {
                    self.readable = n == buffers.scratch.len() || self.hangup || self.socket.may_have_more();
                    Ok(n)
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = self.socket.may_have_more();
                    Ok(0)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// The socket holds more than one read: reads on, within the budget of a turn. `answered`: requests before this turn.
    #[cold]
    pub(super) fn run_more<P: Probe>(
        &mut self,
        answered: u32,
        buffers: &mut Buffers,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Action {
        for _ in 1..MAX_READS_PER_RUN {
            if self.requests.wrapping_sub(answered) as usize >= MAX_REQUESTS_PER_RUN {
                break;
            }
            if let Some(action) = self.run_once(buffers, context, probe) {
                return action;
            }
        }
        Action::Yield
    }

    /// Keeps what is unfinished, if anything is.
    #[inline(never)]
    pub(super) fn save(&mut self, mut buffered: Box<Buffered>) {
        let nothing = buffered.start >= buffered.input.len() && !self.socket.has_partial_record();
        if self.is_open() && (nothing || self.http.is_finished()) {
            return;
        }
        if let Some(gap) = self.http.compact() {
            buffered.input.drain(buffered.start + gap.start..buffered.start + gap.end);
        }
        self.buffered = Some(buffered);
    }
}

/// Room for unfinished input at least. Half a head is mostly less, and grows. Pieces of up to 120 bytes glibc keeps apart when they are
/// given back, and what lies between them never becomes one hole: the memory of a crowd of short heads would stay with us.
const MIN_CAPACITY: usize = 256;

impl Buffered {
    /// Holds these bytes and nothing else.
    pub(super) fn of(input: &[u8]) -> Buffered {
        let mut buffered = Buffered { input: Vec::with_capacity(input.len().max(MIN_CAPACITY)), ..Buffered::default() };
        buffered.input.extend_from_slice(input);
        buffered
    }

    /// Adds fresh bytes behind the unfinished ones; those that were taken make room first.
    pub(super) fn append(&mut self, fresh: &[u8]) {
        if self.start > 0 && !fresh.is_empty() {
            self.input.drain(..self.start);
            self.start = 0;
        }
        self.input.extend_from_slice(fresh);
    }
}
