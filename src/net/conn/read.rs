//! Reads the socket of a connection, and saves unfinished input.

use std::io::{self, ErrorKind};

use super::state::{PeerStatus, ReadSide};
use super::{Action, Buffered, Conn, MAX_REQUESTS_PER_RUN};
use crate::http1::head::Head;
use crate::net::sockets::socket::Socket;
use crate::net::spare_buffers::SpareBuffers;
use crate::net::tick::{READ_BUFFER, ReadBuffers, Tick};
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
        self.read_socket(&mut read.bytes, tick.probe)
    }

    /// Reads once, into any buffer.
    #[inline(always)]
    pub(super) fn read_socket<P: Probe>(&mut self, into: &mut [u8], probe: &mut P) -> io::Result<usize> {
        loop {
            let result = self.socket.read(into);
            self.trace_read(&result, into, probe);
            return match result {
                Ok(0) => {
                    self.read_side = ReadSide::Eof;
                    Ok(0)
                }
                Ok(n) => {
                    let fin_follows = self.peer_status != PeerStatus::Connected;
                    self.set_readable(n == into.len() || fin_follows || self.socket.may_have_more());
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

    /// Continues what is unfinished: writes the rest of the output, and reads the rest of a large
    /// body. `None`: the connection takes more.
    #[cold]
    pub(super) fn resume<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Option<Action> {
        if self.has_pending_output()
            && let Some(action) = self.flush_buffered(tick)
        {
            return Some(action);
        }
        self.read_body(read, tick)
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
            if let Some(action) = self.read_body(read, tick) {
                return action;
            }
            if let Some(action) = self.run_once(read, tick) {
                return action;
            }
        }
        Action::Yield
    }

    /// Keeps fresh bytes that are unfinished.
    #[cold]
    pub(super) fn keep<P: Probe>(
        &mut self,
        rest: &[u8],
        head: &Head,
        spare: &mut SpareBuffers,
        tick: &mut Tick<'_, P>,
    ) {
        let mut buffered = Box::<Buffered>::default();
        buffered.began = tick.context.time.now;
        buffered.input = match self.missing(rest.len()) {
            Some(missing) => {
                let whole = rest.len().saturating_add(missing).saturating_add(1);
                spare.take(whole, rest.len() + buffered.read_size.of(missing, rest.len()))
            }
            None => Vec::with_capacity(rest.len().max(MIN_CAPACITY)),
        };
        buffered.input.clear();
        buffered.input.extend_from_slice(rest);
        if self.http.is_unfinished() {
            (buffered.head, buffered.decision) = (head.to_owned_head(), tick.out.decision.take());
        }
        self.save(buffered, spare);
    }

    /// Saves what is unfinished, if anything is.
    #[inline(never)]
    pub(super) fn save(&mut self, mut buffered: Box<Buffered>, spare: &mut SpareBuffers) {
        let nothing = buffered.start >= buffered.input.len() && !self.socket.has_partial_record();
        if self.is_open() && (nothing || self.http.is_finished()) {
            spare.put(buffered.input);
            return;
        }
        if let Some(gap) = self.http.compact() {
            buffered.input.drain(buffered.start + gap.start..buffered.start + gap.end);
        }
        if let Some(held) = self.buffered.take() {
            buffered.pending = held.pending; // a file that is partly sent
        }
        self.buffered = Some(buffered);
    }
}

/// Minimum capacity. glibc does not coalesce freed blocks up to 120 bytes, so smaller buffers would
/// fragment the heap (docs/performance.md).
const MIN_CAPACITY: usize = 256;

impl Buffered {
    /// Appends fresh bytes, and first removes those that are consumed.
    pub(super) fn append(&mut self, fresh: &[u8]) {
        if self.start > 0 && !fresh.is_empty() {
            self.input.drain(..self.start);
            self.start = 0;
        }
        self.input.extend_from_slice(fresh);
        if fresh.len() == READ_BUFFER {
            self.read_size.record(fresh.len(), READ_BUFFER);
        }
    }
}
