//! Sends a body that is a part of a file: the kernel takes the bytes from its page cache
//! (sendfile).

use std::io::{self, ErrorKind};

use super::streamed_body::too_short;
use super::{Action, Conn, ConnState, HIGH_WATER};
use crate::net::sent_tracker::report_sent;
use crate::net::slow_handlers;
use crate::net::sockets::socket::Socket;
use crate::net::tick::{Context, ResponseBuffers, Tick};
use crate::response::body_source::{FileSource, GuardedSource};
use crate::routing::callsite::Callsite;
use crate::trace::probe::Probe;

/// One call, and its result.
struct SentPart {
    offset: u64,
    want: usize,
    result: io::Result<usize>,
}

impl SentPart {
    /// Sends the next bytes of a file: `most`, or what is `left` of them to be sent.
    fn send<S: Socket>(
        socket: &mut S,
        file: &mut FileSource,
        (left, most): (u64, usize),
        handler: Option<Callsite>,
        context: &Context<'_>,
    ) -> SentPart {
        let (offset, want) = (file.offset, left.min(most as u64) as usize);
        let result = slow_handlers::time_body(context, handler, || socket.send_file(&file.file, offset, want));
        let part = SentPart { offset, want, result };
        file.offset += part.bytes() as u64;
        part
    }

    fn bytes(&self) -> usize {
        *self.result.as_ref().unwrap_or(&0)
    }

    fn failure(&self) -> Option<ErrorKind> {
        self.result.as_ref().err().map(io::Error::kind)
    }

    /// Returns whether the body has to be read and written instead: because the socket or the file
    /// system needs it, or to tell which of them has failed.
    fn is_refused(&self) -> bool {
        !matches!(self.failure(), None | Some(ErrorKind::WouldBlock | ErrorKind::Interrupted))
    }
}

impl<S: Socket> Conn<S> {
    /// Returns whether the kernel sends the body of the response from a file.
    pub(super) fn is_sending_file(&self) -> bool {
        matches!(&self.state, ConnState::Streaming(body) if body.sends_file)
    }

    /// Sends the output, and after it what the socket takes of a file. Returns how many of these
    /// `length` bytes were sent; `None` if they have to be pulled.
    pub(super) fn send_at_once<P: Probe>(
        &mut self,
        source: &mut GuardedSource,
        length: u64,
        tick: &mut Tick<'_, P>,
    ) -> Option<u64> {
        let file = source.file().filter(|_| length > 0)?;
        if !self.send_output_before_file(tick) {
            return Some(0);
        }
        let most = tick.out.file_budget.next_part();
        let part = SentPart::send(&mut self.socket, file, (length, most), tick.out.handler, tick.context);
        self.trace_part(&part, tick.probe);
        let (sent, is_complete) = (part.bytes(), part.bytes() as u64 == length);
        let trackers = &mut tick.out.sent;
        // Those of earlier responses have left with the output.
        if let Some(tracker) = trackers.last_mut() {
            tracker.add_sent(sent);
            if is_complete {
                tracker.ends_at(0);
                report_sent(trackers, 0, 0);
            } else {
                self.settle(trackers, 0);
            }
        }
        tick.out.response.end_turn();
        if part.is_refused() { None } else { Some(sent as u64) }
    }

    /// Writes the output, which shares its last segment with the file. Returns whether all of it
    /// has left.
    fn send_output_before_file<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> bool {
        let ResponseBuffers { output, sent, .. } = &mut *tick.out;
        // The write of what is left meets the error again.
        let written = self.write_by(S::write_before_file, output, tick.probe).unwrap_or(0);
        report_sent(sent, 0, written);
        sent.iter_mut().for_each(|tracker| tracker.rebase(written));
        output.drain(..written);
        output.shrink_to(HIGH_WATER);
        output.is_empty()
    }

    /// Ends the turn in which a request led to another state.
    #[cold]
    pub(super) fn yield_to_state<P: Probe>(&mut self, tick: &Tick<'_, P>) -> Action {
        if self.is_sending_file() {
            self.record_written(0, tick.context);
        }
        Action::Yield
    }

