//! Reads the socket of a connection, and saves unfinished input.

use std::io::{self, ErrorKind};

use super::state::{PeerStatus, ReadSide};
use super::{Action, Buffered, Conn, MAX_REQUESTS_PER_RUN};
use crate::net::sockets::socket::Socket;
use crate::net::tick::{ReadBuffers, Tick};
use crate::trace::probe::Probe;

/// Reads of 32 KiB before other connections run.
const MAX_READS_PER_RUN: usize = 2;

impl<S: Socket> Conn<S> {
    /// Hop 2: reads once. A short read means that the socket is empty, which saves a read that
    /// would block, except after a FIN: epoll does not report that again.
    #[inline(always)]
    pub(super) fn fill<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> io::Result<usize> {
        if self.has_buffered_request || !self.is_readable() {
            return Ok(0);
        }
        loop {
            let result = self.socket.read(&mut read.bytes);
            self.trace_read(&result, &read.bytes, tick.probe);
            return match result {
                Ok(0) => {
                    self.read_side = ReadSide::Eof;
                    Ok(0)
                }
                Ok(n) => {
                    let fin_follows = self.peer_status != PeerStatus::Connected;
                    self.set_readable(n == read.bytes.len() || fin_follows || self.socket.may_have_more());
                    Ok(n)
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.set_readable(self.peer_status != PeerStatus::Connected || self.socket.may_have_more());
                    Ok(0)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    #[inline]
    fn set_readable(&mut self, readable: bool) {
        self.read_side = if readable { ReadSide::Readable } else { ReadSide::Blocked };
    }

    /// Reads again, within the budget of a run. `answered`: requests before this run.
    #[cold]
    pub(super) fn run_more<P: Probe>(
        &mut self,
        answered: u32,
        read: &mut ReadBuffers,
        tick: &mut Tick<'_, P>,
    ) -> Action {
        for _ in 1..MAX_READS_PER_RUN {
            if self.requests.wrapping_sub(answered) as usize >= MAX_REQUESTS_PER_RUN {
                break;
            }
            if let Some(action) = self.run_once(read, tick) {
                return action;
            }
        }
        Action::Yield
    }

    /// Saves what is unfinished, if anything is.
    #[inline(never)]
    pub(super) fn save(&mut self, mut buffered: Box<Buffered>) {
        let nothing = buffered.start >= buffered.input.len() && !self.socket.has_partial_record();
        if self.is_open() && (nothing || self.http.is_finished()) {
            return;
        }
        if let Some(gap) = self.http.compact() {
            buffered.input.drain(buffered.start + gap.start..buffered.start + gap.end);
        }
        if let Some(held) = self.buffered.take() {
            (buffered.output, buffered.pending) = (held.output, held.pending); // the head of a file
        }
        self.buffered = Some(buffered);
    }
}

/// Minimum capacity. glibc does not coalesce freed blocks up to 120 bytes, so smaller buffers would
/// fragment the heap (docs/performance.md).
const MIN_CAPACITY: usize = 256;

impl Buffered {
    /// A buffer with these bytes of input.
    pub(super) fn of(input: &[u8]) -> Buffered {
        let mut buffered = Buffered { input: Vec::with_capacity(input.len().max(MIN_CAPACITY)), ..Buffered::default() };
        buffered.input.extend_from_slice(input);
        buffered
    }

    /// Appends fresh bytes, and first removes those that are consumed.
    pub(super) fn append(&mut self, fresh: &[u8]) {
        if self.start > 0 && !fresh.is_empty() {
            self.input.drain(..self.start);
            self.start = 0;
        }
        self.input.extend_from_slice(fresh);
    }
}
