//! Passes request bodies on to handlers that read them as they arrive.

use std::io::{self, ErrorKind};
use std::ops::Range;

use super::body_feed::BodyFeed;
use super::large_body::{MAX_BODY_BYTES_PER_RUN, READ_COST};
use super::{Action, Conn};
use crate::http1::encode;
use crate::http1::fault::{Fault, ProtocolError};
use crate::http1::framing::BodyLength;
use crate::http1::head::Head;
use crate::net::sockets::socket::Socket;
use crate::net::spare_buffers::SpareBuffers;
use crate::net::tick::{Context, READ_BUFFER, ReadBuffers, Tick};
use crate::request::body_pipe::BodyPiece;
use crate::response::Response;
use crate::trace::probe::{CloseReason, Event, Probe};

impl<S: Socket> Conn<S> {
    /// Reads the body while the pipe has capacity, into buffers that move through it.
    pub(super) fn pump<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Action {
        let mut spent = 0;
        while spent < MAX_BODY_BYTES_PER_RUN {
            let reads = self.may_read_body();
            let Some(feed) = self.state.feed_mut() else { return Action::Wait };
            feed.wants_data = reads;
            if !reads {
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
            self.record_progress(0, tick.context);
            let Ok(fresh) = self.read_piece(read, tick) else {
                return Action::Close(CloseReason::IoError);
            };
            self.record_read(fresh, tick.context); // bounded by its pipe
            if !self.is_readable() && self.http.expects_body() {
                return Action::Wait;
            }
            if self.delegate_read::<P>(tick.context) {
                continue; // the pipe has no capacity while the thread reads
            }
            spent += fresh.max(READ_COST);
        }
        Action::Yield
    }

    /// Returns whether there is more of the body, and the event loop reads it now.
    fn may_read_body(&mut self) -> bool {
        let has_capacity = |feed: &BodyFeed| feed.pipe.has_capacity();
        if !self.http.expects_body() || !self.state.feed().is_some_and(has_capacity) {
            return false;
        }
        self.end_delegated_read();
        self.http.expects_body()
    }

    /// Reads what the socket has and passes it on. Returns the bytes read.
    fn read_piece<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> io::Result<usize> {
        let filled = match self.state.feed() {
            Some(feed) if self.is_readable() && feed.read_size.is_small() => self.copy_piece(read, tick)?,
            Some(_) if self.is_readable() => self.move_piece(&mut read.spare, tick)?,
            _ => 0,
        };
        if self.at_eof() && self.http.expects_body() {
            let broken_off = self.http.receive_eof(&[], &mut Head::default(), &tick.context.config.limits);
            broken_off.unwrap_or_else(|reject| self.fail_body(reject));
        }
        Ok(filled)
    }

    /// Reads a small piece, in the worker's buffer.
    fn copy_piece<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> io::Result<usize> {
        let filled = self.fill(read, tick)?;
        if let Some(feed) = self.state.feed_mut() {
            feed.read_size.record(filled, READ_BUFFER);
        }
        let received = read.bytes.get_mut(..filled).unwrap_or_default();
        if let Some(data) = self.decode(received, tick.context) {
            self.pass_on(BodyPiece::copy_of(received, &data));
        }
        Ok(filled)
    }

    /// Fills a buffer, which moves through the pipe.
    fn move_piece<P: Probe>(&mut self, spare: &mut SpareBuffers, tick: &mut Tick<'_, P>) -> io::Result<usize> {
        let mut filled = 0;
        let (mut piece, size) = self.take_buffer(spare);
        while filled < size && self.is_readable() {
            match self.read_socket(piece.get_mut(filled..size).unwrap_or_default(), tick.probe)? {
                0 => break,
                fresh => filled += fresh,
            }
        }
        if let Some(feed) = self.state.feed_mut() {
            feed.read_size.record(filled, size);
        }
        self.feed(&mut piece, filled, tick.context);
        spare.put(piece);
        Ok(filled)
    }

    /// Returns a buffer for the next piece, best one that the handler has read, and how much to
    /// read.
    fn take_buffer(&mut self, spare: &mut SpareBuffers) -> (Vec<u8>, usize) {
        let missing = match self.http.body_length() {
            BodyLength::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
            BodyLength::Absent | BodyLength::Chunked => usize::MAX,
        };
        let Some(feed) = self.state.feed_mut() else { return (Vec::new(), 0) };
        let size = feed.read_size.of(missing, usize::MAX);
        let mut piece = feed.pipe.take_spare().unwrap_or_default();
        if piece.len() < size {
            spare.put(piece);
            piece = spare.take(size, size);
            piece.resize(size.max(piece.len()), 0);
        }
        (piece, size)
    }

    /// Decodes the first `filled` bytes of a buffer and passes it on, unless it would hold much
    /// more than its bytes: then they are copied.
    fn feed(&mut self, piece: &mut Vec<u8>, filled: usize, context: &Context<'_>) {
        let Some(data) = self.decode(piece.get_mut(..filled).unwrap_or_default(), context) else { return };
        let length: usize = data.iter().map(Range::len).sum();
        self.pass_on(match length < piece.len() / 4 {
            true => BodyPiece::copy_of(piece, &data),
            false => BodyPiece::new(std::mem::take(piece), data),
        });
    }

    /// Decodes received bytes in place, and keeps what follows the body. Returns where the data is.
    fn decode(&mut self, received: &mut [u8], context: &Context<'_>) -> Option<Vec<Range<usize>>> {
        let buffered = self.buffered.as_mut()?;
        match self.http.receive_chunk(received, &context.config.limits) {
            Ok(part) => {
                buffered.input.extend_from_slice(received.get(part.consumed..).unwrap_or_default());
                Some(part.data)
            }
            Err(reject) => {
                self.fail_body(reject);
                None
            }
        }
    }

    fn pass_on(&mut self, piece: BodyPiece) {
        let Some(feed) = self.state.feed_mut() else { return };
        feed.pipe.push(piece);
        if !self.http.expects_body() {
            feed.pipe.finish();
        }
    }

    /// Passes on what came with the head. The rest is read when the handler asks for it.
    pub(super) fn feed_early(&mut self, context: &Context<'_>) {
        let (Some(buffered), Some(feed)) = (&mut self.buffered, self.state.feed_mut()) else { return };
        let mut early = std::mem::take(&mut buffered.input);
        let length = early.len();
        feed.arrived = length;
        self.feed(&mut early, length, context);
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
    pub(super) fn fail_body(&mut self, reject: ProtocolError) {
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

    /// Returns whether the connection waits for the client's body.
    pub(super) fn wants_data(&self) -> bool {
        self.state.feed().is_some_and(|feed| feed.wants_data)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::{Duration, Instant};

    use super::super::state::ConnState;
    use super::*;
    use crate::net::exchange::PoolResponse;
    use crate::net::millis::{Millis, after};
    use crate::net::threads::mailbox::{BlockingPool, Completion, Offload};
    use crate::net::threads::pool::Pool;
    use crate::net::tick::{Buffers, Config, LoopTime};
    use crate::net::worker::slab::Key;
    use crate::sync::lock;
    use crate::testing::MemorySocket;
    use crate::trace::probe::NoProbe;
    use crate::{App, Request};

    /// Turns and waits until the test fails.
    const TURNS: usize = 10;
    const BOUND: Duration = Duration::from_secs(60);

    /// A connection to a `.streaming()` handler. The pool is real, the time is not.
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
            Upload::to(app)
        }

        fn to(app: App) -> Upload {
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
            for _ in 0..TURNS {
                let action = self.work(now, Conn::run::<NoProbe>);
                if action == Action::Wait && self.conn.wants_data() {
                    return self.work(now, |conn, _, tick| conn.deadline(tick.context));
                }
                if matches!(self.conn.state, ConnState::InPool(_)) && !self.conn.wants_data() {
                    // Nothing is read before the handler asks for it, and a letter tells of that.
                    self.wait();
                }
            }
            panic!("it does not come to rest: {:?}", self.conn.state.name());
        }

        /// Waits for the handler; returns its response, if it has responded.
        fn wait(&self) -> Option<Box<PoolResponse>> {
            assert!(self.offload.mailbox.wait(Instant::now() + BOUND), "the handler does nothing");
            self.offload.mailbox.drain().into_iter().find_map(|letter| match letter {
                Completion::Response(_, _, answer) => Some(answer),
                Completion::BodyReady(_) => None,
            })
        }

        fn work<R>(
            &mut self,
            now: Millis,
            work: impl FnOnce(&mut Conn<MemorySocket>, &mut ReadBuffers, &mut Tick<'_, NoProbe>) -> R,
        ) -> R {
            let Upload { conn, buffers, offload, config } = self;
            let app = offload.pool.as_ref().unwrap().app.clone();
            let time = LoopTime::at(now, None, false, &config.timeouts);
            let key = Key { index: 0, generation: 0 };
            let context = Context { app: &app, key, offload, config, time: &time };
            let probe = &mut NoProbe;
            let (read, mut tick) = buffers.lend(&context, probe);
            work(conn, read, &mut tick)
        }
    }

    /// Adds a route whose handler waits, after `begin`, until the sender is dropped.
    fn waiting_handler(begin: impl Fn(&Request<'_>) + Send + Sync + 'static) -> (App, mpsc::Sender<()>) {
        let (held, released) = mpsc::channel::<()>();
        let (mut app, released) = (App::new(), Mutex::new(released));
        let handler = move |req: &Request<'_>| {
            begin(req);
            lock(&released).recv().is_ok().to_string()
        };
        app.post("/", handler).streaming().deadline(Duration::from_secs(1));
        (app, held)
    }

    /// A reader on another thread asks for the body while the socket takes only a part of the 100.
    #[test]
    fn a_response_follows_a_100_that_waits_to_be_sent() {
        const EXPECT: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
        for capacity in [0, 9, usize::MAX] {
            let (app, held) = waiting_handler(|req| {
                let mut body = req.body_reader().detach();
                std::thread::spawn(move || std::io::copy(&mut body, &mut std::io::sink()));
            });
            let mut upload = Upload::to(app);
            upload.conn.socket().incoming.extend_from_slice(EXPECT);
            upload.conn.socket().write_capacity = 9;
            upload.conn.mark_readable();
            let blocks = (0..TURNS).any(|_| {
                let action = upload.work(0, Conn::run::<NoProbe>);
                if action == Action::Wait {
                    upload.wait(); // until the reader asks
                }
                action == Action::Reregister
            });
            assert!(blocks, "{:?}", upload.conn.state.name());
            assert_eq!(upload.conn.socket().outgoing, encode::CONTINUE[..9]);
            drop(held);
            let answer = std::iter::repeat_with(|| upload.wait()).find_map(|answer| answer).unwrap();
            upload.conn.socket().write_capacity = capacity;
            upload.work(0, |conn, _, tick| conn.pool_done(0, *answer, tick));
            upload.conn.socket().write_capacity = usize::MAX;
            upload.work(0, Conn::run::<NoProbe>);
            let sent = &upload.conn.socket().outgoing;
            let response = sent.strip_prefix(encode::CONTINUE).unwrap_or_else(|| panic!("{}", sent.escape_ascii()));
            assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n") && response.ends_with(b"\r\n\r\nfalse"));
        }
    }

    #[test]
    fn the_refusal_of_a_body_waits_no_longer_for_the_handler_than_its_response() {
        let (app, held) = waiting_handler(|_| ());
        let mut upload = Upload::to(app);
        upload.conn.socket().incoming.extend_from_slice(&[CHUNKED, b"no size\r\n"].concat());
        upload.conn.mark_readable();
        assert!((0..TURNS).any(|_| upload.work(0, Conn::run::<NoProbe>) == Action::Wait));
        assert_eq!(upload.work(0, |conn, _, tick| conn.deadline(tick.context)), 1_000);
        upload.work(999, Conn::expire::<NoProbe>);
        assert_eq!(upload.conn.socket().outgoing, b"");
        upload.work(1_000, Conn::expire::<NoProbe>);
        let sent = upload.conn.socket().outgoing.clone();
        assert!(sent.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{}", sent.escape_ascii());
        drop(held);
        let answer = std::iter::repeat_with(|| upload.wait()).find_map(|answer| answer).unwrap();
        upload.work(1_000, |conn, _, tick| conn.pool_done(0, *answer, tick));
        assert_eq!(upload.conn.socket().outgoing, sent, "one response");
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
