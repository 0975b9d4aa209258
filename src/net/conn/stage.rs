//! Runs a connection stage by stage, for one that is stepped by hand. What a stage leaves waits where
//! unfinished input and output always wait, so the next one finds it there.

use super::state::ReadSide;
use super::{Action, Conn};
use crate::http1::fault::Fault;
use crate::net::sockets::socket::Socket;
use crate::net::tick::{ReadBuffers, Tick};
use crate::trace::probe::{CloseReason, Probe};

/// What a connection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Read the socket once.
    Read,
    /// Parse what was read; route and handle the requests in it.
    Handle,
    /// Write what was encoded.
    Write,
    Close,
    /// Go on in a state other than reading requests: stream a response, discard input.
    Rest,
    /// Wait for the socket.
    Wait,
}

impl Stage {
    /// Returns its name in the schema.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Stage::Read | Stage::Wait => "recv",
            Stage::Handle => "handle",
            Stage::Write => "send",
            Stage::Close => "close",
            Stage::Rest => "rest",
        }
    }
}

impl<S: Socket> Conn<S> {
    /// Runs the connection; one that is stepped by hand waits for its turn first.
    #[inline(always)]
    pub(crate) fn run_or_wait<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Action {
        if P::ENABLED && tick.probe.is_stepped(self.id) { Action::Yield } else { self.run(read, tick) }
    }

    pub(crate) fn next_stage(&self) -> Stage {
        match self.read_side {
            _ if !self.is_open() => Stage::Rest,
            _ if self.has_pending_output() => Stage::Write,
            _ if self.http.is_finished() => Stage::Close,
            _ if self.has_buffered_request => Stage::Handle,
            ReadSide::Readable => Stage::Read,
            ReadSide::Blocked | ReadSide::Eof => Stage::Wait,
        }
    }

    /// Runs the next stage, and yields before the one after it.
    #[cold]
    pub(super) fn run_stage<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Action {
        let ends = match self.next_stage() {
            Stage::Rest => Some(self.run_state(read, tick)),
            Stage::Write => self.flush_buffered(tick),
            Stage::Close => Some(self.close(tick)),
            Stage::Handle => self.handle_stage(read, tick),
            Stage::Read => self.read_stage(read, tick),
            Stage::Wait => None,
        };
        let next = || if self.next_stage() == Stage::Wait { Action::Wait } else { Action::Yield };
        ends.unwrap_or_else(next)
    }

    /// Reads once, and keeps the bytes.
    fn read_stage<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Option<Action> {
        let Ok(fresh) = self.fill(read, tick) else { return Some(Action::Close(CloseReason::IoError)) };
        let ReadBuffers { bytes, head, spare } = read;
        let bytes = bytes.get(..fresh).unwrap_or_default();
        match &mut self.buffered {
            Some(buffered) => buffered.append(bytes),
            None if fresh > 0 => self.keep(bytes, head, spare, tick),
            None => {}
        }
        self.has_buffered_request = fresh > 0 || self.at_eof();
        (!self.record_read(fresh, tick.context)).then(|| self.time_out(Fault::Overloaded, tick))
    }

    /// Handles what was read, and keeps the output.
    fn handle_stage<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Option<Action> {
        self.process(0, read, tick);
        if !self.is_open() {
            return self.flush(tick).or_else(|| Some(self.yield_to_state(tick)));
        }
        let out = &mut *tick.out;
        if !out.output.is_empty() {
            self.buffered.get_or_insert_default().output.append(&mut out.output);
            self.settle(&mut out.sent, 0);
            self.record_written(0, tick.context);
        }
        None
    }
}
