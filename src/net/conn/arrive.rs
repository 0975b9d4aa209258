//! How bytes arrive at a connection: one read as long as one is enough, and a place for what stays unfinished.

use std::io::{self, ErrorKind};

use super::{Conn, Fate, Held, REQUESTS_A_TURN};
use crate::http1::connection::Waiting;
use crate::net::desk::{Context, Desk};
use crate::net::socket::Socket;
use crate::wire::probe::Probe;

/// Reads of one connection, 32 KiB each, before that: large requests fill them long before there are 32.
const READS_A_TURN: usize = 2;

impl<S: Socket> Conn<S> {
    /// Hop 2. A short read means that the socket is empty, which saves the read that would say so, unless the peer's FIN came
    /// with the data: its edge is spent, and only another read shows it.
    #[inline(always)]
    pub(super) fn fill<P: Probe>(&mut self, desk: &mut Desk, probe: &mut P) -> io::Result<usize> {
        if self.more || !self.readable || self.eof {
            return Ok(0);
        }
        loop {
            let result = self.socket.read(&mut desk.scratch);
            if P::ON {
                self.tell_read(&result, &desk.scratch, probe);
            }
            return match result {
                Ok(0) => {
                    (self.eof, self.readable) = (true, false);
                    Ok(0)
                }
                Ok(n) => {
                    self.readable = n == desk.scratch.len() || self.hangup || self.socket.holds_more();
                    Ok(n)
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = self.socket.holds_more();
                    Ok(0)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// The socket holds more than one read: reads on, within the budget of a turn. `answered`: requests before this turn.
    #[cold]
    pub(super) fn read_on<P: Probe>(
        &mut self,
        answered: u32,
        desk: &mut Desk,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Fate {
        for _ in 1..READS_A_TURN {
            if self.requests.wrapping_sub(answered) as usize >= REQUESTS_A_TURN {
                break;
            }
            if let Some(fate) = self.pass(desk, context, probe) {
                return fate;
            }
        }
        Fate::Again
    }

    /// Keeps what is unfinished, if anything is.
    #[inline(never)]
    pub(super) fn hold(&mut self, mut held: Box<Held>) {
        // A stream that began meanwhile has its own claim to what is held, and so has the socket's next owner.
        if let Some(begun) = self.held.take() {
            (held.stream, held.switch) = (begun.stream, begun.switch);
        }
        let nothing = held.at >= held.input.len() && !self.socket.holds_part();
        if !held.is_claimed() && (nothing || self.http.waiting() == Waiting::Close) {
            return;
        }
        if let Some(gap) = self.http.close_gap() {
            held.input.drain(held.at + gap.start..held.at + gap.end);
        }
        self.held = Some(held);
    }
}

/// Room for unfinished input at least. Half a head is mostly less, and grows. Pieces of up to 120 bytes glibc keeps apart when they are
/// given back, and what lies between them never becomes one hole: the memory of a crowd of short heads would stay with us.
const ROOM: usize = 256;

impl Held {
    /// Holds these bytes and nothing else.
    pub(super) fn of(input: &[u8]) -> Held {
        let mut held = Held { input: Vec::with_capacity(input.len().max(ROOM)), ..Held::default() };
        held.input.extend_from_slice(input);
        held
    }

    /// Whether something waits here that is neither input nor output.
    pub(super) fn is_claimed(&self) -> bool {
        self.stream.is_some() || self.intake.is_some() || self.away.is_some() || self.switch.is_some()
    }

    /// Adds fresh bytes behind the unfinished ones; those that were taken make room first.
    pub(super) fn append(&mut self, fresh: &[u8]) {
        if self.at > 0 && !fresh.is_empty() {
            self.input.drain(..self.at);
            self.at = 0;
        }
        self.input.extend_from_slice(fresh);
    }
}