    /// Sends the next part of a file. `None`: the bytes of the body are pulled and written.
    pub(super) fn send_file<P: Probe>(&mut self, tick: &mut Tick<'_, P>) -> Option<Action> {
        let ConnState::Streaming(body) = &mut self.state else { return None };
        let body = &mut **body;
        let file = body.source.file().filter(|_| body.sends_file)?;
        let most = tick.out.file_budget.next_part();
        let part = SentPart::send(&mut self.socket, file, (body.remaining, most), body.handler, tick.context);
        body.remaining -= part.bytes() as u64;
        body.sends_file = !part.is_refused();
        let is_complete = body.remaining == 0;
        self.trace_part(&part, tick.probe);
        if is_complete || part.is_refused() {
            self.socket.limit_unsent(true);
        }
        if part.is_refused() {
            return None;
        }
        if let Some(tracker) = self.buffered.as_mut().and_then(|buffered| buffered.pending.last_mut()) {
            tracker.add_sent(part.bytes());
        }
        if is_complete {
            return Some(self.end_stream(tick));
        }
        self.record_written(part.bytes(), tick.context);
        Some(match part.result {
            Ok(0) => self.abort_stream(too_short()),
            Ok(sent) if sent == part.want => Action::Yield,
            Err(error) if error.kind() == ErrorKind::Interrupted => Action::Yield,
            Ok(_) | Err(_) => Action::Reregister,
        })
    }

    fn trace_part<P: Probe>(&self, part: &SentPart, probe: &mut P) {
        if part.failure() != Some(ErrorKind::Unsupported) {
            self.trace_send_file(&part.result, part.want, part.offset, probe);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};

    use super::*;
    use crate::App;
    use crate::net::threads::mailbox::Offload;
    use crate::net::tick::{Buffers, Config, LoopTime};
    use crate::net::worker::slab::Key;
    use crate::testing::MemorySocket;
    use crate::trace::probe::NoProbe;

    /// Runs before the test fails.
    const RUNS: usize = 100;

    /// A socket with a kernel that may refuse to send files.
    struct KernelSocket {
        memory: MemorySocket,
        refusal: Option<ErrorKind>,
        calls: usize,
        /// The arguments of each `limit_unsent`.
        limits: Vec<bool>,
    }

    impl Read for KernelSocket {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.memory.read(into)
        }
    }

    impl Write for KernelSocket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.memory.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Socket for KernelSocket {
        fn send_file(&mut self, file: &File, offset: u64, length: usize) -> io::Result<usize> {
            self.calls += 1;
            match self.refusal {
                Some(kind) => Err(kind.into()),
                None => self.memory.send_file(file, offset, length),
            }
        }

        fn limit_unsent(&mut self, limited: bool) {
            self.limits.push(limited);
        }

        fn shutdown_write(&mut self) {
            self.memory.shutdown_write();
        }

        fn reset_on_close(&mut self) {
            self.memory.reset_on_close();
        }
    }

    /// Downloads this source file twice through a socket that takes 1,000 bytes, then everything.
    /// Returns the socket.
    fn download(refusal: Option<ErrorKind>) -> KernelSocket {
        let mut app = App::new();
        app.files("/src", concat!(env!("CARGO_MANIFEST_DIR"), "/src/net/conn"));
        let socket = KernelSocket { memory: MemorySocket::new(), refusal, calls: 0, limits: Vec::new() };
        let (mut conn, mut buffers) = (Conn::new(socket, 1, None, 0), Buffers::new());
        let (config, offload) = (Config::default(), Offload::default());
        let time = LoopTime::at(1_000, None, false, &config.timeouts);
        let key = Key { index: 0, generation: 0 };
        let context = Context { app: &app, key, offload: &offload, config: &config, time: &time };
        let get = b"GET /src/sendfile.rs HTTP/1.1\r\nHost: a\r\n\r\n";
        conn.socket().memory.incoming = get.repeat(2);
        conn.mark_readable();
        conn.socket().memory.write_capacity = 1_000;
        for _ in 0..RUNS {
            let probe = &mut NoProbe;
            let (read, mut tick) = buffers.lend(&context, probe);
            match conn.run(read, &mut tick) {
                Action::Wait => return conn.socket,
                Action::Yield => {}
                Action::Reregister => conn.socket().memory.write_capacity = usize::MAX,
                action => panic!("{action:?}"),
            }
        }
        panic!("it does not come to rest");
    }

    fn assert_sent_twice(socket: &KernelSocket) {
        let file = include_bytes!("sendfile.rs");
        let head = socket.memory.outgoing.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let (first, second) = socket.memory.outgoing.split_at(head + file.len());
        assert!(first.ends_with(file) && second.ends_with(file) && first.len() == second.len());
    }

    #[test]
    fn the_limit_of_unsent_bytes_is_lifted_while_a_file_waits() {
        let socket = download(None);
        assert_sent_twice(&socket);
        assert_eq!(socket.limits, [false, true], "the second response leaves at once");
    }

    /// Whatever a file system or socket answers: the bytes are read and written instead, which
    /// meets an error of the file again.
    #[test]
    fn a_refused_file_is_read_and_written() {
        for kind in [ErrorKind::InvalidInput, ErrorKind::Unsupported, ErrorKind::Other, ErrorKind::OutOfMemory] {
            let socket = download(Some(kind));
            assert_sent_twice(&socket);
            assert_eq!((socket.calls, socket.limits.last()), (2, None), "{kind}: one call a response");
        }
    }
}
