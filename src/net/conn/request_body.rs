//! Passes request bodies on to handlers that read them as they arrive.

use std::io::ErrorKind;
use std::sync::Arc;

use super::body_feed::BodyFeed;
use super::{Action, Conn};
use crate::http1::encode;
use crate::http1::fault::{Fault, ProtocolError};
use crate::http1::head::Head;
use crate::net::exchange::OwnedRequest;
use crate::net::sockets::socket::Socket;
use crate::net::tick::{Context, ReadBuffers, Tick};
use crate::response::Response;
use crate::trace::probe::{CloseReason, Event, Probe};

/// Reads of a body before other connections run.
const MAX_BODY_READS_PER_RUN: usize = 4;

impl<S: Socket> Conn<S> {
    /// Passes received bytes to the pipe, and reads while the pipe has capacity.
    pub(super) fn pump<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Action {
        for _ in 0..MAX_BODY_READS_PER_RUN {
            let Some(feed) = self.state.feed_mut() else { return Action::Wait };
            feed.wants_data = self.http.expects_body() && feed.pipe.has_capacity();
            if !feed.wants_data {
                self.record_progress(0, tick.context);
                return Action::Wait;
            }
            if std::mem::take(&mut feed.continue_pending) {
                self.buffered.get_or_insert_default().output.extend_from_slice(encode::CONTINUE);
                tick.probe.emit(self.id, || Event::ReqContinue { sent: true });
                if let Some(action) = self.flush_buffered(tick) {
                    return action;
                }
            }
            // Count before feeding, while the bytes that came with the head are in the buffer.
            self.record_progress(0, tick.context);
            let Ok(fresh) = self.fill(read, tick) else { return Action::Close(CloseReason::IoError) };
            self.feed(read.bytes.get(..fresh).unwrap_or_default(), tick.context);
            self.record_read(fresh, tick.context); // bounded by its pipe
            if !self.is_readable() && self.http.expects_body() {
                return Action::Wait;
            }
        }
        Action::Yield
    }

    /// Decodes received bytes and passes them on.
    fn feed(&mut self, fresh: &[u8], context: &Context<'_>) {
        let (Some(buffered), Some(feed)) = (&mut self.buffered, self.state.feed_mut()) else { return };
        buffered.append(fresh);
        let bytes = buffered.input.get_mut(buffered.start..).unwrap_or_default();
        let refused = match self.http.receive_chunk(bytes, &context.config.limits) {
            Ok(part) => {
                feed.pipe.push(bytes.get(part.data).unwrap_or_default());
                if !self.http.expects_body() {
                    feed.pipe.finish();
                }
                buffered.start += part.consumed;
                let broken_off = self.at_eof() && self.http.expects_body();
                broken_off.then(|| self.http.receive_eof(&[], &mut Head::default(), &context.config.limits).err())
            }
            Err(reject) => Some(Some(reject)),
        };
        if let Some(reject) = refused.flatten() {
            self.fail_body(reject);
        }
    }

    /// Fails a body that came too slowly or not at all.
    pub(super) fn time_out_body(&mut self, late: Fault, context: &Context<'_>) -> Action {
        if let Some(reject) = self.http.expire(&[], &mut Head::default(), &context.config.limits, late) {
            self.fail_body(reject);
        }
        Action::Wait
    }

    /// Fails the body: the handler's next read returns an error, and the response is the rejection,
    /// unless the handler has responded.
    fn fail_body(&mut self, reject: ProtocolError) {
        let (Some(buffered), Some(feed)) = (&mut self.buffered, self.state.feed_mut()) else { return };
        (buffered.input, buffered.start) = (Vec::new(), 0);
        if feed.request.as_ref().is_some_and(|request| request.claim()) {
            feed.refused = Some(reject);
        }
        let kind = match reject.fault {
            Fault::EndedEarly => ErrorKind::UnexpectedEof,
            Fault::BodyTimeout | Fault::BodyTooSlow => ErrorKind::TimedOut,
            _ => ErrorKind::InvalidData,
        };
        feed.pipe.fail(kind, reject.fault.info().message);
    }

    /// Returns whether the body is read while the response is sent. If the client waits for `100
    /// Continue`, it is sent now: after the head of the response it would corrupt the body.
    pub(super) fn keeps_reading<P: Probe>(
        &self,
        feed: &mut BodyFeed,
        answer: &Response,
        output: &mut Vec<u8>,
        probe: &mut P,
    ) -> bool {
        let streams = answer.is_stream() && feed.refused.is_none();
        let reads_on = streams && self.http.expects_body() && feed.pipe.is_detached();
        if reads_on && std::mem::take(&mut feed.continue_pending) {
            output.extend_from_slice(encode::CONTINUE);
            probe.emit(self.id, || Event::ReqContinue { sent: true });
        }
        reads_on
    }

