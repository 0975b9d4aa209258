//! Lets the thread of a handler read the body from the socket itself, while the client sends faster
//! than a read at a time: each piece would otherwise cost two changes of thread.
//!
//! The event loop keeps what needs it. It waits for the client, with the deadlines of a body: the
//! thread returns the body when nothing has arrived.

use std::io::Read;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::Conn;
use super::large_body::MAX_BODY_BYTES_PER_RUN;
use crate::http1::connection::body_decoder::BodyDecoder;
use crate::http1::fault::ProtocolError;
use crate::http1::limits::Limits;
use crate::net::sockets::socket::Socket;
use crate::net::tick::Context;
use crate::request::body_pipe::{BodyPiece, SocketRead, SocketReader};
use crate::sync::lock;
use crate::trace::probe::Probe;

/// Bytes of one read.
const READ: usize = MAX_BODY_BYTES_PER_RUN;

/// A second descriptor of the socket, for the thread.
pub(super) struct DelegatedRead {
    socket: TcpStream,
    limits: Limits,
    /// The body while the thread reads it.
    body: Mutex<Option<DelegatedBody>>,
}

/// A body, as far as the thread has read it.
struct DelegatedBody {
    decoder: BodyDecoder,
    /// Bytes that were read.
    read: usize,
    /// Those of them that follow the body.
    rest: Vec<u8>,
    fault: Option<ProtocolError>,
}

impl DelegatedRead {
    /// Ends the reads of the thread; waits for one that has begun, which does not block.
    fn end(&self) -> Option<DelegatedBody> {
        lock(&self.body).take()
    }
}

impl SocketReader for DelegatedRead {
    fn read(&self, buffer: &mut Vec<u8>) -> SocketRead {
        match &mut *lock(&self.body) {
            Some(body) => body.read(&self.socket, buffer, &self.limits),
            None => SocketRead::Nothing,
        }
    }
}

impl DelegatedBody {
    fn read(&mut self, mut socket: &TcpStream, buffer: &mut Vec<u8>, limits: &Limits) -> SocketRead {
        while !self.decoder.is_complete() {
            // Never more than Content-Length: what follows is for the event loop.
            let size = self.decoder.missing().map_or(READ, |missing| READ.min(missing.try_into().unwrap_or(READ)));
            buffer.resize(buffer.len().max(size), 0);
            let received = match socket.read(buffer.get_mut(..size).unwrap_or_default()) {
                Ok(0) | Err(_) => return SocketRead::Nothing, // the event loop finds out why
                Ok(count) => buffer.get_mut(..count).unwrap_or_default(),
            };
            self.read += received.len();
            let chunk = match self.decoder.decode(received, limits) {
                Ok(chunk) => chunk,
                Err(fault) => {
                    self.fault = Some(fault);
                    return SocketRead::Nothing;
                }
            };
            self.rest.extend_from_slice(received.get(chunk.consumed..).unwrap_or_default());
            if !chunk.data.is_empty() {
                return SocketRead::Piece(BodyPiece::new(std::mem::take(buffer), chunk.data));
            }
        }
        SocketRead::End
    }
}

impl<S: Socket> Conn<S> {
    /// Lets the thread read on if the socket may hold more. Returns whether it does. Not with a
    /// trace, which shows each read.
    pub(super) fn delegate_read<P: Probe>(&mut self, context: &Context<'_>) -> bool {
        if P::ENABLED || !self.http.expects_body() || !self.is_readable() {
            return false;
        }
        let Some(feed) = self.state.feed_mut() else { return false };
        let delegated = match &feed.delegated {
            Some(delegated) => delegated,
            None => {
                let Some(socket) = self.socket.duplicate() else { return false };
                let limits = context.config.limits.clone();
                feed.delegated.insert(Arc::new(DelegatedRead { socket, limits, body: Mutex::default() }))
            }
        };
        let decoder = self.http.body_decoder();
        *lock(&delegated.body) = Some(DelegatedBody { decoder, read: 0, rest: Vec::new(), fault: None });
        feed.pipe.delegate(delegated.clone());
        true
    }