    /// Ends a body whose handler has responded. If the rest is buffered the connection may stay
    /// open, otherwise it ends.
    pub(super) fn end_body(
        &mut self,
        mut feed: BodyFeed,
        context: &Context<'_>,
    ) -> Option<(ProtocolError, Arc<OwnedRequest>)> {
        let buffered = self.buffered.as_mut()?;
        if self.http.expects_body() {
            let bytes = buffered.input.get_mut(buffered.start..).unwrap_or_default();
            let part = self.http.receive_chunk(bytes, &context.config.limits);
            buffered.start += part.map_or(0, |part| part.consumed);
        }
        buffered.input.drain(..buffered.start.min(buffered.input.len()));
        buffered.start = 0;
        feed.refused.zip(feed.request.take())
    }

    /// Returns whether the connection waits for the client's body.
    pub(super) fn wants_data(&self) -> bool {
        self.state.feed().is_some_and(|feed| feed.wants_data)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::state::ConnState;
    use super::*;
    use crate::net::millis::{Millis, after};
    use crate::net::threads::mailbox::{BlockingPool, Offload};
    use crate::net::threads::pool::Pool;
    use crate::net::tick::{Buffers, Config, LoopTime};
    use crate::net::worker::slab::Key;
    use crate::testing::MemorySocket;
    use crate::trace::probe::NoProbe;
    use crate::{App, Request};

    /// Turns and waits until the test fails.
    const TURNS: usize = 10;
    const BOUND: Duration = Duration::from_secs(60);

    /// A connection whose `.streaming()` handler waits for a body that never ends. The pool is real, the time is not.
    struct Upload {
        conn: Conn<MemorySocket>,
        buffers: Buffers,
        offload: Offload,
        config: Config,
    }

    impl Upload {
        fn new() -> Upload {
            let mut app = App::new();
            app.post("/", |req: &Request<'_>| {
                std::io::copy(&mut req.body_reader(), &mut std::io::sink()).is_ok().to_string()
            })
            .streaming();
            let pool = Some(BlockingPool { threads: Pool::new(1, 1), app: Arc::new(app) });
            let offload = Offload { pool, ..Offload::default() };
            Upload {
                conn: Conn::new(MemorySocket::new(), 1, None, 0),
                buffers: Buffers::new(),
                offload,
                config: Config::default(),
            }
        }

        /// Sends bytes at this time; returns when the connection's patience ends.
        fn send(&mut self, now: Millis, bytes: &[u8]) -> Millis {
            self.conn.socket().incoming.extend_from_slice(bytes);
            self.conn.mark_readable();
            let Upload { conn, buffers, offload, config } = self;
            let app = offload.pool.as_ref().unwrap().app.clone();
            let time = LoopTime::at(now, None, false, &config.timeouts);
            let key = Key { index: 0, generation: 0 };
            let context = Context { app: &app, key, offload, config, time: &time };
            for _ in 0..TURNS {
                let probe = &mut NoProbe;
                let (read, mut tick) = buffers.lend(&context, probe);
                if conn.run(read, &mut tick) == Action::Wait && conn.wants_data() {
                    return conn.deadline(&context);
                }
                if matches!(conn.state, ConnState::InPool(_)) && !conn.wants_data() {
                    // Nothing is read before the handler asks for it, and a letter tells of that.
                    assert!(offload.mailbox.wait(Instant::now() + BOUND), "the handler does not read");
                    offload.mailbox.drain();
                }
            }
            panic!("it does not come to rest: {:?}", conn.state.name());
        }
    }

    const LENGTH: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// When patience with a body ends that began at 1 s and of which so many bytes are here, by default 500 a second.
    fn paid(bytes: u64) -> Millis {
        (1_000 + 2 * bytes).max(after(1_000, Config::default().timeouts.body_grace))
    }

    #[test]
    fn the_part_of_a_streamed_body_that_came_with_its_head_counts() {
        for (head, size) in [(LENGTH, &b""[..]), (CHUNKED, b"1000\r\n")] {
            let mut upload = Upload::new();
            let part = [size, &vec![b'x'; 4_000 - size.len()]].concat();
            assert_eq!(upload.send(1_000, &[head, &part].concat()), paid(4_000));
            // And so does what comes later, once.
            assert_eq!(upload.send(2_000, &[b'x'; 50]), paid(4_050));
            assert_eq!(upload.send(2_500, &[b'x'; 1]), paid(4_051));
        }
    }

    #[test]
    fn a_streamed_body_that_comes_apart_from_its_head_counts_once() {
        let mut upload = Upload::new();
        assert_eq!(upload.send(1_000, LENGTH), paid(0));
        assert_eq!(upload.send(2_000, &[b'x'; 4_000]), paid(4_000));
        // A burst pays for one pause and no more.
        assert_eq!(upload.send(2_500, &[b'x'; 30_000]), after(2_500, Duration::from_secs(10)));
    }
}