    /// Goes on where the thread has stopped to read the body, if it has read.
    pub(super) fn end_delegated_read(&mut self) {
        let Some(feed) = self.state.feed_mut() else { return };
        let Some(body) = feed.delegated.as_ref().and_then(|delegated| delegated.end()) else { return };
        feed.arrived += body.read;
        self.http.set_body_decoder(body.decoder);
        if let Some(buffered) = &mut self.buffered {
            buffered.input.extend_from_slice(&body.rest);
        }
        if let Some(fault) = body.fault {
            self.http.fail_body();
            self.fail_body(fault);
        }
        self.mark_readable();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::net::conn::Action;
    use crate::net::millis::{Millis, after};
    use crate::net::sockets::raw_stream::RawStream;
    use crate::net::threads::mailbox::{BlockingPool, Offload};
    use crate::net::threads::pool::Pool;
    use crate::net::tick::{Buffers, Config, LoopTime};
    use crate::net::worker::slab::Key;
    use crate::trace::probe::{NoProbe, Observation};
    use crate::{App, Request};

    /// Runs and waits until the test fails.
    const RUNS: usize = 10;
    const BOUND: Duration = Duration::from_secs(60);
    const NOW: Millis = 1_000;

    /// Less than a socket holds, and more than the event loop reads at a time.
    const PART: usize = 110_000;

    /// A trace.
    struct Traced;

    impl Probe for Traced {
        const ENABLED: bool = true;

        fn record(&mut self, _: u64, _: Observation<'_>) {}

        fn flush(&mut self) {}
    }

    /// Sends part of a body on a real socket, and runs the connection until it waits for more.
    /// Returns its deadline, and whether the handler's thread has read.
    fn upload<P: Probe>(probe: &mut P) -> (Millis, bool) {
        let mut app = App::new();
        app.post("/", |req: &Request<'_>| {
            std::io::copy(&mut req.body_reader(), &mut std::io::sink()).is_ok().to_string()
        })
        .streaming();
        let app = Arc::new(app);
        let pool = Some(BlockingPool { threads: Pool::new(1, 1), app: app.clone() });
        let (offload, mut buffers) = (Offload { pool, ..Offload::default() }, Buffers::new());
        let mut config = Config::default();
        config.timeouts.body_grace = Duration::from_secs(1);
        let (mut client, socket) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").unwrap();
        client.write_all(&[b'x'; PART]).unwrap();
        let mut conn = Conn::new(RawStream::Unix(mio::net::UnixStream::from_std(socket)), 1, None, 0);
        conn.mark_readable();
        let time = LoopTime::at(NOW, None, false, &config.timeouts);
        let key = Key { index: 0, generation: 0 };
        let context = Context { app: &app, key, offload: &offload, config: &config, time: &time };
        for _ in 0..RUNS {
            let (read, mut tick) = buffers.lend(&context, probe);
            if conn.run(read, &mut tick) == Action::Wait && conn.wants_data() {
                let feed = conn.state.feed().unwrap();
                return (conn.deadline(&context), feed.delegated.is_some());
            }
            if conn.state.feed().is_some() && !conn.wants_data() {
                assert!(offload.mailbox.wait(Instant::now() + BOUND), "the handler does not read");
                offload.mailbox.drain();
            }
        }
        panic!("it does not come to rest");
    }

    #[test]
    fn bytes_that_the_thread_has_read_count_for_the_deadline() {
        // They pay for one pause, and a body of which nothing has come has a second.
        assert_eq!(upload(&mut NoProbe), (after(NOW, Config::default().timeouts.body_idle), true));
    }

    #[test]
    fn the_event_loop_reads_what_a_trace_shows() {
        assert!(!upload(&mut Traced).1);
    }
}
